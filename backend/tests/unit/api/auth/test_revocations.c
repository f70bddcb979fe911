/* The set of revoked access tokens, and how it follows a real database that goes away and comes back. */
#include "postgres_fixture.h"

#include "api/auth/revocations.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "db/accounts.h"
#include "db/migrate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LIFETIME_S 1020

static struct vb_revocations *create(unsigned max)
{
    return vb_revocations_create(&(struct vb_revocations_config){.lifetime_s = LIFETIME_S, .max = max});
}

static void a_revocation_voids_only_earlier_tokens_of_that_user(void **state)
{
    struct vb_revocations *set = create(0);

    (void)state;
    assert_false(vb_revocations_cover(set, "anna", 0));
    vb_revocations_add(set, "anna", 5000);
    assert_true(vb_revocations_cover(set, "anna", 4999));
    assert_false(vb_revocations_cover(set, "anna", 5000));
    assert_false(vb_revocations_cover(set, "bert", 4999));
    vb_revocations_add(set, "anna", 4000); /* an older one changes nothing */
    assert_true(vb_revocations_cover(set, "anna", 4999));
    vb_revocations_destroy(set);
}

static void a_token_issued_after_a_revocation_is_dated_after_it(void **state)
{
    struct vb_revocations *set = create(0);

    (void)state;
    vb_revocations_add(set, "anna", 5000); /* by a machine whose clock is ahead */
    assert_int_equal(vb_revocations_issue_ms(set, "anna", 4200), 5000);
    assert_int_equal(vb_revocations_issue_ms(set, "anna", 6000), 6000);
    assert_int_equal(vb_revocations_issue_ms(set, "bert", 4200), 4200);
    vb_revocations_destroy(set);
}

static void many_revoked_users_are_told_apart(void **state)
{
    struct vb_revocations *set = create(0);
    char id[32];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(id, sizeof(id), "user-%d", i);
        vb_revocations_add(set, id, 1000 + i);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(id, sizeof(id), "user-%d", i);
        assert_true(vb_revocations_cover(set, id, 999 + i));
        assert_false(vb_revocations_cover(set, id, 1000 + i));
    }
    assert_false(vb_revocations_cover(set, "user-5000", 0));
    vb_revocations_destroy(set);
}

static void an_overflow_voids_the_older_tokens_of_everybody(void **state)
{
    struct vb_revocations *set = create(2);

    (void)state;
    vb_revocations_add(set, "anna", 9000);
    vb_revocations_add(set, "bert", 8000);
    assert_false(vb_revocations_cover(set, "dora", 0));
    vb_revocations_add(set, "carl", 7000);
    assert_true(vb_revocations_cover(set, "carl", 6999));
    assert_true(vb_revocations_cover(set, "dora", 6999));
    assert_false(vb_revocations_cover(set, "dora", 7000));
    assert_true(vb_revocations_cover(set, "anna", 8999));
    assert_int_equal(vb_revocations_issue_ms(set, "dora", 6000), 7000);
    vb_revocations_destroy(set);
}

struct crowd {
    struct vb_revocations *set;
    atomic_bool done;
};

static void *look(void *context)
{
    struct crowd *crowd = context;

    while (!atomic_load(&crowd->done))
        if (vb_revocations_cover(crowd->set, "nobody", 0))
            return crowd;
    return NULL;
}

static void readers_and_a_writer_run_concurrently(void **state)
{
    struct crowd crowd = {.set = create(0)};
    pthread_t threads[3];
    char id[32];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look, &crowd), 0);
    for (int i = 0; i < 2000; i++) {
        snprintf(id, sizeof(id), "user-%d", i);
        vb_revocations_add(crowd.set, id, 1);
    }
    atomic_store(&crowd.done, true);
    for (int i = 0; i < 3; i++) {
        void *wrong = NULL;

        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    vb_revocations_destroy(crowd.set);
}

/* Asks every 10 ms, for 20 s at the most. */
static bool comes_to_cover(struct vb_revocations *set, const char *user_id, int64_t issued_ms)
{
    for (int tries = 0; tries < 2000; tries++) {
        if (vb_revocations_cover(set, user_id, issued_ms))
            return true;
        usleep(10000);
    }
    return false;
}

static void revoke_in_database(struct vb_db_pool *pool, const char *user_id, int64_t revoked_ms)
{
    struct vb_db *db = NULL;
    struct vb_error err = {0};
    static const char sql[] = "INSERT INTO access_revocations VALUES ($1, to_timestamp($2::float8 / 1000))";
    char time[24];

    snprintf(time, sizeof(time), "%lld", (long long)revoked_ms);
    for (int tries = 0; tries < 2000 && vb_db_acquire(pool, &db, &err) < 0; tries++)
        usleep(10000);
    assert_non_null(db);
    assert_int_equal(vb_db_execute(db, sql, 2, (const char *[]){user_id, time}, NULL, &err), 0);
    vb_db_release(db);
}

static void revocations_of_the_database_are_read_again_after_it_was_away(void **state)
{
    char *url VB_CLEANUP(vb_freep) = vb_test_postgres_database(*state, "revocations");
    int64_t now_ms = vb_clock_realtime_ms();
    struct vb_revocations *set;
    struct vb_db_pool *pool;

    assert_non_null(url);
    assert_int_equal(vb_db_migrate(url, NULL, NULL, NULL), 0);
    pool = vb_db_pool_create(&(struct vb_db_config){.url = url});
    revoke_in_database(pool, "long-ago", now_ms - 1000 * (LIFETIME_S + 60));
    revoke_in_database(pool, "anna", now_ms);
    set = vb_revocations_create(&(struct vb_revocations_config){.db = pool, .lifetime_s = LIFETIME_S});
    assert_true(comes_to_cover(set, "anna", now_ms - 1));
    assert_false(vb_revocations_cover(set, "anna", now_ms));
    assert_false(vb_revocations_cover(set, "long-ago", 0));

    vb_test_postgres_stop(*state);
    vb_revocations_add(set, "bert", now_ms);
    assert_true(vb_revocations_cover(set, "anna", now_ms - 1));
    assert_int_equal(vb_test_postgres_start(*state), 0);
    revoke_in_database(pool, "carl", now_ms);
    assert_true(comes_to_cover(set, "carl", now_ms - 1));
    assert_true(vb_revocations_cover(set, "bert", now_ms - 1));
    vb_revocations_destroy(set);
    vb_db_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revocation_voids_only_earlier_tokens_of_that_user),
        cmocka_unit_test(a_token_issued_after_a_revocation_is_dated_after_it),
        cmocka_unit_test(many_revoked_users_are_told_apart),
        cmocka_unit_test(an_overflow_voids_the_older_tokens_of_everybody),
        cmocka_unit_test(readers_and_a_writer_run_concurrently),
        cmocka_unit_test(revocations_of_the_database_are_read_again_after_it_was_away),
    };

    return cmocka_run_group_tests(tests, vb_test_postgres_setup, vb_test_postgres_teardown);
}
