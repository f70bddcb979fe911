/* The refresh tokens that follow others. */
#include "api/auth/session.h"
#include "keys_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define TOKEN     "a refresh token"
#define SUCCESSOR "oTtHSZPMweQkyQRamxBsfz-r6_SBVrbGz73xwzWRsqI" /* of TOKEN, by KEYS_SECRET */

static void a_successor_stays_the_same(void **state)
{
    struct vb_keys *keys = keys_of(KEYS_SECRET, NULL);
    struct vb_token_successors next;
    unsigned char hash[VB_SHA256_SIZE];

    (void)state;
    vb_session_successors(keys, TOKEN, &next);
    assert_int_equal(next.count, 1);
    assert_string_equal(next.list[0].text, SUCCESSOR);
    vb_sha256(SUCCESSOR, strlen(SUCCESSOR), hash);
    assert_memory_equal(next.list[0].hash, hash, sizeof(hash));
    vb_keys_destroy(keys);
}

static void every_secret_has_its_successor_and_the_newest_comes_first(void **state)
{
    struct vb_keys *keys = keys_of(KEYS_OTHER, KEYS_SECRET), *newest = keys_of(KEYS_OTHER, NULL);
    struct vb_token_successors next, of_newest;

    (void)state;
    vb_session_successors(keys, TOKEN, &next);
    vb_session_successors(newest, TOKEN, &of_newest);
    assert_int_equal(next.count, 2);
    assert_string_equal(next.list[0].text, of_newest.list[0].text);
    assert_string_equal(next.list[1].text, SUCCESSOR);
    vb_keys_destroy(newest);
    vb_keys_destroy(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_successor_stays_the_same),
        cmocka_unit_test(every_secret_has_its_successor_and_the_newest_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
