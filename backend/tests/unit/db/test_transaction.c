/* Transactions against a real PostgreSQL: commit, roll back, and retry after a collision. */
#include "db/query.h"
#include "db/transaction.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "postgres_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct vb_db_pool *pool;
static struct vb_db *db, *other;

static void execute(struct vb_db *on, const char *sql)
{
    struct vb_error err = {0};

    if (vb_db_execute(on, sql, 0, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", sql, err.message);
}

static int setup(void **state)
{
    char *url VB_CLEANUP(vb_freep) = NULL;

    if (vb_test_postgres_setup(state) < 0)
        return -1;
    url = vb_test_postgres_database(*state, "transactions");
    if (!url)
        return -1;
    pool = vb_db_pool_create(&(struct vb_db_config){.url = url});
    if (vb_db_acquire(pool, &db, NULL) < 0 || vb_db_acquire(pool, &other, NULL) < 0)
        return -1;
    execute(db, "CREATE TABLE counters (name text PRIMARY KEY, value integer NOT NULL)");
    return 0;
}

static int teardown(void **state)
{
    vb_db_release(db);
    vb_db_release(other);
    vb_db_pool_destroy(pool);
    return vb_test_postgres_teardown(state);
}

static int empty(void **state)
{
    (void)state;
    execute(db, "DELETE FROM counters");
    execute(db, "INSERT INTO counters VALUES ('a', 0)");
    return 0;
}

/* As the other connection sees it. */
static void assert_value(int expected)
{
    static const char sql[] = "SELECT value FROM counters WHERE name = 'a'";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;

    assert_int_equal(vb_db_query(other, sql, 0, NULL, &row, NULL), 0);
    assert_int_equal(atoi(PQgetvalue(row, 0, 0)), expected);
}

/* Work that counts up, and then returns `result` for its first `failures` runs. */
struct work {
    int result;
    unsigned failures, runs;
};

static int count_up(struct vb_db *on, void *context, struct vb_error *err)
{
    static const char sql[] = "UPDATE counters SET value = value + 1 WHERE name = 'a'";
    struct work *work = context;
    int r = vb_db_execute(on, sql, 0, NULL, NULL, err);

    work->runs++;
    return r == 0 && work->runs <= work->failures ? vb_error_set(err, -work->result, "as told") : r;
}

static void work_that_succeeds_is_committed(void **state)
{
    struct work work = {0};

    (void)state;
    assert_int_equal(vb_db_transact(db, count_up, &work, NULL), 0);
    assert_int_equal(work.runs, 1);
    assert_value(1);
}

static void an_error_rolls_back_and_is_returned_at_once(void **state)
{
    struct work work = {-ENOENT, 1, 0};
    struct vb_error err = {0};

    (void)state;
    assert_int_equal(vb_db_transact(db, count_up, &work, &err), -ENOENT);
    assert_string_equal(err.message, "as told");
    assert_int_equal(work.runs, 1);
    assert_value(0);
    work = (struct work){0};
    assert_int_equal(vb_db_transact(db, count_up, &work, NULL), 0); /* the connection still works */
    assert_value(1);
}

static void work_that_collided_is_rolled_back_and_retried(void **state)
{
    struct work work = {-EAGAIN, 4, 0};

    (void)state;
    assert_int_equal(vb_db_transact(db, count_up, &work, NULL), 0);
    assert_int_equal(work.runs, 5);
    assert_value(1);
}

static void the_fifth_collision_is_returned(void **state)
{
    struct work work = {-EAGAIN, 1000, 0};

    (void)state;
    assert_int_equal(vb_db_transact(db, count_up, &work, NULL), -EAGAIN);
    assert_int_equal(work.runs, 5);
    assert_value(0);
}

/* Reads in a snapshot; another connection writes the same row in between, on the first run only. */
static int count_up_after_another(struct vb_db *on, void *context, struct vb_error *err)
{
    static const char isolate[] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    static const char read[] = "SELECT value FROM counters WHERE name = 'a'";
    struct work *work = context;
    int r = vb_db_execute(on, isolate, 0, NULL, NULL, err);

    if (r == 0)
        r = vb_db_execute(on, read, 0, NULL, NULL, err);
    if (r == 0 && work->runs == 0)
        execute(other, "UPDATE counters SET value = value + 10 WHERE name = 'a'");
    return r == 0 ? count_up(on, work, err) : r;
}

static void a_serialization_failure_is_retried(void **state)
{
    struct work work = {0};

    (void)state;
    assert_int_equal(vb_db_transact(db, count_up_after_another, &work, NULL), 0);
    assert_int_equal(work.runs, 2);
    assert_value(11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(work_that_succeeds_is_committed, empty),
        cmocka_unit_test_setup(an_error_rolls_back_and_is_returned_at_once, empty),
        cmocka_unit_test_setup(work_that_collided_is_rolled_back_and_retried, empty),
        cmocka_unit_test_setup(the_fifth_collision_is_returned, empty),
        cmocka_unit_test_setup(a_serialization_failure_is_retried, empty),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
