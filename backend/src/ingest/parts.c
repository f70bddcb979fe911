/* Files that arrive in parts: see parts.h. */
#include "ingest/parts.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

unsigned vb_parts_count(int64_t length)
{
    return (unsigned)((length + VB_PART_SIZE - 1) / VB_PART_SIZE);
}

int64_t vb_parts_length(int64_t length, unsigned number)
{
    int64_t left = length - (int64_t)(number - 1) * VB_PART_SIZE;

    return left < VB_PART_SIZE ? left : VB_PART_SIZE;
}

/* The youngest multipart upload of a key. Older ones were begun by requests whose answer was lost: nobody has
 * their URLs. */
struct search {
    const char *key;
    char *id;
    int64_t initiated_s;
};

static int visit_found(void *context, const struct vb_s3_upload *upload)
{
    struct search *search = context;

    if (strcmp(upload->key, search->key) == 0 && strlen(upload->id) < VB_S3_UPLOAD_ID_SIZE &&
        upload->initiated_s >= search->initiated_s) {
        strcpy(search->id, upload->id);
        search->initiated_s = upload->initiated_s;
    }
    return 0;
}

struct reading {
    struct vb_parts *parts;
    int64_t length;
};

/* A part of the wrong length counts as missing. No phone sent it: the part's URL allows one length only. */
static int visit_part(void *context, const struct vb_s3_part *part)
{
    const struct reading *reading = context;
    struct vb_parts *parts = reading->parts;

    if (part->number >= 1 && part->number <= parts->count &&
        part->size == vb_parts_length(reading->length, part->number)) {
        parts->list[part->number - 1] = *part;
        parts->arrived++;
    }
    return 0;
}

int vb_parts_read(struct vb_s3_client *s3, const char *staging_key, int64_t length,
                  struct vb_parts *ret_parts, struct vb_error *err)
{
    struct search search = {.key = staging_key, .id = ret_parts->id};
    struct reading reading = {.parts = ret_parts, .length = length};
    int r;

    *ret_parts = (struct vb_parts){.count = vb_parts_count(length)};
    if (ret_parts->count > VB_PARTS_MAX) /* signed by a later version of the program */
        return vb_error_set(err, EFBIG, "a file of %" PRId64 " bytes has too many parts", length);
    r = vb_s3_multipart_list(s3, staging_key, visit_found, &search, err);
    if (r < 0)
        return r;
    if (!*ret_parts->id)
        return vb_error_set(err, ENOENT, "there is no multipart upload of \"%s\"", staging_key);
    return vb_s3_multipart_parts(s3, staging_key, ret_parts->id, visit_part, &reading, err);
}

/* "Parts 2, 5 of 12 …" */
static enum vb_outcome name_missing(const struct vb_parts *parts, struct vb_error *err)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release) = {0};
    unsigned missing = parts->count - parts->arrived;

    vb_strbuf_init(&text, 1024);
    vb_strbuf_adds(&text, missing == 1 ? "Part" : "Parts");
    for (unsigned i = 0, named = 0; i < parts->count; i++)
        if (!parts->list[i].number)
            vb_strbuf_addf(&text, "%s %u", named++ ? "," : "", i + 1);
    vb_strbuf_addf(&text, " of %u %s not arrived yet: send %s, then complete the upload", parts->count,
                   missing == 1 ? "has" : "have", missing == 1 ? "it" : "them");
    return vb_outcome_of_file(err, VB_OUTCOME_INCOMPLETE, "%s", text.data);
}

static int hash_bytes(void *context, const char *data, size_t size)
{
    vb_hash_update(context, data, size);
    return 0;
}

/* Reads the whole object and computes its checksum. */
static int compute_checksum(struct vb_s3_client *s3, const char *key, const struct vb_s3_object *object,
                            char checksum[VB_BASE64_SIZE(VB_SHA256_SIZE)], struct vb_error *err)
{
    unsigned char digest[VB_SHA256_SIZE];
    struct vb_hash hash;
    int r;

    vb_hash_init(&hash, VB_HASH_SHA256);
    r = vb_s3_get(s3, key, 0, -1, object->etag, hash_bytes, &hash, NULL, err);
    vb_hash_final(&hash, digest);
    vb_base64_encode(digest, sizeof(digest), checksum);
    return r;
}

/* DONE: the object has the checksum of its ticket, or the ticket has none. */
static enum vb_outcome check_checksum(struct vb_s3_client *s3, const char *key, struct vb_error *err)
{
    char expected[VB_BASE64_SIZE(VB_SHA256_SIZE)] = "", found[VB_BASE64_SIZE(VB_SHA256_SIZE)] = "";
    struct vb_s3_object object;
    int r = vb_s3_head(s3, key, &object, err);

    if (r == 0 && !vb_s3_metadata(&object, VB_PARTS_CHECKSUM, expected, sizeof(expected)))
        return VB_OUTCOME_DONE;
    if (r == 0)
        r = compute_checksum(s3, key, &object, found, err);
    if (r == -ENOENT)
        return vb_outcome_of_file(
            err, VB_OUTCOME_NOT_ARRIVED,
            "The file did not arrive in time, and this upload is over: ask for a new ticket");
    if (r < 0)
        return vb_outcome_storage(err, r);
    if (strcmp(found, expected) == 0)
        return VB_OUTCOME_DONE;
    return vb_outcome_of_file(err, VB_OUTCOME_DAMAGED,
                              "The file has the SHA-256 %s, but its ticket is for %s", found, expected);
}

enum vb_outcome vb_parts_assemble(struct vb_s3_client *s3, const struct vb_staged *staged,
                                  struct vb_error *err)
{
    struct vb_parts parts;
    int r = vb_parts_read(s3, staged->key, staged->ticket.length, &parts, err);

    if (r == 0 && parts.arrived < parts.count)
        return name_missing(&parts, err);
    if (r == 0)
        r = vb_s3_multipart_complete(s3, staged->key, parts.id, parts.list, parts.count, NULL, NULL, err);
    if (r < 0 && r != -ENOENT) /* -ENOENT: the upload is over; the check shows whether it made an object */
        return vb_outcome_storage(err, r);
    return check_checksum(s3, staged->key, err);
}

struct ending {
    struct vb_s3_client *s3;
    const char *key;
    struct vb_error *err;
    int r; /* of the last call that failed */
};

static int visit_ended(void *context, const struct vb_s3_upload *upload)
{
    struct ending *ending = context;
    int r;

    if (strcmp(upload->key, ending->key) != 0)
        return 0;
    r = vb_s3_multipart_abort(ending->s3, upload->key, upload->id, ending->err);
    if (r < 0 && r != -ENOENT)
        ending->r = r;
    return 0;
}

int vb_parts_abort(struct vb_s3_client *s3, const char *staging_key, struct vb_error *err)
{
    struct ending ending = {.s3 = s3, .key = staging_key, .err = err};
    int r = vb_s3_multipart_list(s3, staging_key, visit_ended, &ending, err);

    return r < 0 ? r : ending.r;
}
