/* Fields of a JSON body over HTTP: for each rule the value at the limit, and the one beyond it. */
#include "api_fixture.h"

#include "api/fields.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANSWER struct api_answer answer VB_CLEANUP(api_answer_release)
#define BEFORE "as it was" /* the value before the body is read */

static struct api_fixture fixture;

/* The rules under test. */
static bool read_field(struct vb_http_request *request, const json_t *json, const char *rule,
                       const char **ret_value)
{
    static const struct vb_text_rule line = {"f", 2, 4, false}, lines = {"f", 0, 4, true};

    if (strcmp(rule, "line") == 0)
        return vb_api_text(request, json, &line, ret_value);
    if (strcmp(rule, "lines") == 0)
        return vb_api_text(request, json, &lines, ret_value);
    if (strcmp(rule, "number") == 0)
        return vb_api_whole_number(request, json, "f", -3, 100000, ret_value);
    if (strcmp(rule, "any-number") == 0)
        return vb_api_whole_number(request, json, "f", INT64_MIN, INT64_MAX, ret_value);
    if (strcmp(rule, "latitude") == 0)
        return vb_api_degrees(request, json, "f", 90, ret_value);
    return vb_api_time_field(request, json, "f", ret_value);
}

/* POST /read?rule= */
static void handle(struct vb_http_request *request)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    const char *rule = vb_http_query(request, "rule"), *value = BEFORE;
    struct vb_strbuf body;
    struct vb_json out;

    if (!json || !read_field(request, json, rule ? rule : "", &value))
        return;
    vb_strbuf_init(&body, 8192);
    vb_json_init(&out, &body);
    vb_json_object_begin(&out);
    vb_json_key_string(&out, "value", value);
    vb_json_object_end(&out);
    vb_api_answer_json(request, 200, &body);
}

static const struct vb_route routes[] = {
    {.methods = VB_HTTP_POST, .pattern = "/read", .handle = handle, .body_max = 4096},
    {.pattern = NULL},
};

static int setup(void **state)
{
    (void)state;
    api_fixture_start(&fixture, NULL, false);
    vb_http_server_stop(fixture.server); /* in its place one with the route above */
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

static struct api_answer ask(const char *rule, const char *body)
{
    char path[64];

    snprintf(path, sizeof(path), "/read?rule=%s", rule);
    return api_call(&fixture, "POST", path, NULL, body, NULL);
}

/* json: of the field's value. */
static struct api_answer ask_value(const char *rule, const char *json)
{
    char body[512];

    snprintf(body, sizeof(body), "{\"f\":%s}", json);
    return ask(rule, body);
}

struct taken {
    const char *json, *value;
};

static void assert_taken(const char *rule, const struct taken *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ANSWER = ask_value(rule, cases[i].json);

        if (answer.status != 200)
            fail_msg("%s refuses %s: %s", rule, cases[i].json, api_text(&answer, "detail"));
        assert_string_equal(api_text(&answer, "value"), cases[i].value);
    }
}

/* detail: the sentence that refuses each of the values. */
static void assert_refused(const char *rule, const char *detail, const char *const *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ANSWER = ask_value(rule, cases[i]);
        const json_t *error = json_array_get(json_object_get(answer.json, "errors"), 0);

        if (answer.status != 422)
            fail_msg("%s takes %s", rule, cases[i]);
        assert_string_equal(api_text(&answer, "code"), "validation_failed");
        assert_string_equal(api_text(&answer, "detail"), detail);
        assert_string_equal(json_string_value(json_object_get(error, "field")), "f");
    }
}

#define ASSERT_TAKEN(rule, ...)                                                                              \
    assert_taken(rule, (const struct taken[]){__VA_ARGS__},                                                  \
                 sizeof((const struct taken[]){__VA_ARGS__}) / sizeof(struct taken))
#define ASSERT_REFUSED(rule, detail, ...)                                                                    \
    assert_refused(rule, detail, (const char *const[]){__VA_ARGS__},                                         \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static const char *const rules[] = {"line", "lines", "number", "any-number", "latitude", "time"};

static void an_absent_field_leaves_the_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(rules); i++) {
        ANSWER = ask(rules[i], "{\"other\":1}");

        assert_int_equal(answer.status, 200);
        assert_string_equal(api_text(&answer, "value"), BEFORE);
    }
}

static void a_null_field_clears_the_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(rules); i++) {
        ANSWER = ask_value(rules[i], "null");

        assert_int_equal(answer.status, 200);
        assert_true(json_is_null(json_object_get(answer.json, "value")));
    }
}

static void the_length_of_text_counts_characters_not_bytes(void **state)
{
    (void)state;
    ASSERT_TAKEN("line", {"\"ab\"", "ab"}, {"\"abcd\"", "abcd"}, {"\"äöüß\"", "äöüß"}, {"\"🌸🌸🌸🌸\"", "🌸🌸🌸🌸"},
                 {"\"\\ud83c\\udf38!\"", "🌸!"});
    ASSERT_TAKEN("lines", {"\"\"", ""}, {"\"abcd\"", "abcd"});
    ASSERT_REFUSED("line", "\"f\" must have 2 to 4 characters, not 1", "\"a\"", "\"🌸\"");
    ASSERT_REFUSED("line", "\"f\" must have 2 to 4 characters, not 5", "\"abcde\"", "\"🌸🌸🌸🌸🌸\"");
    ASSERT_REFUSED("line", "\"f\" must have 2 to 4 characters, not 0", "\"\"");
    ASSERT_REFUSED("lines", "\"f\" must have 0 to 4 characters, not 5", "\"abcde\"", "\"a\\nb\\nc\"");
}

static void text_has_no_control_characters_but_multiline_text_takes_line_breaks(void **state)
{
    (void)state;
    ASSERT_TAKEN("lines", {"\"a\\nb\"", "a\nb"}, {"\"\\r\\n\"", "\r\n"}, {"\"\\t\"", "\t"});
    ASSERT_TAKEN("line", {"\"a \"", "a "}, {"\"a~\"", "a~"}, {"\"a\\u00a0\"", "a\u00a0"});
    ASSERT_REFUSED("line", "\"f\" must not contain control characters, such as line breaks", "\"a\\n\"",
                   "\"a\\r\"", "\"a\\t\"", "\"a\\u001f\"", "\"a\\u007f\"", "\"a\\u0080\"", "\"a\\u009f\"");
    ASSERT_REFUSED("lines", "\"f\" must not contain control characters other than line breaks and tabs",
                   "\"\\u0001\"", "\"\\b\"", "\"\\u000b\"", "\"\\u001f\"", "\"\\u007f\"", "\"\\u0080\"",
                   "\"\\u009f\"");
}

static void text_must_be_a_string(void **state)
{
    (void)state;
    ASSERT_REFUSED("line", "\"f\" must be a string", "12", "true", "[\"ab\"]", "{\"ab\":1}");
}

static void a_whole_number_must_be_within_its_range(void **state)
{
    (void)state;
    ASSERT_TAKEN("number", {"-3", "-3"}, {"0", "0"}, {"100000", "100000"});
    ASSERT_REFUSED("number", "\"f\" must be a whole number from -3 to 100000", "-4", "100001", "1.0", "1.5",
                   "1e2", "\"1\"", "true", "[1]");
    ASSERT_TAKEN("any-number", {"9223372036854775807", "9223372036854775807"},
                 {"-9223372036854775808", "-9223372036854775808"});
}

static void a_number_too_large_for_an_integer_is_invalid_json(void **state)
{
    ANSWER = ask_value("any-number", "9223372036854775808");

    (void)state;
    assert_int_equal(answer.status, 400);
    assert_string_equal(api_text(&answer, "code"), "invalid_json");
}

static void degrees_must_be_within_their_range(void **state)
{
    (void)state;
    ASSERT_TAKEN("latitude", {"90", "90"}, {"-90", "-90"}, {"90.0", "90"}, {"52.520008", "52.520008"},
                 {"-0.000001", "-1e-06"}, {"0", "0"}, {"89.9999999999999", "89.9999999999999"});
    ASSERT_REFUSED("latitude", "\"f\" must be a number of degrees from -90 to 90", "90.0000000000001",
                   "-90.0000000000001", "91", "-91", "1e300", "\"52\"", "true", "[1,2]");
}

static void a_time_needs_a_zone_and_is_stored_in_utc(void **state)
{
    (void)state;
    ASSERT_TAKEN("time", {"\"2026-12-24T18:30:00Z\"", "2026-12-24T18:30:00.000Z"},
                 {"\"2026-12-24T19:30:00+01:00\"", "2026-12-24T18:30:00.000Z"},
                 {"\"2027-01-01T00:00:00.5+01:00\"", "2026-12-31T23:00:00.500Z"},
                 {"\"2028-02-29T23:59:59Z\"", "2028-02-29T23:59:59.000Z"});
    ASSERT_REFUSED(
        "time",
        "\"f\" must be a time with its zone, such as 2026-12-24T18:30:00Z or 2026-12-24T19:30:00+01:00",
        "\"2026-12-24T18:30:00\"", "\"2026-12-24\"", "\"2027-02-29T00:00:00Z\"", "\"2026-12-24T24:30:00Z\"",
        "\"2026-12-24T18:60:00Z\"", "\"2026-13-01T00:00:00Z\"", "\"\"", "\"tomorrow\"", "1798137000", "true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_field_leaves_the_value),
        cmocka_unit_test(a_null_field_clears_the_value),
        cmocka_unit_test(the_length_of_text_counts_characters_not_bytes),
        cmocka_unit_test(text_has_no_control_characters_but_multiline_text_takes_line_breaks),
        cmocka_unit_test(text_must_be_a_string),
        cmocka_unit_test(a_whole_number_must_be_within_its_range),
        cmocka_unit_test(a_number_too_large_for_an_integer_is_invalid_json),
        cmocka_unit_test(degrees_must_be_within_their_range),
        cmocka_unit_test(a_time_needs_a_zone_and_is_stored_in_utc),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
