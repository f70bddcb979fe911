/*
 * aws-chunked bodies, decoded as they come: see chunked.h.
 *
 *      ┌────────────────── CRLF ◀─────────────────┐
 *      ▼                                          │
 *   HEADER ── "<size>;chunk-signature=…" CRLF ▶ DATA (size bytes) ─▶ DATA_END
 *      │
 *      └── size 0 ─▶ TRAILER ── "name:value" … ── empty line ─▶ END
 *
 * Anything else leads to FAILED, which is final: it keeps the error.
 */
#include "s3/chunked.h"

#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_LENGTH ((size_t)2 * VB_SHA256_SIZE)
/* minio-go ends an unsigned body with one line break too many. */
#define SURPLUS_MAX 2

static const char empty_sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

enum state { HEADER, DATA, DATA_END, TRAILER, END, FAILED };

struct vb_s3_chunked {
    struct vb_sigv4_verified verified;
    bool is_signed, has_trailers; /* the form that payload_hash names */
    enum state state;
    int error;             /* of FAILED */
    struct vb_strbuf line; /* the current chunk header, line end or trailer so far, without its line feed */
    uint64_t left;         /* bytes of this chunk still to come */
    struct vb_hash hash;   /* of this chunk's data; running while hashing */
    bool hashing;
    char claimed[SIGNATURE_LENGTH];      /* the signature that this chunk's header gives */
    char previous[SIGNATURE_LENGTH + 1]; /* the signature that the next one builds on */
    struct vb_strbuf trailers;           /* "name\0value\0" … */
    struct vb_strbuf canonical;          /* "name:value\n" …, as the trailer signature covers them */
    bool trailer_signed;
    unsigned surplus; /* line breaks after the end */
};

struct vb_s3_chunked *vb_s3_chunked_create(const struct vb_sigv4_verified *verified)
{
    bool plain = strcmp(verified->payload_hash, VB_SIGV4_STREAMING) == 0;
    bool signed_trailer = strcmp(verified->payload_hash, VB_SIGV4_STREAMING_TRAILER) == 0;
    struct vb_s3_chunked *chunked;

    if (!plain && !signed_trailer && strcmp(verified->payload_hash, VB_SIGV4_UNSIGNED_TRAILER) != 0)
        return NULL;
    chunked = vb_xcalloc(1, sizeof(*chunked));
    chunked->verified = *verified;
    chunked->is_signed = plain || signed_trailer;
    chunked->has_trailers = !plain;
    memcpy(chunked->previous, verified->seed_signature, SIGNATURE_LENGTH);
    vb_strbuf_init(&chunked->line, VB_S3_CHUNK_TRAILER_MAX);
    vb_strbuf_init(&chunked->trailers, VB_S3_CHUNK_TRAILER_MAX);
    vb_strbuf_init(&chunked->canonical, VB_S3_CHUNK_TRAILER_MAX);
    return chunked;
}

void vb_s3_chunked_destroy(struct vb_s3_chunked *chunked)
{
    if (!chunked)
        return;
    if (chunked->hashing)
        vb_hash_release(&chunked->hash);
    vb_strbuf_release(&chunked->line);
    vb_strbuf_release(&chunked->trailers);
    vb_strbuf_release(&chunked->canonical);
    explicit_bzero(chunked, sizeof(*chunked));
    free(chunked);
}

/* Compares a claimed signature with the one that covers hash; the next signature builds on it. */
static int check_signature(struct vb_s3_chunked *chunked, const char *claimed, const char *const *lines,
                           size_t count)
{
    char expected[SIGNATURE_LENGTH + 1];

    vb_sigv4_signature(chunked->verified.signing_key, lines, count, expected);
    if (!vb_equal_constant_time(claimed, SIGNATURE_LENGTH, expected, SIGNATURE_LENGTH))
        return -EACCES;
    memcpy(chunked->previous, expected, sizeof(expected));
    return 0;
}

static int check_chunk(struct vb_s3_chunked *chunked)
{
    unsigned char digest[VB_SHA256_SIZE];
    char hash[SIGNATURE_LENGTH + 1];
    const char *const lines[] = {"AWS4-HMAC-SHA256-PAYLOAD",
                                 chunked->verified.amz_date,
                                 chunked->verified.scope,
                                 chunked->previous,
                                 empty_sha256,
                                 hash};

    if (!chunked->is_signed)
        return 0;
    vb_hash_final(&chunked->hash, digest);
    chunked->hashing = false;
    vb_hex_encode(digest, sizeof(digest), hash);
    return check_signature(chunked, chunked->claimed, lines, VB_ARRAY_SIZE(lines));
}

/* Reads "<hexadecimal size>" at the beginning of text; its length goes to ret_length. */
static int parse_size(const char *text, uint64_t *ret_size, size_t *ret_length)
{
    size_t length = vb_hex_digits_length(text, SIZE_MAX);

    if (length > 15 || vb_hex_parse(text, length, INT64_MAX, ret_size) < 0)
        return -EINVAL;
    *ret_length = length;
    return 0;
}

/* A chunk's header, complete and without its line break. */
static int handle_header(struct vb_s3_chunked *chunked)
{
    static const char extension[] = ";chunk-signature=";
    const char *text = chunked->line.data;
    size_t length, rest;
    int r = parse_size(text, &chunked->left, &length);

    if (r < 0)
        return r;
    text += length;
    rest = chunked->line.length - length;
    if (!chunked->is_signed) {
        if (rest != 0)
            return -EINVAL;
    } else {
        if (rest != sizeof(extension) - 1 + SIGNATURE_LENGTH ||
            memcmp(text, extension, sizeof(extension) - 1) != 0)
            return -EINVAL;
        memcpy(chunked->claimed, text + sizeof(extension) - 1, SIGNATURE_LENGTH);
        vb_hash_init(&chunked->hash, VB_HASH_SHA256);
        chunked->hashing = true;
    }
    if (chunked->left > 0) {
        chunked->state = DATA;
        return 0;
    }
    chunked->state = TRAILER;
    return check_chunk(chunked);
}

static int check_trailers(struct vb_s3_chunked *chunked, const char *claimed, size_t length)
{
    char hash[SIGNATURE_LENGTH + 1];
    const char *const lines[] = {"AWS4-HMAC-SHA256-TRAILER", chunked->verified.amz_date,
                                 chunked->verified.scope, chunked->previous, hash};

    if (length != SIGNATURE_LENGTH)
        return -EINVAL;
    vb_sha256_hex(chunked->canonical.data, chunked->canonical.length, hash);
    chunked->trailer_signed = true;
    return check_signature(chunked, claimed, lines, VB_ARRAY_SIZE(lines));
}

/* "name:value": the name in lower case, the value trimmed. */
static int handle_trailer_field(struct vb_s3_chunked *chunked)
{
    char *name = chunked->line.data, *value = strchr(name, ':'), *end = name + chunked->line.length;

    if (!value || value == name || !chunked->has_trailers || chunked->trailer_signed)
        return -EINVAL;
    *value++ = '\0';
    for (char *c = name; *c; c++) {
        if (*c <= ' ' || *c >= 127)
            return -EINVAL;
        if (*c >= 'A' && *c <= 'Z')
            *c += 'a' - 'A';
    }
    while (*value == ' ' || *value == '\t')
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    if (chunked->is_signed && strcmp(name, "x-amz-trailer-signature") == 0)
        return check_trailers(chunked, value, (size_t)(end - value));
    vb_strbuf_add(&chunked->trailers, name, strlen(name) + 1);
    vb_strbuf_add(&chunked->trailers, value, (size_t)(end - value) + 1);
    vb_strbuf_addf(&chunked->canonical, "%s:%s\n", name, value);
    return vb_strbuf_failed(&chunked->trailers) || vb_strbuf_failed(&chunked->canonical) ? -EINVAL : 0;
}

/* A line after the last chunk. An empty one ends the body, but in the signed form not before the signature
 * has come: minio-go puts an empty line between trailers and signature. */
static int handle_trailer(struct vb_s3_chunked *chunked)
{
    if (chunked->line.length > 0)
        return handle_trailer_field(chunked);
    if (chunked->is_signed && chunked->has_trailers && !chunked->trailer_signed)
        return ++chunked->surplus > SURPLUS_MAX ? -EINVAL : 0;
    chunked->surplus = 0;
    chunked->state = END;
    return 0;
}

/* A line is complete, up to its line feed. */
static int handle_line(struct vb_s3_chunked *chunked)
{
    struct vb_strbuf *line = &chunked->line;
    bool has_return = line->length > 0 && line->data[line->length - 1] == '\r';
    int r;

    if (has_return)
        line->data[--line->length] = '\0';
    else if (chunked->state != TRAILER) /* minio-go ends trailers with a bare line feed */
        return -EINVAL;
    if (strlen(line->data) != line->length)
        return -EINVAL;
    switch (chunked->state) {
    case HEADER:
        r = handle_header(chunked);
        break;
    case DATA_END:
        r = line->length == 0 ? check_chunk(chunked) : -EINVAL;
        chunked->state = HEADER;
        break;
    case TRAILER:
        r = handle_trailer(chunked);
        break;
    default: /* END: nothing but the surplus may follow */
        r = line->length == 0 && ++chunked->surplus <= SURPLUS_MAX ? 0 : -EINVAL;
        break;
    }
    vb_strbuf_clear(line);
    return r;
}

/* Collects a line; what it took of data goes to ret_taken. */
static int take_line(struct vb_s3_chunked *chunked, const char *data, size_t size, size_t *ret_taken)
{
    const char *feed = memchr(data, '\n', size);
    size_t length = feed ? (size_t)(feed - data) : size;
    size_t max = chunked->state == TRAILER ? VB_S3_CHUNK_TRAILER_MAX : VB_S3_CHUNK_HEADER_MAX;

    if (length > max - chunked->line.length)
        return -EINVAL;
    vb_strbuf_add(&chunked->line, data, length);
    if (vb_strbuf_failed(&chunked->line))
        return -ENOMEM;
    *ret_taken = length + (feed != NULL);
    return feed ? handle_line(chunked) : 0;
}

/* Passes data of a chunk on. */
static int take_data(struct vb_s3_chunked *chunked, const char *data, size_t size,
                     int (*sink)(void *context, const char *data, size_t size), void *context,
                     size_t *ret_taken)
{
    size_t part = size < chunked->left ? size : (size_t)chunked->left;
    int r;

    if (chunked->is_signed)
        vb_hash_update(&chunked->hash, data, part);
    r = sink(context, data, part);
    if (r < 0)
        return r;
    chunked->left -= part;
    if (chunked->left == 0)
        chunked->state = DATA_END;
    *ret_taken = part;
    return 0;
}

int vb_s3_chunked_decode(struct vb_s3_chunked *chunked, const char *data, size_t size,
                         int (*sink)(void *context, const char *data, size_t size), void *context)
{
    while (size > 0 && chunked->state != FAILED) {
        size_t taken = 0;
        int r = chunked->state == DATA ? take_data(chunked, data, size, sink, context, &taken)
                                       : take_line(chunked, data, size, &taken);

        if (r < 0) {
            chunked->state = FAILED;
            chunked->error = r;
        }
        data += taken;
        size -= taken;
    }
    return chunked->state == FAILED ? chunked->error : 0;
}

int vb_s3_chunked_finish(struct vb_s3_chunked *chunked)
{
    if (chunked->state == FAILED)
        return chunked->error;
    return chunked->state == END && chunked->line.length == 0 ? 0 : -EINVAL;
}

const char *vb_s3_chunked_trailer(const struct vb_s3_chunked *chunked, const char *name)
{
    const char *at = chunked->trailers.data, *end = at + chunked->trailers.length;

    if (chunked->state != END)
        return NULL;
    while (at < end) {
        const char *value = at + strlen(at) + 1;

        if (strcmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}
