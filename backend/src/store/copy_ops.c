/* CopyObject and UploadPartCopy: writing the bytes of an object that is in the store. */
#include "store/call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/number.h"
#include "http/range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COPY_BUFFER_SIZE ((size_t)256 * 1024)

/* Returns false after answering. */
static bool read_source(struct vb_store_call *call, struct vb_store_target *ret_source)
{
    const char *header = vb_http_header(call->http, "x-amz-copy-source");
    enum vb_store_error error = vb_store_copy_source_parse(&call->http->arena, header, ret_source);

    if (error == VB_STORE_INVALID_ARGUMENT || error == VB_STORE_INVALID_URI)
        vb_store_call_fail_argument(
            call, "x-amz-copy-source", header,
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    else if (error)
        vb_store_fail(call->http, error, NULL);
    return error == VB_STORE_OK;
}

/* Checks x-amz-copy-source-if-*. Returns false after answering. */
static bool source_conditions_hold(struct vb_store_call *call, const struct vb_engine_meta *meta)
{
    struct vb_http_request *http = call->http;
    const struct vb_conditions conditions = {
        .if_match = vb_http_header(http, "x-amz-copy-source-if-match"),
        .if_none_match = vb_http_header(http, "x-amz-copy-source-if-none-match"),
        .if_modified_since = vb_http_header(http, "x-amz-copy-source-if-modified-since"),
        .if_unmodified_since = vb_http_header(http, "x-amz-copy-source-if-unmodified-since")};
    char etag[VB_ENGINE_ETAG_SIZE + 2];

    snprintf(etag, sizeof(etag), "\"%s\"", meta->etag);
    if (vb_conditions_evaluate(&conditions, true, etag, meta->last_modified_ms / 1000) ==
        VB_CONDITION_PROCEED)
        return true;
    vb_store_fail(http, VB_STORE_PRECONDITION_FAILED, NULL);
    return false;
}

/* Reads x-amz-metadata-directive: COPY or REPLACE. Returns false after answering. */
static bool read_directive(struct vb_store_call *call, bool *ret_replace)
{
    const char *directive = vb_store_call_header(call, "x-amz-metadata-directive");

    *ret_replace = directive && strcasecmp(directive, "REPLACE") == 0;
    if (!directive || *ret_replace || strcasecmp(directive, "COPY") == 0)
        return true;
    vb_store_call_fail_argument(call, "x-amz-metadata-directive", directive, "Unknown metadata directive.");
    return false;
}

/* Returns false after answering. */
static bool check_copy(struct vb_store_call *call, const struct vb_store_target *source, bool replace)
{
    if (vb_http_header(call->http, "If-Match") || vb_http_header(call->http, "If-None-Match")) {
        vb_store_fail(call->http, VB_STORE_NOT_IMPLEMENTED,
                      "This store does not support conditions on the target of a copy");
        return false;
    }
    if (!replace && strcmp(source->bucket, call->target.bucket) == 0 &&
        strcmp(source->key, call->target.key) == 0) {
        vb_store_fail(
            call->http, VB_STORE_INVALID_REQUEST,
            "This copy request is illegal because it is trying to copy an object to itself without changing "
            "the object's metadata, storage class, website redirect location or encryption attributes.");
        return false;
    }
    return true;
}

static void answer_copied(struct vb_store_call *call, const char *root, const char *etag, int64_t modified_ms,
                          const struct vb_engine_checksum *checksum, bool with_type)
{
    struct vb_strbuf document;

    vb_store_document_begin(&document, root);
    vb_store_xml_time(&document, "LastModified", modified_ms);
    vb_store_xml_etag(&document, etag);
    vb_store_xml_checksum(&document, checksum, with_type);
    vb_xml_end(&document, root);
    vb_store_call_answer_xml(call, &document);
}

/* Copies the source if it still has the ETag that its conditions were checked against. */
static void copy_object(struct vb_store_call *call, const struct vb_store_target *source,
                        const struct vb_engine_meta *from, const struct vb_engine_meta *replacement)
{
    struct vb_engine_meta copied = {0};
    struct vb_error err = {0};
    int r;

    if (!source_conditions_hold(call, from) || !vb_store_call_find_bucket(call))
        return;
    r = vb_engine_copy(call->engine, source->bucket, source->key, from->etag, call->target.bucket,
                       call->target.key, replacement, &copied, &err);
    if (r == -ENOENT) { /* deleted meanwhile */
        vb_store_call_fail_at(call, source, r, &err);
    } else if (r < 0) {
        vb_store_call_fail(call, r, &err);
    } else {
        answer_copied(call, "CopyObjectResult", copied.etag, copied.last_modified_ms, &copied.checksum, true);
        vb_engine_meta_release(&copied);
    }
}

void vb_store_copy_object(struct vb_store_call *call)
{
    struct vb_engine_meta from = {0}, replacement = {0};
    struct vb_store_target source;
    struct vb_error err = {0};
    bool replace;
    int r;

    if (!read_source(call, &source) || !read_directive(call, &replace) ||
        !vb_store_call_check_write_headers(call) || !check_copy(call, &source, replace))
        return;
    if (replace && !vb_store_call_read_meta(call, &replacement))
        return;
    r = vb_engine_stat(call->engine, source.bucket, source.key, &from, &err);
    if (r < 0) {
        vb_store_call_fail_at(call, &source, r, &err);
        return;
    }
    copy_object(call, &source, &from, replace ? &replacement : NULL);
    vb_engine_meta_release(&from);
}

/* "bytes=first-last". */
static bool parse_source_range(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
    static const char unit[] = "bytes=";
    size_t length;

    if (strncmp(text, unit, sizeof(unit) - 1) != 0)
        return false;
    text += sizeof(unit) - 1;
    length = vb_digits_length(text, SIZE_MAX);
    return vb_uint_parse(text, length, INT64_MAX, ret_first) == 0 && text[length] == '-' &&
           vb_uint_parse(text + length + 1, strlen(text + length + 1), INT64_MAX, ret_last) == 0 &&
           *ret_first <= *ret_last;
}

/* Reads x-amz-copy-source-range: "bytes=first-last", both given and both within the object. Returns false
 * after answering. */
static bool read_source_range(struct vb_store_call *call, int64_t total, int64_t *ret_offset,
                              int64_t *ret_size)
{
    const char *header = vb_http_header(call->http, "x-amz-copy-source-range");
    uint64_t first, last;

    *ret_offset = 0;
    *ret_size = total;
    if (header) {
        if (!parse_source_range(header, &first, &last)) {
            vb_store_call_fail_argument(
                call, "x-amz-copy-source-range", header,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and "
                "last are the zero-based offsets of the first and last bytes to copy");
            return false;
        }
        if (last >= (uint64_t)total) {
            vb_store_fail(call->http, VB_STORE_INVALID_ARGUMENT,
                          "Range specified is not valid for source object of size: %lld", (long long)total);
            return false;
        }
        *ret_offset = (int64_t)first;
        *ret_size = (int64_t)(last - first + 1);
    }
    if (*ret_size > VB_ENGINE_PUT_MAX) {
        vb_store_fail(
            call->http, VB_STORE_INVALID_REQUEST,
            "The specified copy source is larger than the maximum allowable size for a copy source: %lld",
            (long long)VB_ENGINE_PUT_MAX);
        return false;
    }
    return true;
}

/* Copies the bytes to a new writer, call->body.writer. Returns 0 or the engine's error. */
static int copy_bytes(struct vb_store_call *call, struct vb_engine_reader *reader, int64_t offset,
                      int64_t size, struct vb_error *err)
{
    struct vb_store_body *body = &call->body;
    char *buffer VB_CLEANUP(vb_freep) = malloc(COPY_BUFFER_SIZE);
    int r = buffer ? vb_engine_writer_open(call->engine, size, &body->writer, err) : -ENOMEM;

    while (r == 0 && size > 0) {
        int64_t got = vb_engine_reader_read(
            reader, offset, buffer, size < (int64_t)COPY_BUFFER_SIZE ? (size_t)size : COPY_BUFFER_SIZE);

        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        if (body->hashing)
            vb_hash_update(&body->checksum_hash, buffer, (size_t)got);
        r = vb_engine_writer_write(body->writer, buffer, (size_t)got, err);
        offset += got;
        size -= got;
    }
    return r;
}

static void copy_part(struct vb_store_call *call, const struct vb_engine_meta *from,
                      struct vb_engine_reader *reader, unsigned number)
{
    struct vb_store_body *body = &call->body;
    unsigned char digest[VB_HASH_MAX_SIZE];
    char etag[VB_ENGINE_ETAG_SIZE];
    struct vb_error err = {0};
    int64_t offset, size;
    int r;

    if (!source_conditions_hold(call, from) || !read_source_range(call, from->size, &offset, &size) ||
        !vb_store_upload_part_admit(call))
        return;
    r = copy_bytes(call, reader, offset, size, &err);
    if (r == 0) {
        if (body->hashing) {
            body->hashing = false;
            vb_hash_final(&body->checksum_hash, digest);
            vb_store_checksum_set(&body->checksum, body->checksum.algorithm, digest);
        }
        r = vb_engine_multipart_put(VB_TAKE(body->writer), call->target.bucket, call->target.key,
                                    vb_store_call_query(call, "uploadId"), number, &body->checksum, etag,
                                    &err);
    }
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else
        answer_copied(call, "CopyPartResult", etag, vb_clock_realtime_ms(), &body->checksum, false);
}

void vb_store_upload_part_copy(struct vb_store_call *call)
{
    struct vb_engine_reader *reader = NULL;
    struct vb_engine_meta from = {0};
    struct vb_store_target source;
    struct vb_error err = {0};
    unsigned number;
    int r;

    if (!vb_store_call_part_number(call, &number) || !read_source(call, &source))
        return;
    r = vb_engine_get(call->engine, source.bucket, source.key, &from, &reader, &err);
    if (r < 0) {
        vb_store_call_fail_at(call, &source, r, &err);
        return;
    }
    copy_part(call, &from, reader, number);
    vb_engine_reader_close(reader);
    vb_engine_meta_release(&from);
}
