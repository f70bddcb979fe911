/* Access tokens: which are accepted, and above all which are refused. */
#include "api/auth/jwt.h"
#include "keys_fixture.h"

#include "base/encode.h"
#include "base/hash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SECRET KEYS_SECRET
#define NOW    1790000000

static struct vb_keys *keys;
static char kid[VB_KEY_ID_SIZE];

static int setup(void **state)
{
    (void)state;
    keys = keys_of(SECRET, NULL);
    vb_keys_id(keys, kid);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vb_keys_destroy(keys);
    return 0;
}

/* Puts a token together independently of the code under test. */
static const char *forge(const char *secret, const char *header, const char *payload)
{
    static char token[4096];
    unsigned char mac[VB_SHA256_SIZE];
    size_t length = vb_base64url_encode(header, strlen(header), token);

    token[length++] = '.';
    length += vb_base64url_encode(payload, strlen(payload), token + length);
    vb_hmac_sha256(secret, strlen(secret), token, length, mac);
    token[length++] = '.';
    length += vb_base64url_encode(mac, sizeof(mac), token + length);
    token[length] = '\0';
    return token;
}

static const char *header_with(const char *more)
{
    static char header[256];

    snprintf(header, sizeof(header), "{\"kid\":\"%s\"%s}", kid, more);
    return header;
}

#define GOOD_PAYLOAD "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}"
#define GOOD_HEADER  header_with(",\"alg\":\"HS256\",\"typ\":\"JWT\"")

static enum vb_jwt_result verify_at(const char *token, int64_t now_s, struct vb_jwt_claims *claims)
{
    return vb_jwt_verify(keys, token, strlen(token), now_s, claims);
}

static enum vb_jwt_result verify(const char *token)
{
    struct vb_jwt_claims claims;

    return verify_at(token, NOW, &claims);
}

static void a_signed_token_verifies(void **state)
{
    struct vb_jwt_claims claims = {0};
    struct vb_strbuf token;

    (void)state;
    vb_strbuf_init(&token, VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign(keys, "0199-a \"quoted\\id\"", NOW, 900, &token), 0);
    assert_int_equal(verify_at(token.data, NOW, &claims), VB_JWT_OK);
    assert_string_equal(claims.subject, "0199-a \"quoted\\id\"");
    assert_int_equal(claims.issued_s, NOW);
    assert_int_equal(claims.expires_s, NOW + 900);
    vb_strbuf_release(&token);
}

static void the_time_of_issue_has_milliseconds(void **state)
{
    struct vb_jwt_claims claims = {0};
    struct vb_strbuf token;

    (void)state;
    vb_strbuf_init(&token, VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign_ms(keys, "u1", NOW * INT64_C(1000) + 123, 900, &token), 0);
    assert_int_equal(verify_at(token.data, NOW, &claims), VB_JWT_OK);
    assert_int_equal(claims.issued_s, NOW);
    assert_int_equal(claims.issued_ms, NOW * INT64_C(1000) + 123);
    vb_strbuf_release(&token);
    /* Without iat_ms a token counts from the beginning of its second. An iat_ms that contradicts iat is not
     * ours. */
    assert_int_equal(verify_at(forge(SECRET, GOOD_HEADER, GOOD_PAYLOAD), NOW, &claims), VB_JWT_OK);
    assert_int_equal(claims.issued_ms, NOW * INT64_C(1000));
    assert_int_equal(verify(forge(SECRET, GOOD_HEADER,
                                  "{\"sub\":\"u1\",\"iat\":1790000000,\"iat_ms\":1790000001000,"
                                  "\"exp\":1790000900,\"iss\":\"vibe\"}")),
                     VB_JWT_MALFORMED);
}

static void a_token_of_another_library_with_our_key_is_verified(void **state)
{
    struct vb_jwt_claims claims = {0};

    (void)state;
    assert_int_equal(verify_at(forge(SECRET, GOOD_HEADER,
                                     " { \"iss\" : \"vibe\", \"exp\":1790000900,\n\"iat\":1790000000, "
                                     "\"sub\":\"u1\",\"scope\":\"x\",\"ok\":true } "),
                               NOW, &claims),
                     VB_JWT_OK);
    assert_string_equal(claims.subject, "u1");
}

/* Tokens that an earlier version of the program signed, to the byte. */
static void tokens_of_an_earlier_version_stay_valid(void **state)
{
    static const char in_use[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjQ0ZjRjYTNlNjdhNjYxZGEifQ."
                                 "eyJzdWIiOiJ1MSIsImlhdCI6MTc5MDAwMDAwMCwiaWF0X21zIjoxNzkwMDAwMDAwMTIzLCJle"
                                 "HAiOjE3OTAwMDA5MDAsImlzcyI6InZpYmUifQ."
                                 "S4XvyIpN_N6qUfK8v4bgcoRPYLn3_3edXUkkuW6CNfU";
    struct vb_strbuf token;

    (void)state;
    assert_int_equal(verify(in_use), VB_JWT_OK);
    vb_strbuf_init(&token, VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign_ms(keys, "u1", NOW * INT64_C(1000) + 123, 900, &token), 0);
    assert_string_equal(token.data, in_use);
    vb_strbuf_release(&token);
}

static void a_previous_secret_verifies_but_does_not_sign(void **state)
{
    struct vb_keys *rotated = keys_of(KEYS_OTHER, SECRET);
    struct vb_jwt_claims claims;
    struct vb_strbuf token;

    (void)state;
    vb_strbuf_init(&token, VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign(keys, "u1", NOW, 900, &token), 0);
    assert_int_equal(vb_jwt_verify(rotated, token.data, token.length, NOW, &claims), VB_JWT_OK);
    vb_strbuf_clear(&token);
    assert_int_equal(vb_jwt_sign(rotated, "u1", NOW, 900, &token), 0);
    assert_int_equal(vb_jwt_verify(rotated, token.data, token.length, NOW, &claims), VB_JWT_OK);
    assert_int_equal(verify(token.data), VB_JWT_UNKNOWN_KEY);
    vb_strbuf_release(&token);
    vb_keys_destroy(rotated);
}

static void other_algorithms_are_refused(void **state)
{
    static const char *const headers[] = {",\"alg\":\"none\"",
                                          ",\"alg\":\"None\"",
                                          ",\"alg\":\"HS512\"",
                                          ",\"alg\":\"RS256\"",
                                          ",\"alg\":\"hs256\"",
                                          ",\"alg\":null",
                                          "",
                                          ",\"alg\":\"HS256\",\"alg\":\"none\"",
                                          ",\"alg\":\"none\",\"alg\":\"HS256\"",
                                          ",\"alg\":[\"HS256\"]"};

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(verify(forge(SECRET, header_with(headers[i]), GOOD_PAYLOAD)), VB_JWT_MALFORMED);
}

static void an_unsigned_token_is_refused(void **state)
{
    char token[1024];

    (void)state;
    snprintf(token, sizeof(token), "%s", forge(SECRET, header_with(",\"alg\":\"none\""), GOOD_PAYLOAD));
    strrchr(token, '.')[1] = '\0';
    assert_int_equal(verify(token), VB_JWT_MALFORMED);
}

static void critical_header_extensions_are_refused(void **state)
{
    (void)state;
    assert_int_equal(verify(forge(SECRET, header_with(",\"alg\":\"HS256\",\"crit\":\"exp\""), GOOD_PAYLOAD)),
                     VB_JWT_MALFORMED);
    assert_int_equal(verify(forge(SECRET, header_with(",\"alg\":\"HS256\",\"typ\":\"JWE\""), GOOD_PAYLOAD)),
                     VB_JWT_MALFORMED);
}

static void an_unknown_key_id_is_refused(void **state)
{
    (void)state;
    assert_int_equal(verify(forge(SECRET, "{\"alg\":\"HS256\",\"kid\":\"ffffffffffffffff\"}", GOOD_PAYLOAD)),
                     VB_JWT_UNKNOWN_KEY);
    assert_int_equal(verify(forge(SECRET, "{\"alg\":\"HS256\",\"kid\":\"\"}", GOOD_PAYLOAD)),
                     VB_JWT_UNKNOWN_KEY);
    assert_int_equal(verify(forge(SECRET, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", GOOD_PAYLOAD)),
                     VB_JWT_MALFORMED);
}

static void another_secret_is_refused(void **state)
{
    (void)state;
    assert_int_equal(verify(forge("another secret, of the same length", GOOD_HEADER, GOOD_PAYLOAD)),
                     VB_JWT_BAD_SIGNATURE);
}

static void a_token_with_any_character_changed_is_refused(void **state)
{
    struct vb_strbuf token;

    (void)state;
    vb_strbuf_init(&token, VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign(keys, "u1", NOW, 900, &token), 0);
    for (size_t i = 0; i < token.length; i++) {
        char kept = token.data[i];

        token.data[i] = kept == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(token.data), VB_JWT_OK);
        token.data[i] = kept;
    }
    assert_int_equal(verify(token.data), VB_JWT_OK);
    vb_strbuf_release(&token);
}

static void every_truncation_and_any_addition_is_refused(void **state)
{
    struct vb_jwt_claims claims;
    struct vb_strbuf token;

    (void)state;
    vb_strbuf_init(&token, 2 * VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign(keys, "u1", NOW, 900, &token), 0);
    for (size_t length = 0; length < token.length; length++)
        assert_int_not_equal(vb_jwt_verify(keys, token.data, length, NOW, &claims), VB_JWT_OK);
    vb_strbuf_adds(&token, ".x");
    assert_int_equal(verify(token.data), VB_JWT_MALFORMED);
    while (token.length <= VB_JWT_TOKEN_MAX)
        vb_strbuf_addc(&token, 'A');
    assert_int_equal(verify(token.data), VB_JWT_MALFORMED);
    vb_strbuf_release(&token);
}

static void claims_of_a_wrong_type_are_refused(void **state)
{
    static const char *const payloads[] = {
        "{}",
        "",
        "null",
        "[]",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"exp\":1790000900,\"iss\":\"vibe\"}",
        "{\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"other\"}",
        "{\"sub\":\"\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}",
        "{\"sub\":7,\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":\"1790000900\",\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900.5,\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":9999999999999999999999,\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"sub\":\"u2\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900,\"exp\":1890000900,\"iss\":\"vibe\"}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\",\"x\":{\"y\":1}}",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}x",
        "{\"sub\":\"u1\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"",
        "{\"sub\":\"u\n1\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}",
    };

    (void)state;
    assert_int_equal(verify(forge(SECRET, GOOD_HEADER, GOOD_PAYLOAD)), VB_JWT_OK);
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify(forge(SECRET, GOOD_HEADER, payloads[i])), VB_JWT_MALFORMED);
}

static void a_too_long_subject_is_neither_signed_nor_verified(void **state)
{
    char subject[VB_JWT_SUBJECT_MAX + 2], payload[512];
    struct vb_strbuf token;

    (void)state;
    memset(subject, 'a', sizeof(subject));
    subject[VB_JWT_SUBJECT_MAX + 1] = '\0';
    vb_strbuf_init(&token, VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign(keys, subject, NOW, 900, &token), -EINVAL);
    snprintf(payload, sizeof(payload),
             "{\"sub\":\"%s\",\"iat\":1790000000,\"exp\":1790000900,\"iss\":\"vibe\"}", subject);
    assert_int_equal(verify(forge(SECRET, GOOD_HEADER, payload)), VB_JWT_MALFORMED);
    subject[VB_JWT_SUBJECT_MAX] = '\0';
    assert_int_equal(vb_jwt_sign(keys, subject, NOW, 900, &token), 0);
    assert_int_equal(verify(token.data), VB_JWT_OK);
    vb_strbuf_release(&token);
}

static void expiry_and_issue_have_a_minute_of_leeway(void **state)
{
    struct vb_jwt_claims claims;
    const char *token;

    (void)state;
    token = forge(SECRET, GOOD_HEADER, GOOD_PAYLOAD);
    assert_int_equal(verify_at(token, NOW + 900 + 59, &claims), VB_JWT_OK);
    assert_int_equal(verify_at(token, NOW + 900 + 60, &claims), VB_JWT_EXPIRED);
    assert_int_equal(verify_at(token, NOW - 60, &claims), VB_JWT_OK);
    assert_int_equal(verify_at(token, NOW - 61, &claims), VB_JWT_NOT_YET_VALID);
    token =
        forge(SECRET, GOOD_HEADER,
              "{\"sub\":\"u1\",\"iat\":1790000000,\"nbf\":1790000100,\"exp\":1790000900,\"iss\":\"vibe\"}");
    assert_int_equal(verify_at(token, NOW + 40, &claims), VB_JWT_OK);
    assert_int_equal(verify_at(token, NOW + 39, &claims), VB_JWT_NOT_YET_VALID);
}

/* RFC 7515 appendix A.1: a valid HS256 token, but not one of ours. */
static void the_token_of_rfc_7515_is_not_ours(void **state)
{
    (void)state;
    assert_int_equal(
        verify("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0"
               "dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        VB_JWT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_token_verifies),
        cmocka_unit_test(the_time_of_issue_has_milliseconds),
        cmocka_unit_test(a_token_of_another_library_with_our_key_is_verified),
        cmocka_unit_test(tokens_of_an_earlier_version_stay_valid),
        cmocka_unit_test(a_previous_secret_verifies_but_does_not_sign),
        cmocka_unit_test(other_algorithms_are_refused),
        cmocka_unit_test(an_unsigned_token_is_refused),
        cmocka_unit_test(critical_header_extensions_are_refused),
        cmocka_unit_test(an_unknown_key_id_is_refused),
        cmocka_unit_test(another_secret_is_refused),
        cmocka_unit_test(a_token_with_any_character_changed_is_refused),
        cmocka_unit_test(every_truncation_and_any_addition_is_refused),
        cmocka_unit_test(claims_of_a_wrong_type_are_refused),
        cmocka_unit_test(a_too_long_subject_is_neither_signed_nor_verified),
        cmocka_unit_test(expiry_and_issue_have_a_minute_of_leeway),
        cmocka_unit_test(the_token_of_rfc_7515_is_not_ours),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
