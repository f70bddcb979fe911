/* An upload as the phone makes it, against an API and a store that a script plays: the order of the
 * requests, and what happens when one of them fails. */
#include "client/upload.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_server.h"

#define SIZE ((int64_t)sizeof(picture) - 1)

static const char picture[] = "\xff\xd8\xff\xe0 and the rest of a picture";

/* One server is API and store. The ticket's URLs name its port, so answers are made once that is known. */
struct fixture {
    struct scripted_server *server;
    struct vb_http_client *http;
    struct vb_client_session session;
    struct script_step steps[16];
    char api[64];
    size_t count;
};

__attribute__((format(printf, 3, 4))) static void add(struct fixture *f, int status, const char *format, ...)
{
    char body[2048], *answer = malloc(4096);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(body, sizeof(body), format, arguments);
    va_end(arguments);
    snprintf(answer, 4096, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    assert_true(f->count < 16);
    f->steps[f->count++] = (struct script_step){answer, 0, SCRIPT_KEEP};
}

/* In the middle of an answer: libcurl itself retries when a kept connection ends without a byte. */
static void add_cut(struct fixture *f)
{
    f->steps[f->count++] =
        (struct script_step){strdup("HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf"), 0, SCRIPT_CLOSE};
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->server = script_start(f->steps, 16);
    snprintf(f->api, sizeof(f->api), "http://127.0.0.1:%u", f->server->port);
    f->http = vb_http_client_create(&(struct vb_http_client_config){0});
    vb_client_session_init(&f->session, f->http, f->api);
    vb_client_session_use_token(&f->session, "the-token");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    vb_client_session_release(&f->session);
    vb_http_client_destroy(f->http);
    script_stop(f->server);
    for (size_t i = 0; i < f->count; i++)
        free((void *)(uintptr_t)f->steps[i].answer);
    free(f);
    return 0;
}

static int upload(struct fixture *f, json_t **ret_answer, struct vb_error *err)
{
    struct vb_source source;

    vb_source_memory(&source, picture, (size_t)SIZE);
    return vb_upload(&f->session, "/api/upload/story-media", json_pack("{s:s}", "storyId", "7"), &source,
                     ret_answer, err);
}

static void add_ticket(struct fixture *f)
{
    add(f, 201,
        "{\"uploadId\":\"u1\",\"key\":\"user-uploads/a b\",\"method\":\"PUT\",\"url\":\"%s/put?x=1\","
        "\"headers\":{\"Content-Type\":\"image/jpeg\",\"Content-Length\":\"1\",\"If-None-Match\":\"*\"}}",
        f->api);
}

static void add_ticket_in_parts(struct fixture *f, int64_t second)
{
    add(f, 201,
        "{\"uploadId\":\"u1\",\"key\":\"user-uploads/a b\",\"multipart\":{\"parts\":["
        "{\"offset\":0,\"length\":20,\"url\":\"%s/part1\"},{\"offset\":20,\"length\":%d,\"url\":\"%s/"
        "part2\"}]}}",
        f->api, (int)second, f->api);
}

static void assert_request(struct fixture *f, unsigned n, const char *method, const char *target)
{
    assert_string_equal(script_request(f->server, n)->method, method);
    assert_string_equal(script_request(f->server, n)->target, target);
}

static void ticket_put_and_complete_follow_each_other(void **state)
{
    struct fixture *f = *state;
    struct script_request *request;
    json_t *answer = NULL, *body;

    add_ticket(f);
    add(f, 200, "%s", "");
    add(f, 200, "{\"media\":{\"cdnUrl\":\"http://cdn/x\"}}");
    assert_int_equal(upload(f, &answer, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer, "media"), "cdnUrl")),
                        "http://cdn/x");
    json_decref(answer);

    assert_int_equal(script_requests(f->server), 3);
    assert_request(f, 0, "POST", "/api/upload/story-media");
    request = script_request(f->server, 0);
    assert_string_equal(script_header(request, "Authorization"), "Bearer the-token");
    body = json_loadb(request->body, request->body_size, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(body, "contentLength")), SIZE);
    assert_string_equal(json_string_value(json_object_get(body, "contentType")), "image/jpeg");
    assert_int_equal(strlen(json_string_value(json_object_get(body, "checksumSha256"))), 44);
    assert_string_equal(json_string_value(json_object_get(body, "storyId")), "7");
    json_decref(body);

    assert_request(f, 1, "PUT", "/put?x=1");
    request = script_request(f->server, 1);
    assert_int_equal(request->body_size, SIZE);
    assert_memory_equal(request->body, picture, SIZE);
    assert_string_equal(script_header(request, "If-None-Match"), "*");
    assert_null(script_header(request, "Authorization")); /* the store gets no token of the API */
    assert_request(f, 2, "POST", "/api/upload/u1/complete");
    assert_non_null(strstr(script_request(f->server, 2)->body, "user-uploads/a b"));
}

static void a_put_without_an_answer_is_sent_again_and_412_means_that_it_arrived(void **state)
{
    struct fixture *f = *state;
    json_t *answer = NULL;

    add_ticket(f);
    add_cut(f);
    add(f, 412, "<Error><Code>PreconditionFailed</Code></Error>");
    add(f, 200, "{}");
    assert_int_equal(upload(f, &answer, NULL), 0);
    json_decref(answer);
    assert_int_equal(script_requests(f->server), 4);
    assert_request(f, 2, "PUT", "/put?x=1");
    assert_memory_equal(script_request(f->server, 2)->body, picture, SIZE);
}

static void trouble_of_the_store_is_waited_out(void **state)
{
    struct fixture *f = *state;
    json_t *answer = NULL;

    add_ticket(f);
    add(f, 503, "<Error><Code>SlowDown</Code></Error>");
    add(f, 200, "%s", "");
    add(f, 200, "{}");
    assert_int_equal(upload(f, &answer, NULL), 0);
    json_decref(answer);
}

static void a_refusal_of_the_store_is_final_and_told_in_its_words(void **state)
{
    struct fixture *f = *state;
    struct vb_error err = {0};
    json_t *answer = NULL;

    add_ticket(f);
    add(f, 403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>");
    assert_int_equal(upload(f, &answer, &err), -EPROTO);
    assert_null(answer);
    assert_string_equal(err.message, "the object store answers 403: AccessDenied: Request has expired");
    assert_int_equal(script_requests(f->server), 2);
}

static void a_refusal_of_the_api_is_told_in_its_words(void **state)
{
    struct fixture *f = *state;
    struct vb_error err = {0};
    json_t *answer = NULL;

    add(f, 422, "{\"code\":\"unsupported_type\",\"detail\":\"A profile picture is image/jpeg\"}");
    assert_int_equal(upload(f, &answer, &err), -EPROTO);
    assert_string_equal(err.message,
                        "the API answers 422: A profile picture is image/jpeg (unsupported_type)");
    assert_string_equal(err.hint, "");
}

static void an_answer_of_another_program_brings_a_hint(void **state)
{
    struct fixture *f = *state;
    struct vb_error err = {0};
    json_t *answer = NULL;

    add(f, 404, "<html>nginx</html>");
    assert_int_equal(upload(f, &answer, &err), -EPROTO);
    assert_non_null(strstr(err.message, "/api/upload/story-media answers 404"));
    assert_non_null(strstr(err.hint, "--api"));
    add(f, 200, "<html>nginx</html>");
    assert_int_equal(upload(f, &answer, &err), -EPROTO);
    assert_non_null(strstr(err.message, "not JSON"));
}

static void a_ticket_without_its_parts_is_refused(void **state)
{
    struct fixture *f = *state;
    struct vb_error err = {0};
    json_t *answer = NULL;

    add(f, 201, "{\"uploadId\":\"u1\",\"key\":\"k\"}");
    assert_int_equal(upload(f, &answer, &err), -EPROTO);
    assert_string_equal(err.message, "the API's answer has no \"url\"");
    add(f, 201,
        "{\"uploadId\":\"u1\",\"key\":\"k\",\"method\":\"PUT\",\"url\":\"%s/x\",\"headers\":{\"A\":1}}",
        f->api);
    assert_int_equal(upload(f, &answer, &err), -EPROTO);
    assert_string_equal(err.message, "the ticket's headers are malformed");
}

static void only_the_parts_that_are_missing_are_sent_again(void **state)
{
    struct fixture *f = *state;
    json_t *answer = NULL;

    add_ticket_in_parts(f, SIZE - 20);
    add(f, 200, "%s", "");
    add_cut(f);
    add(f, 200,
        "{\"status\":\"pending\",\"multipart\":{\"missing\":[{\"offset\":20,\"length\":%d,\"url\":\"%s/"
        "again\"}]}}",
        (int)SIZE - 20, f->api);
    add(f, 200, "%s", "");
    add(f, 200, "{}");
    assert_int_equal(upload(f, &answer, NULL), 0);
    json_decref(answer);
    assert_int_equal(script_requests(f->server), 6);
    assert_request(f, 1, "PUT", "/part1");
    assert_memory_equal(script_request(f->server, 1)->body, picture, 20);
    assert_request(f, 2, "PUT", "/part2");
    assert_request(f, 3, "GET", "/api/upload/u1?key=user-uploads%2Fa%20b");
    assert_request(f, 4, "PUT", "/again");
    assert_int_equal(script_request(f->server, 4)->body_size, SIZE - 20);
    assert_memory_equal(script_request(f->server, 4)->body, picture + 20, SIZE - 20);
    assert_request(f, 5, "POST", "/api/upload/u1/complete");
}

static void a_cancelled_upload_ends_the_attempts(void **state)
{
    struct fixture *f = *state;
    struct vb_error err = {0};
    json_t *answer = NULL;

    add_ticket_in_parts(f, SIZE - 20);
    add_cut(f);
    add(f, 200, "{\"status\":\"cancelled\"}");
    assert_int_equal(upload(f, &answer, &err), -ESTALE);
    assert_non_null(strstr(err.message, "it is cancelled"));
    assert_int_equal(script_requests(f->server), 3);
}

static void a_part_beyond_the_file_is_never_sent(void **state)
{
    struct fixture *f = *state;
    struct vb_error err = {0};
    json_t *answer = NULL;

    add_ticket_in_parts(f, SIZE);
    add(f, 200, "%s", "");
    add(f, 200, "{\"status\":\"expired\"}");
    assert_int_equal(upload(f, &answer, &err), -ESTALE);
    assert_int_equal(script_requests(f->server), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ticket_put_and_complete_follow_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_put_without_an_answer_is_sent_again_and_412_means_that_it_arrived,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(trouble_of_the_store_is_waited_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_of_the_store_is_final_and_told_in_its_words, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refusal_of_the_api_is_told_in_its_words, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_of_another_program_brings_a_hint, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ticket_without_its_parts_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_parts_that_are_missing_are_sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_upload_ends_the_attempts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_beyond_the_file_is_never_sent, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
