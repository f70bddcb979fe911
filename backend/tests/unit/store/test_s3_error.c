/* S3's errors: codes, statuses and the error document. */
#include "fake_http.h"

#include "base/memory.h"
#include "store/s3_error.h"
#include "store/server.h"

static int set_up(void **state)
{
    struct fake_http *fake = vb_xcalloc(1, sizeof(*fake));

    fake_init(fake, VB_HTTP_PUT, "");
    *state = fake;
    return 0;
}

static int tear_down(void **state)
{
    fake_release(*state);
    free(*state);
    return 0;
}

static void every_error_has_a_code_a_status_and_a_sentence(void **state)
{
    (void)state;
    for (int error = VB_STORE_OK + 1; error < VB_STORE_ERRORS; error++) {
        const char *code = vb_store_error_code((enum vb_store_error)error);
        int status = vb_store_error_status((enum vb_store_error)error);

        if (!code)
            fail_msg("error %d has no row", error);
        assert_true(strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
                    strlen(code));
        assert_true(status >= 400 && status < 600);
        assert_true(*vb_store_error_message((enum vb_store_error)error));
    }
}

static void codes_are_told_apart(void **state)
{
    (void)state;
    for (int a = 0; a < VB_STORE_ERRORS; a++)
        for (int b = a + 1; b < VB_STORE_ERRORS; b++)
            assert_string_not_equal(vb_store_error_code((enum vb_store_error)a),
                                    vb_store_error_code((enum vb_store_error)b));
}

static void an_error_is_a_document_with_code_message_resource_and_request_id(void **state)
{
    struct fake_http *fake = *state;

    vb_store_fail(&fake->request, VB_STORE_NO_SUCH_KEY, NULL);
    assert_int_equal(fake->status, 404);
    assert_string_equal(fake->content_type, "application/xml");
    assert_string_equal(fake->answer.data, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                           "<Error><Code>NoSuchKey</Code>"
                                           "<Message>The specified key does not exist.</Message>"
                                           "<Resource>/photos/a.jpg</Resource>"
                                           "<RequestId>0123456789abcdef</RequestId></Error>");
    assert_string_equal(fake->answer_headers.data, "x-amz-request-id: 0123456789abcdef\n");
}

static void fields_stand_between_the_message_and_the_resource(void **state)
{
    struct fake_http *fake = *state;

    vb_store_fail_fields(&fake->request, VB_STORE_INVALID_ARGUMENT,
                         (const struct vb_store_error_field[]){
                             {"ArgumentName", "max-keys"}, {"ArgumentValue", "x"}, {NULL, NULL}},
                         "Provided %s not an integer", "max-keys");
    assert_int_equal(fake->status, 400);
    assert_answer_has(fake,
                      "<Message>Provided max-keys not an integer</Message>"
                      "<ArgumentName>max-keys</ArgumentName><ArgumentValue>x</ArgumentValue><Resource>");
}

static void what_a_client_sent_is_escaped(void **state)
{
    struct fake_http *fake = *state;

    vb_store_fail_fields(&fake->request, VB_STORE_NO_SUCH_KEY,
                         (const struct vb_store_error_field[]){{"Key", "</Key><Code>&\x01"}, {NULL, NULL}},
                         NULL);
    assert_answer_has(fake, "<Key>&lt;/Key&gt;&lt;Code&gt;&amp;");
    assert_null(strchr(fake->answer.data, '\x01'));
}

static void a_head_request_is_answered_with_the_status_alone(void **state)
{
    struct fake_http *fake = *state;

    fake->request.method = VB_HTTP_HEAD;
    vb_store_fail(&fake->request, VB_STORE_NO_SUCH_BUCKET, NULL);
    assert_int_equal(fake->status, 404);
    assert_int_equal(fake->answer.length, 0);
}

static void a_refusal_for_now_says_when_to_come_back(void **state)
{
    struct fake_http *fake = *state;

    vb_store_fail(&fake->request, VB_STORE_SLOW_DOWN, NULL);
    assert_int_equal(fake->status, 503);
    assert_non_null(strstr(fake->answer_headers.data, "Retry-After: 1\n"));
}

static void the_first_answer_stays(void **state)
{
    struct fake_http *fake = *state;

    vb_store_fail(&fake->request, VB_STORE_BAD_DIGEST, NULL);
    vb_store_fail(&fake->request, VB_STORE_INTERNAL_ERROR, NULL);
    assert_int_equal(fake->status, 400);
    assert_answer_has(fake, "<Code>BadDigest</Code>");
    assert_null(strstr(fake->answer.data, "InternalError"));
}

static void the_servers_own_refusals_keep_their_status_and_get_a_code_of_s3(void **state)
{
    static const struct {
        int status;
        const char *code;
    } rows[] = {{400, "BadRequest"},
                {405, "MethodNotAllowed"},
                {408, "RequestTimeout"},
                {411, "MissingContentLength"},
                {413, "EntityTooLarge"},
                {418, "InvalidRequest"},
                {431, "RequestHeaderSectionTooLarge"},
                {500, "InternalError"},
                {502, "InternalError"},
                {503, "SlowDown"},
                {507, "InsufficientStorage"}};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(rows); i++) {
        struct fake_http fake;
        char element[64];

        fake_init(&fake, VB_HTTP_PUT, "");
        vb_store_http_error(&fake.request, rows[i].status, "code_of_the_server", "It says why.");
        snprintf(element, sizeof(element), "<Code>%s</Code>", rows[i].code);
        assert_int_equal(fake.status, rows[i].status);
        assert_answer_has(&fake, element);
        assert_answer_has(&fake, "<Message>It says why.</Message>");
        fake_release(&fake);
    }
}

int main(void)
{
#define WITH_REQUEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_code_a_status_and_a_sentence),
        cmocka_unit_test(codes_are_told_apart),
        WITH_REQUEST(an_error_is_a_document_with_code_message_resource_and_request_id),
        WITH_REQUEST(fields_stand_between_the_message_and_the_resource),
        WITH_REQUEST(what_a_client_sent_is_escaped),
        WITH_REQUEST(a_head_request_is_answered_with_the_status_alone),
        WITH_REQUEST(a_refusal_for_now_says_when_to_come_back),
        WITH_REQUEST(the_first_answer_stays),
        cmocka_unit_test(the_servers_own_refusals_keep_their_status_and_get_a_code_of_s3),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
