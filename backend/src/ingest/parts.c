/* Files that arrive in parts: see parts.h. */
#include "ingest/parts.h"

#include "api/request.h"
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

/* The upload of a key, of several the youngest: the others were begun by calls whose answer was lost, and
 * nobody has their URLs. */
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

/* A part of another length than its URL allows was not sent by a phone: it is to be sent again. */
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
static void name_missing(const struct vb_parts *parts, char *problem, size_t size)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release) = {0};
    unsigned missing = parts->count - parts->arrived;

    vb_strbuf_init(&text, 1024);
    vb_strbuf_adds(&text, missing == 1 ? "Part" : "Parts");
    for (unsigned i = 0, named = 0; i < parts->count; i++)
        if (!parts->list[i].number)
            vb_strbuf_addf(&text, "%s %u", named++ ? "," : "", i + 1);
    vb_strbuf_addf(&text, " of %u %s not arrived yet: send what is missing, then complete the upload",
                   parts->count, missing == 1 ? "has" : "have");
    snprintf(problem, size, "%s", text.data);
}

/* Returns 0 when nothing is left to assemble, -EAGAIN when parts are missing, or why it failed. */
static int assemble(struct vb_s3_client *s3, struct vb_promotion *promotion, struct vb_error *err)
{
    const char *key = promotion->staging_key;
    struct vb_parts parts;
    int r = vb_parts_read(s3, key, promotion->ticket.length, &parts, err);

    if (r == 0 && parts.arrived < parts.count) {
        name_missing(&parts, promotion->problem, sizeof(promotion->problem));
        return -EAGAIN;
    }
    if (r == 0)
        r = vb_s3_multipart_complete(s3, key, parts.id, parts.list, parts.count, NULL, NULL, err);
    if (r != -ENOENT)
        return r;
    /* It is over already: whoever looks for the object finds out how. */
    snprintf(promotion->problem, sizeof(promotion->problem),
             "This upload is over, as its file did not arrive in time: ask for a new ticket");
    return 0;
}

static int hash_bytes(void *context, const char *data, size_t size)
{
    vb_hash_update(context, data, size);
    return 0;
}

/* The object's checksum, read from all its bytes. */
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

/* Returns 0 for an object that is not there (the inspection's business), or whose checksum is right or was not
 * given; -EBADMSG for another. */
static int check_checksum(struct vb_s3_client *s3, struct vb_promotion *promotion, struct vb_error *err)
{
    char expected[VB_BASE64_SIZE(VB_SHA256_SIZE)] = "", found[VB_BASE64_SIZE(VB_SHA256_SIZE)] = "";
    struct vb_s3_object object;
    int r = vb_s3_head(s3, promotion->staging_key, &object, err);

    if (r == 0 && !vb_s3_metadata(&object, VB_PARTS_CHECKSUM, expected, sizeof(expected)))
        return 0;
    if (r == 0)
        r = compute_checksum(s3, promotion->staging_key, &object, found, err);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (strcmp(found, expected) == 0)
        return 0;
    snprintf(promotion->problem, sizeof(promotion->problem),
             "The file that arrived has the SHA-256 %s, the ticket is for %s", found, expected);
    return -EBADMSG;
}

enum vb_promotion_result vb_parts_assemble(struct vb_s3_client *s3, struct vb_promotion *promotion,
                                           int *ret_error, struct vb_error *err)
{
    int r;

    if (!vb_parts_wanted(promotion->ticket.length))
        return VB_PROMOTION_DONE;
    r = assemble(s3, promotion, err);
    if (r == -EAGAIN)
        return VB_PROMOTION_NOT_ARRIVED;
    if (r == 0)
        r = check_checksum(s3, promotion, err);
    if (r == -EBADMSG)
        return VB_PROMOTION_DAMAGED;
    if (r == 0)
        return VB_PROMOTION_DONE;
    *ret_error = r;
    return VB_PROMOTION_STORAGE;
}

struct ending {
    struct vb_s3_client *s3;
    const char *key;
    struct vb_error *err;
    int r; /* of the last that failed */
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

/* The length is signed: S3 takes no more, and no less, than the part is to have. */
static int presign_part(struct vb_http_request *request, const char *key, const char *id, unsigned number,
                        int64_t length, struct vb_strbuf *url, struct vb_error *err)
{
    struct vb_api *api = vb_api_of(request);
    struct vb_strbuf query VB_CLEANUP(vb_strbuf_release) = {0};
    char length_text[24];
    const struct vb_sigv4_header header = {"Content-Length", length_text};

    snprintf(length_text, sizeof(length_text), "%" PRId64, length);
    vb_strbuf_init(&query, 4 * VB_S3_UPLOAD_ID_SIZE);
    vb_strbuf_addf(&query, "partNumber=%u&uploadId=", number);
    vb_percent_encode(&query, id, strlen(id), false);
    return vb_s3_presign(api->s3,
                         &(struct vb_s3_presign){
                             .method = "PUT",
                             .key = key,
                             .query = query.data,
                             .host = vb_api_follow_host(request, api->follow_host_s3_port),
                             .headers = &header,
                             .header_count = 1,
                             .expires_s = VB_TICKET_LIFETIME_S,
                         },
                         url, err);
}

int vb_parts_write_missing(struct vb_http_request *request, const char *staging_key, int64_t length,
                           const struct vb_parts *parts, struct vb_json *json, struct vb_error *err)
{
    struct vb_strbuf url VB_CLEANUP(vb_strbuf_release) = {0};
    int r = 0;

    vb_strbuf_init(&url, (size_t)32 * 1024);
    vb_json_array_begin(json);
    for (unsigned number = 1; number <= parts->count && r == 0; number++) {
        int64_t part = vb_parts_length(length, number);

        if (parts->list[number - 1].number)
            continue;
        vb_strbuf_clear(&url);
        r = presign_part(request, staging_key, parts->id, number, part, &url, err);
        vb_json_object_begin(json);
        vb_json_key_int(json, "partNumber", number);
        vb_json_key_int(json, "offset", (int64_t)(number - 1) * VB_PART_SIZE);
        vb_json_key_int(json, "length", part);
        vb_json_key_string(json, "url", url.data);
        vb_json_object_end(json);
    }
    vb_json_array_end(json);
    return r;
}
