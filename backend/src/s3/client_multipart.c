/* Multipart upload of one file: see client_multipart.h. */
#include "s3/client_multipart.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "s3/client_call.h"
#include "s3/xml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB                 ((int64_t)1024 * 1024)
#define UPLOAD_ID_MAX       1024
#define COMPLETE_BODY_MAX   ((size_t)4 * 1024 * 1024)
#define RESULT_ELEMENTS_MAX 100

struct upload {
    struct vb_s3_client *client;
    const char *key;
    int fd;
    int64_t size;
    char id[3 * UPLOAD_ID_MAX + 1]; /* percent-encoded; "": not begun */
    unsigned parts;
    struct vb_strbuf parts_xml; /* the body that completes the upload, as far as parts are up */
};

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

static int begin(struct upload *upload, const struct vb_s3_put *options, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    struct vb_strbuf encoded VB_CLEANUP(vb_strbuf_release) = {0};
    char id[UPLOAD_ID_MAX];
    int r;

    vb_strbuf_init(&encoded, sizeof(upload->id) - 1);
    vb_s3_call_init(&call, upload->client, "POST", upload->key, "uploads=", 0);
    call.result = "InitiateMultipartUploadResult";
    vb_s3_call_options(&call, options);
    r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;
    if (pick_element(&call, "InitiateMultipartUploadResult/UploadId", id, sizeof(id)) < 0)
        return vb_error_set(err, EIO, "S3 has given no id for the upload of \"%s\"", upload->key);
    vb_percent_encode(&encoded, id, strlen(id), false);
    memcpy(upload->id, encoded.data, encoded.length + 1);
    return 0;
}

static int send_part(struct upload *upload, unsigned number, int64_t offset, int64_t size,
                     struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    char query[sizeof(upload->id) + 64];
    int r;

    snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", number, upload->id);
    vb_s3_call_init(&call, upload->client, "PUT", upload->key, query, 0);
    r = vb_s3_call_body_file(&call, upload->fd, offset, size, err);
    if (r == 0)
        r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;
    if (!call.object.etag[0])
        return vb_error_set(err, EIO, "S3 has given no ETag for part %u of \"%s\"", number, upload->key);
    vb_xml_start(&upload->parts_xml, "Part", NULL);
    vb_xml_element_int(&upload->parts_xml, "PartNumber", number);
    vb_xml_element(&upload->parts_xml, "ETag", call.object.etag);
    vb_xml_end(&upload->parts_xml, "Part");
    upload->parts = number;
    return 0;
}

/* After a lost answer the second try finds no upload: whether the first has made the object is seen from the
 * object. */
static bool is_complete(const struct upload *upload, struct vb_s3_object *ret_object)
{
    char suffix[32];
    const char *dash;

    if (vb_s3_head(upload->client, upload->key, ret_object, NULL) < 0 || ret_object->size != upload->size)
        return false;
    snprintf(suffix, sizeof(suffix), "-%u\"", upload->parts);
    dash = strrchr(ret_object->etag, '-');
    return dash && strcmp(dash, suffix) == 0;
}

static int complete(struct upload *upload, bool if_none_match, struct vb_s3_object *ret_object,
                    struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    struct vb_s3_object object;
    char query[sizeof(upload->id) + 16];
    int r;

    snprintf(query, sizeof(query), "uploadId=%s", upload->id);
    vb_s3_call_init(&call, upload->client, "POST", upload->key, query, 0);
    call.result = "CompleteMultipartUploadResult";
    vb_s3_call_header(&call, "content-type", "application/xml");
    if (if_none_match) {
        call.if_none_match = true;
        vb_s3_call_header(&call, "if-none-match", "*");
    }
    vb_s3_call_body(&call, upload->parts_xml.data, upload->parts_xml.length);
    r = vb_s3_call_perform(&call, err);
    object = call.object;
    if (r == 0) {
        if (pick_element(&call, "CompleteMultipartUploadResult/ETag", object.etag, sizeof(object.etag)) < 0)
            return vb_error_set(err, EIO, "S3 has given no ETag for \"%s\"", upload->key);
    } else if (call.attempt == 1 || strcmp(call.failure.code, "NoSuchUpload") != 0 ||
               !is_complete(upload, &object)) {
        return r;
    }
    object.size = upload->size;
    if (ret_object)
        *ret_object = object;
    return 0;
}

static void abort_upload(const struct upload *upload)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    char query[sizeof(upload->id) + 16];

    snprintf(query, sizeof(query), "uploadId=%s", upload->id);
    vb_s3_call_init(&call, upload->client, "DELETE", upload->key, query, 0);
    (void)vb_s3_call_perform(&call, NULL); /* the failure that led here is the one to tell */
}

static int send_all(struct upload *upload, bool if_none_match, struct vb_s3_object *ret_object,
                    struct vb_error *err)
{
    int64_t part_size = vb_s3_part_size(upload->size);
    unsigned number = 1;

    vb_xml_start(&upload->parts_xml, "CompleteMultipartUpload", VB_XML_S3_NAMESPACE);
    for (int64_t offset = 0; offset < upload->size; offset += part_size, number++) {
        int64_t left = upload->size - offset;
        int r = send_part(upload, number, offset, left < part_size ? left : part_size, err);

        if (r < 0)
            return r;
    }
    vb_xml_end(&upload->parts_xml, "CompleteMultipartUpload");
    if (vb_strbuf_failed(&upload->parts_xml))
        return vb_error_set(err, ENOMEM, "The list of parts of \"%s\" is too long", upload->key);
    return complete(upload, if_none_match, ret_object, err);
}

int vb_s3_put_multipart(struct vb_s3_client *client, const char *key, int fd, int64_t size,
                        const struct vb_s3_put *options, struct vb_s3_object *ret_object,
                        struct vb_error *err)
{
    struct upload upload = {.client = client, .key = key, .fd = fd, .size = size};
    int r;

    if (size > VB_S3_OBJECT_MAX)
        return vb_error_set(err, EFBIG, "\"%s\" is larger than the 5 TiB that S3 takes", key);
    r = begin(&upload, options, err);
    if (r < 0)
        return r;
    vb_strbuf_init(&upload.parts_xml, COMPLETE_BODY_MAX);
    r = send_all(&upload, options && options->if_none_match, ret_object, err);
    if (r < 0)
        abort_upload(&upload);
    vb_strbuf_release(&upload.parts_xml);
    return r;
}
