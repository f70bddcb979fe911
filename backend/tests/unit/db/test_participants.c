/* Who takes part in what, against a real PostgreSQL: never more than the capacity, with each type of ids
 * that an adopted database may have. */
#include "db/participants.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "db/activities.h"
#include "db/migrate.h"
#include "db/text_array.h"
#include "db/users.h"
#include "postgres_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FUTURE     "2099-01-01T10:00:00Z"
#define PAST       "2001-01-01T10:00:00Z"
#define PEOPLE_MAX 16
#define TIMEOUT_MS 60000

/* Databases whose tables were there before, by the types of their ids. */
static const struct {
    const char *name, *tables;
} kinds[] = {
    {"uuids", NULL},
    {"integers",
     "CREATE TABLE users (id serial PRIMARY KEY); CREATE TABLE activities (id serial PRIMARY KEY)"},
    {"texts", "CREATE TABLE users (id text PRIMARY KEY); CREATE TABLE activities (id text PRIMARY KEY)"},
    {"mixed", "CREATE TABLE users (id bigserial PRIMARY KEY); CREATE TABLE activities (id text PRIMARY KEY)"},
};

static struct {
    struct vb_db_pool *pool;
    struct vb_db *db;
    char *people[PEOPLE_MAX];
} databases[VB_ARRAY_SIZE(kinds)];

static void run_sql(const char *url, const char *sql)
{
    assert_int_equal(vb_test_postgres_run(url, sql), 0);
}

static int fill(size_t i, const char *url)
{
    struct vb_error err = {0};

    if (kinds[i].tables)
        run_sql(url, kinds[i].tables);
    /* Fewer connections than askers; timeouts that no busy machine reaches. */
    databases[i].pool = vb_db_pool_create(&(struct vb_db_config){.url = url,
                                                                 .connections_max = 10,
                                                                 .statement_timeout_ms = TIMEOUT_MS,
                                                                 .acquire_timeout_ms = TIMEOUT_MS});
    if (vb_db_acquire(databases[i].pool, &databases[i].db, &err) < 0)
        return -1;
    if (vb_db_migrate(url, NULL, NULL, &err) < 0) {
        fprintf(stderr, "%s: %s\n", kinds[i].name, err.message);
        return -1;
    }
    for (int k = 0; k < PEOPLE_MAX; k++) {
        struct vb_user user VB_CLEANUP(vb_user_release) = {0};
        char email[32];

        snprintf(email, sizeof(email), "p%d@example.org", k);
        if (vb_users_insert(databases[i].db, email, NULL, "P", &user, &err) < 0)
            return -1;
        databases[i].people[k] = vb_xstrdup(user.id);
    }
    return 0;
}

static int setup(void **state)
{
    if (vb_test_postgres_setup(state) < 0)
        return -1;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *url VB_CLEANUP(vb_freep) = vb_test_postgres_database(*state, kinds[i].name);

        if (!url || fill(i, url) < 0)
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        for (int k = 0; k < PEOPLE_MAX; k++)
            free(databases[i].people[k]);
        vb_db_release(databases[i].db);
        vb_db_pool_destroy(databases[i].pool);
    }
    return vb_test_postgres_teardown(state);
}

/* Returns its id, to be freed. */
static char *plan(size_t i, const char *capacity, const char *starts_at, const char *ends_at)
{
    const struct vb_activity_fields fields = {
        .title = "Swim", .starts_at = starts_at, .ends_at = ends_at, .capacity = capacity};
    struct vb_error err = {0};
    char *id = NULL;

    if (vb_activities_insert(databases[i].db, databases[i].people[0], &fields, &id, &err) < 0)
        fail_msg("%s: %s", kinds[i].name, err.message);
    return id;
}

static int count_person(void *context, const struct vb_listed_person *listed)
{
    unsigned *count = context;

    assert_string_equal(listed->person.name, "P");
    (*count)++;
    return 0;
}

static void assert_count(size_t i, const char *activity_id, unsigned expected)
{
    struct vb_activity activity VB_CLEANUP(vb_activity_release) = {0};
    unsigned count = 0;

    assert_int_equal(vb_activities_find(databases[i].db, activity_id, &activity, NULL), 0);
    assert_int_equal(atoi(activity.participant_count), expected);
    assert_int_equal(
        vb_participants_list(databases[i].db, activity_id, 100, NULL, NULL, count_person, &count, NULL), 0);
    assert_int_equal(count, expected);
}

static int join(size_t i, const char *activity_id, const char *user_id)
{
    return vb_participants_join(databases[i].db, activity_id, user_id, NULL);
}

static void joining_twice_is_one_place_and_leaving_gives_it_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *id VB_CLEANUP(vb_freep) = plan(i, "1", FUTURE, NULL);
        char *const *people = databases[i].people;

        assert_int_equal(join(i, id, people[1]), 0);
        assert_int_equal(join(i, id, people[1]), 0);
        assert_count(i, id, 1);
        assert_int_equal(join(i, id, people[2]), -ENOSPC);
        for (int k = 0; k < 2; k++)
            assert_int_equal(vb_participants_leave(databases[i].db, id, people[1], NULL), 0);
        assert_count(i, id, 0);
        assert_int_equal(join(i, id, people[2]), 0);
        assert_count(i, id, 1);
    }
}

static void nobody_joins_what_is_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *begun VB_CLEANUP(vb_freep) = plan(i, NULL, PAST, NULL);
        char *over VB_CLEANUP(vb_freep) = plan(i, NULL, PAST, PAST);
        char *going_on VB_CLEANUP(vb_freep) = plan(i, NULL, PAST, FUTURE);

        assert_int_equal(join(i, begun, databases[i].people[1]), -ETIME);
        assert_int_equal(join(i, over, databases[i].people[1]), -ETIME);
        assert_int_equal(join(i, going_on, databases[i].people[1]), 0);
        assert_count(i, over, 0);
    }
}

static void joining_with_an_unknown_id_is_enoent(void **state)
{
    static const char *const unknown[] = {"",
                                          "x",
                                          "-1",
                                          "99999999999999999999",
                                          "99999",
                                          "0199c0de-0000-7000-8000-00000000ffff",
                                          "' OR true --"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *id VB_CLEANUP(vb_freep) = plan(i, NULL, FUTURE, NULL);

        for (size_t k = 0; k < VB_ARRAY_SIZE(unknown); k++) {
            assert_int_equal(join(i, unknown[k], databases[i].people[1]), -ENOENT);
            assert_int_equal(join(i, id, unknown[k]), -ENOENT);
            assert_int_equal(vb_participants_leave(databases[i].db, unknown[k], databases[i].people[1], NULL),
                             0);
        }
        assert_count(i, id, 0);
    }
}

struct participation {
    char *user_id, *activity_id;
    int count;
};

static int note(void *context, const char *user_id, const char *activity_id)
{
    struct participation *only = context;

    only->user_id = vb_xstrdup(user_id);
    only->activity_id = vb_xstrdup(activity_id);
    only->count++;
    return 0;
}

static void among_visits_each_user_who_takes_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *first VB_CLEANUP(vb_freep) = plan(i, NULL, FUTURE, NULL);
        char *second VB_CLEANUP(vb_freep) = plan(i, NULL, FUTURE, NULL);
        struct participation only = {0};
        struct vb_strbuf users, activities;

        assert_int_equal(join(i, first, databases[i].people[1]), 0);
        assert_int_equal(join(i, first, databases[i].people[3]), 0);
        vb_strbuf_init(&users, 4096);
        vb_strbuf_init(&activities, 4096);
        vb_text_array_begin(&users);
        vb_text_array_add(&users, databases[i].people[1]);
        vb_text_array_add(&users, databases[i].people[2]);
        vb_text_array_end(&users);
        vb_text_array_begin(&activities);
        vb_text_array_add(&activities, first);
        vb_text_array_add(&activities, second);
        vb_text_array_end(&activities);
        assert_int_equal(
            vb_participants_among(databases[i].db, users.data, activities.data, note, &only, NULL), 0);
        assert_int_equal(only.count, 1);
        assert_string_equal(only.user_id, databases[i].people[1]);
        assert_string_equal(only.activity_id, first);
        free(only.user_id);
        free(only.activity_id);
        vb_strbuf_release(&users);
        vb_strbuf_release(&activities);
    }
}

/* A user who joins on a thread and a connection of their own. */
struct asker {
    pthread_t thread;
    struct vb_db_pool *pool;
    const char *activity_id, *user_id;
    int result;
};

static void *ask(void *context)
{
    struct asker *asker = context;
    struct vb_db *db = NULL;

    asker->result = vb_db_acquire(asker->pool, &db, NULL);
    if (asker->result == 0)
        asker->result = vb_participants_join(db, asker->activity_id, asker->user_id, NULL);
    vb_db_release(db);
    return NULL;
}

/* Returns how many joined; the others got -ENOSPC. */
static unsigned ask_at_once(size_t i, const char *activity_id, bool all_the_same)
{
    struct asker askers[PEOPLE_MAX - 1];
    unsigned joined = 0;

    for (size_t k = 0; k < VB_ARRAY_SIZE(askers); k++) {
        askers[k] = (struct asker){.pool = databases[i].pool,
                                   .activity_id = activity_id,
                                   .user_id = databases[i].people[all_the_same ? 1 : k + 1]};
        assert_int_equal(pthread_create(&askers[k].thread, NULL, ask, &askers[k]), 0);
    }
    for (size_t k = 0; k < VB_ARRAY_SIZE(askers); k++)
        pthread_join(askers[k].thread, NULL);
    for (size_t k = 0; k < VB_ARRAY_SIZE(askers); k++) {
        if (askers[k].result != 0)
            assert_int_equal(askers[k].result, -ENOSPC);
        joined += askers[k].result == 0;
    }
    return joined;
}

static void concurrent_joins_never_exceed_the_capacity(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *id VB_CLEANUP(vb_freep) = plan(i, "5", FUTURE, NULL);

        assert_int_equal(ask_at_once(i, id, false), 5);
        assert_count(i, id, 5);
    }
}

static void concurrent_joins_of_one_user_take_one_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *id VB_CLEANUP(vb_freep) = plan(i, "5", FUTURE, NULL);

        assert_int_equal(ask_at_once(i, id, true), PEOPLE_MAX - 1);
        assert_count(i, id, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joining_twice_is_one_place_and_leaving_gives_it_back),
        cmocka_unit_test(nobody_joins_what_is_over),
        cmocka_unit_test(joining_with_an_unknown_id_is_enoent),
        cmocka_unit_test(among_visits_each_user_who_takes_part),
        cmocka_unit_test(concurrent_joins_never_exceed_the_capacity),
        cmocka_unit_test(concurrent_joins_of_one_user_take_one_place),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
