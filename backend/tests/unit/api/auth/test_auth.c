/* Accounts and sessions over HTTP, against a real PostgreSQL. */
#include "api_fixture.h"
#include "postgres_fixture.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "db/migrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANSWER struct api_answer answer VB_CLEANUP(api_answer_release)

static struct api_fixture fixture;

static int setup(void **state)
{
    struct vb_error err = {0};
    char *url VB_CLEANUP(vb_freep) = NULL;

    if (vb_test_postgres_setup(state) < 0)
        return -1;
    url = vb_test_postgres_database(*state, "api");
    if (!url || vb_db_migrate(url, NULL, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    api_fixture_start(&fixture, url, false);
    return 0;
}

static int teardown(void **state)
{
    api_fixture_stop(&fixture);
    return vb_test_postgres_teardown(state);
}

static struct api_answer post(const char *path, const char *body)
{
    return api_call(&fixture, "POST", path, NULL, body, NULL);
}

static struct api_answer register_user(const char *email)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{\"email\":\"%s\",\"password\":\"correct horse\",\"name\":\"Zo\xc3\xab \xf0\x9f\x8c\xb8\"}",
             email);
    return post("/api/auth/register", body);
}

static struct api_answer refresh(const char *refresh_token)
{
    char body[512];

    snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", refresh_token);
    return post("/api/auth/refresh", body);
}

static void register_gives_a_user_and_a_session(void **state)
{
    ANSWER = register_user("Anna@Example.com");

    (void)state;
    assert_int_equal(answer.status, 201);
    assert_string_equal(api_text(&answer, "user.email"), "Anna@example.com");
    assert_string_equal(api_text(&answer, "user.name"), "Zo\xc3\xab \xf0\x9f\x8c\xb8");
    assert_int_equal(strlen(api_text(&answer, "user.id")), 36);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "expiresIn")), 900);
    assert_null(json_object_get(json_object_get(answer.json, "user"), "passwordHash"));
    assert_non_null(strstr(answer.headers, "cache-control: no-store\n"));
    {
        struct api_answer me VB_CLEANUP(api_answer_release) =
            api_call(&fixture, "GET", "/api/users/me", api_text(&answer, "accessToken"), NULL, NULL);

        assert_int_equal(me.status, 200);
        assert_string_equal(api_text(&me, "user.id"), api_text(&answer, "user.id"));
    }
}

static void an_address_is_taken_in_any_case(void **state)
{
    struct api_answer first VB_CLEANUP(api_answer_release) = register_user("bert@example.com");
    ANSWER = register_user(" BERT@EXAMPLE.COM ");

    (void)state;
    assert_int_equal(first.status, 201);
    assert_int_equal(answer.status, 409);
    assert_string_equal(api_text(&answer, "code"), "email_taken");
}

static void *register_in_thread(void *context)
{
    ANSWER = register_user("race@example.com");

    *(int *)context = answer.status;
    return NULL;
}

static void one_of_several_concurrent_registrations_of_an_address_succeeds(void **state)
{
    int statuses[4], created = 0;
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, register_in_thread, &statuses[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(statuses[i] == 201 || statuses[i] == 409);
        created += statuses[i] == 201;
    }
    assert_int_equal(created, 1);
}

static void an_invalid_registration_names_the_field(void **state)
{
    static const struct {
        const char *body, *field;
    } cases[] = {
        {"{\"password\":\"correct horse\",\"name\":\"x\"}", "email"},
        {"{\"email\":\"a@b.de\",\"name\":\"x\"}", "password"},
        {"{\"email\":\"a@b.de\",\"password\":\"correct horse\"}", "name"},
        {"{\"email\":\"not an address\",\"password\":\"correct horse\",\"name\":\"x\"}", "email"},
        {"{\"email\":\"a@b.de\",\"password\":\"short\",\"name\":\"x\"}", "password"},
        {"{\"email\":\"a@b.de\",\"password\":\"correct horse\",\"name\":\"a\\nb\"}", "name"},
        {"{\"email\":\"a@b.de\",\"password\":\"correct horse\",\"name\":{}}", "name"},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        ANSWER = post("/api/auth/register", cases[i].body);
        const json_t *first = json_array_get(json_object_get(answer.json, "errors"), 0);

        assert_int_equal(answer.status, 422);
        assert_string_equal(json_string_value(json_object_get(first, "field")), cases[i].field);
    }
}

static void login_needs_the_right_password(void **state)
{
    struct api_answer registered VB_CLEANUP(api_answer_release) = register_user("carl@example.com");

    (void)state;
    {
        ANSWER = post("/api/auth/login", "{\"email\":\"CARL@example.com\",\"password\":\"correct horse\"}");

        assert_int_equal(answer.status, 200);
        assert_string_equal(api_text(&answer, "user.id"), api_text(&registered, "user.id"));
    }
    {
        ANSWER = post("/api/auth/login", "{\"email\":\"carl@example.com\",\"password\":\"correct horsf\"}");

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), "invalid_credentials");
    }
    {
        ANSWER = post("/api/auth/login", "{\"email\":\"nobody@example.com\",\"password\":\"correct horse\"}");

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), "invalid_credentials");
    }
    {
        ANSWER = post("/api/auth/login", "{\"email\":\"' OR 1=1 --\",\"password\":\"correct horse\"}");

        assert_int_equal(answer.status, 401);
    }
}

static void a_refresh_token_works_once_and_its_reuse_ends_the_session(void **state)
{
    struct api_answer first VB_CLEANUP(api_answer_release) = register_user("dora@example.com");
    struct api_answer second VB_CLEANUP(api_answer_release) = refresh(api_text(&first, "refreshToken"));

    (void)state;
    assert_int_equal(second.status, 200);
    assert_string_not_equal(api_text(&second, "refreshToken"), api_text(&first, "refreshToken"));
    assert_string_equal(api_text(&second, "user.id"), api_text(&first, "user.id"));
    { /* a phone that did not see the answer gets it again … */
        ANSWER = refresh(api_text(&first, "refreshToken"));

        assert_int_equal(answer.status, 200);
        assert_string_equal(api_text(&answer, "refreshToken"), api_text(&second, "refreshToken"));
        assert_string_equal(api_text(&answer, "user.id"), api_text(&first, "user.id"));
    }
    struct api_answer third VB_CLEANUP(api_answer_release) = refresh(api_text(&second, "refreshToken"));
    assert_int_equal(third.status, 200);
    { /* … until the new token is used, which proves that the phone saw the answer */
        ANSWER = refresh(api_text(&first, "refreshToken"));

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), "token_reused");
        assert_non_null(strstr(answer.headers, "www-authenticate: Bearer"));
    }
    { /* that ended the session of the owner, too */
        ANSWER = refresh(api_text(&third, "refreshToken"));

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), "token_invalid");
    }
    { /* but no other session */
        struct api_answer other VB_CLEANUP(api_answer_release) =
            post("/api/auth/login", "{\"email\":\"dora@example.com\",\"password\":\"correct horse\"}");
        ANSWER = refresh(api_text(&other, "refreshToken"));

        assert_int_equal(answer.status, 200);
    }
}

static void logout_ends_the_session_of_every_token_of_its_family(void **state)
{
    struct api_answer first VB_CLEANUP(api_answer_release) = register_user("emil@example.com");
    struct api_answer second VB_CLEANUP(api_answer_release) = refresh(api_text(&first, "refreshToken"));
    char body[256];

    (void)state;
    snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", api_text(&first, "refreshToken"));
    {
        ANSWER = post("/api/auth/logout", body);

        assert_int_equal(answer.status, 204);
    }
    {
        ANSWER = refresh(api_text(&second, "refreshToken"));

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), "token_invalid");
    }
    {
        ANSWER = post("/api/auth/logout", "{\"refreshToken\":\"unknown\"}");

        assert_int_equal(answer.status, 204);
    }
}

static void an_unknown_refresh_token_is_refused(void **state)
{
    ANSWER = refresh("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");

    (void)state;
    assert_int_equal(answer.status, 401);
    assert_string_equal(api_text(&answer, "code"), "token_invalid");
}

static void a_profile_shows_the_new_name_and_hides_the_address(void **state)
{
    struct api_answer fritz VB_CLEANUP(api_answer_release) = register_user("fritz@example.com");
    struct api_answer gerda VB_CLEANUP(api_answer_release) = register_user("gerda@example.com");
    char path[128];

    (void)state;
    {
        ANSWER = api_call(&fixture, "PATCH", "/api/users/me", api_text(&fritz, "accessToken"),
                          "{\"name\":\"Fritz \xe6\x9d\x8e\",\"email\":\"ignored@example.com\"}", NULL);

        assert_int_equal(answer.status, 200);
        assert_string_equal(api_text(&answer, "user.name"), "Fritz \xe6\x9d\x8e");
        assert_string_equal(api_text(&answer, "user.email"), "fritz@example.com");
    }
    snprintf(path, sizeof(path), "/api/users/%s", api_text(&fritz, "user.id"));
    {
        ANSWER = api_call(&fixture, "GET", path, api_text(&gerda, "accessToken"), NULL, NULL);

        assert_int_equal(answer.status, 200);
        assert_string_equal(api_text(&answer, "user.name"), "Fritz \xe6\x9d\x8e");
        assert_null(json_object_get(json_object_get(answer.json, "user"), "email"));
    }
    {
        ANSWER = api_call(&fixture, "GET", path, NULL, NULL, NULL);

        assert_int_equal(answer.status, 401);
    }
}

static void malformed_ids_are_not_found(void **state)
{
    static const char *const paths[] = {"/api/users/7", "/api/users/0199c0de-0000-7000-8000-00000000ffff",
                                        "/api/users/%00", "/api/users/..%2f..%2fx", "/api/users/%ff"};
    struct api_answer heidi VB_CLEANUP(api_answer_release) = register_user("heidi@example.com");

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(paths); i++) {
        ANSWER = api_call(&fixture, "GET", paths[i], api_text(&heidi, "accessToken"), NULL, NULL);

        assert_int_equal(answer.status, 404);
        assert_string_equal(api_text(&answer, "code"), "user_not_found");
    }
}

/* The object storage is away here. The account is deleted all the same; rows of media remember the objects
 * that are left. */
static void a_deleted_account_is_gone_with_its_sessions(void **state)
{
    struct api_answer ida VB_CLEANUP(api_answer_release) = register_user("ida@example.com");

    (void)state;
    {
        ANSWER = api_call(&fixture, "DELETE", "/api/users/me", api_text(&ida, "accessToken"), NULL, NULL);

        assert_int_equal(answer.status, 204);
    }
    {
        ANSWER = api_call(&fixture, "GET", "/api/users/me", api_text(&ida, "accessToken"), NULL, NULL);

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), "token_revoked");
    }
    {
        ANSWER = refresh(api_text(&ida, "refreshToken"));

        assert_int_equal(answer.status, 401);
    }
    {
        ANSWER = register_user("ida@example.com");

        assert_int_equal(answer.status, 201);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_gives_a_user_and_a_session),
        cmocka_unit_test(an_address_is_taken_in_any_case),
        cmocka_unit_test(one_of_several_concurrent_registrations_of_an_address_succeeds),
        cmocka_unit_test(an_invalid_registration_names_the_field),
        cmocka_unit_test(login_needs_the_right_password),
        cmocka_unit_test(a_refresh_token_works_once_and_its_reuse_ends_the_session),
        cmocka_unit_test(logout_ends_the_session_of_every_token_of_its_family),
        cmocka_unit_test(an_unknown_refresh_token_is_refused),
        cmocka_unit_test(a_profile_shows_the_new_name_and_hides_the_address),
        cmocka_unit_test(malformed_ids_are_not_found),
        cmocka_unit_test(a_deleted_account_is_gone_with_its_sessions),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
