/* Idempotency-Key over HTTP, with a real PostgreSQL and a handler that makes a row. */
#include "api_fixture.h"

#include "api/idempotency.h"
#include "base/memory.h"
#include "db/migrate.h"
#include "db/users.h"
#include "http/problem.h"
#include "postgres_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANSWER struct api_answer answer VB_CLEANUP(api_answer_release)

static struct api_fixture fixture;

static int insert_thing(struct vb_db *db, void *context, struct vb_strbuf *ret_body, struct vb_error *err)
{
    const char *name = context;
    struct vb_user made VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_insert(db, NULL, NULL, name, &made, err);

    if (r < 0)
        return r;
    if (strstr(name, "fail"))
        return vb_error_set(err, EIO, "as asked");
    vb_strbuf_init(ret_body, 4096);
    vb_strbuf_addf(ret_body, "{\"id\":\"%s\"}", made.id);
    return 0;
}

/* POST /things {…}: a thing is a row in the table users. A body with "fail" in it fails after the insert. */
static void make_thing(struct vb_http_request *request)
{
    const char *user_id = vb_http_header(request, "X-User");
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = vb_api_acquire_db(request);
    const struct vb_api_creation creation = {user_id ? user_id : "u", insert_thing, request->body.data};

    if (db)
        vb_api_create_once(request, db, &creation);
}

static const struct vb_route routes[] = {
    {.methods = VB_HTTP_POST, .pattern = "/things", .handle = make_thing, .body_max = 4096},
    {.methods = VB_HTTP_POST, .pattern = "/things/{id}/more", .handle = make_thing, .body_max = 4096},
    {.pattern = NULL},
};

static int setup(void **state)
{
    char *url VB_CLEANUP(vb_freep) = NULL;
    struct vb_error err = {0};

    if (vb_test_postgres_setup(state) < 0)
        return -1;
    url = vb_test_postgres_database(*state, "idempotency");
    if (!url || vb_db_migrate(url, NULL, NULL, &err) < 0)
        return -1;
    api_fixture_start(&fixture, url, false);
    vb_http_server_stop(fixture.server); /* in its place one with the route above */
    return vb_http_server_start(&(struct vb_http_config){.name = "api",
                                                         .bind_address = "127.0.0.1",
                                                         .routes = routes,
                                                         .app = fixture.api,
                                                         .threads = 1,
                                                         .pool = fixture.pool,
                                                         .error = vb_problem_error,
                                                         .no_access_log = true},
                                &fixture.server, &err);
}

static int teardown(void **state)
{
    api_fixture_stop(&fixture);
    return vb_test_postgres_teardown(state);
}

static struct api_answer post(const char *path, const char *body, const char *header)
{
    return api_call(&fixture, "POST", path, NULL, body, header);
}

static int64_t run_sql(const char *sql)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int64_t affected = -1;

    assert_int_equal(vb_db_acquire(fixture.db, &db, NULL), 0);
    assert_int_equal(vb_db_execute(db, sql, 0, NULL, &affected, NULL), 0);
    return affected;
}

static void without_a_key_each_request_creates(void **state)
{
    struct api_answer first VB_CLEANUP(api_answer_release) = post("/things", "{}", NULL);
    struct api_answer second VB_CLEANUP(api_answer_release) = post("/things", "{}", NULL);

    (void)state;
    assert_int_equal(first.status, 201);
    assert_int_equal(second.status, 201);
    assert_string_not_equal(api_text(&first, "id"), api_text(&second, "id"));
    assert_null(strstr(second.headers, "idempotency-replayed"));
}

static void a_repeated_request_creates_nothing_and_gets_the_same_answer(void **state)
{
    static const char header[] = "Idempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324";
    static const char body[] = "{\"n\":\"same \xf0\x9f\x8c\xb8\"}";
    struct api_answer first VB_CLEANUP(api_answer_release) = post("/things", body, header);
    struct api_answer second VB_CLEANUP(api_answer_release) = post("/things", body, header);

    (void)state;
    assert_int_equal(first.status, 201);
    assert_null(strstr(first.headers, "idempotency-replayed"));
    assert_int_equal(second.status, 201);
    assert_string_equal(api_text(&first, "id"), api_text(&second, "id"));
    assert_non_null(strstr(second.headers, "idempotency-replayed: true\n"));
    assert_int_equal(run_sql("SELECT FROM users WHERE name LIKE '%same%'"), 1);
}

static void a_key_used_for_another_request_is_refused(void **state)
{
    static const struct {
        const char *path, *body;
    } others[] = {{"/things", "{\"n\":2}"}, {"/things/1/more", "{\"n\":1}"}, {"/things/2/more", "{\"n\":1}"}};
    struct api_answer first VB_CLEANUP(api_answer_release) =
        post("/things", "{\"n\":1}", "Idempotency-Key: reused");

    (void)state;
    assert_int_equal(first.status, 201);
    for (size_t i = 0; i < VB_ARRAY_SIZE(others); i++) {
        ANSWER = post(others[i].path, others[i].body, "Idempotency-Key: reused");

        assert_int_equal(answer.status, 422);
        assert_string_equal(api_text(&answer, "code"), "idempotency_key_reused");
    }
}

static void a_failed_request_can_be_retried_with_its_key(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        ANSWER = post("/things", "{\"fail\":1}", "Idempotency-Key: failing");

        assert_int_equal(answer.status, 500);
    }
    assert_int_equal(run_sql("SELECT FROM users WHERE name LIKE '%fail%'"), 0);
    {
        ANSWER = post("/things", "{\"works\":1}", "Idempotency-Key: failing");

        assert_int_equal(answer.status, 201);
    }
}

static void malformed_keys_are_refused(void **state)
{
    char longest[18 + 256 + 1] = "Idempotency-Key: ";
    const char *const headers[] = {"Idempotency-Key: a b", "Idempotency-Key: \xc3\xa9", longest};

    (void)state;
    memset(longest + 17, 'k', 256);
    for (size_t i = 0; i < VB_ARRAY_SIZE(headers); i++) {
        ANSWER = post("/things", "{}", headers[i]);

        assert_int_equal(answer.status, 400);
        assert_string_equal(api_text(&answer, "code"), "idempotency_key_invalid");
    }
    longest[17 + 255] = '\0';
    {
        ANSWER = post("/things", "{}", longest);

        assert_int_equal(answer.status, 201);
    }
}

static void a_key_belongs_to_its_user_and_ends_after_a_day(void **state)
{
    struct api_answer first VB_CLEANUP(api_answer_release) = post("/things", "{}", "Idempotency-Key: daily");

    (void)state;
    assert_int_equal(run_sql("UPDATE idempotency_keys SET user_id = 'other' WHERE key = 'daily'"), 1);
    {
        ANSWER = post("/things", "{}", "Idempotency-Key: daily");

        assert_int_equal(answer.status, 201);
        assert_string_not_equal(api_text(&answer, "id"), api_text(&first, "id"));
    }
    run_sql("UPDATE idempotency_keys SET created_at = now() - interval '24 hours' WHERE key = 'daily'");
    {
        ANSWER = post("/things", "{\"another\":1}", "Idempotency-Key: daily");

        assert_int_equal(answer.status, 201);
        assert_null(strstr(answer.headers, "idempotency-replayed"));
    }
}

static void *send_one(void *context)
{
    struct api_answer *answer = context;

    *answer = post("/things", "{\"n\":\"at once\"}", "Idempotency-Key: at-once");
    return NULL;
}

static void concurrent_requests_with_one_key_create_once(void **state)
{
    struct api_answer answers[6];
    pthread_t threads[6];
    int replayed = 0;

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_one, &answers[i]), 0);
    for (size_t i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(answers[i].status, 201);
        assert_string_equal(api_text(&answers[i], "id"), api_text(&answers[0], "id"));
        replayed += strstr(answers[i].headers, "idempotency-replayed") != NULL;
    }
    assert_int_equal(replayed, 5);
    assert_int_equal(run_sql("SELECT FROM users WHERE name LIKE '%at once%'"), 1);
    for (size_t i = 0; i < 6; i++)
        api_answer_release(&answers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_key_each_request_creates),
        cmocka_unit_test(a_repeated_request_creates_nothing_and_gets_the_same_answer),
        cmocka_unit_test(a_key_used_for_another_request_is_refused),
        cmocka_unit_test(a_failed_request_can_be_retried_with_its_key),
        cmocka_unit_test(malformed_keys_are_refused),
        cmocka_unit_test(a_key_belongs_to_its_user_and_ends_after_a_day),
        cmocka_unit_test(concurrent_requests_with_one_key_create_once),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
