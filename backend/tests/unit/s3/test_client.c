/* S3 client against a scripted S3: what it asks (every request's signature is verified), and what it makes of
 * answers. */
#include "client_fixture.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <signal.h>

static void put_sends_type_cache_control_and_metadata_signed(void **state)
{
    const struct vb_s3_put options = {.content_type = "image/jpeg",
                                      .cache_control = "public, max-age=31536000, immutable",
                                      .metadata =
                                          (const char *const[]){"owner", "u 1", "Kind", "avatar", NULL},
                                      .if_none_match = true};
    struct vb_s3_object object;
    struct script_request *request;
    struct fixture f;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 200 OK\r\nETag: " ETAG "\r\nx-amz-version-id: v1\r\n" EMPTY});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_put(f.s3, "profile-pictures/u1/avatar-1.jpg", "abc", 3, &options, &object, &f.err),
                     0);
    assert_string_equal(object.etag, ETAG);
    assert_string_equal(object.version_id, "v1");
    assert_int_equal(object.size, 3);
    request = script_request(server, 0);
    assert_signed(request);
    assert_string_equal(request->method, "PUT");
    assert_string_equal(request->target, "/" BUCKET "/profile-pictures/u1/avatar-1.jpg");
    assert_string_equal(request->body, "abc");
    assert_string_equal(script_header(request, "content-type"), "image/jpeg");
    assert_string_equal(script_header(request, "cache-control"), "public, max-age=31536000, immutable");
    assert_string_equal(script_header(request, "x-amz-meta-owner"), "u 1");
    assert_string_equal(script_header(request, "x-amz-meta-kind"), "avatar");
    assert_string_equal(script_header(request, "if-none-match"), "*");
    assert_string_equal(script_header(request, "x-amz-checksum-sha256"),
                        "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    fixture_release(&f);
    script_stop(server);
}

static void head_tells_metadata_as_far_as_it_fits(void **state)
{
    static char answer[4096];
    static struct script_step step = {answer, 0, SCRIPT_KEEP};
    char longest[600], value[64] = "untouched";
    struct vb_s3_object object;
    struct fixture f;

    (void)state;
    memset(longest, 'l', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Amz-Meta-Vibe-Slot: hero\r\nx-amz-meta-a: %s\r\n"
             "x-amz-meta-b: %s\r\nx-amz-meta-vibe-slots: two words\r\nx-amz-meta-empty:\r\n\r\n",
             longest, longest);
    struct scripted_server *server = script_start(&step, 1);
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_head(f.s3, "k", &object, &f.err), 0);
    assert_false(vb_s3_metadata(&object, "vibe", value, sizeof(value)));
    assert_false(vb_s3_metadata(&object, "b", value, sizeof(value)));
    assert_false(vb_s3_metadata(&object, "a", value, sizeof(value))); /* longer than the buffer */
    assert_string_equal(value, "untouched");
    assert_true(vb_s3_metadata(&object, "vibe-slot", value, sizeof(value)));
    assert_string_equal(value, "hero");
    assert_true(vb_s3_metadata(&object, "vibe-slots", value, sizeof(value)));
    assert_string_equal(value, "two words");
    assert_true(vb_s3_metadata(&object, "empty", value, sizeof(value)));
    assert_string_equal(value, "");
    fixture_release(&f);
    script_stop(server);
}

static void any_utf8_key_is_encoded_as_it_is_signed(void **state)
{
    static const char *const keys[][2] = {
        {"a b+c", "/a%20b%2Bc"},
        {"\xc3\xbc/%41~.-_", "/%C3%BC/%2541~.-_"},
        {"/", "//"},
        {"a//b/", "/a//b/"},
        {"../../etc", "/../../etc"},
        {"?x=1&y#z", "/%3Fx%3D1%26y%23z"},
        {"\x01\n\x7f", "/%01%0A%7F"},
        {"\xf0\x9f\x8c\x8a", "/%F0%9F%8C%8A"},
    };
    static const struct script_step step = {PUT_OK, 0, SCRIPT_KEEP};
    struct scripted_server *server = script_start(&step, 1);
    struct fixture f;

    (void)state;
    server->repeat_last = true;
    fixture_init(&f, server, 0, 0);
    for (unsigned i = 0; i < VB_ARRAY_SIZE(keys); i++) {
        char target[256] = "/" BUCKET;

        strcat(target, keys[i][1]);
        assert_int_equal(vb_s3_put(f.s3, keys[i][0], "", 0, NULL, NULL, &f.err), 0);
        assert_string_equal(script_request(server, i)->target, target);
        assert_signed(script_request(server, i));
    }
    fixture_release(&f);
    script_stop(server);
}

static void impossible_keys_and_values_are_refused_before_sending(void **state)
{
    char longest[1026];
    struct vb_s3_object object;
    struct fixture f;

    (void)state;
    SCRIPT(server, {PUT_OK});
    fixture_init(&f, server, 0, 0);
    memset(longest, 'k', sizeof(longest));
    longest[1025] = '\0';
    assert_int_equal(vb_s3_put(f.s3, longest, "", 0, NULL, NULL, &f.err), -EINVAL);
    assert_int_equal(vb_s3_put(f.s3, "", "", 0, NULL, NULL, &f.err), -EINVAL);
    assert_int_equal(vb_s3_head(f.s3, "\xff", &object, &f.err), -EINVAL);
    assert_int_equal(vb_s3_copy(f.s3, "\xff", "to", NULL, NULL, &f.err), -EINVAL);
    assert_int_equal(
        vb_s3_put(f.s3, "k", "", 0, &(struct vb_s3_put){.content_type = "a\r\nX-Evil: 1"}, NULL, &f.err),
        -EINVAL);
    assert_int_equal(script_requests(server), 0);
    longest[1024] = '\0';
    assert_int_equal(vb_s3_put(f.s3, longest, "", 0, NULL, NULL, &f.err), 0);
    fixture_release(&f);
    script_stop(server);
}

static void transient_failures_are_retried(void **state)
{
    struct fixture f;

    (void)state;
    SCRIPT(server, ERROR("503 Slow Down", "SlowDown", "Reduce your request rate"),
           ERROR("500 Internal", "InternalError", "We had a problem"), {NULL, 0, SCRIPT_CLOSE}, {PUT_OK});
    fixture_init(&f, server, 4, 0);
    assert_int_equal(vb_s3_put(f.s3, "k", "abc", 3, NULL, NULL, &f.err), 0);
    assert_int_equal(script_requests(server), 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_signed(script_request(server, i));
        assert_string_equal(script_request(server, i)->body, "abc");
    }
    fixture_release(&f);
    script_stop(server);
}

static void retries_end_after_the_configured_attempts(void **state)
{
    static const struct script_step step = ERROR("503 Slow Down", "SlowDown", "Reduce your request rate");
    struct scripted_server *server = script_start(&step, 1);
    struct fixture f;

    (void)state;
    server->repeat_last = true;
    fixture_init(&f, server, 3, 0);
    assert_int_equal(vb_s3_put(f.s3, "k", "abc", 3, NULL, NULL, &f.err), -EBUSY);
    assert_int_equal(script_requests(server), 3);
    assert_non_null(strstr(f.err.message, "SlowDown: Reduce your request rate"));
    fixture_release(&f);
    script_stop(server);
}

static void permanent_failures_are_not_retried(void **state)
{
    static const struct {
        struct script_step step;
        int result;
        const char *message, *hint;
    } cases[] = {
        {ERROR("404 Not Found", "NoSuchKey", "The specified key does not exist."), -ENOENT, "NoSuchKey", ""},
        {ERROR("404 Not Found", "NoSuchBucket", "No"), -ENOENT, "NoSuchBucket", "S3_BUCKET_NAME"},
        {ERROR("403 Forbidden", "AccessDenied", "Access Denied"), -EACCES, "AccessDenied", "IAM policy"},
        {ERROR("403 Forbidden", "SignatureDoesNotMatch", "x"), -EACCES, "SignatureDoesNotMatch",
         "AWS_SECRET_ACCESS_KEY"},
        {ERROR("403 Forbidden", "RequestTimeTooSkewed", "x"), -EACCES, "RequestTimeTooSkewed", "clock"},
        {ERROR("412 Precondition Failed", "PreconditionFailed", "x"), -EKEYREJECTED, "PreconditionFailed",
         ""},
        {ERROR("416 Range", "InvalidRange", "x"), -ENODATA, "InvalidRange", ""},
        {ERROR("400 Bad Request", "InvalidArgument", "what &amp; &#10;why"), -EIO, "what &  why", ""},
        {{"HTTP/1.1 418 Teapot\r\n" CLOSING "<html>not S3", 0, SCRIPT_CLOSE}, -EIO, "HTTP 418", ""},
    };
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 100);
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct scripted_server *server = script_start(&cases[i].step, 1);
        struct fixture f;

        fixture_init(&f, server, 4, 0);
        assert_int_equal(vb_s3_get_data(f.s3, "k", 0, -1, NULL, &out, NULL, &f.err), cases[i].result);
        assert_int_equal(script_requests(server), 1);
        assert_non_null(strstr(f.err.message, cases[i].message));
        assert_non_null(strstr(f.err.hint, cases[i].hint));
        fixture_release(&f);
        script_stop(server);
    }
    assert_int_equal(out.length, 0); /* an error's text is not the object's */
    vb_strbuf_release(&out);
}

static void a_condition_of_put_that_fails_means_it_exists(void **state)
{
    struct fixture f;

    (void)state;
    SCRIPT(server, ERROR("412 Precondition Failed", "PreconditionFailed", "x"));
    fixture_init(&f, server, 4, 0);
    assert_int_equal(vb_s3_put(f.s3, "k", "abc", 3, &(struct vb_s3_put){.if_none_match = true}, NULL, &f.err),
                     -EEXIST);
    fixture_release(&f);
    script_stop(server);
}

static void retry_after_is_honoured_but_not_past_the_deadline(void **state)
{
    int64_t started_ms;
    struct fixture f;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n" EMPTY}, {PUT_OK},
           {"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\n" EMPTY}, {PUT_OK});
    fixture_init(&f, server, 4, 5000);
    started_ms = vb_clock_monotonic_ms();
    assert_int_equal(vb_s3_put(f.s3, "k", "abc", 3, NULL, NULL, &f.err), 0);
    assert_in_range(vb_clock_monotonic_ms() - started_ms, 1000, 4000);
    started_ms = vb_clock_monotonic_ms();
    assert_int_equal(vb_s3_put(f.s3, "k", "abc", 3, NULL, NULL, &f.err), -EBUSY);
    assert_in_range(vb_clock_monotonic_ms() - started_ms, 0, 900);
    assert_int_equal(script_requests(server), 3);
    fixture_release(&f);
    script_stop(server);
}

static void a_silent_s3_ends_at_the_deadline(void **state)
{
    int64_t started_ms;
    struct fixture f;

    (void)state;
    SCRIPT(server, {NULL, 0, SCRIPT_STALL});
    fixture_init(&f, server, 4, 200);
    started_ms = vb_clock_monotonic_ms();
    assert_int_equal(vb_s3_put(f.s3, "k", "abc", 3, NULL, NULL, &f.err), -ETIMEDOUT);
    assert_in_range(vb_clock_monotonic_ms() - started_ms, 190, 1500);
    fixture_release(&f);
    script_stop(server);
}

static void an_absent_s3_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    SCRIPT(server, {PUT_OK});
    fixture_init(&f, server, 2, 0);
    script_stop(server);
    assert_int_equal(vb_s3_put(f.s3, "k", "abc", 3, NULL, NULL, &f.err), -ECONNREFUSED);
    assert_non_null(strstr(f.err.message, "S3 cannot be reached"));
    fixture_release(&f);
}

static void head_reads_what_s3_tells_of_an_object(void **state)
{
    struct vb_s3_object object;
    struct fixture f;

    (void)state;
    SCRIPT(server,
           {"HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\nETag: " ETAG
            "\r\nLast-Modified: Sun, 06 Nov 1994 "
            "08:49:37 GMT\r\nContent-Type: video/mp4\r\nCache-Control: no-store\r\nx-amz-version-id: v7\r\n"
            "x-amz-checksum-sha256: ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\r\n\r\n"},
           {"HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\n\r\n"});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_head(f.s3, "k", &object, &f.err), 0);
    assert_int_equal(object.size, INT64_C(5368709120));
    assert_string_equal(object.etag, ETAG);
    assert_int_equal(object.last_modified_s, 784111777);
    assert_string_equal(object.content_type, "video/mp4");
    assert_string_equal(object.cache_control, "no-store");
    assert_string_equal(object.version_id, "v7");
    assert_string_equal(object.checksum_sha256, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    assert_signed(script_request(server, 0));
    assert_int_equal(vb_s3_head(f.s3, "k", &object, &f.err), -ENOENT);
    fixture_release(&f);
    script_stop(server);
}

static void get_of_a_range_asks_for_it(void **state)
{
    struct vb_s3_object object;
    struct vb_strbuf out;
    struct fixture f;

    (void)state;
    SCRIPT(server,
           {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nETag: " ETAG
            "\r\nContent-Length: 3\r\n\r\ncde"},
           {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 8-9/10\r\nContent-Length: 2\r\n\r\nij"});
    vb_strbuf_init(&out, 100);
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_get_data(f.s3, "k", 2, 3, ETAG, &out, &object, &f.err), 0);
    assert_string_equal(out.data, "cde");
    assert_int_equal(object.size, 10);
    assert_string_equal(script_header(script_request(server, 0), "range"), "bytes=2-4");
    assert_string_equal(script_header(script_request(server, 0), "if-match"), ETAG);
    assert_signed(script_request(server, 0));
    assert_int_equal(vb_s3_get_data(f.s3, "k", 8, -1, NULL, &out, &object, &f.err), 0);
    assert_string_equal(out.data, "cdeij");
    assert_string_equal(script_header(script_request(server, 1), "range"), "bytes=8-");
    assert_int_equal(vb_s3_get_data(f.s3, "k", 8, 0, NULL, &out, &object, &f.err), -EINVAL);
    vb_strbuf_release(&out);
    fixture_release(&f);
    script_stop(server);
}

static void other_bytes_than_those_asked_for_are_an_error(void **state)
{
    static const struct script_step steps[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcdefghij", 0, SCRIPT_CLOSE},
        {"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-2/10\r\nContent-Length: 3\r\n\r\nabc", 0, SCRIPT_CLOSE},
        {"HTTP/1.1 206 OK\r\nContent-Range: bytes 2-9/10\r\nContent-Length: 8\r\n\r\ncdefghij", 0,
         SCRIPT_CLOSE},
        {"HTTP/1.1 206 OK\r\nContent-Length: 3\r\n\r\ncde", 0, SCRIPT_CLOSE},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(steps); i++) {
        struct scripted_server *server = script_start(&steps[i], 1);
        struct vb_strbuf out;
        struct fixture f;

        vb_strbuf_init(&out, 100);
        fixture_init(&f, server, 0, 0);
        assert_int_equal(vb_s3_get_data(f.s3, "k", 2, 3, NULL, &out, NULL, &f.err), -EIO);
        assert_int_equal(out.length, 0);
        vb_strbuf_release(&out);
        fixture_release(&f);
        script_stop(server);
    }
}

static void a_torn_download_resumes_where_it_stopped(void **state)
{
    struct vb_s3_object object;
    struct vb_strbuf out;
    struct fixture f;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 200 OK\r\nETag: " ETAG "\r\nContent-Length: 10\r\n\r\nabcd", 0, SCRIPT_CLOSE},
           ERROR("503 Slow Down", "SlowDown", "x"),
           {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nETag: " ETAG
            "\r\nContent-Length: 6\r\n\r\nefghij"});
    vb_strbuf_init(&out, 100);
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_get_data(f.s3, "k", 0, -1, NULL, &out, &object, &f.err), 0);
    assert_string_equal(out.data, "abcdefghij");
    assert_int_equal(object.size, 10);
    assert_null(script_header(script_request(server, 0), "range"));
    assert_string_equal(script_header(script_request(server, 2), "range"), "bytes=4-");
    assert_string_equal(script_header(script_request(server, 2), "if-match"), ETAG);
    assert_signed(script_request(server, 2));
    vb_strbuf_release(&out);
    fixture_release(&f);
    script_stop(server);
}

static void an_object_replaced_amid_a_download_is_not_mixed_with_the_old(void **state)
{
    struct vb_strbuf out;
    struct fixture f;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 200 OK\r\nETag: " ETAG "\r\nContent-Length: 10\r\n\r\nabcd", 0, SCRIPT_CLOSE},
           ERROR("412 Precondition Failed", "PreconditionFailed", "x"));
    vb_strbuf_init(&out, 100);
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_get_data(f.s3, "k", 0, -1, NULL, &out, NULL, &f.err), -EKEYREJECTED);
    assert_string_equal(out.data, "abcd");
    vb_strbuf_release(&out);
    fixture_release(&f);
    script_stop(server);
}

static int stop_at_once(void *context, const char *data, size_t size)
{
    (void)context, (void)data, (void)size;
    return -1;
}

static void a_sink_may_stop_and_memory_has_a_maximum(void **state)
{
    struct vb_strbuf out;
    struct fixture f;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcdefghij", 0, SCRIPT_KEEP},
           {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcdefghij", 0, SCRIPT_KEEP});
    vb_strbuf_init(&out, 9);
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_get(f.s3, "k", 0, -1, NULL, stop_at_once, NULL, NULL, &f.err), -ECANCELED);
    assert_int_equal(vb_s3_get_data(f.s3, "k", 0, -1, NULL, &out, NULL, &f.err), -EFBIG);
    assert_int_equal(script_requests(server), 2);
    vb_strbuf_release(&out);
    fixture_release(&f);
    script_stop(server);
}

static void deleting_what_does_not_exist_succeeds(void **state)
{
    struct fixture f;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 204 No Content\r\n\r\n"}, ERROR("404 Not Found", "NoSuchKey", "x"),
           ERROR("404 Not Found", "NoSuchBucket", "x"));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_delete(f.s3, "k", &f.err), 0);
    assert_int_equal(vb_s3_delete(f.s3, "k", &f.err), 0);
    assert_int_equal(vb_s3_delete(f.s3, "k", &f.err), -ENOENT);
    assert_string_equal(script_request(server, 0)->method, "DELETE");
    fixture_release(&f);
    script_stop(server);
}

#define COPY_OK                                                                                              \
    "HTTP/1.1 200 OK\r\n" CLOSING XML "<CopyObjectResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" \
    "<ETag>&quot;x&quot;</ETag></CopyObjectResult>"

static void copy_names_its_source_and_replaces_metadata_when_told(void **state)
{
    const struct vb_s3_put options = {.content_type = "image/jpeg", .if_none_match = true};
    struct script_request *request;
    struct fixture f;

    (void)state;
    SCRIPT(server, {COPY_OK, 0, SCRIPT_CLOSE}, {COPY_OK, 0, SCRIPT_CLOSE});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_copy(f.s3, "from/a b\xc3\xbc", "to", ETAG, &options, &f.err), 0);
    request = script_request(server, 0);
    assert_signed(request);
    assert_string_equal(request->target, "/" BUCKET "/to");
    assert_string_equal(script_header(request, "x-amz-copy-source"), "/" BUCKET "/from/a%20b%C3%BC");
    assert_string_equal(script_header(request, "x-amz-copy-source-if-match"), ETAG);
    assert_string_equal(script_header(request, "x-amz-metadata-directive"), "REPLACE");
    assert_string_equal(script_header(request, "content-type"), "image/jpeg");
    assert_string_equal(script_header(request, "if-none-match"), "*");
    assert_int_equal(vb_s3_copy(f.s3, "from", "to", NULL, NULL, &f.err), 0);
    request = script_request(server, 1);
    assert_null(script_header(request, "x-amz-metadata-directive"));
    assert_null(script_header(request, "x-amz-copy-source-if-match"));
    fixture_release(&f);
    script_stop(server);
}

static void an_error_inside_a_200_is_an_error(void **state)
{
    struct fixture f;

    (void)state;
    SCRIPT(server, ERROR("200 OK", "InternalError", "Try again"), {COPY_OK, 0, SCRIPT_CLOSE},
           ERROR("200 OK", "AccessDenied", "No"), ERROR("200 OK", "InvalidRequest", "Too large"));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_copy(f.s3, "from", "to", NULL, NULL, &f.err), 0);
    assert_int_equal(script_requests(server), 2);
    assert_int_equal(vb_s3_copy(f.s3, "from", "to", NULL, NULL, &f.err), -EACCES);
    assert_int_equal(vb_s3_copy(f.s3, "from", "to", NULL, NULL, &f.err), -EIO);
    assert_non_null(strstr(f.err.message, "Too large"));
    fixture_release(&f);
    script_stop(server);
}

static void a_200_without_its_document_is_an_error(void **state)
{
    static const struct script_step step = {"HTTP/1.1 200 OK\r\n" CLOSING XML "<CopyObjectRes", 0,
                                            SCRIPT_CLOSE};
    struct scripted_server *server = script_start(&step, 1);
    struct fixture f;

    (void)state;
    server->repeat_last = true;
    fixture_init(&f, server, 2, 0);
    assert_int_equal(vb_s3_copy(f.s3, "from", "to", NULL, NULL, &f.err), -EIO);
    assert_int_equal(script_requests(server), 2);
    fixture_release(&f);
    script_stop(server);
}

static void a_bucket_in_another_region_is_named(void **state)
{
    struct fixture f;

    (void)state;
    SCRIPT(server,
           {"HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: ap-south-1\r\n\r\n", 0, SCRIPT_CLOSE},
           {"HTTP/1.1 400 Bad Request\r\n" CLOSING
            "<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong"
            "</Message><Region>ap-south-1</Region></Error>",
            0, SCRIPT_CLOSE},
           {"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://elsewhere/\r\n" EMPTY});
    fixture_init(&f, server, 0, 0);
    for (int i = 0; i < 3; i++) {
        int r = i == 0 ? vb_s3_head_bucket(f.s3, &f.err) : vb_s3_delete(f.s3, "k", &f.err);

        assert_int_equal(r, -EIO);
        assert_non_null(strstr(f.err.message, "not in region \"eu-central-1\""));
        assert_non_null(strstr(f.err.hint, i < 2 ? "AWS_REGION=ap-south-1" : "AWS_REGION"));
    }
    fixture_release(&f);
    script_stop(server);
}

static void buckets_are_made_once_and_looked_for(void **state)
{
    struct fixture f;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 200 OK\r\n" EMPTY}, ERROR("409 Conflict", "BucketAlreadyOwnedByYou", "x"),
           ERROR("409 Conflict", "BucketAlreadyExists", "x"), {"HTTP/1.1 200 OK\r\n" EMPTY},
           {"HTTP/1.1 404 Not Found\r\n\r\n", 0, SCRIPT_CLOSE});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_create_bucket(f.s3, &f.err), 0);
    assert_signed(script_request(server, 0));
    assert_string_equal(script_request(server, 0)->target, "/" BUCKET);
    assert_non_null(
        strstr(script_request(server, 0)->body, "<LocationConstraint>" REGION "</LocationConstraint>"));
    assert_int_equal(vb_s3_create_bucket(f.s3, &f.err), 0);
    assert_int_equal(vb_s3_create_bucket(f.s3, &f.err), -EEXIST);
    assert_int_equal(vb_s3_head_bucket(f.s3, &f.err), 0);
    assert_int_equal(vb_s3_head_bucket(f.s3, &f.err), -ENOENT);
    assert_non_null(strstr(f.err.message, BUCKET));
    fixture_release(&f);
    script_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_sends_type_cache_control_and_metadata_signed),
        cmocka_unit_test(head_tells_metadata_as_far_as_it_fits),
        cmocka_unit_test(any_utf8_key_is_encoded_as_it_is_signed),
        cmocka_unit_test(impossible_keys_and_values_are_refused_before_sending),
        cmocka_unit_test(transient_failures_are_retried),
        cmocka_unit_test(retries_end_after_the_configured_attempts),
        cmocka_unit_test(permanent_failures_are_not_retried),
        cmocka_unit_test(a_condition_of_put_that_fails_means_it_exists),
        cmocka_unit_test(retry_after_is_honoured_but_not_past_the_deadline),
        cmocka_unit_test(a_silent_s3_ends_at_the_deadline),
        cmocka_unit_test(an_absent_s3_is_refused),
        cmocka_unit_test(head_reads_what_s3_tells_of_an_object),
        cmocka_unit_test(get_of_a_range_asks_for_it),
        cmocka_unit_test(other_bytes_than_those_asked_for_are_an_error),
        cmocka_unit_test(a_torn_download_resumes_where_it_stopped),
        cmocka_unit_test(an_object_replaced_amid_a_download_is_not_mixed_with_the_old),
        cmocka_unit_test(a_sink_may_stop_and_memory_has_a_maximum),
        cmocka_unit_test(deleting_what_does_not_exist_succeeds),
        cmocka_unit_test(copy_names_its_source_and_replaces_metadata_when_told),
        cmocka_unit_test(an_error_inside_a_200_is_an_error),
        cmocka_unit_test(a_200_without_its_document_is_an_error),
        cmocka_unit_test(a_bucket_in_another_region_is_named),
        cmocka_unit_test(buckets_are_made_once_and_looked_for),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
