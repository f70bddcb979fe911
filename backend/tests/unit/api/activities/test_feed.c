/* Single flight for pages, with a real PostgreSQL. The pool has one connection, which the test holds while
 * requests arrive: so it knows which of them wait together. */
#include "api/activities/feed.h"

#include "base/clock.h"
#include "base/memory.h"
#include "db/migrate.h"
#include "db/participants.h"
#include "db/users.h"
#include "postgres_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define PEOPLE        24
#define ARENA_MAX     (1 << 20)
#define TIMEOUT_MS    20000
#define FULL_AFTER_MS 300

static char *url, *people[PEOPLE],
    *activities[PEOPLE]; /* the one with number i is joined by person i alone */

static int add(struct vb_db *db, int i)
{
    const struct vb_activity_fields fields = {.title = "Swim", .starts_at = "2099-01-01T10:00:00Z"};
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};

    if (vb_users_insert(db, NULL, NULL, "P", &user, NULL) < 0 ||
        vb_activities_insert(db, user.id, &fields, &activities[i], NULL) < 0)
        return -1;
    people[i] = vb_xstrdup(user.id);
    return vb_participants_join(db, activities[i], people[i], NULL);
}

static int setup(void **state)
{
    struct vb_db_pool *pool;
    struct vb_db *db = NULL;
    int r;

    if (vb_test_postgres_setup(state) < 0)
        return -1;
    url = vb_test_postgres_database(*state, "feed");
    if (!url || vb_db_migrate(url, NULL, NULL, NULL) < 0)
        return -1;
    pool = vb_db_pool_create(&(struct vb_db_config){.url = url});
    r = vb_db_acquire(pool, &db, NULL);
    for (int i = 0; i < PEOPLE && r == 0; i++)
        r = add(db, i);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
    return r;
}

static int teardown(void **state)
{
    for (int i = 0; i < PEOPLE; i++) {
        free(people[i]);
        free(activities[i]);
    }
    free(url);
    return vb_test_postgres_teardown(state);
}

/* A request for the newest activities, on a thread of its own. */
struct asker {
    pthread_t thread;
    struct vb_api *api;
    struct vb_feed *feed;
    const char *user_id;
    atomic_int tid; /* 0: not yet asking */
    int result;
    struct vb_error err;
    struct vb_strbuf out;
};

static void *ask(void *context)
{
    static const struct vb_activity_filter filter = {.sort = VB_ACTIVITIES_NEWEST, .limit = 100};
    struct asker *asker = context;
    struct vb_http_request request = {.query = "", .host = "", .app = asker->api};

    vb_arena_init(&request.arena, ARENA_MAX);
    atomic_store(&asker->tid, gettid());
    asker->result =
        vb_feed_page(asker->feed, &request, asker->user_id, "newest", &filter, &asker->out, &asker->err);
    vb_arena_release(&request.arena);
    return NULL;
}

static bool is_asleep(int tid)
{
    char path[64], state = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    file = tid ? fopen(path, "re") : NULL;
    if (!file)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(file);
    return state == 'S';
}

/* Waits until this many requests wait for the database or for each other, seen ten times in a row. */
static void wait_for(struct asker *askers, int count)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + TIMEOUT_MS;
    int rounds = 0;

    while (rounds < 10) {
        int asleep = 0;

        for (int i = 0; i < count; i++)
            asleep += is_asleep(atomic_load(&askers[i].tid));
        rounds = asleep == count ? rounds + 1 : 0;
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        sched_yield();
    }
}

static void wait_for_pool(struct vb_db_pool *pool)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + TIMEOUT_MS;
    struct vb_db_stats stats;

    do {
        vb_db_pool_stats(pool, &stats);
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        sched_yield();
    } while (stats.waiting == 0);
    assert_int_equal(stats.waiting, 1);
}

static void start(struct asker *asker, struct vb_api *api, struct vb_feed *feed, int person)
{
    *asker = (struct asker){.api = api, .feed = feed, .user_id = people[person]};
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

/* The first request is served alone. The others arrive meanwhile. */
static void start_all(struct asker askers[PEOPLE], struct vb_api *api, struct vb_feed *feed)
{
    start(&askers[0], api, feed, 0);
    wait_for_pool(api->db);
    for (int i = 1; i < PEOPLE; i++)
        start(&askers[i], api, feed, i);
}

/* How often the pool's connection executed statements that begin with this text. */
static int executions(struct vb_db *db, const char *beginning)
{
    static const char sql[] = "SELECT coalesce(sum(generic_plans + custom_plans), 0)\n"
                              "FROM pg_prepared_statements\n"
                              "WHERE starts_with(statement, $1)";
    char *count VB_CLEANUP(vb_freep) = vb_test_postgres_ask(db, sql, beginning);

    assert_non_null(count);
    return atoi(count);
}

/* The page has all activities, and only the user's own is joined. */
static void assert_sees_own_join(const struct asker *asker, int person)
{
    json_t *page = json_loadb(asker->out.data, asker->out.length, 0, NULL);
    json_t *list = json_object_get(page, "activities"), *activity;
    size_t i;

    assert_int_equal(json_array_size(list), PEOPLE);
    json_array_foreach(list, i, activity)
    {
        const char *id = json_string_value(json_object_get(activity, "id"));

        assert_int_equal(json_is_true(json_object_get(activity, "joined")),
                         strcmp(id, activities[person]) == 0);
    }
    json_decref(page);
}

static void concurrent_requests_share_one_page_and_see_their_own_joins(void **state)
{
    struct vb_api api = {.db = vb_db_pool_create(&(struct vb_db_config){
                             .url = url, .connections_max = 1, .acquire_timeout_ms = TIMEOUT_MS})};
    struct vb_feed *feed = vb_feed_create();
    struct asker askers[PEOPLE];
    struct vb_db *db = NULL;

    (void)state;
    assert_int_equal(vb_db_acquire(api.db, &db, NULL), 0);
    start_all(askers, &api, feed);
    wait_for(askers, PEOPLE);
    wait_for_pool(api.db); /* one of them all */
    vb_db_release(db);
    for (int i = 0; i < PEOPLE; i++)
        pthread_join(askers[i].thread, NULL);
    for (int i = 0; i < PEOPLE; i++) {
        assert_int_equal(askers[i].result, 0);
        assert_sees_own_join(&askers[i], i);
        vb_strbuf_release(&askers[i].out);
    }
    assert_int_equal(vb_db_acquire(api.db, &db, NULL), 0);
    assert_int_equal(executions(db, "SELECT a.id::text"), 2); /* the page: of the first, and of all others */
    assert_int_equal(executions(db, "SELECT user_id::text, activity_id::text"), 2); /* the joins */
    vb_db_release(db);
    vb_feed_destroy(feed);
    vb_db_pool_destroy(api.db);
}

static void an_error_goes_to_every_request_of_the_batch(void **state)
{
    struct vb_api api = {.db = vb_db_pool_create(&(struct vb_db_config){
                             .url = url, .connections_max = 1, .acquire_timeout_ms = FULL_AFTER_MS})};
    struct vb_feed *feed = vb_feed_create();
    struct asker askers[PEOPLE];
    struct vb_db *db = NULL;

    (void)state;
    assert_int_equal(vb_db_acquire(api.db, &db, NULL), 0);
    start_all(askers, &api, feed);
    for (int i = 0; i < PEOPLE; i++)
        pthread_join(askers[i].thread, NULL);
    for (int i = 0; i < PEOPLE; i++) {
        assert_int_equal(askers[i].result, -EBUSY);
        assert_non_null(strstr(askers[i].err.message, "in use"));
    }
    vb_db_release(db);

    start(&askers[0], &api, feed, 0); /* and not that of those who come later */
    pthread_join(askers[0].thread, NULL);
    assert_int_equal(askers[0].result, 0);
    vb_strbuf_release(&askers[0].out);
    vb_feed_destroy(feed);
    vb_db_pool_destroy(api.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concurrent_requests_share_one_page_and_see_their_own_joins),
        cmocka_unit_test(an_error_goes_to_every_request_of_the_batch),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
