/* Apple's tokens and key sets, signed with a key that the test makes. */
#include "api/auth/apple_token.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/memory.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW    1790000000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define PAYLOAD                                                                                              \
    "\"iss\":\"https://"                                                                                     \
    "apple.test\",\"aud\":\"com.example.vibe\",\"sub\":\"001.abc\",\"iat\":1790000000,\"exp\":1790000600"

static EVP_PKEY *rsa;
static char modulus[1024];
static struct vb_apple_keys *keys;

static const struct vb_apple_expected expected = {
    .issuer = "https://apple.test", .audiences = "com.example.other, com.example.vibe", .now_s = NOW};

static const char *key_set(const char *more)
{
    static char json[4096];

    snprintf(json, sizeof(json),
             "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"k0\"},{\"kty\":\"RSA\",\"kid\":\"k1\",\"n\":\"%s\",\"e\":"
             "\"AQAB\"%s}]}",
             modulus, more);
    return json;
}

static int setup(void **state)
{
    unsigned char bytes[256];
    BIGNUM *n = NULL;
    const char *json;

    (void)state;
    rsa = EVP_RSA_gen(2048);
    if (!rsa || !EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n))
        return -1;
    BN_bn2binpad(n, bytes, sizeof(bytes));
    BN_free(n);
    vb_base64url_encode(bytes, sizeof(bytes), modulus);
    json = key_set(",\"use\":\"sig\",\"alg\":\"RS256\"");
    return vb_apple_keys_read(json, strlen(json), &keys);
}

static int teardown(void **state)
{
    (void)state;
    vb_apple_keys_unref(keys);
    EVP_PKEY_free(rsa);
    return 0;
}

static const char *make(const char *header, const char *payload)
{
    static char token[8192];
    unsigned char signature[256];
    size_t size = sizeof(signature), length = vb_base64url_encode(header, strlen(header), token);
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    token[length++] = '.';
    length += vb_base64url_encode(payload, strlen(payload), token + length);
    assert_int_equal(EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, rsa, NULL), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, (const unsigned char *)token, length), 1);
    EVP_MD_CTX_free(context);
    token[length++] = '.';
    length += vb_base64url_encode(signature, size, token + length);
    token[length] = '\0';
    return token;
}

static enum vb_apple_result verify_as(const char *token, const struct vb_apple_expected *wanted,
                                      struct vb_apple_identity *identity)
{
    char *exact = vb_xstrndup(token, strlen(token)); /* so that the sanitizer sees a step too far */
    enum vb_apple_result result = vb_apple_token_verify(keys, exact, strlen(token), wanted, identity);

    free(exact);
    return result;
}

static enum vb_apple_result verify(const char *header, const char *payload)
{
    struct vb_apple_identity identity;

    return verify_as(make(header, payload), &expected, &identity);
}

static void a_valid_token_names_the_user(void **state)
{
    struct vb_apple_identity identity = {0};
    const char *token =
        make(HEADER,
             "{" PAYLOAD ",\"email\":\"Anna@Example.com\",\"email_verified\":\"true\",\"new\":{\"a\":[1]}}");

    (void)state;
    assert_int_equal(verify_as(token, &expected, &identity), VB_APPLE_OK);
    assert_string_equal(identity.sub, "001.abc");
    assert_string_equal(identity.email, "Anna@example.com");
}

static void an_address_counts_only_when_apple_has_verified_it(void **state)
{
    static const char *const unverified[] = {"", ",\"email_verified\":false", ",\"email_verified\":\"false\"",
                                             ",\"email_verified\":1", ",\"email_verified\":\"TRUE\""};
    struct vb_apple_identity identity = {0};
    char payload[512];

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(unverified); i++) {
        snprintf(payload, sizeof(payload), "{" PAYLOAD ",\"email\":\"a@example.com\"%s}", unverified[i]);
        assert_int_equal(verify_as(make(HEADER, payload), &expected, &identity), VB_APPLE_OK);
        assert_string_equal(identity.email, "");
    }
    assert_int_equal(
        verify_as(make(HEADER, "{" PAYLOAD ",\"email\":\"a\\r\\nb@example.com\",\"email_verified\":true}"),
                  &expected, &identity),
        VB_APPLE_OK);
    assert_string_equal(identity.email, "");
}

static void other_algorithms_and_headers_are_refused(void **state)
{
    static const struct {
        const char *header;
        enum vb_apple_result result;
    } cases[] = {
        {"{\"alg\":\"none\",\"kid\":\"k1\"}", VB_APPLE_WRONG_ALGORITHM},
        {"{\"alg\":\"HS256\",\"kid\":\"k1\"}", VB_APPLE_WRONG_ALGORITHM},
        {"{\"alg\":\"RS512\",\"kid\":\"k1\"}", VB_APPLE_WRONG_ALGORITHM},
        {"{\"alg\":\"RS256\",\"kid\":\"k2\"}", VB_APPLE_UNKNOWN_KEY},
        {"{\"alg\":\"RS256\",\"kid\":\"k0\"}", VB_APPLE_UNKNOWN_KEY},
        {"{\"alg\":\"RS256\"}", VB_APPLE_MALFORMED},
        {"{\"kid\":\"k1\"}", VB_APPLE_MALFORMED},
        {"{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", VB_APPLE_MALFORMED},
        {"{\"alg\":\"HS256\",\"alg\":\"RS256\",\"kid\":\"k1\"}", VB_APPLE_MALFORMED},
        {"[]", VB_APPLE_MALFORMED},
        {"", VB_APPLE_MALFORMED},
        {"{\"alg\":[[[[[[[[[[\"RS256\"]]]]]]]]]]}", VB_APPLE_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++)
        if (verify(cases[i].header, "{" PAYLOAD "}") != cases[i].result)
            fail_msg("%s", cases[i].header);
}

static void expiry_and_issue_have_a_minute_of_leeway(void **state)
{
    static const struct {
        int64_t now_s;
        enum vb_apple_result result;
    } cases[] = {{NOW - 60, VB_APPLE_OK},
                 {NOW - 61, VB_APPLE_NOT_YET_VALID},
                 {NOW + 659, VB_APPLE_OK},
                 {NOW + 660, VB_APPLE_EXPIRED}};
    const char *token = make(HEADER, "{" PAYLOAD "}");

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct vb_apple_expected wanted = expected;
        struct vb_apple_identity identity;

        wanted.now_s = cases[i].now_s;
        assert_int_equal(verify_as(token, &wanted, &identity), cases[i].result);
    }
}

static void issuer_audience_and_nonce_must_match_exactly(void **state)
{
    struct vb_apple_identity identity;
    struct vb_apple_expected wanted = expected;
    const char *token = make(HEADER, "{" PAYLOAD ",\"nonce\":\"n\"}");

    (void)state;
    assert_int_equal(verify_as(token, &wanted, &identity), VB_APPLE_WRONG_NONCE);
    wanted.nonce = "n";
    assert_int_equal(verify_as(token, &wanted, &identity), VB_APPLE_OK);
    wanted.nonce = "nn";
    assert_int_equal(verify_as(token, &wanted, &identity), VB_APPLE_WRONG_NONCE);
    wanted.nonce = "n";
    wanted.issuer = "https://apple.tes";
    assert_int_equal(verify_as(token, &wanted, &identity), VB_APPLE_WRONG_ISSUER);
    wanted.issuer = expected.issuer;
    wanted.audiences = "com.example.vibes,com.example,, com";
    assert_int_equal(verify_as(token, &wanted, &identity), VB_APPLE_WRONG_AUDIENCE);
    wanted.audiences = "";
    assert_int_equal(verify_as(token, &wanted, &identity), VB_APPLE_WRONG_AUDIENCE);
}

static void a_token_with_any_character_changed_is_refused(void **state)
{
    char *token VB_CLEANUP(vb_freep) = vb_xstrdup(make(HEADER, "{" PAYLOAD "}"));
    struct vb_apple_identity identity;

    (void)state;
    assert_int_equal(verify_as(token, &expected, &identity), VB_APPLE_OK);
    for (char *c = token; *c; c++) {
        char kept = *c;

        *c = kept == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify_as(token, &expected, &identity), VB_APPLE_OK);
        *c = kept;
    }
    for (size_t length = 0; length < strlen(token); length++)
        assert_int_not_equal(vb_apple_token_verify(keys, token, length, &expected, &identity), VB_APPLE_OK);
}

static void a_token_that_is_too_long_is_refused_unread(void **state)
{
    char *token VB_CLEANUP(vb_freep) = vb_xmalloc(VB_APPLE_TOKEN_MAX + 1);
    struct vb_apple_identity identity;

    (void)state;
    memset(token, '.', VB_APPLE_TOKEN_MAX + 1);
    assert_int_equal(vb_apple_token_verify(keys, token, VB_APPLE_TOKEN_MAX + 1, &expected, &identity),
                     VB_APPLE_MALFORMED);
}

static void key_sets_without_a_usable_key_are_refused(void **state)
{
    static const char *const sets[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[1,null,\"x\",{}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", /* a short one */
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"*\",\"e\":\"\"}]}"};
    static const char *const wrong[] = {",\"use\":\"enc\"", ",\"alg\":\"RS512\"", ",\"alg\":5"};
    struct vb_apple_keys *read = NULL;

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(sets); i++)
        assert_int_equal(vb_apple_keys_read(sets[i], strlen(sets[i]), &read), -EINVAL);
    for (size_t i = 0; i < VB_ARRAY_SIZE(wrong); i++) {
        const char *json = key_set(wrong[i]);

        assert_int_equal(vb_apple_keys_read(json, strlen(json), &read), -EINVAL);
    }
    assert_null(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_token_names_the_user),
        cmocka_unit_test(an_address_counts_only_when_apple_has_verified_it),
        cmocka_unit_test(other_algorithms_and_headers_are_refused),
        cmocka_unit_test(expiry_and_issue_have_a_minute_of_leeway),
        cmocka_unit_test(issuer_audience_and_nonce_must_match_exactly),
        cmocka_unit_test(a_token_with_any_character_changed_is_refused),
        cmocka_unit_test(a_token_that_is_too_long_is_refused_unread),
        cmocka_unit_test(key_sets_without_a_usable_key_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
