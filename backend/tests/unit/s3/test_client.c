/* S3 client against a scripted S3: what it asks (every request's signature is verified), and what it makes of
 * answers. */
#include "s3/client.h"

#include "../support/scripted_server.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "s3/client_multipart.h"
#include "s3/endpoint.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#define KEY_ID  "AKIDEXAMPLE"
#define SECRET  "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define REGION  "eu-central-1"
#define BUCKET  "vibe-app-production"
#define MIB     ((int64_t)1024 * 1024)
#define ETAG    "\"d41d8cd98f00b204e9800998ecf8427e\""
#define EMPTY   "Content-Length: 0\r\n\r\n"
#define PUT_OK  "HTTP/1.1 200 OK\r\nETag: " ETAG "\r\n" EMPTY
#define CLOSING "Connection: close\r\n\r\n" /* the body ends with the connection */
#define XML     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define ERROR(status, code, message)                                                                         \
    {                                                                                                        \
        "HTTP/1.1 " status "\r\nContent-Type: application/xml\r\n" CLOSING XML "<Error><Code>" code          \
        "</Code><Message>" message "</Message></Error>",                                                     \
            0, SCRIPT_CLOSE                                                                                  \
    }

struct fixture {
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
    struct vb_error err;
};

static void fixture_init(struct fixture *f, const struct scripted_server *server, unsigned attempts,
                         unsigned timeout_ms)
{
    const struct vb_http_client_config http_config = {0};
    char endpoint[64];

    *f = (struct fixture){.http = vb_http_client_create(&http_config),
                          .credentials = vb_credentials_fixed(KEY_ID, SECRET)};
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", server->port);
    f->s3 = vb_s3_client_create(&(struct vb_s3_config){.region = REGION,
                                                       .bucket = BUCKET,
                                                       .endpoint = endpoint,
                                                       .credentials = f->credentials,
                                                       .http = f->http,
                                                       .attempts = attempts,
                                                       .timeout_ms = timeout_ms});
    assert_non_null(f->s3);
}

static void fixture_release(struct fixture *f)
{
    vb_s3_client_destroy(f->s3);
    vb_credentials_destroy(f->credentials);
    vb_http_client_destroy(f->http);
}

/* Takes the headers of a request apart, verifies its signature, and that the body is the one that was signed.
 */
static void assert_signed(const struct script_request *request)
{
    static char head[SCRIPT_HEAD_MAX], target[sizeof(request->target)];
    const struct vb_sigv4_credentials credentials = {KEY_ID, SECRET, NULL};
    struct vb_sigv4_header headers[64];
    struct vb_sigv4_request signed_request = {.method = request->method, .path = target, .query = ""};
    struct vb_sigv4_verified verified = {0};
    char hash[2 * VB_SHA256_SIZE + 1], *line, *query;
    size_t count = 0;

    memcpy(head, request->head, sizeof(head));
    for (line = strstr(head, "\r\n") + 2; strncmp(line, "\r\n", 2) != 0; count++) {
        char *end = strstr(line, "\r\n"), *colon = strchr(line, ':');

        assert_true(count < 64 && colon && colon < end);
        *end = *colon = '\0';
        headers[count] = (struct vb_sigv4_header){line, colon + 1 + strspn(colon + 1, " ")};
        line = end + 2;
    }
    memcpy(target, request->target, sizeof(target));
    query = strchr(target, '?');
    if (query) {
        *query = '\0';
        signed_request.query = query + 1;
    }
    signed_request.headers = headers;
    signed_request.header_count = count;
    assert_int_equal(vb_sigv4_verify(&signed_request, &credentials, REGION, vb_clock_realtime_s(), &verified),
                     VB_SIGV4_OK);
    vb_sha256_hex(request->body, request->body_size, hash);
    assert_string_equal(verified.payload_hash, hash);
}

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

static void keys_and_values_that_cannot_be_are_refused_unsent(void **state)
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

static void what_may_pass_is_tried_again(void **state)
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

static void trying_ends_after_the_attempts(void **state)
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

static void what_cannot_pass_is_not_tried_again(void **state)
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

static void a_torn_download_goes_on_where_it_stopped(void **state)
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

static int make_file(int64_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    for (int64_t at = 0; at + 8 <= size; at += 1000003)
        assert_int_equal(pwrite(fd, &at, 8, at), 8);
    return fd;
}

static void a_small_file_goes_in_one_request(void **state)
{
    int fd = make_file(100000);
    struct vb_s3_object object;
    struct fixture f;
    char *content = vb_xmalloc(100000);

    (void)state;
    SCRIPT(server, ERROR("503 Slow Down", "SlowDown", "x"), {PUT_OK});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(pread(fd, content, 100000, 0), 100000);
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 100000, NULL, &object, &f.err), 0);
    assert_int_equal(object.size, 100000);
    for (unsigned i = 0; i < 2; i++) {
        assert_signed(script_request(server, i));
        assert_int_equal(script_request(server, i)->body_size, 100000);
        assert_memory_equal(script_request(server, i)->body, content, 100000);
    }
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 100001, NULL, &object, &f.err), -EIO);
    assert_int_equal(script_requests(server), 2);
    free(content);
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

#define INITIATED                                                                                            \
    "HTTP/1.1 200 OK\r\n" CLOSING XML "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/"  \
    "2006-03-01/\"><UploadId>id/+1</UploadId></InitiateMultipartUploadResult>"
#define COMPLETED                                                                                            \
    "HTTP/1.1 200 OK\r\n" CLOSING "  \n" XML "<CompleteMultipartUploadResult><ETag>&quot;abc-3&quot;</ETag>" \
    "</CompleteMultipartUploadResult>"
#define PART(etag) "HTTP/1.1 200 OK\r\nETag: \"" etag "\"\r\n" EMPTY

static void a_large_file_goes_in_parts(void **state)
{
    const int64_t size = 33 * MIB;
    const struct vb_s3_put options = {.content_type = "video/mp4", .if_none_match = true};
    int fd = make_file(size);
    struct script_request *request;
    struct vb_s3_object object;
    struct fixture f;
    char *content = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);

    (void)state;
    SCRIPT(server, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, {PART("p2")}, {PART("p3")},
           {COMPLETED, 0, SCRIPT_CLOSE});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_put_file(f.s3, "v.mp4", fd, size, &options, &object, &f.err), 0);
    assert_string_equal(object.etag, "\"abc-3\"");
    assert_int_equal(object.size, size);
    assert_int_equal(script_requests(server), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_signed(script_request(server, i));
    assert_string_equal(script_request(server, 0)->target, "/" BUCKET "/v.mp4?uploads=");
    assert_string_equal(script_header(script_request(server, 0), "content-type"), "video/mp4");
    for (unsigned i = 0; i < 3; i++) {
        char target[128];

        request = script_request(server, i + 1);
        snprintf(target, sizeof(target), "/" BUCKET "/v.mp4?partNumber=%u&uploadId=id%%2F%%2B1", i + 1);
        assert_string_equal(request->target, target);
        assert_int_equal(request->body_size, i < 2 ? 16 * MIB : MIB);
        assert_int_equal(memcmp(request->body, content + i * 16 * MIB, request->body_size), 0);
    }
    request = script_request(server, 4);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->target, "/" BUCKET "/v.mp4?uploadId=id%2F%2B1");
    assert_string_equal(script_header(request, "if-none-match"), "*");
    assert_non_null(strstr(request->body, "<Part><PartNumber>1</PartNumber><ETag>&quot;p1&quot;</ETag></Part>"
                                          "<Part><PartNumber>2</PartNumber><ETag>&quot;p2&quot;</ETag></Part>"
                                          "<Part><PartNumber>3</PartNumber>"));
    munmap(content, (size_t)size);
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

static void a_failed_upload_is_aborted(void **state)
{
    int fd = make_file(17 * MIB);
    struct fixture f;

    (void)state;
    SCRIPT(server, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, ERROR("403 Forbidden", "AccessDenied", "No"),
           {"HTTP/1.1 204 No Content\r\n\r\n"}, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, {PART("p2")},
           ERROR("200 OK", "InvalidPart", "Gone"), {"HTTP/1.1 204 No Content\r\n\r\n"});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 17 * MIB, NULL, NULL, &f.err), -EACCES);
    assert_int_equal(script_requests(server), 4);
    assert_string_equal(script_request(server, 3)->method, "DELETE");
    assert_string_equal(script_request(server, 3)->target, "/" BUCKET "/k?uploadId=id%2F%2B1");
    assert_non_null(strstr(f.err.message, "AccessDenied"));
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 17 * MIB, NULL, NULL, &f.err), -EIO);
    assert_non_null(strstr(f.err.message, "InvalidPart"));
    assert_string_equal(script_request(server, 8)->method, "DELETE");
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

static void a_completion_whose_answer_was_lost_is_found_out(void **state)
{
    int fd = make_file(17 * MIB);
    struct vb_s3_object object;
    struct fixture f;

    (void)state;
    SCRIPT(server, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, {PART("p2"), 0, SCRIPT_CLOSE},
           {NULL, 0, SCRIPT_CLOSE}, ERROR("404 Not Found", "NoSuchUpload", "x"),
           {"HTTP/1.1 200 OK\r\nContent-Length: 17825792\r\nETag: \"e-2\"\r\n\r\n"});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 17 * MIB, NULL, &object, &f.err), 0);
    assert_string_equal(object.etag, "\"e-2\"");
    assert_string_equal(script_request(server, 5)->method, "HEAD");
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

static void parts_grow_so_that_ten_thousand_do(void **state)
{
    static const int64_t sizes[] = {
        1, 16 * MIB, 16 * MIB + 1, 160000 * MIB, 160000 * MIB + 1, VB_S3_OBJECT_MAX};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(sizes); i++) {
        int64_t part = vb_s3_part_size(sizes[i]);

        assert_true(part >= VB_S3_MULTIPART_MIN && part <= 5120 * MIB);
        assert_int_equal(part % MIB, 0);
        assert_true((sizes[i] + part - 1) / part <= VB_S3_PARTS_MAX);
    }
    assert_int_equal(vb_s3_part_size(160000 * MIB), 16 * MIB);
    assert_int_equal(vb_s3_part_size(160000 * MIB + 1), 17 * MIB);
}

struct listing {
    char text[1024];
    int stop_after; /* objects */
};

static int note_object(void *context, const struct vb_s3_listed *object)
{
    struct listing *listing = context;
    size_t at = strlen(listing->text);

    snprintf(listing->text + at, sizeof(listing->text) - at, "%s %lld %lld %s\n", object->key,
             (long long)object->size, (long long)object->last_modified_s, object->etag);
    return --listing->stop_after == 0 ? -1 : 0;
}

#define OBJECT(key, size)                                                                                    \
    "<Contents><Key>" key "</Key><LastModified>1994-11-06T08:49:37.000Z</LastModified><ETag>&quot;e&quot;"   \
    "</ETag><Size>" size "</Size><StorageClass>STANDARD</StorageClass></Contents>"
#define LISTING(contents)                                                                                    \
    {                                                                                                        \
        "HTTP/1.1 200 OK\r\n" CLOSING XML                                                                    \
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"                               \
        "<Name>b</Name>" contents "</ListBucketResult>",                                                     \
            0, SCRIPT_CLOSE                                                                                  \
    }
#define URL_ENCODED "<EncodingType>url</EncodingType>"

static void a_listing_goes_through_all_pages(void **state)
{
    struct listing listing = {0};
    struct fixture f;

    (void)state;
    SCRIPT(server,
           LISTING(OBJECT("p/a+b%2Bc%C3%BC", "1") OBJECT(
               "p/%01", "5368709120") "<IsTruncated>true</IsTruncated>"
                                      "<NextContinuationToken>t/1+=</NextContinuationToken>" URL_ENCODED),
           LISTING(URL_ENCODED "<IsTruncated>false</IsTruncated>" OBJECT("p/z", "0")));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_list(f.s3, "p/ \xc3\xbc", note_object, &listing, &f.err), 0);
    assert_string_equal(listing.text, "p/a b+c\xc3\xbc 1 784111777 \"e\"\np/\x01 5368709120 784111777 \"e\"\n"
                                      "p/z 0 784111777 \"e\"\n");
    assert_string_equal(script_request(server, 0)->target,
                        "/" BUCKET "?encoding-type=url&list-type=2&prefix=p%2F%20%C3%BC");
    assert_non_null(strstr(script_request(server, 1)->target, "continuation-token=t%2F1%2B%3D&"));
    assert_signed(script_request(server, 0));
    assert_signed(script_request(server, 1));
    fixture_release(&f);
    script_stop(server);
}

static void keys_are_decoded_only_if_they_are_encoded(void **state)
{
    struct listing listing = {0};
    struct fixture f;

    (void)state;
    SCRIPT(server, LISTING(OBJECT("a+b%41&amp;", "1")), LISTING(""));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_list(f.s3, NULL, note_object, &listing, &f.err), 0);
    assert_string_equal(listing.text, "a+b%41& 1 784111777 \"e\"\n");
    assert_int_equal(vb_s3_list(f.s3, NULL, note_object, &listing, &f.err), 0);
    fixture_release(&f);
    script_stop(server);
}

static void a_listing_may_be_broken_off(void **state)
{
    struct listing listing = {.stop_after = 1};
    struct fixture f;

    (void)state;
    SCRIPT(server, LISTING(OBJECT("a", "1") OBJECT("b", "1") "<IsTruncated>true</IsTruncated>"));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_list(f.s3, "", note_object, &listing, &f.err), -ECANCELED);
    assert_string_equal(listing.text, "a 1 784111777 \"e\"\n");
    assert_int_equal(script_requests(server), 1);
    fixture_release(&f);
    script_stop(server);
}

static void listings_that_make_no_sense_are_errors(void **state)
{
    static const struct script_step steps[] = {
        LISTING("<IsTruncated>true</IsTruncated>"), /* how does it go on? */
        LISTING(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"), /* for ever */
        LISTING(OBJECT("a", "-1")),
        LISTING(OBJECT("a", "many")),
        LISTING(OBJECT("", "1")),
        LISTING(URL_ENCODED OBJECT("a%zz", "1")),
        LISTING(URL_ENCODED OBJECT("a%00b", "1")),
        LISTING("<Contents><Size>1</Size></Contents>"),
        {"HTTP/1.1 200 OK\r\n" CLOSING "<ListBucketResult><Contents>", 0, SCRIPT_CLOSE},
        {"HTTP/1.1 200 OK\r\n" CLOSING "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult/>", 0,
         SCRIPT_CLOSE},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(steps); i++) {
        struct scripted_server *server = script_start(&steps[i], 1);
        struct listing listing = {0};
        struct fixture f;

        server->repeat_last = true;
        fixture_init(&f, server, 2, 0);
        assert_int_equal(vb_s3_list(f.s3, "", note_object, &listing, &f.err), -EIO);
        assert_string_equal(listing.text, "");
        assert_true(script_requests(server) <= 2);
        fixture_release(&f);
        script_stop(server);
    }
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

static void assert_endpoint(const char *url, const char *region, const char *bucket, const char *expected)
{
    struct vb_s3_endpoint endpoint;
    struct vb_strbuf out;

    vb_strbuf_init(&out, 1000);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, url, region, bucket), 0);
    vb_strbuf_addf(&out, "%s://%s", endpoint.scheme, endpoint.host);
    vb_s3_endpoint_path(&endpoint, "k/\xc3\xbc", &out);
    assert_string_equal(out.data, expected);
    vb_strbuf_release(&out);
}

static void aws_is_addressed_by_host_and_others_by_path(void **state)
{
    static const char *const wrong[] = {"",
                                        "s3.example.com",
                                        "ftp://h",
                                        "http://",
                                        "http:///x",
                                        "http://u@h",
                                        "http://h:port",
                                        "http://h:",
                                        "https://h?x",
                                        "http://h/#x",
                                        "http://h:123456"};
    struct vb_s3_endpoint endpoint;

    (void)state;
    assert_endpoint(NULL, "eu-central-1", "b", "https://b.s3.eu-central-1.amazonaws.com/k/%C3%BC");
    assert_endpoint(NULL, "us-east-1", "b", "https://b.s3.us-east-1.amazonaws.com/k/%C3%BC");
    assert_endpoint(NULL, "cn-north-1", "b", "https://b.s3.cn-north-1.amazonaws.com.cn/k/%C3%BC");
    assert_endpoint(NULL, "us-east-1", "my.dots", "https://s3.us-east-1.amazonaws.com/my.dots/k/%C3%BC");
    assert_endpoint("https://s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1", "b",
                    "https://b.s3.dualstack.eu-west-1.amazonaws.com/k/%C3%BC");
    assert_endpoint("HTTP://LocalHost:9000/", "r", "b", "http://localhost:9000/b/k/%C3%BC");
    assert_endpoint("http://h:80", "r", "b", "http://h/b/k/%C3%BC");
    assert_endpoint("https://h:443/", "r", "b", "https://h/b/k/%C3%BC");
    assert_endpoint("http://h:443", "r", "b", "http://h:443/b/k/%C3%BC");
    assert_endpoint("http://[::1]:9000", "r", "b", "http://[::1]:9000/b/k/%C3%BC");
    assert_endpoint("https://h/base/path//", "r", "b", "https://h/base/path/b/k/%C3%BC");
    assert_endpoint("https://s3.amazonaws.com.evil.example", "r", "b",
                    "https://s3.amazonaws.com.evil.example/b/k/%C3%BC");
    for (size_t i = 0; i < VB_ARRAY_SIZE(wrong); i++)
        assert_int_equal(vb_s3_endpoint_init(&endpoint, wrong[i], "r", "b"), -EINVAL);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, "http://h", "r", "a/b"), -EINVAL);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, "http://h", "r", ""), -EINVAL);
}

/* What a phone would send: the URL taken apart, and headers. */
static enum vb_sigv4_result verify_url(const char *url, const char *method, const char *content_type,
                                       int64_t now_s)
{
    const struct vb_sigv4_credentials credentials = {KEY_ID, SECRET, NULL};
    struct vb_sigv4_verified verified;
    char copy[4096], *host, *path, *query;

    snprintf(copy, sizeof(copy), "%s", url);
    host = strstr(copy, "://") + 3;
    query = strchr(host, '?');
    *query = '\0';
    path = strchr(host, '/');

    char *path_copy = vb_xstrdup(path);
    *path = '\0';
    struct vb_sigv4_header headers[] = {{"host", host}, {"content-type", content_type}};
    struct vb_sigv4_request request = {.method = method,
                                       .path = path_copy,
                                       .query = query + 1,
                                       .headers = headers,
                                       .header_count = content_type ? 2 : 1};
    enum vb_sigv4_result result = vb_sigv4_verify(&request, &credentials, REGION, now_s, &verified);
    free(path_copy);
    return result;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void presigned_urls_carry_the_public_endpoint_and_verify(void **state)
{
    const struct vb_sigv4_header type = {"content-type", "image/jpeg"};
    struct vb_s3_presign presign = {.method = "PUT",
                                    .key = "user-uploads/u 1/x.jpg",
                                    .headers = &type,
                                    .header_count = 1,
                                    .expires_s = 600};
    struct vb_credentials_provider *credentials = vb_credentials_fixed(KEY_ID, SECRET);
    const struct vb_http_client_config http_config = {0};
    struct vb_http_client *http = vb_http_client_create(&http_config);
    struct vb_s3_config config = {.region = REGION,
                                  .bucket = BUCKET,
                                  .endpoint = "http://store:9000",
                                  .public_endpoint = "http://localhost:9000",
                                  .credentials = credentials,
                                  .http = http};
    struct vb_s3_client *s3 = vb_s3_client_create(&config);
    int64_t now_s = vb_clock_realtime_s();
    struct vb_strbuf url;
    struct vb_error err;

    (void)state;
    vb_strbuf_init(&url, 8192);
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), 0);
    assert_true(starts_with(url.data, "http://localhost:9000/" BUCKET "/user-uploads/u%201/x.jpg?"));
    assert_int_equal(verify_url(url.data, "PUT", "image/jpeg", now_s), VB_SIGV4_OK);
    assert_int_not_equal(verify_url(url.data, "PUT", "text/html", now_s), VB_SIGV4_OK);
    assert_int_not_equal(verify_url(url.data, "GET", "image/jpeg", now_s), VB_SIGV4_OK);
    assert_int_equal(verify_url(url.data, "PUT", "image/jpeg", now_s + 700), VB_SIGV4_EXPIRED);

    /* The host that the phone used; its port is that of the endpoint unless given. */
    static const char *const hosts[][2] = {{"192.168.1.5", "http://192.168.1.5:9000/"},
                                           {"192.168.1.5:9100", "http://192.168.1.5:9100/"},
                                           {"[fe80::1]", "http://[fe80::1]:9000/"}};
    for (size_t i = 0; i < VB_ARRAY_SIZE(hosts); i++) {
        presign.host = hosts[i][0];
        vb_strbuf_clear(&url);
        assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), 0);
        assert_true(starts_with(url.data, hosts[i][1]));
        assert_int_equal(verify_url(url.data, "PUT", "image/jpeg", now_s), VB_SIGV4_OK);
    }
    presign.host = "evil.example/x?";
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);
    presign.host = NULL;
    presign.expires_s = 0;
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);
    presign.expires_s = VB_SIGV4_EXPIRES_MAX_S + 1;
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);
    presign.expires_s = 60;
    presign.key = "";
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);

    vb_strbuf_clear(&url);
    vb_s3_object_url(s3, "a b", &url);
    assert_string_equal(url.data, "http://localhost:9000/" BUCKET "/a%20b");
    vb_strbuf_release(&url);
    vb_s3_client_destroy(s3);
    config.endpoint = "nonsense";
    assert_null(vb_s3_client_create(&config));
    vb_http_client_destroy(http);
    vb_credentials_destroy(credentials);
}

static void presigned_urls_on_aws_name_the_bucket_by_host(void **state)
{
    struct vb_s3_presign presign = {.method = "GET",
                                    .key = "k",
                                    .expires_s = 60,
                                    .host = "192.168.1.5",
                                    .query = "response-content-type=image%2Fpng"};
    struct vb_credentials_provider *credentials = vb_credentials_fixed(KEY_ID, SECRET);
    struct vb_s3_client *s3 = vb_s3_client_create(
        &(struct vb_s3_config){.region = REGION, .bucket = BUCKET, .credentials = credentials});
    struct vb_strbuf url;
    struct vb_error err;

    (void)state;
    vb_strbuf_init(&url, 8192);
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), 0);
    assert_true(starts_with(url.data, "https://" BUCKET ".s3." REGION ".amazonaws.com/k?"));
    assert_non_null(strstr(url.data, "response-content-type=image%2Fpng"));
    assert_int_equal(verify_url(url.data, "GET", NULL, vb_clock_realtime_s()), VB_SIGV4_OK);
    vb_strbuf_clear(&url);
    vb_s3_object_url(s3, "k", &url);
    assert_string_equal(url.data, "https://" BUCKET ".s3." REGION ".amazonaws.com/k");
    vb_strbuf_release(&url);
    vb_s3_client_destroy(s3);
    vb_credentials_destroy(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_sends_type_cache_control_and_metadata_signed),
        cmocka_unit_test(head_tells_metadata_as_far_as_it_fits),
        cmocka_unit_test(any_utf8_key_is_encoded_as_it_is_signed),
        cmocka_unit_test(keys_and_values_that_cannot_be_are_refused_unsent),
        cmocka_unit_test(what_may_pass_is_tried_again),
        cmocka_unit_test(trying_ends_after_the_attempts),
        cmocka_unit_test(what_cannot_pass_is_not_tried_again),
        cmocka_unit_test(a_condition_of_put_that_fails_means_it_exists),
        cmocka_unit_test(retry_after_is_honoured_but_not_past_the_deadline),
        cmocka_unit_test(a_silent_s3_ends_at_the_deadline),
        cmocka_unit_test(an_absent_s3_is_refused),
        cmocka_unit_test(head_reads_what_s3_tells_of_an_object),
        cmocka_unit_test(get_of_a_range_asks_for_it),
        cmocka_unit_test(other_bytes_than_those_asked_for_are_an_error),
        cmocka_unit_test(a_torn_download_goes_on_where_it_stopped),
        cmocka_unit_test(an_object_replaced_amid_a_download_is_not_mixed_with_the_old),
        cmocka_unit_test(a_sink_may_stop_and_memory_has_a_maximum),
        cmocka_unit_test(deleting_what_does_not_exist_succeeds),
        cmocka_unit_test(copy_names_its_source_and_replaces_metadata_when_told),
        cmocka_unit_test(an_error_inside_a_200_is_an_error),
        cmocka_unit_test(a_200_without_its_document_is_an_error),
        cmocka_unit_test(a_small_file_goes_in_one_request),
        cmocka_unit_test(a_large_file_goes_in_parts),
        cmocka_unit_test(a_failed_upload_is_aborted),
        cmocka_unit_test(a_completion_whose_answer_was_lost_is_found_out),
        cmocka_unit_test(parts_grow_so_that_ten_thousand_do),
        cmocka_unit_test(a_listing_goes_through_all_pages),
        cmocka_unit_test(keys_are_decoded_only_if_they_are_encoded),
        cmocka_unit_test(a_listing_may_be_broken_off),
        cmocka_unit_test(listings_that_make_no_sense_are_errors),
        cmocka_unit_test(a_bucket_in_another_region_is_named),
        cmocka_unit_test(buckets_are_made_once_and_looked_for),
        cmocka_unit_test(aws_is_addressed_by_host_and_others_by_path),
        cmocka_unit_test(presigned_urls_carry_the_public_endpoint_and_verify),
        cmocka_unit_test(presigned_urls_on_aws_name_the_bucket_by_host),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
