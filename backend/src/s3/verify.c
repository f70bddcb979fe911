/* Verifying AWS Signature Version 4: see sigv4.h. What a request claims is read in claim.c. */
#include "s3/claim.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_payload_hash(const char *text)
{
    return strcmp(text, VB_SIGV4_UNSIGNED) == 0 || strcmp(text, VB_SIGV4_STREAMING) == 0 ||
           strcmp(text, VB_SIGV4_STREAMING_TRAILER) == 0 || strcmp(text, VB_SIGV4_UNSIGNED_TRAILER) == 0 ||
           (strspn(text, "0123456789abcdefABCDEF") == 64 && text[64] == '\0');
}

/* What was signed for the body. The query form signs no body unless its parameter or a signed header says so.
 */
static bool read_payload_hash(struct vb_sigv4_verification *v)
{
    struct vb_sigv4_verified *verified = v->verified;
    const char *hash = VB_SIGV4_UNSIGNED, *header = NULL;
    size_t found = vb_sigv4_header_find(v->request, "x-amz-content-sha256", &header);
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
        if (!vb_sigv4_query_value(v, "X-Amz-Content-Sha256", &hash))
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
static bool amz_headers_signed(const struct vb_sigv4_verification *v)
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

static enum vb_sigv4_result check_time(struct vb_sigv4_verification *v, int64_t now_s)
{
    const struct vb_sigv4_claim *claim = &v->claim;

    if (memcmp(claim->date.data, claim->amz_date, 8) != 0)
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED,
                             "The date of the credential is not the date of the request.");
    if (!v->verified->presigned) {
        if (claim->time_s > now_s + VB_SIGV4_SKEW_MAX_S || claim->time_s < now_s - VB_SIGV4_SKEW_MAX_S)
            return vb_sigv4_fail(
                v, VB_SIGV4_SKEWED,
                "The difference between the request time and the server's time is too large.");
        return VB_SIGV4_OK;
    }
    if (claim->time_s > now_s + VB_SIGV4_SKEW_MAX_S)
        return vb_sigv4_fail(v, VB_SIGV4_NOT_YET_VALID, "Request is not valid yet.");
    if (now_s > claim->time_s + claim->expires_s)
        return vb_sigv4_fail(v, VB_SIGV4_EXPIRED, "Request has expired.");
    return VB_SIGV4_OK;
}

/* The session token must be the credentials' own, or absent where they have none. */
static bool token_matches(const struct vb_sigv4_verification *v)
{
    const char *token = v->credentials->session_token ? v->credentials->session_token : "";

    if (!v->claim.token.data)
        return token[0] == '\0';
    return token[0] != '\0' &&
           vb_equal_constant_time(v->claim.token.data, v->claim.token.length, token, strlen(token));
}

/* The checks of the claim that need no signature. */
static enum vb_sigv4_result check_claim(struct vb_sigv4_verification *v, const char *region, int64_t now_s)
{
    const struct vb_sigv4_claim *claim = &v->claim;
    const char *key_id = v->credentials->access_key_id;
    enum vb_sigv4_result result;

    if (vb_canonical_names_parse(claim->signed_headers, &v->names) < 0 ||
        !vb_canonical_names_have(&v->names, "host"))
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED,
                             "SignedHeaders must name the host header and at most 100 headers.");
    if (!vb_equal_constant_time(claim->access_key_id.data, claim->access_key_id.length, key_id,
                                strlen(key_id)))
        return vb_sigv4_fail(v, VB_SIGV4_UNKNOWN_KEY,
                             "The AWS Access Key Id you provided does not exist in our records.");
    if (!vb_text_equal(claim->service, "s3"))
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED, "The credential's service must be \"s3\".");
    if (!vb_text_equal(claim->region, region) || claim->scope.length >= sizeof(v->verified->scope))
        return vb_sigv4_fail(v, VB_SIGV4_WRONG_REGION,
                             "The credential names another region than this store's.");
    result = check_time(v, now_s);
    if (result != VB_SIGV4_OK)
        return result;
    if (!token_matches(v))
        return vb_sigv4_fail(v, VB_SIGV4_BAD_TOKEN, "The provided token is malformed or otherwise invalid.");
    if (!read_payload_hash(v))
        return VB_SIGV4_MALFORMED;
    if (!amz_headers_signed(v))
        return vb_sigv4_fail(v, VB_SIGV4_UNSIGNED_HEADER,
                             "There were headers present in the request which were not signed.");
    return VB_SIGV4_OK;
}

static enum vb_sigv4_result check_signature(struct vb_sigv4_verification *v, const char *region)
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
    const char *const lines[] = {VB_SIGV4_ALGORITHM, verified->amz_date, verified->scope, hash};
    int r;

    vb_strbuf_init(&canonical, VB_CANONICAL_REQUEST_MAX);
    vb_strbuf_reserve(&canonical, 1024);
    if (vb_canonical_path(&v->arena, request->path, &parts.path) < 0)
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED, "The path is not percent-encoded as it should be.");
    r = vb_canonical_write(&parts, &canonical);
    if (r == -ENOENT)
        return vb_sigv4_fail(v, VB_SIGV4_MISMATCH,
                             "A header that SignedHeaders names is missing from the request.");
    if (r < 0)
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED, "The request's headers are malformed or too large.");
    memcpy(verified->amz_date, v->claim.amz_date, sizeof(verified->amz_date));
    memcpy(verified->scope, v->claim.scope.data, v->claim.scope.length);
    verified->scope[v->claim.scope.length] = '\0';
    vb_sha256_hex(canonical.data, canonical.length, hash);
    vb_sigv4_signing_key(v->credentials->secret_access_key, verified->amz_date, region, "s3",
                         verified->signing_key);
    vb_sigv4_signature(verified->signing_key, lines, VB_ARRAY_SIZE(lines), verified->seed_signature);
    if (!vb_equal_constant_time(v->claim.signature.data, v->claim.signature.length, verified->seed_signature,
                                2 * VB_SHA256_SIZE))
        return vb_sigv4_fail(
            v, VB_SIGV4_MISMATCH,
            "The request signature we calculated does not match the signature you provided. Check your key "
            "and signing method.");
    return VB_SIGV4_OK;
}

enum vb_sigv4_result vb_sigv4_verify(const struct vb_sigv4_request *request,
                                     const struct vb_sigv4_credentials *credentials, const char *region,
                                     int64_t now_s, struct vb_sigv4_verified *ret_verified)
{
    struct vb_sigv4_verification v; /* not zeroed whole: its lists are large and have counts */
    enum vb_sigv4_result result;

    *ret_verified = (struct vb_sigv4_verified){0};
    vb_arena_init(&v.arena, VB_CANONICAL_ARENA_MAX);
    v.request = request;
    v.credentials = credentials;
    v.verified = ret_verified;
    v.claim = (struct vb_sigv4_claim){0};
    result = vb_sigv4_claim_read(&v);
    if (result == VB_SIGV4_OK)
        result = check_claim(&v, region, now_s);
    if (result == VB_SIGV4_OK)
        result = check_signature(&v, region);
    if (result !=
        VB_SIGV4_OK) { /* a failed request leaves nothing behind, least of all the right signature */
        bool presigned = ret_verified->presigned;
        const char *detail = ret_verified->detail;

        explicit_bzero(ret_verified, sizeof(*ret_verified));
        ret_verified->presigned = presigned;
        ret_verified->detail = detail;
    }
    vb_arena_release(&v.arena);
    return result;
}
