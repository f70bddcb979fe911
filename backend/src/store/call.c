/* What the operations share: reading headers and parameters, looking up the target, answering errors and
 * documents. See call.h. */
#include "store/call.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/number.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define DOCUMENT_MAX                                                                                         \
    ((size_t)16 * 1024 * 1024) /* holds a thousand keys of 1024 bytes in their longest escaped form */

const char *vb_store_call_header(struct vb_store_call *call, const char *name)
{
    const char *value = vb_http_header(call->http, name);

    if (!value && call->verified.presigned && strncmp(name, "x-amz-", 6) == 0)
        value = vb_http_query(call->http, name);
    return value;
}

const char *vb_store_call_query(struct vb_store_call *call, const char *name)
{
    const char *value = *call->http->query ? vb_http_query(call->http, name) : NULL;

    return value ? value : "";
}

bool vb_store_call_query_number(struct vb_store_call *call, const char *name, unsigned max, unsigned fallback,
                                unsigned *ret_value)
{
    const char *text = vb_store_call_query(call, name);
    uint64_t value;

    if (!*text) {
        *ret_value = fallback;
        return true;
    }
    if (strlen(text) > 10 || vb_uint_parse(text, strlen(text), UINT64_MAX, &value) < 0) {
        vb_store_call_fail_argument(call, name, text, "Provided %s not an integer or within integer range",
                                    name);
        return false;
    }
    *ret_value = value > max ? max : (unsigned)value;
    return true;
}

static enum vb_store_error error_of(int code)
{
    switch (-code) {
    case ENOENT:
        return VB_STORE_NO_SUCH_KEY;
    case ENODEV:
        return VB_STORE_NO_SUCH_BUCKET;
    case ESRCH:
        return VB_STORE_NO_SUCH_UPLOAD;
    case ENOSPC:
    case EDQUOT:
        return VB_STORE_INSUFFICIENT_STORAGE;
    case EEXIST:
    case EKEYREJECTED:
        return VB_STORE_PRECONDITION_FAILED;
    case EFBIG:
        return VB_STORE_ENTITY_TOO_LARGE;
    case EAGAIN:
    case EBUSY:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return VB_STORE_SLOW_DOWN;
    default:
        return VB_STORE_INTERNAL_ERROR;
    }
}

void vb_store_call_fail_at(struct vb_store_call *call, const struct vb_store_target *target, int code,
                           const struct vb_error *err)
{
    enum vb_store_error error = error_of(code);
    struct vb_store_error_field fields[2] = {{NULL, NULL}, {NULL, NULL}};

    if (error == VB_STORE_NO_SUCH_KEY)
        fields[0] = (struct vb_store_error_field){"Key", target->key};
    else if (error == VB_STORE_NO_SUCH_BUCKET)
        fields[0] = (struct vb_store_error_field){"BucketName", target->bucket};
    else if (error == VB_STORE_NO_SUCH_UPLOAD)
        fields[0] = (struct vb_store_error_field){"UploadId", vb_store_call_query(call, "uploadId")};
    else if (error == VB_STORE_PRECONDITION_FAILED)
        fields[0] =
            (struct vb_store_error_field){"Condition", code == -EEXIST ? "If-None-Match" : "If-Match"};
    else if (error == VB_STORE_INTERNAL_ERROR || error == VB_STORE_INSUFFICIENT_STORAGE)
        vb_log(VB_LOG_ERROR, err && *err->message ? err->message : "the object store failed",
               VB_LOG_STR("requestId", call->http->id), VB_LOG_INT("errno", -code));
    vb_store_fail_fields(call->http, error, fields, NULL);
}

void vb_store_call_fail(struct vb_store_call *call, int code, const struct vb_error *err)
{
    vb_store_call_fail_at(call, &call->target, code, err);
}

void vb_store_call_fail_bucket(struct vb_store_call *call, enum vb_store_error error)
{
    vb_store_fail_fields(
        call->http, error,
        (const struct vb_store_error_field[]){{"BucketName", call->target.bucket}, {NULL, NULL}}, NULL);
}

void vb_store_call_fail_argument(struct vb_store_call *call, const char *name, const char *value,
                                 const char *format, ...)
{
    const struct vb_store_error_field fields[] = {
        {"ArgumentName", name}, {value ? "ArgumentValue" : NULL, value}, {NULL, NULL}};
    va_list args;

    va_start(args, format);
    vb_store_vfail(call->http, VB_STORE_INVALID_ARGUMENT, fields, format, args);
    va_end(args);
}

bool vb_store_call_find_bucket(struct vb_store_call *call)
{
    struct vb_error err = {0};
    int r = vb_engine_bucket_stat(call->engine, call->target.bucket, NULL, &err);

    if (r < 0)
        vb_store_call_fail(call, r, &err);
    return r == 0;
}

bool vb_store_call_find_object(struct vb_store_call *call, struct vb_engine_meta *ret_meta)
{
    struct vb_error err = {0};
    int r = vb_engine_stat(call->engine, call->target.bucket, call->target.key, ret_meta, &err);

    if (r < 0)
        vb_store_call_fail(call, r, &err);
    return r == 0;
}

void vb_store_call_answer_xml(struct vb_store_call *call, struct vb_strbuf *document)
{
    vb_http_add_header(call->http, "x-amz-request-id", call->http->id);
    vb_http_answer_strbuf(call->http, 200, "application/xml", document);
}

void vb_store_call_answer_empty(struct vb_store_call *call, int status)
{
    vb_http_add_header(call->http, "x-amz-request-id", call->http->id);
    vb_http_answer(call->http, status, NULL, NULL, 0);
}

void vb_store_document_begin(struct vb_strbuf *document, const char *root)
{
    vb_strbuf_init(document, DOCUMENT_MAX);
    vb_xml_declaration(document);
    vb_xml_start(document, root, VB_XML_S3_NAMESPACE);
}

void vb_store_xml_name(struct vb_strbuf *document, const char *name, const char *text, bool url_encoded)
{
    struct vb_strbuf encoded;

    if (!url_encoded) {
        vb_xml_element(document, name, text);
        return;
    }
    vb_strbuf_init(&encoded, 3 * strlen(text));
    vb_percent_encode(&encoded, text, strlen(text), true);
    if (vb_strbuf_failed(&encoded))
        document->failed = true;
    vb_xml_element(document, name, encoded.data);
    vb_strbuf_release(&encoded);
}

void vb_store_xml_time(struct vb_strbuf *document, const char *name, int64_t time_ms)
{
    char text[VB_CLOCK_ISO8601_SIZE];

    vb_clock_format_iso8601(time_ms, text);
    vb_xml_element(document, name, text);
}

void vb_store_xml_etag(struct vb_strbuf *document, const char *etag)
{
    vb_strbuf_adds(document, "<ETag>&quot;");
    vb_xml_text(document, etag, strlen(etag));
    vb_strbuf_adds(document, "&quot;</ETag>");
}

void vb_store_xml_owner(struct vb_strbuf *document, const char *name, const struct vb_store_server *server)
{
    vb_xml_start(document, name, NULL);
    vb_xml_element(document, "ID", server->owner_id);
    vb_xml_element(document, "DisplayName", "vibe");
    vb_xml_end(document, name);
}

void vb_store_call_add_checksum(struct vb_store_call *call, const struct vb_engine_checksum *checksum)
{
    if (!checksum->present || !*checksum->value)
        return;
    vb_http_add_header(call->http, vb_store_checksum_header(checksum->algorithm), checksum->value);
    vb_http_add_header(call->http, "x-amz-checksum-type", vb_store_checksum_type(checksum));
}

void vb_store_xml_checksum(struct vb_strbuf *document, const struct vb_engine_checksum *checksum,
                           bool with_type)
{
    if (!checksum->present || !*checksum->value)
        return;
    vb_xml_element(document, vb_store_checksum_element(checksum->algorithm), checksum->value);
    if (with_type)
        vb_xml_element(document, "ChecksumType", vb_store_checksum_type(checksum));
}
