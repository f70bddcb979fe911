/* Reading what a request claims about its signature, in header and query form: see claim.h. */
#include "s3/claim.h"

#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"

#include <string.h>

enum vb_sigv4_result vb_sigv4_fail(struct vb_sigv4_verification *v, enum vb_sigv4_result result,
                                   const char *detail)
{
    v->verified->detail = detail;
    return result;
}

size_t vb_sigv4_header_find(const struct vb_sigv4_request *request, const char *name, const char **ret_value)
{
    struct vb_text text = {name, strlen(name)};
    size_t found = 0;

    for (size_t i = 0; i < request->header_count; i++)
        if (vb_text_equal_nocase(text, request->headers[i].name) && found++ == 0)
            *ret_value = request->headers[i].value;
    return found;
}

/* Splits "key id/date/region/service/aws4_request" from its end, as a key id may hold slashes. */
static bool split_credential(struct vb_sigv4_claim *claim, struct vb_text credential)
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
static bool decode_value(struct vb_sigv4_verification *v, struct vb_text value, const char **ret_text)
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

bool vb_sigv4_query_value(struct vb_sigv4_verification *v, const char *name, const char **ret_text)
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

static enum vb_sigv4_result read_query_form(struct vb_sigv4_verification *v, struct vb_text signature)
{
    struct vb_sigv4_claim *claim = &v->claim;
    const char *algorithm, *credential, *date, *expires, *token;
    struct vb_text value;

    v->verified->presigned = true;
    if (!vb_sigv4_query_value(v, "X-Amz-Algorithm", &algorithm) ||
        !vb_sigv4_query_value(v, "X-Amz-Credential", &credential) ||
        !vb_sigv4_query_value(v, "X-Amz-Date", &date) ||
        !vb_sigv4_query_value(v, "X-Amz-Expires", &expires) ||
        !vb_sigv4_query_value(v, "X-Amz-SignedHeaders", &claim->signed_headers) || !signature.data)
        return vb_sigv4_fail(
            v, VB_SIGV4_MALFORMED,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
    if (strcmp(algorithm, VB_SIGV4_ALGORITHM) != 0)
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\".");
    if (!split_credential(claim, (struct vb_text){credential, strlen(credential)}))
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED,
                             "X-Amz-Credential must be \"<access key id>/<date>/<region>/s3/aws4_request\".");
    if (vb_clock_parse_amz_date(date, &claim->time_s) < 0)
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED, "X-Amz-Date must be in the form yyyyMMdd'T'HHmmss'Z'.");
    if (!parse_expires(expires, &claim->expires_s))
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED,
                             "X-Amz-Expires must be a number of seconds from 1 to 604800 (seven days).");
    memcpy(claim->amz_date, date, sizeof(claim->amz_date));
    claim->signature = signature;
    if (vb_canonical_query_find(&v->query, "X-Amz-Security-Token", &value) > 0) {
        if (!vb_sigv4_query_value(v, "X-Amz-Security-Token", &token))
            return vb_sigv4_fail(v, VB_SIGV4_BAD_TOKEN, "X-Amz-Security-Token must be given once.");
        claim->token = (struct vb_text){token, strlen(token)};
    }
    return VB_SIGV4_OK;
}

/* "Credential=…, SignedHeaders=…, Signature=…" in any order, with or without spaces around the commas. */
static bool parse_authorization(struct vb_sigv4_verification *v, const char *text)
{
    struct vb_sigv4_claim *claim = &v->claim;
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
static bool read_date(struct vb_sigv4_verification *v)
{
    struct vb_sigv4_claim *claim = &v->claim;
    const char *date = NULL;
    size_t found = vb_sigv4_header_find(v->request, "x-amz-date", &date);

    if (found > 1 || (found == 1 && vb_clock_parse_amz_date(date, &claim->time_s) < 0))
        return false;
    if (found == 0 && (vb_sigv4_header_find(v->request, "date", &date) != 1 ||
                       (vb_clock_parse_http_date(date, &claim->time_s) < 0 &&
                        vb_clock_parse_amz_date(date, &claim->time_s) < 0)))
        return false;
    vb_clock_format_amz_date(claim->time_s, claim->amz_date);
    return true;
}

static enum vb_sigv4_result read_header_form(struct vb_sigv4_verification *v, const char *authorization)
{
    const char *token = NULL;
    size_t length = strlen(VB_SIGV4_ALGORITHM), found;

    if (strncmp(authorization, VB_SIGV4_ALGORITHM, length) != 0 ||
        (authorization[length] != ' ' && authorization[length] != '\t'))
        return vb_sigv4_fail(
            v, VB_SIGV4_MALFORMED,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
    if (!parse_authorization(v, authorization + length))
        return vb_sigv4_fail(
            v, VB_SIGV4_MALFORMED,
            "The Authorization header must be \"AWS4-HMAC-SHA256 Credential=<access key "
            "id>/<date>/<region>/s3/aws4_request, SignedHeaders=<names>, Signature=<signature>\".");
    if (!read_date(v))
        return vb_sigv4_fail(v, VB_SIGV4_MALFORMED,
                             "AWS authentication requires a valid Date or x-amz-date header.");
    found = vb_sigv4_header_find(v->request, "x-amz-security-token", &token);
    if (found > 1)
        return vb_sigv4_fail(v, VB_SIGV4_BAD_TOKEN, "x-amz-security-token must be given once.");
    if (found == 1)
        v->claim.token = (struct vb_text){token, strlen(token)};
    return VB_SIGV4_OK;
}

enum vb_sigv4_result vb_sigv4_claim_read(struct vb_sigv4_verification *v)
{
    const struct vb_sigv4_request *request = v->request;
    struct vb_text signature, value;
    const char *authorization = NULL;
    size_t headers = vb_sigv4_header_find(request, "authorization", &authorization);
    bool query_form;

    if (vb_canonical_query_parse(&v->arena, request->query ? request->query : "", &v->query, &signature) < 0)
        return vb_sigv4_fail(
            v, VB_SIGV4_MALFORMED,
            "The query string is malformed, names X-Amz-Signature twice or has more than 100 parameters.");
    query_form = signature.data || vb_canonical_query_find(&v->query, "X-Amz-Algorithm", &value) > 0 ||
                 vb_canonical_query_find(&v->query, "X-Amz-Credential", &value) > 0;
    if (headers + query_form > 1)
        return vb_sigv4_fail(
            v, VB_SIGV4_MALFORMED,
            "Only one authentication mechanism is allowed: one Authorization header, or query parameters.");
    if (query_form)
        return read_query_form(v, signature);
    if (headers == 1)
        return read_header_form(v, authorization);
    if (vb_canonical_query_find(&v->query, "AWSAccessKeyId", &value) > 0)
        return vb_sigv4_fail(
            v, VB_SIGV4_MALFORMED,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
    return vb_sigv4_fail(v, VB_SIGV4_ANONYMOUS, "The request is not signed.");
}
