/* Multipart uploads, all but their listings: see multipart.h and client_multipart.h. */
#include "s3/client_multipart.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/memory.h"
#include "s3/client_call.h"
#include "s3/xml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB                 ((int64_t)1024 * 1024)
#define ENCODED_ID_MAX      (3 * (VB_S3_UPLOAD_ID_SIZE - 1)) /* percent-encoded */
#define QUERY_SIZE          (ENCODED_ID_MAX + 64)
#define COMPLETE_BODY_MAX   ((size_t)4 * 1024 * 1024)
#define RESULT_ELEMENTS_MAX 100

int64_t vb_s3_part_size(int64_t size)
{
    int64_t part = (size + VB_S3_PARTS_MAX - 1) / VB_S3_PARTS_MAX;

    if (part <= VB_S3_MULTIPART_MIN)
        return VB_S3_MULTIPART_MIN;
    return (part + MIB - 1) / MIB * MIB;
}

/* Picks the text of one element out of an answer. */
struct pick {
    const char *path;
    char *to;
    size_t size;
};

static int on_pick(void *context, const char *path, const char *text)
{
    const struct pick *pick = context;

    if (strcmp(path, pick->path) == 0 && strlen(text) < pick->size)
        memcpy(pick->to, text, strlen(text) + 1);
    return 0;
}

static int pick_element(const struct vb_s3_call *call, const char *path, char *to, size_t size)
{
    struct pick pick = {.path = path, .to = to, .size = size};
    struct vb_xml_reader reader = {.size_max = call->response.length,
                                   .elements_max = RESULT_ELEMENTS_MAX,
                                   .on_end = on_pick,
                                   .context = &pick};

    to[0] = '\0';
    return vb_xml_read(&reader, call->response.data, call->response.length, NULL) < 0 || !to[0] ? -EIO : 0;
}

/* Writes the upload's id into the format, percent-encoded: S3 does not say which characters it holds. */
static int write_query(const char *before, const char *id, char query[QUERY_SIZE], struct vb_error *err)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release) = {0};

    vb_strbuf_init(&text, QUERY_SIZE - 1);
    vb_strbuf_adds(&text, before);
    vb_strbuf_adds(&text, "uploadId=");
    vb_percent_encode(&text, id, strlen(id), false);
    if (vb_strbuf_failed(&text))
        return vb_error_set(err, EINVAL, "the id of a multipart upload is too long");
    memcpy(query, text.data, text.length + 1);
    return 0;
}

int vb_s3_multipart_create(struct vb_s3_client *client, const char *key, const struct vb_s3_put *options,
                           char ret_id[VB_S3_UPLOAD_ID_SIZE], struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    int r;

    vb_s3_call_init(&call, client, "POST", key, "uploads=", 0);
    call.result = "InitiateMultipartUploadResult";
    vb_s3_call_options(&call, options);
    r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;
    if (pick_element(&call, "InitiateMultipartUploadResult/UploadId", ret_id, VB_S3_UPLOAD_ID_SIZE) < 0)
        return vb_error_set(err, EIO, "S3 gave no id for the upload of \"%s\"", key);
    return 0;
}

int vb_s3_multipart_abort(struct vb_s3_client *client, const char *key, const char *id, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release) = {0};
    char query[QUERY_SIZE];
    int r = write_query("", id, query, err);

    if (r < 0)
        return r;
    vb_s3_call_init(&call, client, "DELETE", key, query, 0);
    r = vb_s3_call_perform(&call, err);
    if (r == -ENOENT && call.attempt > 1) /* the first try took effect, but its answer was lost */
        return 0;
    return r;
}

/* After a lost answer the second try finds no upload. The object tells whether the first try made it. */
static bool is_complete(struct vb_s3_client *client, const char *key, int64_t size, size_t parts,
                        struct vb_s3_object *ret_object)
{
    char suffix[32];
    const char *dash;

    if (vb_s3_head(client, key, ret_object, NULL) < 0 || ret_object->size != size)
        return false;
    snprintf(suffix, sizeof(suffix), "-%zu\"", parts);
    dash = strrchr(ret_object->etag, '-');
    return dash && strcmp(dash, suffix) == 0;
}

static void write_parts(const struct vb_s3_part *parts, size_t count, struct vb_strbuf *body)
{
    vb_xml_start(body, "CompleteMultipartUpload", VB_XML_S3_NAMESPACE);
    for (size_t i = 0; i < count; i++) {
        vb_xml_start(body, "Part", NULL);
        vb_xml_element_int(body, "PartNumber", parts[i].number);
        vb_xml_element(body, "ETag", parts[i].etag);
        vb_xml_end(body, "Part");
    }
    vb_xml_end(body, "CompleteMultipartUpload");
}

static int64_t total_size(const struct vb_s3_part *parts, size_t count)
{
    int64_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    return size;
}

/* Sends CompleteMultipartUpload and judges its answer. */
static int complete(struct vb_s3_call *call, const struct vb_s3_part *parts, size_t count,
                    struct vb_s3_object *ret_object, struct vb_error *err)
{
    int64_t size = total_size(parts, count);
    struct vb_s3_object object;
    int r = vb_s3_call_perform(call, err);

    object = call->object;
    if (r == 0) {
        if (pick_element(call, "CompleteMultipartUploadResult/ETag", object.etag, sizeof(object.etag)) < 0)
            return vb_error_set(err, EIO, "S3 gave no ETag for \"%s\"", call->key);
    } else if (call->attempt == 1 || strcmp(call->failure.code, "NoSuchUpload") != 0 ||
               !is_complete(call->client, call->key, size, count, &object)) {
        return r;
    }
    object.size = size;
    if (ret_object)
        *ret_object = object;
    return 0;
}

int vb_s3_multipart_complete(struct vb_s3_client *client, const char *key, const char *id,
                             const struct vb_s3_part *parts, size_t count, const struct vb_s3_put *options,
                             struct vb_s3_object *ret_object, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release) = {0};
    struct vb_strbuf body VB_CLEANUP(vb_strbuf_release) = {0};
    char query[QUERY_SIZE];
    int r = write_query("", id, query, err);

    if (r < 0)
        return r;
    vb_strbuf_init(&body, COMPLETE_BODY_MAX);
    write_parts(parts, count, &body);
    if (vb_strbuf_failed(&body))
        return vb_error_set(err, ENOMEM, "the list of parts of \"%s\" is too long", key);
    vb_s3_call_init(&call, client, "POST", key, query, 0);
    call.result = "CompleteMultipartUploadResult";
    vb_s3_call_header(&call, "content-type", "application/xml");
    if (options && options->if_none_match) {
        call.if_none_match = true;
        vb_s3_call_header(&call, "if-none-match", "*");
    }
    vb_s3_call_body(&call, body.data, body.length);
    return complete(&call, parts, count, ret_object, err);
}

/* An upload of a file: the next part, and the parts uploaded so far. */
struct transfer {
    struct vb_s3_client *client;
    const char *key, *id;
    int fd;
    struct vb_s3_part *parts;
    size_t count;
};

static int send_part(struct transfer *transfer, int64_t offset, int64_t size, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release) = {0};
    struct vb_s3_part *part = &transfer->parts[transfer->count];
    char before[32], query[QUERY_SIZE];
    int r;

    part->number = (unsigned)transfer->count + 1;
    part->size = size;
    snprintf(before, sizeof(before), "partNumber=%u&", part->number);
    r = write_query(before, transfer->id, query, err);
    if (r < 0)
        return r;
    vb_s3_call_init(&call, transfer->client, "PUT", transfer->key, query, 0);
    r = vb_s3_call_body_file(&call, transfer->fd, offset, size, err);
    if (r == 0)
        r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;
    if (!call.object.etag[0])
        return vb_error_set(err, EIO, "S3 gave no ETag for part %u of \"%s\"", part->number, transfer->key);
    memcpy(part->etag, call.object.etag, sizeof(part->etag));
    transfer->count++;
    return 0;
}

static int send_parts(struct transfer *transfer, int64_t size, struct vb_error *err)
{
    int64_t part_size = vb_s3_part_size(size);
    int r = 0;

    for (int64_t offset = 0; r == 0 && offset < size; offset += part_size) {
        int64_t left = size - offset;

        r = send_part(transfer, offset, left < part_size ? left : part_size, err);
    }
    return r;
}

int vb_s3_put_multipart(struct vb_s3_client *client, const char *key, int fd, int64_t size,
                        const struct vb_s3_put *options, struct vb_s3_object *ret_object,
                        struct vb_error *err)
{
    char id[VB_S3_UPLOAD_ID_SIZE];
    struct transfer transfer = {.client = client, .key = key, .id = id, .fd = fd};
    int r;

    if (size > VB_S3_OBJECT_MAX)
        return vb_error_set(err, EFBIG, "\"%s\" is larger than the 5 TiB that S3 takes", key);
    r = vb_s3_multipart_create(client, key, options, id, err);
    if (r < 0)
        return r;
    transfer.parts = vb_xcalloc(VB_S3_PARTS_MAX, sizeof(*transfer.parts));
    r = send_parts(&transfer, size, err);
    if (r == 0)
        r = vb_s3_multipart_complete(client, key, id, transfer.parts, transfer.count, options, ret_object,
                                     err);
    if (r < 0)
        (void)vb_s3_multipart_abort(client, key, id,
                                    NULL); /* report the failure that led here, not this one */
    free(transfer.parts);
    return r;
}
