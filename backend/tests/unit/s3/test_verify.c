/* What the verification of SigV4 must refuse. */
#include "sigv4_fixture.h"

#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void authorization_may_be_spaced_and_ordered_freely(void **state)
{
    static const char *const forms[] = {
        "AWS4-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s",
        "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s",
        "AWS4-HMAC-SHA256\t  Credential=%s ,  SignedHeaders=%s\t,Signature=%s  ",
    };
    static const char *const broken[] = {
        "AWS4-HMAC-SHA256Credential=%s, SignedHeaders=%s, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=%s; SignedHeaders=%s; Signature=%s",
        "AWS4-HMAC-SHA256 Credential=%s SignedHeaders=%s Signature=%s",
        "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s,",
        "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s, Signature=00",
        "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Other=1, Signature=%s",
        "AWS4-HMAC-SHA256 Credential=/%s, SignedHeaders=;%s, Signature=%s",
        "AWS4-ECDSA-P256-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s",
        "AWS %s:%s%s",
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=00",
        "Basic dXNlcjpwYXNz",
    };
    struct signed_request s;
    char credential[200], names[200], signature[200], text[1000];

    (void)state;
    sign_request(&s, &doc_credentials, NULL);
    assert_int_equal(sscanf(s.authorization.data,
                            "AWS4-HMAC-SHA256 Credential=%199[^,], SignedHeaders=%199[^,], Signature=%199s",
                            credential, names, signature),
                     3);
    s.headers[s.request.header_count - 1].value = text;
    for (size_t i = 0; i < VB_ARRAY_SIZE(forms) + VB_ARRAY_SIZE(broken); i++) {
        bool good = i < VB_ARRAY_SIZE(forms);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), good ? forms[i] : broken[i - VB_ARRAY_SIZE(forms)], credential, names,
                 signature);
#pragma GCC diagnostic pop
        assert_int_equal(verify(&s), good ? VB_SIGV4_OK : VB_SIGV4_MALFORMED);
    }
    snprintf(text, sizeof(text), "AWS4-HMAC-SHA256 Signature=%s,Credential=%s,SignedHeaders=%s", signature,
             credential, names);
    assert_int_equal(verify(&s), VB_SIGV4_OK);
    vb_strbuf_release(&s.authorization);
}

/* Verifies s with one header's value replaced. */
static enum vb_sigv4_result verify_with(struct signed_request *s, const char *name, const char *value)
{
    struct signed_request bent = *s;

    bent.request.headers = bent.headers;
    for (size_t i = 0; i < bent.request.header_count; i++)
        if (strcasecmp(bent.headers[i].name, name) == 0)
            bent.headers[i].value = value;
    return verify(&bent);
}

static void each_failure_has_its_own_result(void **state)
{
    struct signed_request s;
    struct vb_sigv4_verified verified;
    struct vb_sigv4_credentials other = doc_credentials;
    char *text;

    (void)state;
    sign_request(&s, &doc_credentials, NULL);
    assert_int_equal(verify(&s), VB_SIGV4_OK);
    assert_int_equal(vb_sigv4_verify(&s.request, &doc_credentials, "eu-central-1", DOC_TIME_S, &verified),
                     VB_SIGV4_WRONG_REGION);
    other.access_key_id = "AKIAOTHER";
    assert_int_equal(vb_sigv4_verify(&s.request, &other, "us-east-1", DOC_TIME_S, &verified),
                     VB_SIGV4_UNKNOWN_KEY);
    other = doc_credentials, other.secret_access_key = "wrong";
    assert_int_equal(vb_sigv4_verify(&s.request, &other, "us-east-1", DOC_TIME_S, &verified),
                     VB_SIGV4_MISMATCH);
    assert_string_equal(verified.seed_signature, ""); /* the right one is not given away */
    for (int64_t sign = -1; sign <= 1; sign += 2) {
        assert_int_equal(
            vb_sigv4_verify(&s.request, &doc_credentials, "us-east-1", DOC_TIME_S + sign * 900, &verified),
            VB_SIGV4_OK);
        assert_int_equal(
            vb_sigv4_verify(&s.request, &doc_credentials, "us-east-1", DOC_TIME_S + sign * 901, &verified),
            VB_SIGV4_SKEWED);
    }
    assert_int_equal(verify_with(&s, "x-amz-date", "20130524T000001Z"), VB_SIGV4_MISMATCH);
    assert_int_equal(verify_with(&s, "x-amz-date", "20130523T235959Z"),
                     VB_SIGV4_MALFORMED); /* not the scope's day */
    assert_int_equal(verify_with(&s, "x-amz-date", "yesterday"), VB_SIGV4_MALFORMED);
    assert_int_equal(verify_with(&s, "x-amz-content-sha256", VB_SIGV4_UNSIGNED), VB_SIGV4_MISMATCH);
    assert_int_equal(verify_with(&s, "x-amz-content-sha256", "abc"), VB_SIGV4_MALFORMED);
    assert_int_equal(verify_with(&s, "host", "other"), VB_SIGV4_MISMATCH);
    text = strstr(s.authorization.data, "/s3/");
    memcpy(text, "/ec/", 4);
    assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
    memcpy(text, "/s3/", 4);
    text = strstr(s.authorization.data, "SignedHeaders=host;");
    memcpy(text, "SignedHeaders=hosx;", 19);
    assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
    s.request.header_count--;
    assert_int_equal(verify(&s), VB_SIGV4_ANONYMOUS);
    s.request.query = "AWSAccessKeyId=a&Signature=b&Expires=1";
    assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
    vb_strbuf_release(&s.authorization);
}

static void both_forms_at_once_are_refused(void **state)
{
    struct signed_request s;

    (void)state;
    sign_request(&s, &doc_credentials, NULL);
    s.request.query = "a=1&b=2&X-Amz-Signature=00";
    assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
    s.request.query = "a=1&b=2";
    assert_int_equal(verify(&s), VB_SIGV4_OK);
    add_header(&s, "Authorization", s.authorization.data);
    assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
    vb_strbuf_release(&s.authorization);
}

static void amz_headers_must_be_signed(void **state)
{
    struct signed_request s;

    (void)state;
    sign_request(&s, &doc_credentials, NULL);
    add_header(&s, "Content-Type", "text/plain");
    add_header(&s, "X-Amzn-Trace-Id", "Root=1"); /* what an AWS load balancer adds */
    assert_int_equal(verify(&s), VB_SIGV4_OK);
    add_header(&s, "X-AMZ-Copy-Source", "/bucket/secret");
    assert_int_equal(verify(&s), VB_SIGV4_UNSIGNED_HEADER);
    vb_strbuf_release(&s.authorization);
}

static void the_date_header_serves_without_x_amz_date(void **state)
{
    static const char *const dates[] = {"Fri, 24 May 2013 00:00:00 GMT", DOC_DATE};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(dates); i++) {
        struct signed_request s;
        struct vb_strbuf canonical;
        unsigned char key[VB_SHA256_SIZE];
        char hash[65], signature[65], authorization[400];
        const char *const lines[] = {"AWS4-HMAC-SHA256", DOC_DATE, "20130524/us-east-1/s3/aws4_request",
                                     hash};

        sign_request(&s, &doc_credentials, NULL);
        s.headers[1] = (struct vb_sigv4_header){"Date", dates[i]};
        vb_strbuf_init(&canonical, 4096);
        assert_int_equal(vb_sigv4_canonical_request(&s.request, "date;host;x-amz-content-sha256", &canonical),
                         0);
        vb_sha256_hex(canonical.data, canonical.length, hash);
        vb_sigv4_signing_key(doc_credentials.secret_access_key, "20130524", "us-east-1", "s3", key);
        vb_sigv4_signature(key, lines, VB_ARRAY_SIZE(lines), signature);
        snprintf(authorization, sizeof(authorization),
                 "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                 "SignedHeaders=date;host;x-amz-content-sha256,Signature=%s",
                 signature);
        s.headers[3].value = authorization;
        assert_int_equal(verify(&s), VB_SIGV4_OK);
        s.headers[1].name = "X-Other";
        assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
        vb_strbuf_release(&canonical);
        vb_strbuf_release(&s.authorization);
    }
}

static void the_header_form_needs_a_payload_hash(void **state)
{
    struct vb_sigv4_verified verified;
    struct signed_request s;

    (void)state;
    sign_request(&s, &doc_credentials, NULL);
    s.headers[2].name = "X-Other";
    assert_int_equal(vb_sigv4_verify(&s.request, &doc_credentials, "us-east-1", DOC_TIME_S, &verified),
                     VB_SIGV4_MALFORMED);
    assert_string_equal(verified.detail, "Missing required header for this request: x-amz-content-sha256.");
    vb_strbuf_release(&s.authorization);
}

static void session_token_must_be_the_credentials_own(void **state)
{
    struct vb_sigv4_credentials other = token_credentials;
    struct vb_sigv4_verified verified;
    struct signed_request s;

    (void)state;
    sign_request(&s, &token_credentials, NULL);
    assert_int_equal(vb_sigv4_verify(&s.request, &token_credentials, "us-east-1", DOC_TIME_S, &verified),
                     VB_SIGV4_OK);
    assert_int_equal(verify(&s), VB_SIGV4_BAD_TOKEN); /* none expected */
    other.session_token = "FwoGZXIvYXdzE/+a=a";
    assert_int_equal(vb_sigv4_verify(&s.request, &other, "us-east-1", DOC_TIME_S, &verified),
                     VB_SIGV4_BAD_TOKEN);
    vb_strbuf_release(&s.authorization);
    sign_request(&s, &doc_credentials, NULL); /* none given */
    assert_int_equal(vb_sigv4_verify(&s.request, &token_credentials, "us-east-1", DOC_TIME_S, &verified),
                     VB_SIGV4_BAD_TOKEN);
    vb_strbuf_release(&s.authorization);
}

static void query_form_needs_each_parameter_once(void **state)
{
    static const char *const parameters[] = {"X-Amz-Algorithm", "X-Amz-Credential",    "X-Amz-Date",
                                             "X-Amz-Expires",   "X-Amz-SignedHeaders", "X-Amz-Signature"};
    struct vb_presign presign = {.method = "GET",
                                 .scheme = "https",
                                 .host = "h",
                                 .path = "/k",
                                 .query = "",
                                 .region = "us-east-1",
                                 .time_s = DOC_TIME_S,
                                 .expires_s = 60};
    struct vb_sigv4_verified verified;
    struct vb_strbuf url, bent;

    (void)state;
    vb_strbuf_init(&url, 4096);
    vb_strbuf_init(&bent, 8192);
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), 0);
    for (size_t i = 0; i < VB_ARRAY_SIZE(parameters); i++) {
        char *at = strstr(url.data, parameters[i]);
        int length = (int)strcspn(at, "&");

        vb_strbuf_clear(&bent);
        vb_strbuf_addf(&bent, "%.*sx%s", (int)(at - url.data), url.data, at); /* renamed: missing */
        assert_int_equal(verify_url(bent.data, "GET", NULL, &doc_credentials, DOC_TIME_S, &verified),
                         VB_SIGV4_MALFORMED);
        vb_strbuf_clear(&bent);
        vb_strbuf_addf(&bent, "%s&%.*s", url.data, length, at); /* twice */
        assert_int_equal(verify_url(bent.data, "GET", NULL, &doc_credentials, DOC_TIME_S, &verified),
                         VB_SIGV4_MALFORMED);
    }
    vb_strbuf_release(&url);
    vb_strbuf_release(&bent);
}

static void query_form_bounds_expiry(void **state)
{
    static const struct {
        const char *expires;
        enum vb_sigv4_result result;
    } cases[] = {{"1", VB_SIGV4_MISMATCH},    {"604800", VB_SIGV4_MISMATCH},
                 {"0", VB_SIGV4_MALFORMED},   {"604801", VB_SIGV4_MALFORMED},
                 {"-1", VB_SIGV4_MALFORMED},  {"", VB_SIGV4_MALFORMED},
                 {"1e3", VB_SIGV4_MALFORMED}, {"99999999999999999999", VB_SIGV4_MALFORMED}};
    struct vb_sigv4_verified verified;

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        char url[1000];

        snprintf(url, sizeof(url),
                 "https://h/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/"
                 "20130524/us-east-1/s3/"
                 "aws4_request&X-Amz-Date=" DOC_DATE
                 "&X-Amz-Expires=%s&X-Amz-SignedHeaders=host&X-Amz-Signature=%064d",
                 cases[i].expires, 0);
        assert_int_equal(verify_url(url, "GET", NULL, &doc_credentials, DOC_TIME_S, &verified),
                         cases[i].result);
    }
}

static void too_many_headers_or_parameters_are_malformed(void **state)
{
    struct vb_strbuf query, names;
    struct signed_request s;
    char authorization[2000];

    (void)state;
    vb_strbuf_init(&query, 10000);
    vb_strbuf_init(&names, 1000);
    sign_request(&s, &doc_credentials, NULL);
    for (int i = 0; i < 101; i++)
        vb_strbuf_addf(&query, "p%d&", i);
    s.request.query = query.data;
    assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
    vb_strbuf_adds(&names, "host");
    for (int i = 0; i < 100; i++)
        vb_strbuf_adds(&names, ";a");
    snprintf(authorization, sizeof(authorization),
             "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
             "SignedHeaders=%s,Signature=00",
             names.data);
    s.request.query = "";
    s.headers[s.request.header_count - 1].value = authorization;
    assert_int_equal(verify(&s), VB_SIGV4_MALFORMED);
    vb_strbuf_release(&query);
    vb_strbuf_release(&names);
    vb_strbuf_release(&s.authorization);
}

/* Random text, percent-encoded in one of the ways that clients know. */
static void random_encoded(struct vb_strbuf *out, uint32_t max)
{
    for (uint32_t i = vb_random_below(max); i > 0; i--) {
        unsigned c = 1 + vb_random_below(255);

        if (vb_random_below(3) == 0 || c <= ' ' || c >= 127 || strchr("%&=?#+", (int)c))
            vb_strbuf_addf(out, vb_random_below(2) ? "%%%02X" : "%%%02x", c);
        else
            vb_strbuf_addc(out, (char)c);
    }
}

static void random_query(struct vb_strbuf *out)
{
    for (uint32_t i = vb_random_below(6); i > 0; i--) {
        random_encoded(out, 8);
        if (vb_random_below(4))
            vb_strbuf_addc(out, '=');
        random_encoded(out, 12);
        vb_strbuf_addc(out, '&');
    }
}

static void random_requests_verify_and_any_changed_byte_does_not(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct signed_request s;
        struct vb_strbuf path, query;
        char *bent;
        uint32_t at;

        vb_strbuf_init(&path, 10000);
        vb_strbuf_init(&query, 10000);
        vb_strbuf_adds(&path, "/");
        random_encoded(&path, 30);
        random_query(&query);
        sign_request(&s, &doc_credentials, NULL);
        s.request.header_count--;
        s.request.path = path.data;
        s.request.query = query.data;
        vb_strbuf_clear(&s.authorization);
        assert_int_equal(
            vb_sigv4_sign(&s.request, &doc_credentials, "us-east-1", "s3", DOC_TIME_S, &s.authorization), 0);
        add_header(&s, "Authorization", s.authorization.data);
        assert_int_equal(verify(&s), VB_SIGV4_OK);

        bent = strdup(path.data); /* another path: a digit more */
        vb_strbuf_addc(&path, (char)('0' + vb_random_below(10)));
        s.request.path = path.data;
        assert_int_equal(verify(&s), VB_SIGV4_MISMATCH);
        s.request.path = bent;
        assert_int_equal(verify(&s), VB_SIGV4_OK);
        vb_strbuf_adds(&query, "q");
        s.request.query = query.data;
        assert_int_equal(verify(&s), VB_SIGV4_MISMATCH);
        query.data[query.length - 1] = '\0';
        assert_int_equal(verify(&s), VB_SIGV4_OK);
        at = vb_random_below((uint32_t)s.authorization.length); /* any byte of the signature's own header */
        s.authorization.data[at] ^= (char)(1 << vb_random_below(5));
        assert_int_not_equal(verify(&s), VB_SIGV4_OK);
        free(bent);
        vb_strbuf_release(&path);
        vb_strbuf_release(&query);
        vb_strbuf_release(&s.authorization);
    }
}

/* Changing any single byte of a presigned URL, host, path or query, makes it fail. */
static void any_changed_byte_of_a_presigned_url_fails(void **state)
{
    const struct vb_presign presign = {.method = "GET",
                                       .scheme = "https",
                                       .host = "bucket.example",
                                       .path = "/photos/a-b_c.jpg",
                                       .query = "versionId=abc",
                                       .region = "us-east-1",
                                       .time_s = DOC_TIME_S,
                                       .expires_s = 60};
    struct vb_sigv4_verified verified;
    struct vb_strbuf url;

    (void)state;
    vb_strbuf_init(&url, 4096);
    assert_int_equal(vb_sigv4_presign(&presign, &token_credentials, &url), 0);
    for (size_t i = strlen("https://"); i < url.length; i++) {
        char original = url.data[i];

        if (strchr("/?&", original)) /* would change what is path and what is query */
            continue;
        url.data[i] = original == 'x' ? 'y' : 'x';
        assert_int_not_equal(verify_url(url.data, "GET", NULL, &token_credentials, DOC_TIME_S, &verified),
                             VB_SIGV4_OK);
        url.data[i] = original;
    }
    assert_int_equal(verify_url(url.data, "GET", NULL, &token_credentials, DOC_TIME_S, &verified),
                     VB_SIGV4_OK);
    vb_strbuf_release(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorization_may_be_spaced_and_ordered_freely),
        cmocka_unit_test(each_failure_has_its_own_result),
        cmocka_unit_test(both_forms_at_once_are_refused),
        cmocka_unit_test(amz_headers_must_be_signed),
        cmocka_unit_test(the_date_header_serves_without_x_amz_date),
        cmocka_unit_test(the_header_form_needs_a_payload_hash),
        cmocka_unit_test(session_token_must_be_the_credentials_own),
        cmocka_unit_test(query_form_needs_each_parameter_once),
        cmocka_unit_test(query_form_bounds_expiry),
        cmocka_unit_test(too_many_headers_or_parameters_are_malformed),
        cmocka_unit_test(random_requests_verify_and_any_changed_byte_does_not),
        cmocka_unit_test(any_changed_byte_of_a_presigned_url_fails),
    };

    return cmocka_run_group_tests_name("s3/verify", tests, NULL, NULL);
}
