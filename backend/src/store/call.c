/* What the operations of the store share: headers and parameters read, errors and documents answered. See
 * call.h. */
#include "store/call.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define DOCUMENT_MAX                                                                                         \
    ((size_t)16 * 1024 * 1024) /* a thousand keys of 1024 bytes, escaped at their worst, and more */

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
    uint64_t value = 0;

    if (!*text) {
        *ret_value = fallback;
        return true;
    }
    for (const char *digit = text; *digit; digit++) {
        if (!isdigit((unsigned char)*digit) || digit - text >= 10) {
            vb_store_fail_fields(call->http, VB_STORE_INVALID_ARGUMENT,
                                 (const struct vb_store_error_field[]){
                                     {"ArgumentName", name}, {"ArgumentValue", text}, {NULL, NULL}},
                                 "Provided %s not an integer or within integer range", name);
            return false;
        }
        value = value * 10 + (uint64_t)(*digit - '0');
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

void vb_store_call_fail(struct vb_store_call *call, int code, const struct vb_error *err)
{
    enum vb_store_error error = error_of(code);
    struct vb_store_error_field fields[2] = {{NULL, NULL}, {NULL, NULL}};

    if (error == VB_STORE_NO_SUCH_KEY)
        fields[0] = (struct vb_store_error_field){"Key", call->target.key};
    else if (error == VB_STORE_NO_SUCH_BUCKET)
        fields[0] = (struct vb_store_error_field){"BucketName", call->target.bucket};
    else if (error == VB_STORE_NO_SUCH_UPLOAD)
        fields[0] = (struct vb_store_error_field){"UploadId", vb_store_call_query(call, "uploadId")};
    else if (error == VB_STORE_PRECONDITION_FAILED)
        fields[0] =
            (struct vb_store_error_field){"Condition", code == -EEXIST ? "If-None-Match" : "If-Match"};
    else if (error == VB_STORE_INTERNAL_ERROR || error == VB_STORE_INSUFFICIENT_STORAGE)
        vb_log(VB_LOG_ERROR, err && *err->message ? err->message : "the store failed",
               VB_LOG_STR("requestId", call->http->id), VB_LOG_INT("errno", -code));
    vb_store_fail_fields(call->http, error, fields, NULL);
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

struct metadata {
    struct vb_strbuf pairs; /* "name\0value\0…" */
    size_t size;            /* as S3 counts it */
};

static const char metadata_prefix[] = "x-amz-meta-";

static bool add_metadata(void *context, const char *name, const char *value)
{
    struct metadata *metadata = context;

    if (strncasecmp(name, metadata_prefix, sizeof(metadata_prefix) - 1) != 0)
        return true;
    name += sizeof(metadata_prefix) - 1;
    if (!*name)
        return true;
    metadata->size += strlen(name) + strlen(value);
    for (; *name; name++)
        vb_strbuf_addc(&metadata->pairs, (char)tolower((unsigned char)*name));
    vb_strbuf_addc(&metadata->pairs, '\0');
    vb_strbuf_add(&metadata->pairs, value, strlen(value) + 1);
    return true;
}

/* Presigners may hoist x-amz-meta-* headers into the query. */
static void add_metadata_of_query(struct vb_store_call *call, struct metadata *metadata)
{
    for (const char *at = call->http->query; at && *at;) {
        size_t length = strcspn(at, "=&");
        const char *next = strchr(at, '&');

        if (length < 256 && strncasecmp(at, metadata_prefix, sizeof(metadata_prefix) - 1) == 0) {
            char *name = vb_arena_strndup(&call->http->arena, at, length);
            const char *value = name ? vb_http_query(call->http, name) : NULL;

            if (value)
                add_metadata(metadata, name, value);
        }
        at = next ? next + 1 : NULL;
    }
}

static bool read_user_metadata(struct vb_store_call *call, char **ret_metadata)
{
    struct metadata metadata = {0};
    bool ok = true;

    vb_strbuf_init(&metadata.pairs, (size_t)64 * 1024);
    vb_http_headers(call->http, add_metadata, &metadata);
    if (call->verified.presigned)
        add_metadata_of_query(call, &metadata);
    *ret_metadata = NULL;
    if (metadata.size > 2048 || vb_strbuf_failed(&metadata.pairs)) {
        vb_store_fail_fields(call->http, VB_STORE_METADATA_TOO_LARGE,
                             (const struct vb_store_error_field[]){
                                 {"Size", vb_arena_printf(&call->http->arena, "%zu", metadata.size)},
                                 {"MaxSizeAllowed", "2048"},
                                 {NULL, NULL}},
                             NULL);
        ok = false;
    } else if (metadata.pairs.length > 0) {
        *ret_metadata = vb_arena_strndup(&call->http->arena, metadata.pairs.data, metadata.pairs.length);
        ok = *ret_metadata != NULL;
        if (!ok)
            vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
    }
    vb_strbuf_release(&metadata.pairs);
    return ok;
}

/* Content-Encoding without "aws-chunked", which names the transfer and not the object. */
static char *stored_content_encoding(struct vb_arena *arena, const char *header)
{
    char *kept = header ? vb_arena_calloc(arena, strlen(header) + 2) : NULL;
    char *end = kept;

    if (!kept)
        return NULL;
    while (*header) {
        size_t length;

        header += strspn(header, ", \t");
        length = strcspn(header, ",");
        if (length > 0 && !(strncasecmp(header, "aws-chunked", 11) == 0 &&
                            (length == 11 || header[11] == ' ' || header[11] == '\t'))) {
            if (end != kept)
                *end++ = ',';
            end = mempcpy(end, header, length);
        }
        header += length;
    }
    return *kept ? kept : NULL;
}

bool vb_store_call_read_meta(struct vb_store_call *call, struct vb_engine_meta *ret_meta)
{
    struct vb_http_request *http = call->http;

    /* the engine copies what it keeps and never frees these: they belong to the request */
    *ret_meta = (struct vb_engine_meta){
        .content_type = (char *)vb_http_header(http, "Content-Type"),
        .cache_control = (char *)vb_http_header(http, "Cache-Control"),
        .content_disposition = (char *)vb_http_header(http, "Content-Disposition"),
        .content_encoding = stored_content_encoding(&http->arena, vb_http_header(http, "Content-Encoding")),
        .content_language = (char *)vb_http_header(http, "Content-Language"),
        .expires = (char *)vb_http_header(http, "Expires")};
    if (ret_meta->content_type && !*ret_meta->content_type)
        ret_meta->content_type = NULL;
    return read_user_metadata(call, &ret_meta->user_metadata);
}

static bool word_in(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

bool vb_store_call_check_write_headers(struct vb_store_call *call)
{
    static const char *const unsupported[] = {"x-amz-server-side-encryption",
                                              "x-amz-server-side-encryption-customer-algorithm",
                                              "x-amz-server-side-encryption-aws-kms-key-id",
                                              "x-amz-tagging",
                                              "x-amz-object-lock-mode",
                                              "x-amz-object-lock-retain-until-date",
                                              "x-amz-object-lock-legal-hold",
                                              "x-amz-website-redirect-location",
                                              "x-amz-write-offset-bytes",
                                              NULL};
    static const char *const grants[] = {"x-amz-grant-read",         "x-amz-grant-read-acp",
                                         "x-amz-grant-write",        "x-amz-grant-write-acp",
                                         "x-amz-grant-full-control", NULL};
    static const char *const private_acls[] = {"", "private", "bucket-owner-full-control", NULL};
    static const char *const storage_classes[] = {
        "", "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", NULL};
    const char *acl = vb_store_call_header(call, "x-amz-acl");
    const char *storage_class = vb_store_call_header(call, "x-amz-storage-class");

    for (const char *const *name = unsupported; *name; name++) {
        if (vb_store_call_header(call, *name)) {
            vb_store_fail_fields(call->http, VB_STORE_NOT_IMPLEMENTED,
                                 (const struct vb_store_error_field[]){{"Header", *name}, {NULL, NULL}},
                                 NULL);
            return false;
        }
    }
    for (const char *const *name = grants; *name; name++) {
        if (vb_store_call_header(call, *name)) {
            vb_store_fail(call->http, VB_STORE_ACL_NOT_SUPPORTED, NULL);
            return false;
        }
    }
    if (acl && !word_in(acl, private_acls)) {
        vb_store_fail(call->http, VB_STORE_ACL_NOT_SUPPORTED, NULL);
        return false;
    }
    if (storage_class && !word_in(storage_class, storage_classes)) {
        vb_store_fail_fields(
            call->http, VB_STORE_INVALID_STORAGE_CLASS,
            (const struct vb_store_error_field[]){{"StorageClassRequested", storage_class}, {NULL, NULL}},
            NULL);
        return false;
    }
    return true;
}

bool vb_store_call_read_condition(struct vb_store_call *call, struct vb_engine_condition *ret_condition)
{
    const char *if_none_match = vb_http_header(call->http, "If-None-Match");
    const char *if_match = vb_http_header(call->http, "If-Match");
    struct vb_engine_condition condition = {0};

    if ((if_none_match && strcmp(if_none_match, "*") != 0) || (if_match && strcmp(if_match, "*") == 0)) {
        vb_store_fail_fields(call->http, VB_STORE_NOT_IMPLEMENTED,
                             (const struct vb_store_error_field[]){
                                 {"Header", if_none_match ? "If-None-Match" : "If-Match"}, {NULL, NULL}},
                             NULL);
        return false;
    }
    condition.absent = if_none_match != NULL;
    if (if_match) {
        size_t length = strlen(if_match);

        if (length >= 2 && if_match[0] == '"' && if_match[length - 1] == '"')
            if_match = vb_arena_strndup(&call->http->arena, if_match + 1, length - 2);
        if (!if_match) {
            vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
            return false;
        }
        condition.etag = if_match;
    }
    *ret_condition = condition;
    return true;
}

bool vb_store_call_check_version(struct vb_store_call *call)
{
    const char *version = vb_store_call_query(call, "versionId");

    if (!*version || strcmp(version, "null") == 0)
        return true;
    vb_store_fail_fields(call->http, VB_STORE_NO_SUCH_VERSION,
                         (const struct vb_store_error_field[]){
                             {"Key", call->target.key}, {"VersionId", version}, {NULL, NULL}},
                         NULL);
    return false;
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
