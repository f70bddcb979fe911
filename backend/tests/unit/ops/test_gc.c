/* Garbage collection of the bucket, with an S3 that a script plays and a real PostgreSQL: what is
 * reported, what is removed, and what ends a run. */
#include "ops/gc.h"

#include "base/memory.h"
#include "db/migrate.h"
#include "postgres_fixture.h"
#include "s3/credentials.h"

#include <errno.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_server.h"

#define STEPS_MAX 64
#define OLD       "2001-02-03T04:05:06.000Z"
#define USER      "'11111111-1111-1111-1111-111111111111'"

struct fixture {
    struct scripted_server *server;
    struct script_step steps[STEPS_MAX];
    size_t count;
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
    char reports[8192];
};

static struct vb_db_pool *pool;
static struct vb_db *db;
static char *url;

static void sql(const char *statement)
{
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, statement);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", statement, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

static int setup_database(void **state)
{
    struct vb_error err = {0};

    if (vb_test_postgres_setup(state) < 0)
        return -1;
    url = vb_test_postgres_database(*state, "gc");
    if (!url || vb_db_migrate(url, NULL, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    pool = vb_db_pool_create(&(struct vb_db_config){.url = url});
    return vb_db_acquire(pool, &db, &err);
}

static int teardown_database(void **state)
{
    vb_db_release(db);
    vb_db_pool_destroy(pool);
    free(url);
    return vb_test_postgres_teardown(state);
}

static int setup(void **state)
{
    struct fixture *f = vb_xcalloc(1, sizeof(*f));
    char endpoint[64];

    f->server = script_start(f->steps, STEPS_MAX);
    f->http = vb_http_client_create(&(struct vb_http_client_config){0});
    f->credentials = vb_credentials_fixed("AKIDEXAMPLE", "secret");
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", f->server->port);
    f->s3 = vb_s3_client_create(&(struct vb_s3_config){.region = "us-east-1",
                                                       .bucket = "b",
                                                       .endpoint = endpoint,
                                                       .credentials = f->credentials,
                                                       .http = f->http,
                                                       .attempts = 1});
    sql("SET client_min_messages = warning;"
        "TRUNCATE users, media, activities, vibe_stories CASCADE;"
        "INSERT INTO users (id, email) VALUES (" USER ", 'a@example.com')");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    vb_s3_client_destroy(f->s3);
    vb_credentials_destroy(f->credentials);
    vb_http_client_destroy(f->http);
    script_stop(f->server);
    for (size_t i = 0; i < f->count; i++)
        free((void *)(uintptr_t)f->steps[i].answer);
    free(f);
    return 0;
}

static void answer(struct fixture *f, const char *status, const char *body)
{
    assert_true(f->count < STEPS_MAX);
    f->steps[f->count++] = (struct script_step){
        vb_xasprintf("HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body), 0,
        SCRIPT_KEEP};
}

static void answer_objects(struct fixture *f, const char *modified, const char *const *keys, size_t count)
{
    char body[16384];
    size_t length = (size_t)snprintf(body, sizeof(body), "<ListBucketResult><Name>b</Name>");

    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(body + length, sizeof(body) - length,
                                   "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>e</ETag>"
                                   "<Size>1000</Size></Contents>",
                                   keys[i], modified);
    snprintf(body + length, sizeof(body) - length, "</ListBucketResult>");
    answer(f, "200 OK", body);
}

/* The three public prefixes; only the first of them has objects. */
static void answer_bucket(struct fixture *f, const char *const *keys, size_t count)
{
    answer_objects(f, OLD, keys, count);
    answer_objects(f, OLD, NULL, 0);
    answer_objects(f, OLD, NULL, 0);
}

static void note(void *context, const struct vb_gc_item *item)
{
    static const char *const events[] = {[VB_GC_FOUND] = "found",
                                         [VB_GC_REMOVED] = "removed",
                                         [VB_GC_FAILED] = "failed",
                                         [VB_GC_STAGED] = "staged"};
    struct fixture *f = context;
    size_t length = strlen(f->reports);

    assert_int_equal(item->error != NULL, item->event == VB_GC_FAILED);
    snprintf(f->reports + length, sizeof(f->reports) - length, "%s %s %lld %s\n", events[item->event],
             item->key, (long long)item->size_bytes, item->reason ? item->reason : "-");
}

static int run(struct fixture *f, struct vb_gc_options options, struct vb_gc_counts *counts,
               struct vb_error *err)
{
    return vb_gc_run(
        &(struct vb_gc_config){
            .db = db, .s3 = f->s3, .bucket = "b", .options = options, .report = note, .context = f},
        counts, err);
}

static unsigned count_deletes(struct fixture *f)
{
    unsigned count = 0;

    for (unsigned i = 0; i < script_requests(f->server); i++)
        count += strcmp(script_request(f->server, i)->method, "DELETE") == 0;
    return count;
}

static const char *const four[] = {"profile-pictures/named", "profile-pictures/lost",
                                   "profile-pictures/shown", "profile-pictures/replaced"};

static void insert_rows(void)
{
    sql("UPDATE users SET profile_picture_s3_key = 'profile-pictures/named';"
        "INSERT INTO media (upload_id, user_id, purpose, key, content_type, status, updated_at) VALUES"
        " (gen_random_uuid(), " USER
        ", 'profile-picture', 'profile-pictures/shown', 'image/jpeg', 'ready', now()),"
        " (gen_random_uuid(), " USER
        ", 'profile-picture', 'profile-pictures/replaced', 'image/jpeg', 'deleting',"
        "  now() - interval '1 day');"
        "UPDATE media SET published_at = now(), keep_until = NULL");
}

static void a_dry_run_reports_garbage_and_staged_uploads_and_changes_nothing(void **state)
{
    static const char *const staged[] = {"user-uploads/u/one"};
    struct fixture *f = *state;
    struct vb_gc_counts counts;

    insert_rows();
    answer_bucket(f, four, 4);
    answer_objects(f, OLD, staged, 1);
    answer(f, "200 OK",
           "<ListMultipartUploadsResult><Bucket>b</Bucket><Upload><Key>user-uploads/u/two</Key>"
           "<UploadId>x</UploadId><Initiated>" OLD "</Initiated></Upload></ListMultipartUploadsResult>");
    assert_int_equal(run(f, (struct vb_gc_options){.dry_run = true}, &counts, NULL), 0);
    assert_string_equal(f->reports, "found profile-pictures/lost 1000 no row names it\n"
                                    "found profile-pictures/replaced 1000 it was replaced\n"
                                    "staged user-uploads/u/one 1000 -\n"
                                    "staged user-uploads/u/two -1 -\n");
    assert_int_equal(counts.looked_at, 4);
    assert_int_equal(counts.garbage, 2);
    assert_int_equal(counts.garbage_bytes, 2000);
    assert_int_equal(counts.without_row, 1);
    assert_int_equal(counts.staged, 2);
    assert_int_equal(script_requests(f->server), 5);
    assert_int_equal(count_deletes(f), 0);
}

static void only_garbage_is_removed(void **state)
{
    struct fixture *f = *state;
    struct vb_gc_counts counts;

    insert_rows();
    answer_bucket(f, four, 4);
    answer(f, "204 No Content", "");
    answer(f, "204 No Content", "");
    assert_int_equal(run(f, (struct vb_gc_options){0}, &counts, NULL), 0);
    assert_string_equal(f->reports, "removed profile-pictures/lost 1000 no row names it\n"
                                    "removed profile-pictures/replaced 1000 it was replaced\n");
    assert_int_equal(counts.garbage, 2);
    assert_int_equal(counts.failed, 0);
    assert_int_equal(script_requests(f->server), 5);
    assert_string_equal(script_request(f->server, 3)->target, "/b/profile-pictures/lost");
    assert_string_equal(script_request(f->server, 4)->target, "/b/profile-pictures/replaced");
}

static void an_object_that_s3_does_not_remove_is_reported_and_the_others_go(void **state)
{
    struct fixture *f = *state;
    struct vb_gc_counts counts;

    insert_rows();
    answer_bucket(f, four, 4);
    answer(f, "403 Forbidden", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
    answer(f, "204 No Content", "");
    assert_int_equal(run(f, (struct vb_gc_options){0}, &counts, NULL), 0);
    assert_string_equal(f->reports, "failed profile-pictures/lost 1000 no row names it\n"
                                    "removed profile-pictures/replaced 1000 it was replaced\n");
    assert_int_equal(counts.garbage, 1);
    assert_int_equal(counts.failed, 1);
}

static void a_young_object_without_a_row_stays(void **state)
{
    struct fixture *f = *state;
    struct vb_gc_counts counts;

    answer_objects(f, "2999-01-01T00:00:00.000Z", four, 1);
    answer_objects(f, OLD, four + 1, 1);
    answer_objects(f, OLD, NULL, 0);
    answer(f, "204 No Content", "");
    assert_int_equal(run(f, (struct vb_gc_options){.min_age_hours = 24}, &counts, NULL), 0);
    assert_string_equal(f->reports, "removed profile-pictures/lost 1000 no row names it\n");
}

static void a_bucket_that_the_database_does_not_know_is_left_alone_unless_forced(void **state)
{
    static const char *keys[20];
    static char names[20][32];
    struct fixture *f = *state;
    struct vb_gc_counts counts = {.looked_at = 4711};
    struct vb_error err = {0};

    for (size_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "profile-pictures/%02zu", i);
        keys[i] = names[i];
    }
    answer_bucket(f, keys, 20);
    assert_int_equal(run(f, (struct vb_gc_options){0}, &counts, &err), -EXDEV);
    assert_string_equal(err.message, "no row of the database names 20 of the 20 media in bucket b");
    assert_int_equal(counts.looked_at, 4711); /* untouched */
    assert_int_equal(count_deletes(f), 0);
    answer_bucket(f, keys, 20);
    for (size_t i = 0; i < 20; i++)
        answer(f, "204 No Content", "");
    assert_int_equal(run(f, (struct vb_gc_options){.force = true}, &counts, NULL), 0);
    assert_int_equal(counts.garbage, 20);
    assert_int_equal(count_deletes(f), 20);
}

static void a_few_objects_without_a_row_are_no_suspicion(void **state)
{
    const struct vb_gc_counts few = {.looked_at = 19, .without_row = 19},
                              most = {.looked_at = 40, .without_row = 20},
                              less = {.looked_at = 41, .without_row = 20};

    (void)state;
    assert_int_equal(vb_gc_check_plausible(&few, "b", NULL), 0);
    assert_int_equal(vb_gc_check_plausible(&most, "b", NULL), -EXDEV);
    assert_int_equal(vb_gc_check_plausible(&less, "b", NULL), 0);
}

static void a_listing_that_fails_ends_the_run_before_anything_is_removed(void **state)
{
    struct fixture *f = *state;
    struct vb_gc_counts counts;
    struct vb_error err = {0};

    answer_objects(f, OLD, four, 4);
    answer(f, "403 Forbidden", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
    assert_int_equal(run(f, (struct vb_gc_options){.force = true}, &counts, &err), -EACCES);
    assert_non_null(strstr(err.message, "AccessDenied"));
    assert_string_equal(f->reports, "");
    assert_int_equal(count_deletes(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dry_run_reports_garbage_and_staged_uploads_and_changes_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(only_garbage_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_object_that_s3_does_not_remove_is_reported_and_the_others_go,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_young_object_without_a_row_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bucket_that_the_database_does_not_know_is_left_alone_unless_forced,
                                        setup, teardown),
        cmocka_unit_test(a_few_objects_without_a_row_are_no_suspicion),
        cmocka_unit_test_setup_teardown(a_listing_that_fails_ends_the_run_before_anything_is_removed, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, setup_database, teardown_database);
}
