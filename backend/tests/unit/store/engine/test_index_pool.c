/* The pool of connections that read the index: few, opened late, and never lost. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static char directory[64];

static void make_index(void)
{
    struct vb_engine_index index;

    assert_int_equal(vb_engine_index_open(directory, true, &index, NULL), 0);
    vb_engine_index_close(&index);
}

static int set_up(void **state)
{
    strcpy(directory, "/tmp/vibe-index-XXXXXX");
    assert_non_null(mkdtemp(directory));
    *state = vb_engine_index_pool_create(directory, 2);
    return 0;
}

static int tear_down(void **state)
{
    vb_engine_index_pool_destroy(*state);
    remove_tree(directory);
    return 0;
}

static struct vb_engine_index *borrow(struct vb_engine_index_pool *pool)
{
    struct vb_engine_index *index = NULL;

    assert_int_equal(vb_engine_index_pool_borrow(pool, &index, NULL), 0);
    return index;
}

static void the_connection_returned_last_is_lent_first(void **state)
{
    struct vb_engine_index *a, *b;

    make_index();
    a = borrow(*state);
    b = borrow(*state);
    assert_ptr_not_equal(a, b);
    vb_engine_index_pool_return(a);
    vb_engine_index_pool_return(b);
    assert_ptr_equal(borrow(*state), b);
    vb_engine_index_pool_return(b);
}

static void a_second_connection_is_not_opened_while_the_first_is_enough(void **state)
{
    char path[100];
    struct vb_engine_index *index;

    make_index();
    index = borrow(*state);
    vb_engine_index_pool_return(index);
    snprintf(path, sizeof(path), "%s/index.db", directory);
    assert_int_equal(unlink(path), 0); /* whatever is opened from now on fails */
    assert_ptr_equal(borrow(*state), index);
    assert_int_equal(vb_engine_index_pool_borrow(*state, &(struct vb_engine_index *){NULL}, NULL), -EIO);
    vb_engine_index_pool_return(index);
}

/* Both connections fail to open more often than there are connections: none may be lost. */
static void a_connection_that_cannot_be_opened_is_not_lost(void **state)
{
    struct vb_engine_index *a, *b, *none = NULL;
    struct vb_error err = {0};

    for (int i = 0; i < 5; i++)
        assert_int_equal(vb_engine_index_pool_borrow(*state, &none, &err), -EIO);
    assert_null(none);
    assert_non_null(strstr(err.message, "index.db cannot be opened"));
    make_index();
    a = borrow(*state);
    b = borrow(*state);
    vb_engine_index_pool_return(a);
    vb_engine_index_pool_return(b);
}

static void a_failure_is_forgotten_by_the_next_borrower(void **state)
{
    struct vb_engine_index *index;

    make_index();
    index = borrow(*state);
    index->failure = SQLITE_IOERR;
    vb_engine_index_pool_return(index);
    index = borrow(*state);
    assert_int_equal(vb_engine_index_result(index), 0);
    vb_engine_index_pool_return(index);
}

struct waiter {
    struct vb_engine_index_pool *pool;
    atomic_bool has_it;
};

static void *wait_for_one(void *context)
{
    struct waiter *waiter = context;
    struct vb_engine_index *index = borrow(waiter->pool);

    atomic_store(&waiter->has_it, true);
    vb_engine_index_pool_return(index);
    return NULL;
}

static void a_borrower_waits_until_a_connection_is_returned(void **state)
{
    struct waiter waiter = {.pool = *state};
    struct vb_engine_index *a, *b;
    pthread_t thread;

    make_index();
    a = borrow(*state);
    b = borrow(*state);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_one, &waiter), 0);
    sched_yield();
    assert_false(atomic_load(&waiter.has_it));
    vb_engine_index_pool_return(a);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&waiter.has_it));
    vb_engine_index_pool_return(b);
}

static void a_scope_without_a_connection_returns_none(void **state)
{
    struct vb_engine_index *index = NULL;

    (void)state;
    vb_engine_index_pool_returnp(&index);
}

int main(void)
{
#define WITH_POOL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_POOL(the_connection_returned_last_is_lent_first),
        WITH_POOL(a_second_connection_is_not_opened_while_the_first_is_enough),
        WITH_POOL(a_connection_that_cannot_be_opened_is_not_lost),
        WITH_POOL(a_failure_is_forgotten_by_the_next_borrower),
        WITH_POOL(a_borrower_waits_until_a_connection_is_returned),
        WITH_POOL(a_scope_without_a_connection_returns_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
