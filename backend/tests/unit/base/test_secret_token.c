/* Tokens of which only the hash is kept. */
#include "base/secret_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void a_token_is_base64url_and_its_hash_is_of_the_text(void **state)
{
    static const unsigned char value[VB_SECRET_TOKEN_BYTES] = {0xfb, 0xff, 0xbf};
    struct vb_secret_token token;
    unsigned char hash[VB_SHA256_SIZE];

    (void)state;
    vb_secret_token_of(value, &token);
    assert_string_equal(token.text, "-_-_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    vb_secret_token_hash(token.text, hash);
    assert_memory_equal(token.hash, hash, sizeof(hash));
}

static void two_random_tokens_differ(void **state)
{
    struct vb_secret_token one, other;

    (void)state;
    vb_secret_token_make(&one);
    vb_secret_token_make(&other);
    assert_int_equal(strlen(one.text), 43);
    assert_string_not_equal(one.text, other.text);
    assert_memory_not_equal(one.hash, other.hash, sizeof(one.hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_base64url_and_its_hash_is_of_the_text),
        cmocka_unit_test(two_random_tokens_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
