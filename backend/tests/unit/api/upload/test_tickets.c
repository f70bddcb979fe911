/* Tickets over HTTP, while database and object storage are away: a ticket needs neither. And the rules
 * of every request. */
#include "api_fixture.h"

#include "api/auth/jwt.h"
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define USER   "0199c0de-0000-7000-8000-000000000001"
#define TICKET "/api/upload/profile-picture"
#define ANSWER struct api_answer answer VB_CLEANUP(api_answer_release)

static struct api_fixture fixture;

static int setup(void **state)
{
    (void)state;
    api_fixture_start(&fixture, NULL, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    api_fixture_stop(&fixture);
    return 0;
}

static const char *token_issued(int64_t time_s)
{
    static char text[VB_JWT_TOKEN_MAX + 1];
    struct vb_strbuf token;

    vb_strbuf_init(&token, VB_JWT_TOKEN_MAX);
    assert_int_equal(vb_jwt_sign(fixture.keys, USER, time_s, 900, &token), 0);
    memcpy(text, token.data, token.length + 1);
    vb_strbuf_release(&token);
    return text;
}

static const char *token(void)
{
    return token_issued(vb_clock_realtime_s());
}

static void a_ticket_is_issued_while_the_database_is_away(void **state)
{
    ANSWER = api_call(&fixture, "POST", TICKET, token(),
                      "{\"contentType\":\"image/jpeg\",\"contentLength\":200000,\"other\":[1,2]}", NULL);
    char prefix[256];
    int64_t expires_ms;
    const char *url;

    (void)state;
    assert_int_equal(answer.status, 201);
    assert_string_equal(api_text(&answer, "method"), "PUT");
    snprintf(prefix, sizeof(prefix), "user-uploads/" USER "/%s-", api_text(&answer, "uploadId"));
    assert_memory_equal(api_text(&answer, "key"), prefix, strlen(prefix));
    assert_string_equal(strrchr(api_text(&answer, "key"), '.'), ".jpg");
    assert_string_equal(api_text(&answer, "headers.Content-Type"), "image/jpeg");
    assert_string_equal(api_text(&answer, "headers.Content-Length"), "200000");
    assert_string_equal(api_text(&answer, "headers.If-None-Match"), "*");
    assert_string_equal(api_text(&answer, "headers.x-amz-meta-vibe-purpose"), "profile-picture");
    assert_int_equal(vb_clock_parse_iso8601(api_text(&answer, "expiresAt"), &expires_ms), 0);
    assert_in_range(expires_ms, vb_clock_realtime_ms() + 890000, vb_clock_realtime_ms() + 900000);
    url = api_text(&answer, "url");
    assert_non_null(strstr(url, "s3.example.com"));
    assert_non_null(strstr(url, api_text(&answer, "key")));
    assert_non_null(strstr(url, "X-Amz-Expires=900"));
    /* the signature covers all that was agreed */
    assert_non_null(strstr(url, "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match%"
                                "3Bx-amz-meta-vibe-purpose"));
    assert_non_null(strstr(answer.headers, "cache-control: no-store\n"));
}

static void a_checksum_is_signed_too(void **state)
{
    ANSWER = api_call(&fixture, "POST", TICKET, token(),
                      "{\"contentType\":\"image/png\",\"contentLength\":1,"
                      "\"checksumSha256\":\"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\"}",
                      NULL);

    (void)state;
    assert_int_equal(answer.status, 201);
    assert_string_equal(api_text(&answer, "headers.x-amz-checksum-sha256"),
                        "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=");
    assert_non_null(strstr(api_text(&answer, "url"), "x-amz-checksum-sha256"));
}

/* The first body takes the fast path. The others say the same, and jansson reads them. */
static void one_request_in_any_spelling_gives_the_same_ticket(void **state)
{
    static const char *const bodies[] = {
        "{\"contentType\":\"image/png\",\"contentLength\":20}",
        " {\n\"contentLength\" : 20 , \"contentType\" : \"image/png\"\n}\n",
        "{\"contentType\":\"image\\/png\",\"contentLength\":20}",
        "{\"content\\u0054ype\":\"image/png\",\"contentLength\":20,\"x\":1.5}",
        "{\"contentType\":\"image/png\",\"contentLength\":20,\"checksumSha256\":null}"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(bodies); i++) {
        ANSWER = api_call(&fixture, "POST", TICKET, token(), bodies[i], NULL);

        assert_int_equal(answer.status, 201);
        assert_string_equal(api_text(&answer, "headers.Content-Type"), "image/png");
        assert_string_equal(api_text(&answer, "headers.Content-Length"), "20");
        assert_null(strstr(api_text(&answer, "url"), "checksum"));
    }
}

static void a_field_given_twice_is_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"contentType\":\"image/png\",\"contentLength\":20,\"contentLength\":20}",
        "{\"contentType\":\"image/png\",\"contentType\":\"image/jpeg\",\"contentLength\":20}"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(bodies); i++) {
        ANSWER = api_call(&fixture, "POST", TICKET, token(), bodies[i], NULL);

        assert_int_equal(answer.status, 400);
        assert_string_equal(api_text(&answer, "code"), "invalid_json");
    }
}

static void a_ticket_request_with_a_wrong_field_names_it(void **state)
{
    static const struct {
        const char *body, *field;
    } cases[] = {
        {"{}", "contentType"},
        {"{\"contentType\":\"image/jpeg\"}", "contentLength"},
        {"{\"contentType\":7,\"contentLength\":1}", "contentType"},
        {"{\"contentType\":null,\"contentLength\":1}", "contentType"},
        {"{\"contentType\":\"image/tiff\",\"contentLength\":1}", "contentType"},
        {"{\"contentType\":\"video/mp4\",\"contentLength\":1}", "contentType"},
        {"{\"contentType\":\"image/jpeg\",\"contentLength\":0}", "contentLength"},
        {"{\"contentType\":\"image/jpeg\",\"contentLength\":-5}", "contentLength"},
        {"{\"contentType\":\"image/jpeg\",\"contentLength\":15728641}", "contentLength"},
        {"{\"contentType\":\"image/jpeg\",\"contentLength\":\"1\"}", "contentLength"},
        {"{\"contentType\":\"image/jpeg\",\"contentLength\":1.5}", "contentLength"},
        {"{\"contentType\":\"image/jpeg\",\"contentLength\":1,\"checksumSha256\":\"abc\"}", "checksumSha256"},
        {"{\"contentType\":\"image/jpeg\",\"contentLength\":1,\"checksumSha256\":\"AAAA\"}",
         "checksumSha256"},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        ANSWER = api_call(&fixture, "POST", TICKET, token(), cases[i].body, NULL);
        const json_t *first;

        assert_int_equal(answer.status, 422);
        assert_string_equal(api_text(&answer, "code"), "validation_failed");
        first = json_array_get(json_object_get(answer.json, "errors"), 0);
        assert_string_equal(json_string_value(json_object_get(first, "field")), cases[i].field);
        assert_non_null(strstr(answer.headers, "content-type: application/problem+json\n"));
    }
}

static void a_ticket_names_its_activity_or_story_in_signed_headers(void **state)
{
    (void)state;
    {
        ANSWER = api_call(&fixture, "POST", "/api/upload/activity-image", token(),
                          "{\"contentType\":\"image/png\",\"contentLength\":20,\"activityId\":\"a:1\","
                          "\"slot\":\"gallery\",\"index\":3}",
                          NULL);

        assert_int_equal(answer.status, 201);
        assert_string_equal(api_text(&answer, "headers.x-amz-meta-vibe-purpose"), "activity-image");
        assert_string_equal(api_text(&answer, "headers.x-amz-meta-vibe-activity"), "a:1");
        assert_string_equal(api_text(&answer, "headers.x-amz-meta-vibe-slot"), "gallery");
        assert_string_equal(api_text(&answer, "headers.x-amz-meta-vibe-index"), "3");
        assert_non_null(strstr(api_text(&answer, "url"),
                               "x-amz-meta-vibe-activity%3Bx-amz-meta-vibe-index%3Bx-amz-meta-vibe-purpose%3B"
                               "x-amz-meta-vibe-seal%3Bx-amz-meta-vibe-slot"));
    }
    {
        ANSWER = api_call(&fixture, "POST", "/api/upload/story-media", token(),
                          "{\"contentType\":\"video/quicktime\",\"contentLength\":16777216,"
                          "\"storyId\":\"7\"}",
                          NULL);

        assert_int_equal(answer.status, 201);
        assert_string_equal(api_text(&answer, "headers.x-amz-meta-vibe-story"), "7");
        assert_string_equal(strrchr(api_text(&answer, "key"), '.'), ".mov");
    }
}

/* One byte more than goes in one piece: S3 would begin a multipart upload, but it is away. */
static void a_file_that_goes_in_parts_needs_the_object_storage(void **state)
{
    ANSWER = api_call(&fixture, "POST", "/api/upload/story-media", token(),
                      "{\"contentType\":\"video/mp4\",\"contentLength\":16777217}", NULL);

    (void)state;
    assert_int_equal(answer.status, 503);
    assert_string_equal(api_text(&answer, "code"), "storage_unavailable");
}

static void a_target_with_a_wrong_field_names_it(void **state)
{
#define IMAGE "{\"contentType\":\"image/jpeg\",\"contentLength\":1"
    static const struct {
        const char *path, *body, *field;
    } cases[] = {
        {"activity-image", IMAGE "}", "activityId"},
        {"activity-image", IMAGE ",\"activityId\":7,\"slot\":\"hero\"}", "activityId"},
        {"activity-image", IMAGE ",\"activityId\":\"a/b\",\"slot\":\"hero\"}", "activityId"},
        {"activity-image", IMAGE ",\"activityId\":\"..\",\"slot\":\"hero\"}", "activityId"},
        {"activity-image", IMAGE ",\"activityId\":\"1\"}", "slot"},
        {"activity-image", IMAGE ",\"activityId\":\"1\",\"slot\":\"cover\"}", "slot"},
        {"activity-image", IMAGE ",\"activityId\":\"1\",\"slot\":\"hero\",\"index\":0}", "index"},
        {"activity-image", IMAGE ",\"activityId\":\"1\",\"slot\":\"gallery\"}", "index"},
        {"activity-image", IMAGE ",\"activityId\":\"1\",\"slot\":\"gallery\",\"index\":10}", "index"},
        {"activity-image", IMAGE ",\"activityId\":\"1\",\"slot\":\"gallery\",\"index\":-1}", "index"},
        {"activity-image",
         "{\"contentType\":\"video/mp4\",\"contentLength\":1,\"activityId\":\"1\",\"slot\":\"hero\"}",
         "contentType"},
        {"story-media", IMAGE ",\"storyId\":\"\"}", "storyId"},
        {"story-media", "{\"contentType\":\"video/mp4\",\"contentLength\":100000001}", "contentLength"},
        {"story-media", "{\"contentType\":\"image/jpeg\",\"contentLength\":15728641}", "contentLength"},
        {"story-media", "{\"contentType\":\"video/webm\",\"contentLength\":1}", "contentType"},
    };
#undef IMAGE

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        char path[64];
        const json_t *first;

        snprintf(path, sizeof(path), "/api/upload/%s", cases[i].path);
        ANSWER = api_call(&fixture, "POST", path, token(), cases[i].body, NULL);
        assert_int_equal(answer.status, 422);
        first = json_array_get(json_object_get(answer.json, "errors"), 0);
        assert_string_equal(json_string_value(json_object_get(first, "field")), cases[i].field);
    }
}

static void an_invalid_token_is_refused_with_its_reason(void **state)
{
    static const char body[] = "{\"contentType\":\"image/jpeg\",\"contentLength\":1}";
    static const struct {
        const char *header, *code;
    } cases[] = {
        {NULL, "token_missing"},
        {"Authorization: Basic YTpi", "token_missing"},
        {"Authorization: Bearer x", "token_invalid"},
        {"Authorization: Bearer eyJhbGciOiJub25lIn0.e30.", "token_invalid"},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        ANSWER = api_call(&fixture, "POST", TICKET, NULL, body, cases[i].header);

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), cases[i].code);
        assert_non_null(strstr(answer.headers, "www-authenticate: Bearer"));
    }
    {
        ANSWER = api_call(&fixture, "POST", TICKET, token_issued(vb_clock_realtime_s() - 2000), body, NULL);

        assert_int_equal(answer.status, 401);
        assert_string_equal(api_text(&answer, "code"), "token_expired");
    }
}

static void bodies_that_are_not_json_objects_are_refused(void **state)
{
    static const struct {
        const char *body, *code;
    } cases[] = {
        {"", "invalid_json"},
        {"nonsense", "invalid_json"},
        {"[]", "invalid_json"},
        {"\"x\"", "invalid_json"},
        {"{\"a\":1", "invalid_json"},
        {"{\"a\":1,\"a\":2}", "invalid_json"},
        {"{\"a\":\"\xff\"}", "invalid_json"},
        {"{\"a\":\"\\u0000\"}", "invalid_json"},
        {"{\"a\":1e999}", "invalid_json"},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        ANSWER = api_call(&fixture, "POST", TICKET, token(), cases[i].body, NULL);

        assert_int_equal(answer.status, 400);
        assert_string_equal(api_text(&answer, "code"), cases[i].code);
    }
}

static void deep_json_is_refused_and_deep_text_is_not(void **state)
{
    char body[60001];

    (void)state;
    memset(body, '[', 60000);
    body[60000] = '\0';
    {
        ANSWER = api_call(&fixture, "POST", TICKET, token(), body, NULL);

        assert_int_equal(answer.status, 400);
        assert_string_equal(api_text(&answer, "code"), "json_too_deep");
    }
    snprintf(body, sizeof(body),
             "{\"x\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\",\"contentType\":\"image/"
             "jpeg\",\"contentLength\":1}");
    {
        ANSWER = api_call(&fixture, "POST", TICKET, token(), body, NULL);

        assert_int_equal(answer.status, 201);
    }
}

static void large_bodies_and_other_types_are_refused(void **state)
{
    char *body = malloc(70000);

    (void)state;
    assert_non_null(body);
    memset(body, ' ', 69999);
    body[69999] = '\0';
    {
        ANSWER = api_call(&fixture, "POST", TICKET, token(), body, NULL);

        assert_int_equal(answer.status, 413);
    }
    free(body);
    {
        char header[1200];

        /* a body without our usual Content-Type: the token goes by hand */
        snprintf(header, sizeof(header), "Authorization: Bearer %s", token());
        ANSWER = api_call(&fixture, "POST", TICKET, NULL, NULL, header);

        assert_int_equal(answer.status, 415);
        assert_string_equal(api_text(&answer, "code"), "unsupported_media_type");
    }
}

static void without_its_dependencies_the_api_says_so(void **state)
{
    (void)state;
    {
        ANSWER = api_call(&fixture, "GET", "/api/health", NULL, NULL, NULL);

        assert_int_equal(answer.status, 200);
        assert_string_equal(api_text(&answer, "status"), "ok");
    }
    {
        ANSWER = api_call(&fixture, "GET", "/api/health/ready", NULL, NULL, NULL);

        assert_int_equal(answer.status, 503);
        assert_string_equal(api_text(&answer, "database"), "unavailable");
        assert_string_equal(api_text(&answer, "bucket"), "unavailable");
        assert_non_null(strstr(answer.headers, "retry-after: 1\n"));
    }
    {
        ANSWER = api_call(&fixture, "GET", "/api/users/me", token(), NULL, NULL);

        assert_int_equal(answer.status, 503);
        assert_string_equal(api_text(&answer, "code"), "database_unavailable");
        assert_non_null(strstr(answer.headers, "retry-after: 1\n"));
    }
}

static void urls_follow_the_host_that_the_phone_used(void **state)
{
    static const char body[] = "{\"contentType\":\"image/jpeg\",\"contentLength\":1}";
    static const struct {
        const char *header, *expected;
    } cases[] = {
        {"Host: 192.168.1.20:3000", "://192.168.1.20:9000/"},
        {"Host: my-laptop.local:3000", "://my-laptop.local:9000/"},
        {"Host: [fe80::1]:3000", "://[fe80::1]:9000/"},
        {"Host: evil.example/x?", "://s3.example.com/"},
        {"Host: a@b", "://s3.example.com/"},
        {"Host: a:b", "://s3.example.com/"},
    };
    struct api_fixture following;

    (void)state;
    api_fixture_start(&following, NULL, true);
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        ANSWER = api_call(&following, "POST", TICKET, token(), body, cases[i].header);

        if (answer.status == 400) /* the HTTP server may refuse such a host itself */
            continue;
        assert_int_equal(answer.status, 201);
        assert_non_null(strstr(api_text(&answer, "url"), cases[i].expected));
    }
    api_fixture_stop(&following);
}

static void completing_the_upload_of_another_is_refused_without_the_database(void **state)
{
    struct api_answer ticket VB_CLEANUP(api_answer_release) = api_call(
        &fixture, "POST", TICKET, token(), "{\"contentType\":\"image/jpeg\",\"contentLength\":1}", NULL);
    char path[256], body[512];

    (void)state;
    snprintf(path, sizeof(path), "/api/upload/%s/complete", api_text(&ticket, "uploadId"));
    {
        ANSWER = api_call(&fixture, "POST", path, token(), "{\"key\":\"user-uploads/somebody-else/x-1.jpg\"}",
                          NULL);

        assert_int_equal(answer.status, 403);
        assert_string_equal(api_text(&answer, "code"), "upload_forbidden");
    }
    {
        ANSWER =
            api_call(&fixture, "POST", path, token(), "{\"key\":\"user-uploads/" USER "/x-1.jpg\"}", NULL);

        assert_int_equal(answer.status, 404);
        assert_string_equal(api_text(&answer, "code"), "upload_not_found");
    }
    snprintf(body, sizeof(body), "{\"key\":\"%s\"}", api_text(&ticket, "key"));
    {
        ANSWER = api_call(&fixture, "POST", "/api/upload/made-up/complete", token(), body, NULL);

        assert_int_equal(answer.status, 404);
    }
    { /* those of the owner get as far as the database, which is away */
        ANSWER = api_call(&fixture, "POST", path, token(), body, NULL);

        assert_int_equal(answer.status, 503);
        assert_string_equal(api_text(&answer, "code"), "database_unavailable");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_issued_while_the_database_is_away),
        cmocka_unit_test(a_checksum_is_signed_too),
        cmocka_unit_test(one_request_in_any_spelling_gives_the_same_ticket),
        cmocka_unit_test(a_field_given_twice_is_refused),
        cmocka_unit_test(a_ticket_request_with_a_wrong_field_names_it),
        cmocka_unit_test(a_ticket_names_its_activity_or_story_in_signed_headers),
        cmocka_unit_test(a_file_that_goes_in_parts_needs_the_object_storage),
        cmocka_unit_test(a_target_with_a_wrong_field_names_it),
        cmocka_unit_test(an_invalid_token_is_refused_with_its_reason),
        cmocka_unit_test(bodies_that_are_not_json_objects_are_refused),
        cmocka_unit_test(deep_json_is_refused_and_deep_text_is_not),
        cmocka_unit_test(large_bodies_and_other_types_are_refused),
        cmocka_unit_test(without_its_dependencies_the_api_says_so),
        cmocka_unit_test(urls_follow_the_host_that_the_phone_used),
        cmocka_unit_test(completing_the_upload_of_another_is_refused_without_the_database),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
