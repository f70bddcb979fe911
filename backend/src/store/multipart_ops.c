/* Multipart uploads: create, upload part, list parts, abort. */
#include "store/call.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define LIST_MAX 1000

/* Reads x-amz-checksum-algorithm and x-amz-checksum-type. Returns false after answering. */
static bool read_checksum_settings(struct vb_store_call *call, struct vb_engine_checksum *ret_checksum)
{
    const char *name = vb_store_call_header(call, "x-amz-checksum-algorithm");
    const char *type = vb_store_call_header(call, "x-amz-checksum-type");
    struct vb_engine_checksum checksum = {0};
    bool is_crc, full_object = type && strcasecmp(type, "FULL_OBJECT") == 0;

    if (!name) {
        if (type)
            vb_store_fail(
                call->http, VB_STORE_INVALID_REQUEST,
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
        return type == NULL;
    }
    if (vb_store_checksum_parse_name(name, &checksum.algorithm) < 0) {
        vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                      "Checksum algorithm provided is unsupported. Please try again with "
                      "any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
        return false;
    }
    is_crc = checksum.algorithm == VB_HASH_CRC32 || checksum.algorithm == VB_HASH_CRC32C ||
             checksum.algorithm == VB_HASH_CRC64NVME;
    if ((type && !full_object && strcasecmp(type, "COMPOSITE") != 0) || (full_object && !is_crc) ||
        (type && !full_object && checksum.algorithm == VB_HASH_CRC64NVME)) {
        vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                      "The %.50s checksum type cannot be used with the %s checksum algorithm.", type,
                      vb_store_checksum_name(checksum.algorithm));
        return false;
    }
    checksum.present = true;
    checksum.full_object = full_object || checksum.algorithm == VB_HASH_CRC64NVME;
    *ret_checksum = checksum;
    return true;
}

void vb_store_create_multipart_upload(struct vb_store_call *call)
{
    char upload_id[VB_ENGINE_UPLOAD_ID_SIZE];
    struct vb_engine_checksum checksum = {0};
    struct vb_engine_meta meta;
    struct vb_strbuf document;
    struct vb_error err = {0};
    int r;

    if (!vb_store_call_check_write_headers(call) || !read_checksum_settings(call, &checksum) ||
        !vb_store_call_read_meta(call, &meta))
        return;
    meta.checksum = checksum;
    r = vb_engine_multipart_create(call->engine, call->target.bucket, call->target.key, &meta, upload_id,
                                   &err);
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return;
    }
    if (checksum.present) {
        vb_http_add_header(call->http, "x-amz-checksum-algorithm",
                           vb_store_checksum_name(checksum.algorithm));
        vb_http_add_header(call->http, "x-amz-checksum-type", vb_store_checksum_type(&checksum));
    }
    vb_store_document_begin(&document, "InitiateMultipartUploadResult");
    vb_xml_element(&document, "Bucket", call->target.bucket);
    vb_xml_element(&document, "Key", call->target.key);
    vb_xml_element(&document, "UploadId", upload_id);
    vb_xml_end(&document, "InitiateMultipartUploadResult");
    vb_store_call_answer_xml(call, &document);
}

bool vb_store_call_part_number(struct vb_store_call *call, unsigned *ret_number)
{
    const char *text = vb_store_call_query(call, "partNumber");

    if (!vb_store_call_query_number(call, "partNumber", VB_ENGINE_PARTS_MAX + 1, 0, ret_number))
        return false;
    if (*ret_number >= 1 && *ret_number <= VB_ENGINE_PARTS_MAX)
        return true;
    vb_store_call_fail_argument(call, "partNumber", text,
                                "Part number must be an integer between 1 and 10000, inclusive");
    return false;
}

bool vb_store_upload_part_admit(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    struct vb_engine_meta upload = {0};
    struct vb_error err = {0};
    bool ok = true;
    int r = vb_engine_multipart_get(call->engine, call->target.bucket, call->target.key,
                                    vb_store_call_query(call, "uploadId"), &upload, &err);

    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return false;
    }
    if (upload.checksum.present && !body->hashing) {
        vb_store_body_compute(body, upload.checksum.algorithm);
    } else if (upload.checksum.present && body->checksum.algorithm != upload.checksum.algorithm) {
        vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                      "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                      vb_store_checksum_name(upload.checksum.algorithm),
                      vb_store_checksum_name(body->checksum.algorithm));
        ok = false;
    }
    vb_engine_meta_release(&upload);
    return ok;
}

bool vb_store_upload_part_prepare(struct vb_store_call *call)
{
    unsigned number;

    return vb_store_call_part_number(call, &number);
}

void vb_store_upload_part(struct vb_store_call *call)
{
    char etag[VB_ENGINE_ETAG_SIZE];
    struct vb_error err = {0};
    unsigned number;
    int r;

    if (!vb_store_call_part_number(call, &number))
        return;
    r = vb_engine_multipart_put(VB_TAKE(call->body.writer), call->target.bucket, call->target.key,
                                vb_store_call_query(call, "uploadId"), number, &call->body.checksum, etag,
                                &err);
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return;
    }
    vb_http_add_headerf(call->http, "ETag", "\"%s\"", etag);
    if (call->body.checksum.present)
        vb_http_add_header(call->http, vb_store_checksum_header(call->body.checksum.algorithm),
                           call->body.checksum.value);
    vb_store_call_answer_empty(call, 200);
}

struct part_listing {
    struct vb_strbuf document;
    unsigned last;
};

static int add_part(void *context, const struct vb_engine_part *part)
{
    struct part_listing *listing = context;

    vb_xml_start(&listing->document, "Part", NULL);
    vb_xml_element_int(&listing->document, "PartNumber", part->number);
    vb_store_xml_time(&listing->document, "LastModified", part->last_modified_ms);
    vb_store_xml_etag(&listing->document, part->etag);
    vb_xml_element_int(&listing->document, "Size", part->size);
    vb_store_xml_checksum(&listing->document, &part->checksum, false);
    vb_xml_end(&listing->document, "Part");
    listing->last = part->number;
    return 0;
}

static void write_parts_head(struct vb_store_call *call, struct vb_strbuf *document,
                             const struct vb_engine_meta *upload, const char *upload_id)
{
    vb_xml_element(document, "Bucket", call->target.bucket);
    vb_xml_element(document, "Key", call->target.key);
    vb_xml_element(document, "UploadId", upload_id);
    vb_store_xml_owner(document, "Initiator", call->server);
    vb_store_xml_owner(document, "Owner", call->server);
    vb_xml_element(document, "StorageClass", "STANDARD");
    if (upload->checksum.present) {
        vb_xml_element(document, "ChecksumAlgorithm", vb_store_checksum_name(upload->checksum.algorithm));
        vb_xml_element(document, "ChecksumType", vb_store_checksum_type(&upload->checksum));
    }
}

void vb_store_list_parts(struct vb_store_call *call)
{
    const char *upload_id = vb_store_call_query(call, "uploadId");
    struct vb_engine_meta upload = {0};
    struct part_listing listing = {0};
    struct vb_error err = {0};
    unsigned max, after;
    bool truncated = false;
    int r;

    if (!vb_store_call_query_number(call, "max-parts", LIST_MAX, LIST_MAX, &max) ||
        !vb_store_call_query_number(call, "part-number-marker", VB_ENGINE_PARTS_MAX, 0, &after))
        return;
    r = vb_engine_multipart_get(call->engine, call->target.bucket, call->target.key, upload_id, &upload,
                                &err);
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return;
    }
    vb_store_document_begin(&listing.document, "ListPartsResult");
    write_parts_head(call, &listing.document, &upload, upload_id);
    vb_engine_meta_release(&upload);
    listing.last = after;
    if (max > 0)
        r = vb_engine_multipart_list_parts(call->engine, call->target.bucket, call->target.key, upload_id,
                                           after, max, add_part, &listing, &truncated, &err);
    vb_xml_element_int(&listing.document, "PartNumberMarker", after);
    vb_xml_element_int(&listing.document, "NextPartNumberMarker", listing.last);
    vb_xml_element_int(&listing.document, "MaxParts", max);
    vb_xml_element_bool(&listing.document, "IsTruncated", truncated);
    vb_xml_end(&listing.document, "ListPartsResult");
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else
        vb_store_call_answer_xml(call, &listing.document);
    vb_strbuf_release(&listing.document);
}

void vb_store_abort_multipart_upload(struct vb_store_call *call)
{
    struct vb_error err = {0};
    int r = vb_engine_multipart_abort(call->engine, call->target.bucket, call->target.key,
                                      vb_store_call_query(call, "uploadId"), &err);

    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else
        vb_store_call_answer_empty(call, 204);
}
