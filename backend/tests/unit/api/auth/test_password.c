/* Passwords: argon2id with the promised parameters, bounded, and blind to whether a user exists. */
#include "api/auth/password.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct vb_password_gate *gate;

static int setup(void **state)
{
    (void)state;
    gate = vb_password_gate_create(2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vb_password_gate_destroy(gate);
    return 0;
}

static void a_hash_verifies_only_its_own_password(void **state)
{
    char hash[VB_PASSWORD_HASH_SIZE], again[VB_PASSWORD_HASH_SIZE];

    (void)state;
    assert_int_equal(vb_password_hash(gate, "correct horse", hash), 0);
    assert_int_equal(vb_password_hash(gate, "correct horse", again), 0);
    assert_string_not_equal(hash, again); /* salted */
    assert_non_null(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_int_equal(vb_password_verify(gate, "correct horse", hash), 0);
    assert_int_equal(vb_password_verify(gate, "correct horsf", hash), -EACCES);
    assert_int_equal(vb_password_verify(gate, "", hash), -EACCES);
    assert_int_equal(vb_password_verify(gate, "correct horse", "not a hash"), -EACCES);
}

/* Of this thread's CPU: how long others keep the machine busy does not count. */
static int64_t cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The shortest of several measurements: cold caches only add time. */
static int64_t shortest_us(const char *hash)
{
    int64_t shortest = INT64_MAX;

    for (int i = 0; i < 5; i++) {
        int64_t begin = cpu_us(), took;

        assert_int_equal(vb_password_verify(gate, "wrong password", hash), -EACCES);
        took = cpu_us() - begin;
        if (took < shortest)
            shortest = took;
    }
    return shortest;
}

static void an_unknown_user_takes_as_long_as_a_wrong_password(void **state)
{
    char hash[VB_PASSWORD_HASH_SIZE];
    int64_t known, unknown;

    (void)state;
    assert_int_equal(vb_password_hash(gate, "correct horse", hash), 0);
    known = shortest_us(hash);
    unknown = shortest_us(NULL);
    assert_true(unknown > known / 2 && unknown < known * 2);
}

static void *hash_once(void *context)
{
    char hash[VB_PASSWORD_HASH_SIZE];

    *(int *)context = vb_password_hash(gate, "correct horse", hash);
    return NULL;
}

static void many_hashes_at_once_all_get_their_turn(void **state)
{
    pthread_t threads[8];
    int results[8];

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_once, &results[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_verifies_only_its_own_password),
        cmocka_unit_test(an_unknown_user_takes_as_long_as_a_wrong_password),
        cmocka_unit_test(many_hashes_at_once_all_get_their_turn),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
