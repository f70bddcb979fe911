/* Cursors over HTTP: valid for the list they came from, and nothing else is a cursor. */
#include "api_fixture.h"

#include "api/cursor.h"
#include "base/memory.h"
#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANSWER struct api_answer answer VB_CLEANUP(api_answer_release)
#define VALUE  "2026-11-25 18:00:00.123456+00"
#define ID     "0199c0de-0000-7000-8000-000000000001"

static struct api_fixture fixture;

static void name_list(struct vb_http_request *request, char list[VB_CURSOR_LIST_SIZE])
{
    const char *name = vb_http_query(request, "list");

    vb_cursor_list((const char *[]){"things", name ? name : "", NULL}, list);
}

static void answer_with(struct vb_http_request *request, const char *first, const char *second)
{
    struct vb_strbuf body;

    vb_strbuf_init(&body, 8192);
    vb_strbuf_addf(&body, "{\"first\":\"%s\",\"second\":\"%s\"}", first ? first : "none",
                   second ? second : "none");
    vb_api_answer_json(request, 200, &body);
    vb_strbuf_release(&body);
}

/* GET /make?list=&value=&id= */
static void make(struct vb_http_request *request)
{
    char list[VB_CURSOR_LIST_SIZE];

    name_list(request, list);
    answer_with(request,
                vb_cursor_make(request, list, vb_http_query(request, "value"), vb_http_query(request, "id")),
                "");
}

/* GET /read?list=&cursor=&limit= */
static void read_back(struct vb_http_request *request)
{
    char list[VB_CURSOR_LIST_SIZE], limit_text[16];
    const char *value, *id;
    unsigned limit;

    name_list(request, list);
    if (!vb_cursor_read_limit(request, &limit) || !vb_cursor_read(request, list, &value, &id))
        return;
    snprintf(limit_text, sizeof(limit_text), "%u", limit);
    answer_with(request, value ? value : limit_text, id);
}

static const struct vb_route routes[] = {
    {.methods = VB_HTTP_GET, .pattern = "/make", .handle = make},
    {.methods = VB_HTTP_GET, .pattern = "/read", .handle = read_back},
    {.pattern = NULL},
};

static int setup(void **state)
{
    (void)state;
    api_fixture_start(&fixture, NULL, false);
    vb_http_server_stop(fixture.server); /* in its place one with the routes above */
    return vb_http_server_start(&(struct vb_http_config){.name = "api",
                                                         .bind_address = "127.0.0.1",
                                                         .routes = routes,
                                                         .app = fixture.api,
                                                         .threads = 1,
                                                         .pool = fixture.pool,
                                                         .error = vb_problem_error,
                                                         .no_access_log = true},
                                &fixture.server, NULL);
}

static int teardown(void **state)
{
    (void)state;
    api_fixture_stop(&fixture);
    return 0;
}

static struct api_answer read_cursor(const char *list, const char *cursor)
{
    char path[3072];

    snprintf(path, sizeof(path), "/read?list=%s&cursor=%s", list, cursor);
    return api_call(&fixture, "GET", path, NULL, NULL, NULL);
}

/* To be freed. */
static char *make_cursor(void)
{
    ANSWER = api_call(&fixture, "GET", "/make?list=a&value=2026-11-25%2018:00:00.123456%2B00&id=" ID, NULL,
                      NULL, NULL);

    assert_int_equal(answer.status, 200);
    return vb_xstrdup(api_text(&answer, "first"));
}

static void assert_refused(const char *list, const char *cursor)
{
    ANSWER = read_cursor(list, cursor);

    if (answer.status != 400 || strcmp(api_text(&answer, "code"), "invalid_cursor") != 0)
        fail_msg("the cursor \"%s\" was answered with %d", cursor, answer.status);
}

static void a_cursor_gives_back_its_value_and_id(void **state)
{
    char *cursor VB_CLEANUP(vb_freep) = make_cursor();
    ANSWER = read_cursor("a", cursor);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(api_text(&answer, "first"), VALUE);
    assert_string_equal(api_text(&answer, "second"), ID);
}

static void without_a_cursor_a_list_begins_at_its_first_row(void **state)
{
    ANSWER = api_call(&fixture, "GET", "/read?list=a", NULL, NULL, NULL);

    (void)state;
    assert_string_equal(api_text(&answer, "first"), "20"); /* the limit */
    assert_string_equal(api_text(&answer, "second"), "none");
}

static void the_cursor_of_another_list_is_refused(void **state)
{
    char *cursor VB_CLEANUP(vb_freep) = make_cursor();

    (void)state;
    assert_refused("b", cursor);
    assert_refused("", cursor);
}

/* A cursor that is cut within its id may still be read; one that is cut before it is refused. */
static void a_cursor_without_its_id_is_refused(void **state)
{
    char *cursor VB_CLEANUP(vb_freep) = make_cursor();
    size_t before_id = strlen(cursor) - (strlen(ID) * 4 + 2) / 3 - 1;

    (void)state;
    for (size_t length = 0; length <= before_id; length++) {
        char *part VB_CLEANUP(vb_freep) = vb_xasprintf("%.*s", (int)length, cursor);

        assert_refused("a", part);
    }
}

/* A bit flipped in the digest of the list is refused. Elsewhere the cursor is refused or names another place;
 * it never crashes. */
static void a_changed_cursor_is_refused_or_read(void **state)
{
    char *cursor VB_CLEANUP(vb_freep) = make_cursor();
    size_t list_length = (VB_CURSOR_LIST_SIZE - 1) * 4 / 3;

    (void)state;
    for (size_t i = 0; cursor[i]; i++) {
        char kept = cursor[i];

        cursor[i] = kept == 'A' ? 'B' : 'A';
        if (i < list_length) {
            assert_refused("a", cursor);
        } else {
            ANSWER = read_cursor("a", cursor);

            assert_true(answer.status == 200 || answer.status == 400);
        }
        cursor[i] = kept;
    }
}

static void forged_cursors_are_refused(void **state)
{
    static const char *const made_up[] = {"", "x", "====", "%F0%9F%8C%8A", "AAAA", "../../etc", "a+b/c="};
    char *cursor VB_CLEANUP(vb_freep) = make_cursor();
    char too_long[1100];

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(made_up); i++)
        assert_refused("a", made_up[i]);
    memset(too_long, 'A', sizeof(too_long));
    memcpy(too_long, cursor, strlen(cursor));
    too_long[sizeof(too_long) - 1] = '\0';
    assert_refused("a", too_long);
}

static void a_limit_must_be_a_whole_number_from_1_to_100(void **state)
{
    static const char *const bad[] = {"",    "0", "101",  "-1",   "1.5",
                                      "1e1", "x", "0x10", "%201", "99999999999999999999"};
    static const char *const good[][2] = {{"1", "1"}, {"100", "100"}, {"007", "7"}};
    char path[64];

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(bad); i++) {
        snprintf(path, sizeof(path), "/read?limit=%s", bad[i]);
        ANSWER = api_call(&fixture, "GET", path, NULL, NULL, NULL);
        assert_int_equal(answer.status, 422);
        assert_string_equal(api_text(&answer, "code"), "validation_failed");
    }
    for (size_t i = 0; i < VB_ARRAY_SIZE(good); i++) {
        snprintf(path, sizeof(path), "/read?limit=%s", good[i][0]);
        ANSWER = api_call(&fixture, "GET", path, NULL, NULL, NULL);
        assert_string_equal(api_text(&answer, "first"), good[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_gives_back_its_value_and_id),
        cmocka_unit_test(without_a_cursor_a_list_begins_at_its_first_row),
        cmocka_unit_test(the_cursor_of_another_list_is_refused),
        cmocka_unit_test(a_cursor_without_its_id_is_refused),
        cmocka_unit_test(a_changed_cursor_is_refused_or_read),
        cmocka_unit_test(forged_cursors_are_refused),
        cmocka_unit_test(a_limit_must_be_a_whole_number_from_1_to_100),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
