/* The headers of a write: metadata, conditions, and headers that this store refuses. See call.h. */
#include "store/call.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define METADATA_MAX 2048 /* bytes of names and values, as in S3 */

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

/* A presigned URL may carry x-amz-meta-* headers in its query. */
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
            metadata->pairs.failed |= !name;
        }
        at = next ? next + 1 : NULL;
    }
}

static void fail_metadata_size(struct vb_store_call *call, size_t size)
{
    vb_store_fail_fields(
        call->http, VB_STORE_METADATA_TOO_LARGE,
        (const struct vb_store_error_field[]){{"Size", vb_arena_printf(&call->http->arena, "%zu", size)},
                                              {"MaxSizeAllowed", "2048"},
                                              {NULL, NULL}},
        NULL);
}

/* NULL: there is none. Returns false after answering. */
static bool read_user_metadata(struct vb_store_call *call, char **ret_metadata)
{
    struct metadata metadata = {0};
    char *kept = NULL;
    bool ok;

    vb_strbuf_init(&metadata.pairs, (size_t)64 * 1024);
    vb_http_headers(call->http, add_metadata, &metadata);
    if (call->verified.presigned)
        add_metadata_of_query(call, &metadata);
    ok = !vb_strbuf_failed(&metadata.pairs);
    if (ok && metadata.pairs.length > 0) {
        kept = vb_arena_strndup(&call->http->arena, metadata.pairs.data, metadata.pairs.length);
        ok = kept != NULL;
    }
    vb_strbuf_release(&metadata.pairs);
    if (metadata.size > METADATA_MAX)
        fail_metadata_size(call, metadata.size);
    else if (!ok)
        vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
    else
        *ret_metadata = kept;
    return ok && metadata.size <= METADATA_MAX;
}

/* Reads Content-Encoding without "aws-chunked", which describes the transfer and not the object. NULL:
 * nothing is left. Returns false after answering. */
static bool read_content_encoding(struct vb_store_call *call, char **ret_encoding)
{
    const char *header = vb_http_header(call->http, "Content-Encoding");
    char *kept, *end;

    *ret_encoding = NULL;
    if (!header)
        return true;
    kept = end = vb_arena_calloc(&call->http->arena, strlen(header) + 2);
    if (!kept) {
        vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
        return false;
    }
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
    if (*kept)
        *ret_encoding = kept;
    return true;
}

bool vb_store_call_read_meta(struct vb_store_call *call, struct vb_engine_meta *ret_meta)
{
    struct vb_http_request *http = call->http;

    /* the engine copies these strings; the request owns them */
    *ret_meta =
        (struct vb_engine_meta){.content_type = (char *)vb_http_header(http, "Content-Type"),
                                .cache_control = (char *)vb_http_header(http, "Cache-Control"),
                                .content_disposition = (char *)vb_http_header(http, "Content-Disposition"),
                                .content_language = (char *)vb_http_header(http, "Content-Language"),
                                .expires = (char *)vb_http_header(http, "Expires")};
    if (ret_meta->content_type && !*ret_meta->content_type)
        ret_meta->content_type = NULL;
    return read_content_encoding(call, &ret_meta->content_encoding) &&
           read_user_metadata(call, &ret_meta->user_metadata);
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
