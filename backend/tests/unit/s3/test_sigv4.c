/* SigV4: published vectors, botocore's signatures, and presigned URLs. */
#include "sigv4_fixture.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct botocore_vector {
    const char *what, *method, *path, *query;
    bool with_token;
    struct vb_sigv4_header headers[HEADERS_MAX];
};
#include "botocore_vectors.h"

/* "Examples: Signature Calculations" in "Signature Calculations for the Authorization Header" (S3 API
 * Reference) */
static const struct {
    const char *method, *path, *query, *payload_hash, *signature;
    struct vb_sigv4_header headers[8];
} s3_examples[] = {
    {"GET",
     "/test.txt",
     "",
     EMPTY_SHA256,
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
     {{"Host", DOC_HOST},
      {"Range", "bytes=0-9"},
      {"x-amz-content-sha256", EMPTY_SHA256},
      {"x-amz-date", DOC_DATE}}},
    {"PUT",
     "/test$file.text",
     "",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
     {{"Host", DOC_HOST},
      {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"x-amz-date", DOC_DATE},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}}},
    {"GET",
     "/",
     "lifecycle",
     EMPTY_SHA256,
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
     {{"Host", DOC_HOST}, {"x-amz-date", DOC_DATE}, {"x-amz-content-sha256", EMPTY_SHA256}}},
    {"GET",
     "/",
     "prefix=J&max-keys=2",
     EMPTY_SHA256,
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
     {{"Host", DOC_HOST}, {"x-amz-date", DOC_DATE}, {"x-amz-content-sha256", EMPTY_SHA256}}},
    /* "Transferring Payload in Multiple Chunks": the seed signature */
    {"PUT",
     "/examplebucket/chunkObject.txt",
     "",
     VB_SIGV4_STREAMING,
     "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
     {{"Host", "s3.amazonaws.com"},
      {"x-amz-date", DOC_DATE},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", VB_SIGV4_STREAMING},
      {"Content-Encoding", "aws-chunked"},
      {"x-amz-decoded-content-length", "66560"},
      {"Content-Length", "66824"}}},
    /* "Including trailing headers": the seed signature */
    {"PUT",
     "/examplebucket/chunkObject.txt",
     "",
     VB_SIGV4_STREAMING_TRAILER,
     "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
     {{"Host", "s3.amazonaws.com"},
      {"x-amz-date", DOC_DATE},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", VB_SIGV4_STREAMING_TRAILER},
      {"Content-Encoding", "aws-chunked"},
      {"x-amz-decoded-content-length", "66560"},
      {"x-amz-trailer", "x-amz-checksum-crc32c"}}},
};

static void s3_documentation_examples_are_signed_and_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(s3_examples); i++) {
        struct signed_request s = {.request = make_request(s3_examples[i].method, s3_examples[i].path,
                                                           s3_examples[i].query, s3_examples[i].headers)};
        struct vb_sigv4_verified verified;

        vb_strbuf_init(&s.authorization, 4096);
        s.request.payload_hash = s3_examples[i].payload_hash;
        assert_int_equal(
            vb_sigv4_sign(&s.request, &doc_credentials, "us-east-1", "s3", DOC_TIME_S, &s.authorization), 0);
        assert_non_null(strstr(s.authorization.data, s3_examples[i].signature));
        memcpy(s.headers, s3_examples[i].headers, sizeof(s3_examples[i].headers));
        s.request.headers = s.headers;
        add_header(&s, "Authorization", s.authorization.data);
        assert_int_equal(vb_sigv4_verify(&s.request, &doc_credentials, "us-east-1", DOC_TIME_S, &verified),
                         VB_SIGV4_OK);
        assert_false(verified.presigned);
        assert_string_equal(verified.payload_hash, s3_examples[i].payload_hash);
        assert_string_equal(verified.seed_signature, s3_examples[i].signature);
        assert_string_equal(verified.amz_date, DOC_DATE);
        assert_string_equal(verified.scope, "20130524/us-east-1/s3/aws4_request");
        assert_null(verified.detail);
        vb_strbuf_release(&s.authorization);
    }
}

/* Cases of the AWS Signature Version 4 Test Suite that hold for S3 too (which neither normalises paths nor
 * encodes twice). */
static const struct {
    const char *method, *path, *query, *signature;
    struct vb_sigv4_header headers[6];
} suite_cases[] = {
    {"GET",
     "/",
     "",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     {{NULL, NULL}}}, /* get-vanilla */
    {"GET",
     "/",
     "Param2=value2&Param1=value1", /* get-vanilla-query-order-key-case */
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
     {{NULL, NULL}}},
    {"GET",
     "/",
     "Param1=value1", /* get-vanilla-empty-query-key */
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
     {{NULL, NULL}}},
    {"GET",
     "/",
     "\xe1\x88\xb4=bar", /* get-vanilla-utf8-query */
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
     {{NULL, NULL}}},
    {"GET",
     "/\xe1\x88\xb4",
     "", /* get-utf8 */
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
     {{NULL, NULL}}},
    {"GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "", /* get-unreserved */
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
     {{NULL, NULL}}},
    {"GET",
     "/",
     "", /* get-header-key-duplicate */
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
     {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}},
    {"GET",
     "/",
     "", /* get-header-value-order */
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
     {{"My-Header1", "value4"},
      {"My-Header1", "value1"},
      {"My-Header1", "value3"},
      {"My-Header1", "value2"}}},
    {"GET",
     "/",
     "", /* get-header-value-trim */
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}},
    {"POST",
     "/",
     "",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     {{NULL, NULL}}}, /* post-vanilla */
    {"POST",
     "/",
     "", /* post-header-key-sort */
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
     {{"My-Header1", "value1"}}},
};

static void aws_test_suite_cases_give_their_signature(void **state)
{
    static const struct vb_sigv4_credentials suite_credentials = {
        "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(suite_cases); i++) {
        struct signed_request s = {
            .headers = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}}};

        s.request = make_request(suite_cases[i].method, suite_cases[i].path, suite_cases[i].query, s.headers);
        for (const struct vb_sigv4_header *header = suite_cases[i].headers; header->name; header++)
            add_header(&s, header->name, header->value);
        vb_strbuf_init(&s.authorization, 4096);
        assert_int_equal(vb_sigv4_sign(&s.request, &suite_credentials, "us-east-1", "service", 1440938160,
                                       &s.authorization),
                         0);
        assert_non_null(strstr(s.authorization.data, suite_cases[i].signature));
        vb_strbuf_release(&s.authorization);
    }
}

static void what_botocore_signs_is_verified(void **state)
{
    int64_t now_s;

    (void)state;
    assert_int_equal(vb_clock_parse_amz_date("20261122T211026Z", &now_s), 0);
    for (size_t i = 0; i < VB_ARRAY_SIZE(botocore_vectors); i++) {
        const struct botocore_vector *vector = &botocore_vectors[i];
        const struct vb_sigv4_credentials *credentials =
            vector->with_token ? &token_credentials : &doc_credentials;
        struct vb_sigv4_request request =
            make_request(vector->method, vector->path, vector->query, vector->headers);
        struct vb_sigv4_verified verified;

        assert_int_equal(vb_sigv4_verify(&request, credentials, "eu-central-1", now_s, &verified),
                         VB_SIGV4_OK);
        request.method = strcmp(vector->method, "GET") == 0 ? "HEAD" : "GET";
        assert_int_equal(vb_sigv4_verify(&request, credentials, "eu-central-1", now_s, &verified),
                         VB_SIGV4_MISMATCH);
    }
}

static void canonical_request_follows_s3s_rules(void **state)
{
    const struct vb_sigv4_header headers[] = {{"HOST", " a "}, {"X-B", "1 \t 2"}, {"x-b", "3"}, {NULL, NULL}};
    struct vb_sigv4_request request =
        make_request("GET", "/a%2Fb%2b+c/../%7e//%e2%82%ac$",
                     "z&b=%2B&a=+&b=%20a&&a=b=c&X-Amz-Signature=ff&A=%41", headers);
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    assert_int_equal(vb_sigv4_canonical_request(&request, "host;x-b", &out), 0);
    assert_string_equal(out.data, "GET\n/a/b%2B%2Bc/../~//%E2%82%AC%24\nA=A&a=%20&a=b%3Dc&b=%20a&b=%2B&z=\n"
                                  "host:a\nx-b:1 2,3\n\nhost;x-b\n" EMPTY_SHA256);
    vb_strbuf_clear(&out);
    assert_int_equal(vb_sigv4_canonical_request(&request, "host;x-absent", &out), -EINVAL);
    assert_int_equal(vb_sigv4_canonical_request(&request, "host;", &out), -EINVAL);
    request.path = "/%4";
    assert_int_equal(vb_sigv4_canonical_request(&request, "host", &out), -EINVAL);
    request.path = "/";
    request.query = "a=%zz";
    assert_int_equal(vb_sigv4_canonical_request(&request, "host", &out), -EINVAL);
    vb_strbuf_release(&out);
}

static void signing_key_is_the_documented_one_cached_or_not(void **state)
{
    unsigned char key[VB_SHA256_SIZE], again[VB_SHA256_SIZE];
    char secret[600], region[80];
    /* "Create a signed AWS API request", example of deriving a signing key */
    static const unsigned char expected[] = {0xc4, 0xaf, 0xb1, 0xcc, 0x57, 0x71, 0xd8, 0x71, 0x76, 0x3a, 0x39,
                                             0x3e, 0x44, 0xb7, 0x03, 0x57, 0x1b, 0x55, 0xcc, 0x28, 0x42, 0x4d,
                                             0x1a, 0x5e, 0x86, 0xda, 0x6e, 0xd3, 0xc1, 0x54, 0xa4, 0xb9};

    (void)state;
    for (int i = 0; i < 20; i++) { /* enough others to push it out of the cache, now and then */
        vb_sigv4_signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam", key);
        assert_memory_equal(key, expected, sizeof(key));
        snprintf(region, sizeof(region), "region-%d", i / 3);
        vb_sigv4_signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", region, "iam", key);
        assert_memory_not_equal(key, expected, sizeof(key));
        vb_sigv4_signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEZ", "20150830", "us-east-1", "iam", key);
        assert_memory_not_equal(key, expected, sizeof(key));
        vb_sigv4_signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150831", "us-east-1", "iam", key);
        assert_memory_not_equal(key, expected, sizeof(key));
    }
    memset(secret, 's', sizeof(secret) - 1);
    secret[sizeof(secret) - 1] = '\0';
    memset(region, 'r', sizeof(region) - 1);
    region[sizeof(region) - 1] = '\0';
    vb_sigv4_signing_key(secret, "20150830", region, "s3", key);
    vb_sigv4_signing_key(secret, "20150830", region, "s3", again);
    assert_memory_equal(key, again, sizeof(key));
}

static void documented_presigned_url_is_made_and_verified(void **state)
{
    struct vb_presign presign = {.method = "GET",
                                 .scheme = "https",
                                 .host = DOC_HOST,
                                 .path = "/test.txt",
                                 .query = "",
                                 .region = "us-east-1",
                                 .time_s = DOC_TIME_S,
                                 .expires_s = 86400};
    struct vb_sigv4_verified verified;
    struct vb_strbuf url;

    (void)state;
    vb_strbuf_init(&url, 4096);
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), 0);
    assert_string_equal(url.data,
                        "https://" DOC_HOST "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
                        "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" DOC_DATE
                        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    assert_int_equal(verify_url(url.data, "GET", NULL, &doc_credentials, DOC_TIME_S, &verified), VB_SIGV4_OK);
    assert_true(verified.presigned);
    assert_string_equal(verified.payload_hash, VB_SIGV4_UNSIGNED);
    vb_strbuf_release(&url);
}

static void presigned_url_lives_as_long_as_it_says(void **state)
{
    struct vb_presign presign = {.method = "GET",
                                 .scheme = "http",
                                 .host = "h:9000",
                                 .path = "/b/k",
                                 .query = "versionId=a%20b",
                                 .region = "us-east-1",
                                 .time_s = DOC_TIME_S,
                                 .expires_s = 60};
    struct vb_sigv4_verified verified;
    struct vb_strbuf url;

    (void)state;
    vb_strbuf_init(&url, 4096);
    assert_int_equal(vb_sigv4_presign(&presign, &token_credentials, &url), 0);
    for (int64_t offset_s = -VB_SIGV4_SKEW_MAX_S; offset_s <= 60; offset_s += 60)
        assert_int_equal(
            verify_url(url.data, "GET", NULL, &token_credentials, DOC_TIME_S + offset_s, &verified),
            VB_SIGV4_OK);
    assert_int_equal(verify_url(url.data, "GET", NULL, &token_credentials, DOC_TIME_S + 61, &verified),
                     VB_SIGV4_EXPIRED);
    assert_int_equal(verify_url(url.data, "GET", NULL, &token_credentials,
                                DOC_TIME_S - VB_SIGV4_SKEW_MAX_S - 1, &verified),
                     VB_SIGV4_NOT_YET_VALID);
    assert_non_null(verified.detail);
    vb_strbuf_release(&url);
}

static void presigned_headers_must_be_sent_with_the_signed_values(void **state)
{
    const struct vb_sigv4_header wanted[] = {
        {"Content-Type", "image/jpeg"},
        {"content-length", "1234"},
        {"x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}};
    struct vb_presign presign = {.method = "PUT",
                                 .scheme = "https",
                                 .host = "h",
                                 .path = "/k",
                                 .query = "",
                                 .headers = wanted,
                                 .header_count = 3,
                                 .region = "us-east-1",
                                 .time_s = DOC_TIME_S,
                                 .expires_s = 60};
    struct vb_sigv4_header sent[5] = {
        {"content-type", "image/jpeg"}, {"Content-Length", "1234"}, wanted[2], {NULL, NULL}, {NULL, NULL}};
    struct vb_sigv4_verified verified;
    struct vb_strbuf url;

    (void)state;
    vb_strbuf_init(&url, 4096);
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), 0);
    assert_int_equal(verify_url(url.data, "PUT", sent, &doc_credentials, DOC_TIME_S, &verified), VB_SIGV4_OK);
    sent[1].value = "1235";
    assert_int_equal(verify_url(url.data, "PUT", sent, &doc_credentials, DOC_TIME_S, &verified),
                     VB_SIGV4_MISMATCH);
    sent[1].value = "1234";
    sent[2].name = NULL; /* the checksum left out */
    assert_int_equal(verify_url(url.data, "PUT", sent, &doc_credentials, DOC_TIME_S, &verified),
                     VB_SIGV4_MISMATCH);
    sent[2].name = wanted[2].name;
    sent[3] = (struct vb_sigv4_header){"x-amz-acl", "public-read"};
    assert_int_equal(verify_url(url.data, "PUT", sent, &doc_credentials, DOC_TIME_S, &verified),
                     VB_SIGV4_UNSIGNED_HEADER);
    sent[3] = (struct vb_sigv4_header){"x-amz-content-sha256", VB_SIGV4_UNSIGNED};
    assert_int_equal(verify_url(url.data, "PUT", sent, &doc_credentials, DOC_TIME_S, &verified), VB_SIGV4_OK);
    sent[3] = (struct vb_sigv4_header){"x-amz-content-sha256", VB_SIGV4_UNSIGNED_TRAILER};
    assert_int_equal(verify_url(url.data, "PUT", sent, &doc_credentials, DOC_TIME_S, &verified),
                     VB_SIGV4_UNSIGNED_HEADER);
    vb_strbuf_release(&url);
}

static void presigned_payload_hash_may_come_as_a_parameter(void **state)
{
    struct vb_presign presign = {.method = "PUT",
                                 .scheme = "https",
                                 .host = "h",
                                 .path = "/k",
                                 .query = "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD",
                                 .region = "us-east-1",
                                 .time_s = DOC_TIME_S,
                                 .expires_s = 60};
    struct vb_sigv4_verified verified;
    struct vb_strbuf url;

    (void)state;
    vb_strbuf_init(&url, 4096);
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), 0);
    assert_int_equal(verify_url(url.data, "PUT", NULL, &doc_credentials, DOC_TIME_S, &verified), VB_SIGV4_OK);
    assert_string_equal(verified.payload_hash, VB_SIGV4_UNSIGNED);
    vb_strbuf_release(&url);
}

static void presign_refuses_what_s3_would(void **state)
{
    const struct vb_sigv4_header host[] = {{"Host", "other"}}, broken[] = {{"a b", "c"}},
                                 split[] = {{"a", "b\r\nc: d"}};
    const struct vb_presign good = {.method = "GET",
                                    .scheme = "https",
                                    .host = "h",
                                    .path = "/k",
                                    .query = "",
                                    .region = "us-east-1",
                                    .time_s = DOC_TIME_S,
                                    .expires_s = 1};
    struct vb_presign presign;
    struct vb_strbuf url;

    (void)state;
    vb_strbuf_init(&url, 4096);
    presign = good, presign.expires_s = 0;
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), -EINVAL);
    presign = good, presign.expires_s = VB_SIGV4_EXPIRES_MAX_S + 1;
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), -EINVAL);
    presign = good, presign.path = "k";
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), -EINVAL);
    presign = good, presign.headers = host, presign.header_count = 1;
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), -EINVAL);
    presign = good, presign.headers = broken, presign.header_count = 1;
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), -EINVAL);
    presign = good, presign.headers = split, presign.header_count = 1;
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), -EINVAL);
    assert_string_equal(url.data, "");
    presign = good;
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), 0);
    vb_strbuf_release(&url);
    vb_strbuf_init(&url, 100); /* no room for a URL */
    assert_int_equal(vb_sigv4_presign(&presign, &doc_credentials, &url), -ENOMEM);
    vb_strbuf_release(&url);
}

static void signing_wants_host_date_and_token(void **state)
{
    const struct vb_sigv4_header headers[] = {{"Host", "h"}, {"X-Amz-Date", DOC_DATE}, {NULL, NULL}};
    struct vb_sigv4_request request = make_request("GET", "/", "", headers);
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 4096);
    assert_int_equal(vb_sigv4_sign(&request, &doc_credentials, "r", "s3", DOC_TIME_S, &out), 0);
    assert_int_equal(vb_sigv4_sign(&request, &token_credentials, "r", "s3", DOC_TIME_S, &out), -EINVAL);
    assert_int_equal(vb_sigv4_sign(&request, &doc_credentials, "r", "s3", DOC_TIME_S + 1, &out), -EINVAL);
    request.header_count = 1;
    assert_int_equal(vb_sigv4_sign(&request, &doc_credentials, "r", "s3", DOC_TIME_S, &out), -EINVAL);
    request.headers++;
    assert_int_equal(vb_sigv4_sign(&request, &doc_credentials, "r", "s3", DOC_TIME_S, &out), -EINVAL);
    vb_strbuf_release(&out);
}

/* Appends a random text of 1 to max characters, any of them. */
static void add_random(struct vb_strbuf *out, const char *characters, uint32_t max)
{
    for (uint32_t left = 1 + vb_random_below(max); left > 0; left--)
        vb_strbuf_addc(out, characters[vb_random_below((uint32_t)strlen(characters))]);
}

/* The signature that belongs to a presigned URL's request, by way of the generic canonical request. */
static void sign_generically(const struct vb_sigv4_request *request, const char *signed_headers,
                             const char *secret, const char *amz_date, char signature[2 * VB_SHA256_SIZE + 1])
{
    unsigned char key[VB_SHA256_SIZE];
    char hash[2 * VB_SHA256_SIZE + 1], scope[64];
    const char *const lines[] = {"AWS4-HMAC-SHA256", amz_date, scope, hash};
    struct vb_strbuf canonical;

    snprintf(scope, sizeof(scope), "%.8s/us-east-1/s3/aws4_request", amz_date);
    vb_strbuf_init(&canonical, 65536);
    assert_int_equal(vb_sigv4_canonical_request(request, signed_headers, &canonical), 0);
    vb_sha256_hex(canonical.data, canonical.length, hash);
    vb_sigv4_signing_key(secret, amz_date, "us-east-1", "s3", key);
    vb_sigv4_signature(key, lines, VB_ARRAY_SIZE(lines), signature);
    vb_strbuf_release(&canonical);
}

/* What a random presigned URL is made of. */
struct random_presign {
    struct vb_strbuf path, query, key_id, token, values[4];
    struct vb_sigv4_header headers[HEADERS_MAX]; /* as sent: Host first */
    size_t count;                                /* of those after Host */
    struct vb_sigv4_credentials credentials;
    struct vb_presign presign;
};

static void random_presign_init(struct random_presign *p)
{
    static const char *const names[] = {"Content-Type", "x-amz-meta-b", "X-Amz-Meta-A", "if-none-match"};

    *p = (struct random_presign){.headers = {{"Host", "h.example:4900"}}, .count = vb_random_below(5)};
    vb_strbuf_init(&p->path, 256);
    vb_strbuf_init(&p->query, 256);
    vb_strbuf_init(&p->key_id, 256);
    vb_strbuf_init(&p->token, 256);
    vb_strbuf_addc(&p->path, '/');
    add_random(&p->path, "abcXYZ019-_.~/=&+!*'()\xc3\xa4", 40);
    if (vb_random_below(2))
        vb_strbuf_adds(&p->path, "%c3%A4");
    if (vb_random_below(2)) {
        vb_strbuf_adds(&p->query, "partNumber=1&Z=");
        add_random(&p->query, "abcXYZ019-_.~/!*'()", 20);
        vb_strbuf_adds(&p->query, "&uploadId=a%2fb");
    }
    add_random(&p->key_id, "AKIA0123/+=%", 20);
    add_random(&p->token, "abc/+=% ", 30);
    for (size_t i = 0; i < p->count; i++) {
        vb_strbuf_init(&p->values[i], 256);
        add_random(&p->values[i], "abc \t,;:=%/*", 20);
        p->headers[i + 1] = (struct vb_sigv4_header){names[i], p->values[i].data};
    }
    p->credentials =
        (struct vb_sigv4_credentials){p->key_id.data, "secret", vb_random_below(2) ? p->token.data : NULL};
    p->presign = (struct vb_presign){.method = "PUT",
                                     .scheme = "http",
                                     .host = "h.example:4900",
                                     .path = p->path.data,
                                     .query = p->query.data,
                                     .headers = p->headers + 1,
                                     .header_count = p->count,
                                     .region = "us-east-1",
                                     .time_s = DOC_TIME_S + vb_random_below(3 * 86400),
                                     .expires_s = 1 + vb_random_below(VB_SIGV4_EXPIRES_MAX_S)};
}

static void random_presign_release(struct random_presign *p)
{
    for (size_t i = 0; i < p->count; i++)
        vb_strbuf_release(&p->values[i]);
    vb_strbuf_release(&p->path);
    vb_strbuf_release(&p->query);
    vb_strbuf_release(&p->key_id);
    vb_strbuf_release(&p->token);
}

/* Presigning writes its canonical request by itself: it must be the one that everybody else arrives at. */
static void random_presigned_urls_are_what_the_generic_core_signs(void **state)
{
    static const char *const signed_headers[] = {"host", "content-type;host",
                                                 "content-type;host;x-amz-meta-b",
                                                 "content-type;host;x-amz-meta-a;x-amz-meta-b",
                                                 "content-type;host;if-none-match;x-amz-meta-a;x-amz-meta-b"};

    (void)state;
    for (int round = 0; round < 300; round++) {
        char signature[2 * VB_SHA256_SIZE + 1], amz_date[VB_CLOCK_AMZ_DATE_SIZE], *question, *ours;
        struct vb_sigv4_verified verified;
        struct vb_sigv4_request request;
        struct random_presign p;
        struct vb_strbuf url;

        random_presign_init(&p);
        vb_strbuf_init(&url, 8192);
        assert_int_equal(vb_sigv4_presign(&p.presign, &p.credentials, &url), 0);
        question = strchr(url.data, '?');
        ours = strstr(url.data, "&X-Amz-Signature=");
        assert_true(question && ours);
        request = make_request("PUT", p.path.data, question + 1, p.headers);
        assert_int_equal(vb_sigv4_verify(&request, &p.credentials, "us-east-1", p.presign.time_s, &verified),
                         VB_SIGV4_OK);

        *ours = '\0'; /* the query as it was signed */
        request.payload_hash = VB_SIGV4_UNSIGNED;
        vb_clock_format_amz_date(p.presign.time_s, amz_date);
        sign_generically(&request, signed_headers[p.count], "secret", amz_date, signature);
        assert_string_equal(ours + strlen("&X-Amz-Signature="), signature);
        vb_strbuf_release(&url);
        random_presign_release(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s3_documentation_examples_are_signed_and_verified),
        cmocka_unit_test(aws_test_suite_cases_give_their_signature),
        cmocka_unit_test(what_botocore_signs_is_verified),
        cmocka_unit_test(canonical_request_follows_s3s_rules),
        cmocka_unit_test(signing_key_is_the_documented_one_cached_or_not),
        cmocka_unit_test(documented_presigned_url_is_made_and_verified),
        cmocka_unit_test(presigned_url_lives_as_long_as_it_says),
        cmocka_unit_test(presigned_headers_must_be_sent_with_the_signed_values),
        cmocka_unit_test(presigned_payload_hash_may_come_as_a_parameter),
        cmocka_unit_test(presign_refuses_what_s3_would),
        cmocka_unit_test(signing_wants_host_date_and_token),
        cmocka_unit_test(random_presigned_urls_are_what_the_generic_core_signs),
    };

    return cmocka_run_group_tests_name("s3/sigv4", tests, NULL, NULL);
}
