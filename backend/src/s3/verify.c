/* Verifying AWS Signature Version 4, header and query form: see sigv4.h. */
#include "s3/sigv4.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"
#include "s3/canonical.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

/* What a request says about its signature, before any of it is believed. */
struct claim {
    struct vb_text access_key_id, scope; /* scope: "date/region/service/aws4_request" */
    struct vb_text date, region, service;
    const char *signed_headers;
    struct vb_text signature;
    struct vb_text token; /* data NULL: none */
    char amz_date[VB_CLOCK_AMZ_DATE_SIZE];
    int64_t time_s;
    int64_t expires_s; /* query form */
};

/* One verification: what it works on and what it finds. */
struct verification {
    struct vb_arena arena;
    const struct vb_sigv4_request *request;
    const struct vb_sigv4_credentials *credentials;
    struct vb_sigv4_verified *verified;
    struct vb_canonical_query query;
    struct vb_canonical_names names;
    struct claim claim;
};

static enum vb_sigv4_result fail(struct verification *v, enum vb_sigv4_result result, const char *detail)
{
    v->verified->detail = detail;
    return result;
}

/* The number of headers of that name; the first one's value goes to ret_value. */
static size_t find_header(const struct vb_sigv4_request *request, const char *name, const char **ret_value)
{
    struct vb_text text = {name, strlen(name)};
    size_t found = 0;

    for (size_t i = 0; i < request->header_count; i++)
        if (vb_text_equal_nocase(text, request->headers[i].name) && found++ == 0)
            *ret_value = request->headers[i].value;
    return found;
}

/* Splits "key id/date/region/service/aws4_request" from its end, as a key id may hold slashes. */
static bool split_credential(struct claim *claim, struct vb_text credential)
{
    struct vb_text parts[4];
    size_t end = credential.length;

    for (size_t i = 4; i > 0; i--) {
        size_t start = end;

        while (start > 0 && credential.data[start - 1] != '/')
            start--;
        if (start == 0)
            return false;
        parts[i - 1] = (struct vb_text){credential.data + start, end - start};
        end = start - 1;
    }
    claim->access_key_id = (struct vb_text){credential.data, end};
    claim->date = parts[0];
    claim->region = parts[1];
    claim->service = parts[2];
    claim->scope = (struct vb_text){parts[0].data, credential.length - end - 1};
    return end > 0 && parts[0].length == 8 && vb_text_equal(parts[3], "aws4_request");
}

/* The query form's values stand percent-encoded in the query. */
static bool decode_value(struct verification *v, struct vb_text value, const char **ret_text)
{
    char *text = vb_arena_alloc(&v->arena, value.length + 1), *to = text;

    if (!text)
        return false;
    for (size_t i = 0; i < value.length; i++) {
        *to = value.data[i];
        if (*to == '%') { /* canonical: two digits follow */
            vb_hex_decode(value.data + i + 1, 2, to, 1);
            i += 2;
        }
        if (*to++ == '\0')
            return false;
    }
    *to = '\0';
    *ret_text = text;
    return true;
}

/* A parameter of the query form that must be there once. */
static bool query_value(struct verification *v, const char *name, const char **ret_text)
{
    struct vb_text value;

    return vb_canonical_query_find(&v->query, name, &value) == 1 && decode_value(v, value, ret_text);
}

static bool parse_expires(const char *text, int64_t *ret_expires_s)
{
    uint64_t expires_s;

    if (strlen(text) > 6 || vb_uint_parse(text, strlen(text), VB_SIGV4_EXPIRES_MAX_S, &expires_s) < 0)
        return false;
    *ret_expires_s = (int64_t)expires_s;
    return expires_s >= 1;
}

static enum vb_sigv4_result read_query_form(struct verification *v, struct vb_text signature)
{
    struct claim *claim = &v->claim;
    const char *algorithm, *credential, *date, *expires, *token;
    struct vb_text value;

    v->verified->presigned = true;
    if (!query_value(v, "X-Amz-Algorithm", &algorithm) || !query_value(v, "X-Amz-Credential", &credential) ||
        !query_value(v, "X-Amz-Date", &date) || !query_value(v, "X-Amz-Expires", &expires) ||
        !query_value(v, "X-Amz-SignedHeaders", &claim->signed_headers) || !signature.data)
        return fail(v, VB_SIGV4_MALFORMED,
                    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                    "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    if (strcmp(algorithm, ALGORITHM) != 0)
        return fail(v, VB_SIGV4_MALFORMED, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\".");
    if (!split_credential(claim, (struct vb_text){credential, strlen(credential)}))
        return fail(v, VB_SIGV4_MALFORMED,
                    "X-Amz-Credential must be \"<access key id>/<date>/<region>/s3/aws4_request\".");
    if (vb_clock_parse_amz_date(date, &claim->time_s) < 0)
        return fail(v, VB_SIGV4_MALFORMED, "X-Amz-Date must be in the form yyyyMMdd'T'HHmmss'Z'.");
    if (!parse_expires(expires, &claim->expires_s))
        return fail(v, VB_SIGV4_MALFORMED,
                    "X-Amz-Expires must be a number of seconds from 1 to 604800 (seven days).");
    memcpy(claim->amz_date, date, sizeof(claim->amz_date));
    claim->signature = signature;
    if (vb_canonical_query_find(&v->query, "X-Amz-Security-Token", &value) > 0) {
        if (!query_value(v, "X-Amz-Security-Token", &token))
            return fail(v, VB_SIGV4_BAD_TOKEN, "X-Amz-Security-Token must be given once.");
        claim->token = (struct vb_text){token, strlen(token)};
    }
    return VB_SIGV4_OK;
}

/* "Credential=…, SignedHeaders=…, Signature=…" in any order, with or without spaces around the commas. */
static bool parse_authorization(struct verification *v, const char *text)
{
    struct claim *claim = &v->claim;
    struct vb_text credential = {NULL, 0}, signed_headers = {NULL, 0};

    for (;;) {
        struct {
            const char *name;
            struct vb_text *value;
        } fields[] = {{"Credential=", &credential},
                      {"SignedHeaders=", &signed_headers},
                      {"Signature=", &claim->signature}};
        size_t i = 0, length;

        text += strspn(text, " \t");
        while (i < VB_ARRAY_SIZE(fields) && strncmp(text, fields[i].name, strlen(fields[i].name)) != 0)
            i++;
        if (i == VB_ARRAY_SIZE(fields) || fields[i].value->data)
            return false;
        text += strlen(fields[i].name);
        length = strcspn(text, ", \t");
        *fields[i].value = (struct vb_text){text, length};
        text += length;
        text += strspn(text, " \t");
        if (*text == '\0')
            break;
        if (*text++ != ',')
            return false;
    }
    if (!credential.data || !signed_headers.data || !claim->signature.data ||
        !split_credential(claim, credential))
        return false;
    claim->signed_headers = vb_arena_strndup(&v->arena, signed_headers.data, signed_headers.length);
    return claim->signed_headers != NULL;
}

/* When the request was signed: x-amz-date, or Date in either form. */
static bool read_date(struct verification *v)
{
    struct claim *claim = &v->claim;
    const char *date = NULL;
    size_t found = find_header(v->request, "x-amz-date", &date);

    if (found > 1 || (found == 1 && vb_clock_parse_amz_date(date, &claim->time_s) < 0))
        return false;
    if (found == 0 &&
        (find_header(v->request, "date", &date) != 1 || (vb_clock_parse_http_date(date, &claim->time_s) < 0 &&
                                                         vb_clock_parse_amz_date(date, &claim->time_s) < 0)))
        return false;
    vb_clock_format_amz_date(claim->time_s, claim->amz_date);
    return true;
}

static enum vb_sigv4_result read_header_form(struct verification *v, const char *authorization)
{
    const char *token = NULL;
    size_t length = strlen(ALGORITHM), found;

    if (strncmp(authorization, ALGORITHM, length) != 0 ||
        (authorization[length] != ' ' && authorization[length] != '\t'))
        return fail(
            v, VB_SIGV4_MALFORMED,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
    if (!parse_authorization(v, authorization + length))
        return fail(v, VB_SIGV4_MALFORMED,
                    "The Authorization header must be \"AWS4-HMAC-SHA256 Credential=<access key "
                    "id>/<date>/<region>/s3/aws4_request, SignedHeaders=<names>, Signature=<signature>\".");
    if (!read_date(v))
        return fail(v, VB_SIGV4_MALFORMED, "AWS authentication requires a valid Date or x-amz-date header.");
    found = find_header(v->request, "x-amz-security-token", &token);
    if (found > 1)
        return fail(v, VB_SIGV4_BAD_TOKEN, "x-amz-security-token must be given once.");
    if (found == 1)
        v->claim.token = (struct vb_text){token, strlen(token)};
    return VB_SIGV4_OK;
}

/* Finds out which form the request uses, if any, and reads its claim. */
static enum vb_sigv4_result read_claim(struct verification *v)
{
    const struct vb_sigv4_request *request = v->request;
    struct vb_text signature, value;
    const char *authorization = NULL;
    size_t headers = find_header(request, "authorization", &authorization);
    bool query_form;

    if (vb_canonical_query_parse(&v->arena, request->query ? request->query : "", &v->query, &signature) < 0)
        return fail(
            v, VB_SIGV4_MALFORMED,
            "The query string is malformed, names X-Amz-Signature twice or has more than 100 parameters.");
    query_form = signature.data || vb_canonical_query_find(&v->query, "X-Amz-Algorithm", &value) > 0 ||
                 vb_canonical_query_find(&v->query, "X-Amz-Credential", &value) > 0;
    if (headers + query_form > 1)
        return fail(
            v, VB_SIGV4_MALFORMED,
            "Only one authentication mechanism is allowed: one Authorization header, or query parameters.");
    if (query_form)
        return read_query_form(v, signature);
    if (headers == 1)
        return read_header_form(v, authorization);
    if (vb_canonical_query_find(&v->query, "AWSAccessKeyId", &value) > 0)
        return fail(
            v, VB_SIGV4_MALFORMED,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
    return fail(v, VB_SIGV4_ANONYMOUS, "The request is not signed.");
}

static bool is_payload_hash(const char *text)
{
    return strcmp(text, VB_SIGV4_UNSIGNED) == 0 || strcmp(text, VB_SIGV4_STREAMING) == 0 ||
           strcmp(text, VB_SIGV4_STREAMING_TRAILER) == 0 || strcmp(text, VB_SIGV4_UNSIGNED_TRAILER) == 0 ||
           (strspn(text, "0123456789abcdefABCDEF") == 64 && text[64] == '\0');
}

/* What was signed for the body. The query form signs no body unless its parameter or a signed header says so.
 */
static bool read_payload_hash(struct verification *v)
{
    struct vb_sigv4_verified *verified = v->verified;
    const char *hash = VB_SIGV4_UNSIGNED, *header = NULL;
    size_t found = find_header(v->request, "x-amz-content-sha256", &header);
    struct vb_text value;

    if (found == 0 && !verified->presigned)
        verified->detail = "Missing required header for this request: x-amz-content-sha256.";
    else
        verified->detail = "x-amz-content-sha256 must be given once: UNSIGNED-PAYLOAD, "
                           "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
                           "STREAMING-UNSIGNED-PAYLOAD-TRAILER or a SHA-256 in hexadecimal.";
    if (found > 1 || (found == 0 && !verified->presigned))
        return false;
    if (verified->presigned && vb_canonical_query_find(&v->query, "X-Amz-Content-Sha256", &value) > 0) {
        if (!query_value(v, "X-Amz-Content-Sha256", &hash))
            return false;
    } else if (!verified->presigned || vb_canonical_names_have(&v->names, "x-amz-content-sha256")) {
        hash = found ? header : hash;
    }
    if (!is_payload_hash(hash))
        return false;
    verified->detail = NULL;
    snprintf(verified->payload_hash, sizeof(verified->payload_hash), "%s", hash);
    return true;
}

/* Whether every x-amz-* header is signed. x-amz-content-sha256 is part of the canonical request in its own
 * right, as long as it says what was signed. */
static bool amz_headers_signed(const struct verification *v)
{
    for (size_t i = 0; i < v->request->header_count; i++) {
        const struct vb_sigv4_header *header = &v->request->headers[i];

        if (strncasecmp(header->name, "x-amz-", 6) != 0 || vb_canonical_names_have(&v->names, header->name))
            continue;
        if (strcasecmp(header->name, "x-amz-content-sha256") != 0 ||
            strcmp(header->value, v->verified->payload_hash) != 0)
            return false;
    }
    return true;
}

static enum vb_sigv4_result check_time(struct verification *v, int64_t now_s)
{
    const struct claim *claim = &v->claim;

    if (memcmp(claim->date.data, claim->amz_date, 8) != 0)
        return fail(v, VB_SIGV4_MALFORMED, "The date of the credential is not the date of the request.");
    if (!v->verified->presigned) {
        if (claim->time_s > now_s + VB_SIGV4_SKEW_MAX_S || claim->time_s < now_s - VB_SIGV4_SKEW_MAX_S)
            return fail(v, VB_SIGV4_SKEWED,
                        "The difference between the request time and the server's time is too large.");
        return VB_SIGV4_OK;
    }
    if (claim->time_s > now_s + VB_SIGV4_SKEW_MAX_S)
        return fail(v, VB_SIGV4_NOT_YET_VALID, "Request is not valid yet.");
    if (now_s > claim->time_s + claim->expires_s)
        return fail(v, VB_SIGV4_EXPIRED, "Request has expired.");
    return VB_SIGV4_OK;
}

/* The session token must be the credentials' own, or absent where they have none. */
static bool token_matches(const struct verification *v)
{
    const char *token = v->credentials->session_token ? v->credentials->session_token : "";

    if (!v->claim.token.data)
        return token[0] == '\0';
    return token[0] != '\0' &&
           vb_equal_constant_time(v->claim.token.data, v->claim.token.length, token, strlen(token));
}

/* Everything about the claim that can be judged without computing the signature. */
static enum vb_sigv4_result check_claim(struct verification *v, const char *region, int64_t now_s)
{
    const struct claim *claim = &v->claim;
    const char *key_id = v->credentials->access_key_id;
    enum vb_sigv4_result result;

    if (vb_canonical_names_parse(claim->signed_headers, &v->names) < 0 ||
        !vb_canonical_names_have(&v->names, "host"))
        return fail(v, VB_SIGV4_MALFORMED,
                    "SignedHeaders must name the host header and at most 100 headers.");
    if (!vb_equal_constant_time(claim->access_key_id.data, claim->access_key_id.length, key_id,
                                strlen(key_id)))
        return fail(v, VB_SIGV4_UNKNOWN_KEY,
                    "The AWS Access Key Id you provided does not exist in our records.");
    if (!vb_text_equal(claim->service, "s3"))
        return fail(v, VB_SIGV4_MALFORMED, "The credential's service must be \"s3\".");
    if (!vb_text_equal(claim->region, region) || claim->scope.length >= sizeof(v->verified->scope))
        return fail(v, VB_SIGV4_WRONG_REGION, "The credential names another region than this store's.");
    result = check_time(v, now_s);
    if (result != VB_SIGV4_OK)
        return result;
    if (!token_matches(v))
        return fail(v, VB_SIGV4_BAD_TOKEN, "The provided token is malformed or otherwise invalid.");
    if (!read_payload_hash(v))
        return VB_SIGV4_MALFORMED;
    if (!amz_headers_signed(v))
        return fail(v, VB_SIGV4_UNSIGNED_HEADER,
                    "There were headers present in the request which were not signed.");
    return VB_SIGV4_OK;
}

static enum vb_sigv4_result check_signature(struct verification *v, const char *region)
{
    struct vb_sigv4_verified *verified = v->verified;
    const struct vb_sigv4_request *request = v->request;
    struct vb_strbuf canonical VB_CLEANUP(vb_strbuf_release);
    struct vb_canonical_request parts = {.method = request->method,
                                         .query = &v->query,
                                         .headers = request->headers,
                                         .header_count = request->header_count,
                                         .signed_headers = v->claim.signed_headers,
                                         .names = &v->names,
                                         .payload_hash = verified->payload_hash};
    char hash[2 * VB_SHA256_SIZE + 1];
    const char *const lines[] = {ALGORITHM, verified->amz_date, verified->scope, hash};
    int r;

    vb_strbuf_init(&canonical, VB_CANONICAL_REQUEST_MAX);
    vb_strbuf_reserve(&canonical, 1024);
    if (vb_canonical_path(&v->arena, request->path, &parts.path) < 0)
        return fail(v, VB_SIGV4_MALFORMED, "The path is not percent-encoded as it should be.");
    r = vb_canonical_write(&parts, &canonical);
    if (r == -ENOENT)
        return fail(v, VB_SIGV4_MISMATCH, "A header that SignedHeaders names is missing from the request.");
    if (r < 0)
        return fail(v, VB_SIGV4_MALFORMED, "The request's headers are malformed or too large.");
    memcpy(verified->amz_date, v->claim.amz_date, sizeof(verified->amz_date));
    memcpy(verified->scope, v->claim.scope.data, v->claim.scope.length);
    verified->scope[v->claim.scope.length] = '\0';
    vb_sha256_hex(canonical.data, canonical.length, hash);
    vb_sigv4_signing_key(v->credentials->secret_access_key, verified->amz_date, region, "s3",
                         verified->signing_key);
    vb_sigv4_signature(verified->signing_key, lines, VB_ARRAY_SIZE(lines), verified->seed_signature);
    if (!vb_equal_constant_time(v->claim.signature.data, v->claim.signature.length, verified->seed_signature,
                                2 * VB_SHA256_SIZE))
        return fail(
            v, VB_SIGV4_MISMATCH,
            "The request signature we calculated does not match the signature you provided. Check your key "
            "and signing method.");
    return VB_SIGV4_OK;
}

enum vb_sigv4_result vb_sigv4_verify(const struct vb_sigv4_request *request,
                                     const struct vb_sigv4_credentials *credentials, const char *region,
                                     int64_t now_s, struct vb_sigv4_verified *ret_verified)
{
    struct verification v; /* not zeroed whole: its lists are large and have counts */
    enum vb_sigv4_result result;

    *ret_verified = (struct vb_sigv4_verified){0};
    vb_arena_init(&v.arena, VB_CANONICAL_ARENA_MAX);
    v.request = request;
    v.credentials = credentials;
    v.verified = ret_verified;
    v.claim = (struct claim){0};
    result = read_claim(&v);
    if (result == VB_SIGV4_OK)
        result = check_claim(&v, region, now_s);
    if (result == VB_SIGV4_OK)
        result = check_signature(&v, region);
    if (result !=
        VB_SIGV4_OK) { /* nothing of a request that failed is to be used, least of all the right signature */
        bool presigned = ret_verified->presigned;
        const char *detail = ret_verified->detail;

        explicit_bzero(ret_verified, sizeof(*ret_verified));
        ret_verified->presigned = presigned;
        ret_verified->detail = detail;
    }
    vb_arena_release(&v.arena);
    return result;
}
