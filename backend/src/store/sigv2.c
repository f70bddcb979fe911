/* Presigned URLs of Signature Version 2: see sigv2.h. */
#include "store/sigv2.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define PAIRS_MAX          128
#define STRING_TO_SIGN_MAX ((size_t)128 * 1024)
#define SHA1_SIZE          20

struct pair {
    const char *name, *value;
    bool has_value;
};

struct pairs {
    struct pair items[PAIRS_MAX];
    size_t count;
};

/* The query parameters that are signed, besides response-…. */
static const char *const resource_parameters[] = {
    "accelerate",   "acl",        "cors",    "delete",      "lifecycle",      "location", "logging",
    "notification", "partNumber", "policy",  "replication", "requestPayment", "restore",  "tagging",
    "torrent",      "uploadId",   "uploads", "versionId",   "versioning",     "versions", "website",
};

static bool begins_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

bool vb_store_sigv2_present(const char *query)
{
    bool key = false, signature = false;

    while (*query) {
        key = key || strncmp(query, "AWSAccessKeyId=", 15) == 0;
        signature = signature || strncmp(query, "Signature=", 10) == 0;
        query += strcspn(query, "&");
        query += *query == '&';
    }
    return key && signature;
}

/* Decodes into the arena. NULL: malformed, or memory is out. */
static const char *decode(struct vb_arena *arena, const char *text, size_t length)
{
    struct vb_strbuf decoded VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&decoded, 3 * length + 1);
    if (vb_percent_decode(&decoded, text, length, true) < 0 || vb_strbuf_failed(&decoded) ||
        memchr(decoded.data, '\0', decoded.length))
        return NULL;
    return vb_arena_strndup(arena, decoded.data, decoded.length);
}

static bool split_query(struct vb_arena *arena, const char *query, struct pairs *pairs)
{
    while (*query) {
        size_t length = strcspn(query, "&"), name_length = strcspn(query, "=&");
        struct pair *pair = &pairs->items[pairs->count];

        if (pairs->count == PAIRS_MAX)
            return false;
        pair->has_value = name_length < length;
        pair->name = decode(arena, query, name_length);
        pair->value = pair->has_value ? decode(arena, query + name_length + 1, length - name_length - 1) : "";
        if (!pair->name || !pair->value)
            return false;
        pairs->count++;
        query += length;
        query += *query == '&';
    }
    return true;
}

static const char *find(const struct pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}

static const char *find_header(const struct vb_sigv4_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return "";
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

/* Adds the x-amz-* headers and parameters, in lower case and sorted. */
static bool add_amz_headers(struct vb_arena *arena, const struct vb_sigv4_request *request,
                            const struct pairs *query, struct vb_strbuf *out)
{
    struct pairs chosen = {.count = 0};

    for (size_t i = 0; i < request->header_count + query->count; i++) {
        bool header = i < request->header_count;
        const struct pair *parameter = header ? NULL : &query->items[i - request->header_count];
        const char *name = header ? request->headers[i].name : parameter->name;
        char *lower;

        if (!begins_with(name, "x-amz-"))
            continue;
        lower = vb_arena_strdup(arena, name);
        if (!lower || chosen.count == PAIRS_MAX)
            return false;
        for (char *c = lower; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        chosen.items[chosen.count++] =
            (struct pair){lower, header ? request->headers[i].value : parameter->value, true};
    }
    qsort(chosen.items, chosen.count, sizeof(chosen.items[0]), compare_pairs);
    for (size_t i = 0; i < chosen.count; i++)
        vb_strbuf_addf(out, "%s:%s\n", chosen.items[i].name, chosen.items[i].value);
    return true;
}

static bool names_resource(const char *name)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(resource_parameters); i++)
        if (strcmp(name, resource_parameters[i]) == 0)
            return true;
    return strncmp(name, "response-", 9) == 0;
}

static void add_resource(const struct vb_sigv4_request *request, const char *host_bucket,
                         const struct pairs *query, struct vb_strbuf *out)
{
    struct pairs chosen = {.count = 0};

    if (host_bucket)
        vb_strbuf_addf(out, "/%s", host_bucket);
    vb_strbuf_adds(out, request->path);
    for (size_t i = 0; i < query->count; i++)
        if (names_resource(query->items[i].name))
            chosen.items[chosen.count++] = query->items[i];
    qsort(chosen.items, chosen.count, sizeof(chosen.items[0]), compare_pairs);
    for (size_t i = 0; i < chosen.count; i++) {
        vb_strbuf_addc(out, i ? '&' : '?');
        vb_strbuf_adds(out, chosen.items[i].name);
        if (chosen.items[i].has_value)
            vb_strbuf_addf(out, "=%s", chosen.items[i].value);
    }
}

static bool signature_matches(const struct vb_strbuf *string_to_sign, const char *secret,
                              const char *signature)
{
    unsigned char mac[SHA1_SIZE];
    unsigned mac_size = 0;
    char expected[VB_BASE64_SIZE(SHA1_SIZE)];
    size_t length;

    vb_assert(HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)string_to_sign->data,
                   string_to_sign->length, mac, &mac_size) &&
              mac_size == SHA1_SIZE);
    length = vb_base64_encode(mac, SHA1_SIZE, expected);
    return vb_equal_constant_time(expected, length, signature, strlen(signature));
}

static enum vb_sigv4_result verify(struct vb_arena *arena, const struct vb_sigv4_request *request,
                                   const char *host_bucket, const struct vb_sigv4_credentials *credentials,
                                   int64_t now_s, struct pairs *query)
{
    struct vb_strbuf string VB_CLEANUP(vb_strbuf_release);
    const char *key_id, *signature, *expires;
    uint64_t expires_s;

    vb_strbuf_init(&string, STRING_TO_SIGN_MAX);
    if (!split_query(arena, request->query, query))
        return VB_SIGV4_MALFORMED;
    key_id = find(query, "AWSAccessKeyId");
    signature = find(query, "Signature");
    expires = find(query, "Expires");
    if (!key_id || !signature || !expires || strlen(expires) > 12 ||
        vb_uint_parse(expires, strlen(expires), INT64_MAX, &expires_s) < 0)
        return VB_SIGV4_MALFORMED;
    if (!vb_equal_constant_time(key_id, strlen(key_id), credentials->access_key_id,
                                strlen(credentials->access_key_id)))
        return VB_SIGV4_UNKNOWN_KEY;
    vb_strbuf_addf(&string, "%s\n%s\n%s\n%s\n", request->method, find_header(request, "Content-MD5"),
                   find_header(request, "Content-Type"), expires);
    if (!add_amz_headers(arena, request, query, &string))
        return VB_SIGV4_MALFORMED;
    add_resource(request, host_bucket, query, &string);
    if (vb_strbuf_failed(&string))
        return VB_SIGV4_MALFORMED;
    if (!signature_matches(&string, credentials->secret_access_key, signature))
        return VB_SIGV4_MISMATCH;
    if (find(query, "x-amz-security-token") || *find_header(request, "x-amz-security-token"))
        return VB_SIGV4_BAD_TOKEN;
    return (int64_t)expires_s < now_s ? VB_SIGV4_EXPIRED : VB_SIGV4_OK;
}

enum vb_sigv4_result vb_store_sigv2_verify(struct vb_arena *arena, const struct vb_sigv4_request *request,
                                           const char *host_bucket,
                                           const struct vb_sigv4_credentials *credentials, int64_t now_s)
{
    struct pairs *query = vb_arena_calloc(arena, sizeof(*query));

    return query ? verify(arena, request, host_bucket, credentials, now_s, query) : VB_SIGV4_MALFORMED;
}
