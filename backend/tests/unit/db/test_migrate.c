/* Migrations against a real PostgreSQL: from nothing, into databases that hold the app's rows, many at once,
 * failing. */
#include "db/migrate.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "db/query.h"
#include "postgres_fixture.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* A database of the test's own, under the test's name. */
static char *database(void **state, const char *name)
{
    char *url = vb_test_postgres_database(*state, name);

    assert_non_null(url);
    return url;
}

static void run_sql(const char *url, const char *sql)
{
    assert_int_equal(vb_test_postgres_run(url, sql), 0);
}

/* The first field of the first row ("NULL" for SQL NULL), to be freed. */
static char *ask(const char *url, const char *sql)
{
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, sql);
    char *answer;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) < 1)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    answer = vb_xstrdup(PQgetisnull(result, 0, 0) ? "NULL" : PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(connection);
    return answer;
}

static void assert_answer(const char *url, const char *sql, const char *expected)
{
    char *answer VB_CLEANUP(vb_freep) = ask(url, sql);

    assert_string_equal(answer, expected);
}

static void count(void *context, const struct vb_migration_state *state)
{
    assert_non_null(state->applied_at);
    ++*(unsigned *)context;
}

/* Returns how many were applied. */
static unsigned migrate(const char *url)
{
    struct vb_error err = {0};
    unsigned applied = 0;

    if (vb_db_migrate(url, count, &applied, &err) < 0)
        fail_msg("%s (%s)", err.message, err.hint);
    return applied;
}

static void an_empty_database_gets_the_tables_of_the_contract(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "from_nothing");

    assert_int_equal(migrate(url), vb_migration_count);
    assert_int_equal(migrate(url), 0);
    assert_answer(
        url,
        "SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name) "
        "FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN ('activities', "
        "'users', "
        "'vibe_stories') AND (column_name LIKE '%\\_s3\\_key%' OR column_name LIKE '%\\_cdn\\_url%' "
        "OR column_name LIKE '%\\_url' OR column_name LIKE '%\\_urls' OR column_name = 'profile_picture')",
        "activities.hero_image_cdn_url activities.hero_image_s3_key activities.hero_image_url "
        "activities.image_cdn_urls activities.image_s3_keys activities.image_urls "
        "users.profile_picture users.profile_picture_cdn_url users.profile_picture_s3_key "
        "vibe_stories.image_cdn_url vibe_stories.image_s3_key vibe_stories.image_url "
        "vibe_stories.video_cdn_url vibe_stories.video_s3_key vibe_stories.video_url");
    assert_answer(url,
                  "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
                  "WHERE attrelid = 'users'::regclass AND attname = 'id'",
                  "uuid");
}

static void an_address_is_unique_whatever_its_case(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "one_address");
    struct vb_db_pool *pool;
    struct vb_db *db = NULL;

    migrate(url);
    pool = vb_db_pool_create(&(struct vb_db_config){.url = url});
    assert_int_equal(vb_db_acquire(pool, &db, NULL), 0);
    assert_int_equal(vb_db_execute(db,
                                   "INSERT INTO users (email, password_hash) VALUES ('Ada@example.org', 'x')",
                                   0, NULL, NULL, NULL),
                     0);
    assert_int_equal(vb_db_execute(db,
                                   "INSERT INTO users (email, password_hash) VALUES ('ada@EXAMPLE.org', 'x')",
                                   0, NULL, NULL, NULL),
                     -EEXIST);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

/* What deleting a user does: the tokens go, the media rows stay until their objects are gone. */
static void deleting_a_user_keeps_what_is_left_to_delete_in_the_bucket(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "deleting");

    migrate(url);
    run_sql(url, "INSERT INTO users (email) VALUES ('a@example.org');"
                 "INSERT INTO refresh_tokens (family_id, user_id, token_hash, expires_at) "
                 "  SELECT gen_random_uuid(), id, sha256('t'), now() FROM users;"
                 "INSERT INTO media (upload_id, user_id, purpose, key, content_type) "
                 "  SELECT gen_random_uuid(), id, 'profile-picture', 'k', 'image/jpeg' FROM users;"
                 "INSERT INTO activities (user_id) SELECT id FROM users;"
                 "DELETE FROM users");
    assert_answer(url, "SELECT (SELECT count(*) FROM refresh_tokens) + (SELECT count(*) FROM activities)",
                  "0");
    assert_answer(url, "SELECT user_id FROM media WHERE key = 'k'", "NULL");
}

/* Databases as apps have them. Each users table holds rows; `old` is one id of them, `missing` one that is of
 * the type but not there. */
static const struct adopted {
    const char *name, *users, *id_type, *old, *missing;
} adopted[] = {
    {"adopt_uuid",
     "CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email varchar(255) UNIQUE NOT NULL, "
     "name text,"
     "  profile_picture text, created_at timestamp DEFAULT now());"
     "INSERT INTO users (id, email, profile_picture) VALUES ('6f1c2f6e-0000-4000-8000-000000000001', "
     "'a@example.org', "
     "  'file:///var/mobile/a.jpg'), ('6f1c2f6e-0000-4000-8000-000000000002', 'b@example.org', NULL)",
     "uuid", "6f1c2f6e-0000-4000-8000-000000000001", "6f1c2f6e-0000-4000-8000-000000000009"},
    {"adopt_uuid_without_key",
     "CREATE TABLE users (id uuid, profile_picture text);"
     "INSERT INTO users VALUES ('6f1c2f6e-0000-4000-8000-000000000001', 'file:///a.jpg')",
     "uuid", "6f1c2f6e-0000-4000-8000-000000000001", "6f1c2f6e-0000-4000-8000-000000000009"},
    {"adopt_text",
     "CREATE TABLE users (id text PRIMARY KEY, profile_picture text);"
     "INSERT INTO users VALUES ('user-1', 'file:///a.jpg'), ('ÄÖ \" $$ '' -- %s', NULL)",
     "text", "ÄÖ \" $$ ' -- %s", "user-9"},
    {"adopt_object_id",
     "CREATE TABLE users (id varchar(24) PRIMARY KEY, profile_picture text);"
     "INSERT INTO users VALUES ('507f1f77bcf86cd799439011', 'file:///a.jpg')",
     "character varying(24)", "507f1f77bcf86cd799439011", "507f1f77bcf86cd799439019"},
    {"adopt_serial",
     "CREATE TABLE users (id serial PRIMARY KEY, email text, profile_picture text);"
     "INSERT INTO users (email, profile_picture) VALUES ('a@example.org', 'file:///a.jpg'), "
     "('A@example.org', NULL), "
     "  (NULL, NULL)",
     "integer", "2", "99"},
    {"adopt_identity",
     "CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, profile_picture text);"
     "INSERT INTO users (profile_picture) VALUES ('file:///a.jpg'), (NULL)",
     "bigint", "1", "99"},
    {"adopt_integer",
     "CREATE TABLE users (id integer PRIMARY KEY, email text, profile_picture text);"
     "INSERT INTO users VALUES (7, 'a@example.org', 'file:///a.jpg'), (41, 'a@example.org', NULL)",
     "integer", "41", "99"},
};

/* The other two tables of such an app, with ids of the same type. */
#define OTHER_TABLES                                                                                         \
    "CREATE TABLE activities AS SELECT id, 'file:///hero.jpg'::text AS hero_image_url, "                     \
    "  ARRAY['file:///1.jpg', 'file:///2.jpg']::text[] AS image_urls FROM users;"                            \
    "CREATE TABLE vibe_stories AS SELECT id, NULL::text AS image_url, 'file:///s.mp4'::text AS video_url "   \
    "FROM users"

#define FINGERPRINT                                                                                          \
    "SELECT md5((SELECT string_agg(id::text || coalesce(profile_picture, '-'), ',' ORDER BY id) FROM users)" \
    " || (SELECT string_agg(id::text || hero_image_url || image_urls::text, ',' ORDER BY id) FROM "          \
    "activities)"                                                                                            \
    " || (SELECT string_agg(id::text || coalesce(image_url, '-') || video_url, ',' ORDER BY id) FROM "       \
    "vibe_stories))"

/* As the API does it, knowing nothing of the id's type. */
static void assert_usable(const char *url, const struct adopted *from)
{
    static const char insert[] =
        "INSERT INTO users (email, password_hash, name) VALUES ($1, $2, $3) RETURNING id::text";
    static const char find[] = "SELECT coalesce(profile_picture, '') FROM users WHERE id = $1";
    static const char token[] = "INSERT INTO refresh_tokens (family_id, user_id, token_hash, expires_at) "
                                "VALUES (gen_random_uuid(), $1, sha256($2), now())";
    struct vb_db_pool *pool = vb_db_pool_create(&(struct vb_db_config){.url = url});
    PGresult *result = NULL;
    struct vb_db *db = NULL;
    struct vb_error err = {0};
    char *id;

    assert_int_equal(vb_db_acquire(pool, &db, NULL), 0);
    for (int i = 0; i < 2; i++) { /* twice: ids differ */
        const char *const user[] = {i ? "y@example.org" : "x@example.org", "$argon2id$", "New"};

        if (vb_db_query(db, insert, 3, user, &result, &err) < 0)
            fail_msg("%s: %s", from->name, err.message);
        id = vb_xstrdup(PQgetvalue(result, 0, 0));
        PQclear(result);
        assert_int_equal(vb_db_query(db, find, 1, (const char *const[]){id}, &result, NULL), 0);
        assert_int_equal(PQntuples(result), 1);
        PQclear(result);
        if (vb_db_execute(db, token, 2, (const char *const[]){id, id}, NULL, &err) < 0)
            fail_msg("%s: %s", from->name, err.message);
        free(id);
    }
    assert_int_equal(vb_db_query(db, find, 1, (const char *const[]){from->old}, &result, NULL), 0);
    assert_int_equal(PQntuples(result), 1);
    PQclear(result);
    assert_int_equal(vb_db_execute(db, token, 2, (const char *const[]){from->missing, "m"}, NULL, NULL),
                     -ESRCH);
    if (strcmp(from->id_type, "uuid") == 0 || strstr(from->id_type, "int"))
        assert_int_equal(vb_db_execute(db, find, 1, (const char *const[]){"no such id"}, NULL, NULL), -EDOM);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void an_adopted_database_keeps_its_rows_and_the_type_of_its_ids(void **state)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(adopted); i++) {
        char *url VB_CLEANUP(vb_freep) = database(state, adopted[i].name);
        char *before VB_CLEANUP(vb_freep) = NULL;

        print_message("             %s\n", adopted[i].name);
        run_sql(url, adopted[i].users);
        run_sql(url, OTHER_TABLES);
        before = ask(url, FINGERPRINT);
        assert_int_equal(migrate(url), vb_migration_count);

        assert_answer(url, FINGERPRINT, before);
        assert_answer(url,
                      "SELECT string_agg(DISTINCT format_type(atttypid, atttypmod), ' ') FROM pg_attribute "
                      "WHERE (attrelid = 'users'::regclass AND attname = 'id') "
                      "   OR (attrelid = ANY (ARRAY['refresh_tokens', 'media', 'activities', "
                      "'vibe_stories']::regclass[]) "
                      "       AND attname = 'user_id')",
                      adopted[i].id_type);
        assert_usable(url, &adopted[i]);
        run_sql(url, "INSERT INTO activities (user_id) SELECT id FROM users LIMIT 1;"
                     "INSERT INTO vibe_stories (user_id) SELECT id FROM users LIMIT 1");
    }
}

static void new_integer_ids_follow_the_highest_adopted_one(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "follow");

    run_sql(url, "CREATE TABLE users (id integer PRIMARY KEY); INSERT INTO users VALUES (7), (41)");
    migrate(url);
    assert_answer(url, "INSERT INTO users (email) VALUES ('x') RETURNING id", "42");
    assert_answer(url, "INSERT INTO activities DEFAULT VALUES RETURNING length(id::text)",
                  "36"); /* made new: uuid */
}

static void two_logins_for_one_address_fail_with_an_explanation_and_change_nothing(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "two_logins");
    struct vb_error err = {0};

    run_sql(url,
            "CREATE TABLE users (id serial PRIMARY KEY, email text, password_hash text);"
            "INSERT INTO users (email, password_hash) VALUES ('a@example.org', 'x'), ('A@example.org', 'y')");
    assert_int_equal(vb_db_migrate(url, NULL, NULL, &err), -EIO);
    assert_non_null(strstr(err.message, "1 e-mail addresses belong to more than one row"));
    assert_non_null(strstr(err.hint, "HAVING count(*) > 1"));
    assert_answer(url, "SELECT to_regclass('activities')", "NULL");
    assert_answer(url, "SELECT count(*) FROM users", "2");
    run_sql(url, "DELETE FROM users WHERE id = 2");
    assert_int_equal(migrate(url), vb_migration_count);
}

static void a_foreign_table_named_media_is_refused_with_an_explanation(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "same_name");
    struct vb_error err = {0};

    run_sql(url, "CREATE TABLE media (whatever text); CREATE TABLE schema_migrations (version varchar)");
    assert_int_equal(vb_db_migrate(url, NULL, NULL, &err), -EIO);
    assert_non_null(strstr(err.message, "0003_media failed: This database already has a table media"));
    assert_non_null(strstr(err.hint, "RENAME TO"));
    run_sql(url, "ALTER TABLE media RENAME TO their_media");
    assert_int_equal(migrate(url), vb_migration_count - 2); /* the first two stayed */
}

static void ten_concurrent_copies_apply_each_migration_once(void **state)
{
    enum { COPIES = 10 };
    char *url VB_CLEANUP(vb_freep) = database(state, "ten");
    pid_t copies[COPIES];
    unsigned applied = 0;
    int start[2];

    assert_int_equal(pipe(start), 0);
    for (int i = 0; i < COPIES; i++) {
        copies[i] = fork();
        assert_true(copies[i] >= 0);
        if (copies[i] == 0) {
            struct vb_error err = {0};
            unsigned mine = 0;
            char byte;

            close(start[1]);
            if (read(start[0], &byte, 1) != 0) /* all wait for the parent to close its end */
                _exit(100);
            if (vb_db_migrate(url, count, &mine, &err) < 0) {
                fprintf(stderr, "%s\n", err.message);
                _exit(100);
            }
            _exit((int)mine);
        }
    }
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < COPIES; i++) {
        int status;

        assert_int_equal(waitpid(copies[i], &status, 0), copies[i]);
        assert_true(WIFEXITED(status));
        assert_int_not_equal(WEXITSTATUS(status), 100);
        applied += (unsigned)WEXITSTATUS(status);
    }
    assert_int_equal(applied, vb_migration_count);
    assert_answer(url, "SELECT count(*) = count(DISTINCT version) FROM vibe_schema_migrations", "t");
}

static void a_failing_migration_leaves_nothing_and_those_before_it_stay(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "failing");
    struct vb_migration list[] = {
        {1, "good", "CREATE TABLE good (n integer)"},
        {2, "bad", "CREATE TABLE bad (n integer); INSERT INTO good VALUES (1); SELECT 1 / 0"},
        {3, "after", "CREATE TABLE after (n integer)"},
    };
    struct vb_error err = {0};
    unsigned applied = 0;

    assert_int_equal(vb_db_migrate_list(url, list, 3, count, &applied, &err), -EIO);
    assert_non_null(strstr(err.message, "migration 0002_bad failed: division by zero"));
    assert_int_equal(applied, 1);
    assert_answer(url, "SELECT to_regclass('bad')", "NULL");
    assert_answer(url, "SELECT to_regclass('after')", "NULL");
    assert_answer(url, "SELECT count(*) FROM good", "0");
    assert_answer(url, "SELECT string_agg(name, ' ') FROM vibe_schema_migrations", "good");

    list[1].sql = "CREATE TABLE bad (n integer)"; /* it was never applied, so it may be mended */
    assert_int_equal(vb_db_migrate_list(url, list, 3, count, &applied, &err), 0);
    assert_int_equal(applied, 3);
}

static void an_edited_migration_is_refused(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "edited");
    struct vb_migration list[] = {{1, "one", "CREATE TABLE one (n integer)"}};
    struct vb_error err = {0};

    assert_int_equal(vb_db_migrate_list(url, list, 1, NULL, NULL, &err), 0);
    list[0].sql = "CREATE TABLE one (n bigint)";
    assert_int_equal(vb_db_migrate_list(url, list, 1, NULL, NULL, &err), -ESTALE);
    assert_non_null(strstr(err.message, "0001_one"));
    assert_non_null(strstr(err.hint, "must never be edited"));
}

struct seen {
    unsigned applied, pending, changed, unknown;
};

static void note(void *context, const struct vb_migration_state *state)
{
    struct seen *seen = context;

    seen->applied += state->applied_at != NULL;
    seen->pending += state->applied_at == NULL;
    seen->changed += state->changed;
    seen->unknown += state->unknown;
}

static void status_tells_applied_from_pending_and_changes_nothing(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "status");
    struct seen seen = {0};

    assert_int_equal(vb_db_migration_status(url, note, &seen, NULL), 0);
    assert_int_equal(seen.pending, vb_migration_count);
    assert_int_equal(seen.applied, 0);
    assert_answer(url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace", "0");

    migrate(url);
    run_sql(url, "UPDATE vibe_schema_migrations SET checksum = 'x' WHERE version = 2;"
                 "INSERT INTO vibe_schema_migrations VALUES (9000, 'of_the_future', 'x')");
    seen = (struct seen){0};
    assert_int_equal(vb_db_migration_status(url, note, &seen, NULL), 0);
    assert_int_equal(seen.pending, 0);
    assert_int_equal(seen.applied, vb_migration_count + 1);
    assert_int_equal(seen.changed, 1);
    assert_int_equal(seen.unknown, 1);
}

static void an_older_program_starts_on_a_newer_database(void **state)
{
    char *url VB_CLEANUP(vb_freep) = database(state, "newer");

    migrate(url);
    run_sql(url, "INSERT INTO vibe_schema_migrations VALUES (9000, 'of_the_future', 'x')");
    assert_int_equal(migrate(url), 0);
}

static void a_database_that_cannot_be_used_is_an_error(void **state)
{
    struct vb_error err = {0};

    (void)state;
    assert_int_equal(vb_db_migrate("postgresql://vibe:x@127.0.0.1:1/vibe", NULL, NULL, &err), -ENOTCONN);
    assert_int_equal(vb_db_migrate("nonsense", NULL, NULL, &err), -EINVAL);
    assert_non_null(strstr(err.hint, "postgresql://user:password@host:5432/database"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_database_gets_the_tables_of_the_contract),
        cmocka_unit_test(an_address_is_unique_whatever_its_case),
        cmocka_unit_test(deleting_a_user_keeps_what_is_left_to_delete_in_the_bucket),
        cmocka_unit_test(an_adopted_database_keeps_its_rows_and_the_type_of_its_ids),
        cmocka_unit_test(new_integer_ids_follow_the_highest_adopted_one),
        cmocka_unit_test(two_logins_for_one_address_fail_with_an_explanation_and_change_nothing),
        cmocka_unit_test(a_foreign_table_named_media_is_refused_with_an_explanation),
        cmocka_unit_test(ten_concurrent_copies_apply_each_migration_once),
        cmocka_unit_test(a_failing_migration_leaves_nothing_and_those_before_it_stay),
        cmocka_unit_test(an_edited_migration_is_refused),
        cmocka_unit_test(status_tells_applied_from_pending_and_changes_nothing),
        cmocka_unit_test(an_older_program_starts_on_a_newer_database),
        cmocka_unit_test(a_database_that_cannot_be_used_is_an_error),
    };

    return cmocka_run_group_tests(tests, vb_test_postgres_setup, vb_test_postgres_teardown);
}
