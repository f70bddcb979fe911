/* CDN delivery over HTTP, before a small S3 of the test's own that counts its requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "edge/deliver.h"
#include "fake_render.h"
#include "http/client.h"
#include "http/range.h"
#include "http/server.h"
#include "s3/client.h"

#define SMALL_SIZE    20000
#define LARGE_SIZE    (1536 * 1024 + 7)
#define LAST_MODIFIED 1700000000

enum { EDGE_WORKERS = 4, CROWD = 40 };

static const char real[] = FAKE_JPEG FAKE_JPEG_SIZE "w"; /* of which fake_render makes variants */

static const struct object {
    const char *key, *etag, *content_type;
    int size;
    const char *body; /* NULL: byte_at() of each offset */
} objects[] = {
    {"profile-pictures/u/small.jpg", "\"5ma11\"", "image/jpeg", SMALL_SIZE},
    {"profile-pictures/u/with space+ü.jpg", "\"5pace\"", "image/jpeg", 10},
    {"profile-pictures/u/empty.jpg", "\"e\"", "image/jpeg", 0},
    {"profile-pictures/u/script.svg", "\"5c\"", "image/svg+xml", 100},
    {"vibe-stories/videos/large.mp4", "\"1a49e\"", "video/mp4", LARGE_SIZE},
    {"user-uploads/u/secret.jpg", "\"5ec\"", "image/jpeg", 100},
    {"activity-images/a/real.jpg", "\"4ea1\"", "image/jpeg", sizeof(real) - 1, real},
};

struct fixture {
    struct vb_pool *s3_pool, *edge_pool;
    struct vb_http_server *s3_server, *edge_server;
    struct vb_http_client *s3_http, *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
    struct vb_edge *edge;
    struct vb_workers *workers; /* NULL: none */
    char folder[64];            /* of the edge's disk; "": none */
    atomic_int gets, heads, others;
    atomic_bool down, gone, hold_for_crowd; /* the next request waits */
};

static char byte_at(int64_t offset)
{
    return (char)(offset * 31 + offset / 1000);
}

/* Waits (on the S3's worker) until every request of the crowd has reached the edge's pool. */
static void wait_for_crowd(struct fixture *fixture)
{
    int64_t end_ms = vb_clock_monotonic_ms() + 20000;
    struct vb_pool_stats stats;
    do {
        vb_pool_stats(fixture->edge_pool, &stats);
        sched_yield();
    } while (stats.running + stats.queued < CROWD && vb_clock_monotonic_ms() < end_ms);
}

static void send_object(struct vb_http_request *request, const struct object *object)
{
    const char *if_match = vb_http_header(request, "If-Match");
    int64_t offset = 0, size = object->size;
    enum vb_range_result range = vb_range_parse(vb_http_header(request, "Range"), size, &offset, &size);
    char date[VB_CLOCK_HTTP_DATE_SIZE];

    if (if_match && strcmp(if_match, object->etag) != 0) {
        vb_http_answer(request, 412, NULL, NULL, 0);
        return;
    }
    if (range == VB_RANGE_UNSATISFIABLE) {
        vb_http_answer(request, 416, NULL, NULL, 0);
        return;
    }
    vb_clock_format_http_date(LAST_MODIFIED, date);
    vb_http_add_header(request, "ETag", object->etag);
    vb_http_add_header(request, "Last-Modified", date);
    if (range == VB_RANGE_PARTIAL)
        vb_http_add_headerf(request, "Content-Range", "bytes %lld-%lld/%d", (long long)offset,
                            (long long)(offset + size - 1), object->size);
    char *data = vb_xmalloc((size_t)size + 1);
    for (int64_t i = 0; i < size; i++)
        data[i] = object->body ? object->body[offset + i] : byte_at(offset + i);
    vb_http_answer_static(request, range == VB_RANGE_PARTIAL ? 206 : 200, object->content_type, data,
                          (size_t)size, free, data);
}

static void serve_s3(struct vb_http_request *request)
{
    struct fixture *fixture = request->app;
    const char *key = vb_http_param(request, "*");
    bool is_get = request->method == VB_HTTP_GET;

    atomic_fetch_add(is_get                            ? &fixture->gets
                     : request->method == VB_HTTP_HEAD ? &fixture->heads
                                                       : &fixture->others,
                     1);
    if (atomic_exchange(&fixture->hold_for_crowd, false))
        wait_for_crowd(fixture);
    if (atomic_load(&fixture->down)) {
        vb_http_answer(request, 503, NULL, NULL, 0);
        return;
    }
    for (size_t i = 0; key && !atomic_load(&fixture->gone) && i < VB_ARRAY_SIZE(objects); i++)
        if (strcmp(objects[i].key, key) == 0) {
            send_object(request, &objects[i]);
            return;
        }
    static const char no_such_key[] = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";
    vb_http_answer(request, 404, "application/xml", no_such_key, sizeof(no_such_key) - 1);
}

static const struct vb_route s3_routes[] = {
    {.methods = VB_HTTP_ANY, .pattern = "/bucket/*", .handle = serve_s3, .body_max = 1000000},
    {0},
};

static struct vb_http_server *start_server(const char *name, const struct vb_route *routes, void *app,
                                           struct vb_pool *pool)
{
    struct vb_http_config config = {.name = name, .bind_address = "127.0.0.1", .routes = routes, .app = app};
    struct vb_http_server *server;
    struct vb_error err;
    config.threads = 2;
    config.pool = pool;
    config.no_access_log = true;
    config.error = strcmp(name, "cdn") == 0 ? vb_edge_http_error : NULL;
    if (vb_http_server_start(&config, &server, &err) < 0)
        fail_msg("%s", err.message);
    return server;
}

static void start_edge(struct fixture *fixture)
{
    struct vb_error err;
    if (vb_edge_create(&(struct vb_edge_config){.s3 = fixture->s3,
                                                .workers = fixture->workers,
                                                .cache_directory = *fixture->folder ? fixture->folder : NULL},
                       &fixture->edge, &err) < 0)
        fail_msg("%s", err.message);
    fixture->edge_server = start_server("cdn", vb_edge_routes, fixture->edge, fixture->edge_pool);
}

static void stop_edge(struct fixture *fixture)
{
    vb_http_server_stop(fixture->edge_server);
    vb_edge_destroy(fixture->edge);
}

/* A new process, as far as the edge can tell: memory is empty. */
static void restart_edge(struct fixture *fixture)
{
    stop_edge(fixture);
    start_edge(fixture);
}

static int set_up(void **state)
{
    struct fixture *fixture = vb_xcalloc(1, sizeof(*fixture));
    char endpoint[64];
    fixture->s3_pool = vb_pool_create("s3", 8, 100);
    fixture->edge_pool = vb_pool_create("edge", EDGE_WORKERS, 1000);
    fixture->s3_server = start_server("s3", s3_routes, fixture, fixture->s3_pool);
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", vb_http_server_port(fixture->s3_server));
    fixture->s3_http = vb_http_client_create(&(struct vb_http_client_config){0});
    fixture->http = vb_http_client_create(&(struct vb_http_client_config){.connections_max = CROWD});
    fixture->credentials = vb_credentials_fixed("key", "secret");
    fixture->s3 = vb_s3_client_create(&(struct vb_s3_config){.region = "us-east-1",
                                                             .bucket = "bucket",
                                                             .endpoint = endpoint,
                                                             .credentials = fixture->credentials,
                                                             .http = fixture->s3_http,
                                                             .attempts = 1});
    start_edge(fixture);
    *state = fixture;
    return 0;
}

static int set_up_with_disk(void **state)
{
    set_up(state);
    struct fixture *fixture = *state;
    stop_edge(fixture);
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/vibe-test-edge-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    start_edge(fixture);
    return 0;
}

static int set_up_with_workers(void **state)
{
    struct vb_error err;
    set_up(state);
    struct fixture *fixture = *state;
    stop_edge(fixture);
    if (vb_workers_start(&(struct vb_workers_config){.program = getenv("FAKE_RENDER"), .processes = 2},
                         &fixture->workers, &err) < 0)
        fail_msg("%s", err.message);
    start_edge(fixture);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stop_edge(fixture);
    vb_workers_stop(fixture->workers);
    if (*fixture->folder)
        nftw(fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    vb_s3_client_destroy(fixture->s3);
    vb_http_client_destroy(fixture->s3_http);
    vb_http_client_destroy(fixture->http);
    vb_credentials_destroy(fixture->credentials);
    vb_http_server_stop(fixture->s3_server);
    vb_pool_destroy(fixture->edge_pool);
    vb_pool_destroy(fixture->s3_pool);
    free(fixture);
    return 0;
}

/*
 * Asking, as a browser does.
 */
struct answer {
    struct vb_http_exchange exchange;
    struct vb_strbuf headers; /* "name: value\n", lower-case names */
    int status;
    const char *body;
    size_t size;
};

static int collect_header(void *context, const char *name, const char *value)
{
    struct answer *answer = context;
    for (; *name; name++)
        vb_strbuf_addc(&answer->headers, (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name));
    vb_strbuf_addf(&answer->headers, ": %s\n", value);
    return 0;
}

/* header: one request header or NULL. */
static struct answer ask(struct fixture *fixture, const char *method, const char *path, const char *header)
{
    struct answer answer = {0};
    char url[2048];
    struct vb_error err = {0};
    const char *const headers[] = {header, NULL};

    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", vb_http_server_port(fixture->edge_server), path);
    vb_strbuf_init(&answer.headers, 16384);
    answer.exchange = (struct vb_http_exchange){
        .method = method, .url = url, .headers = headers, .on_header = collect_header, .context = &answer};
    vb_strbuf_init(&answer.exchange.response, (size_t)LARGE_SIZE * 2);
    if (vb_http_client_perform(fixture->http, &answer.exchange, &err) < 0)
        fail_msg("%s %s: %s", method, path, err.message);
    answer.status = answer.exchange.status;
    answer.body = answer.exchange.response.data;
    answer.size = answer.exchange.response.length;
    return answer;
}

static void release(struct answer *answer)
{
    vb_strbuf_release(&answer->headers);
    vb_strbuf_release(&answer->exchange.response);
}

static void assert_header(const struct answer *answer, const char *line)
{
    char wanted[256];
    snprintf(wanted, sizeof(wanted), "%s\n", line);
    const char *at = strstr(answer->headers.data, wanted);
    if (!at || (at != answer->headers.data && at[-1] != '\n'))
        fail_msg("no header \"%s\" in:\n%s", line, answer->headers.data);
}

static void assert_body(const struct answer *answer, int64_t offset, size_t size)
{
    assert_int_equal(answer->size, size);
    for (size_t i = 0; i < size; i++)
        if (answer->body[i] != byte_at(offset + (int64_t)i))
            fail_msg("byte %zu is wrong", i);
}

static void expect_status(struct fixture *fixture, const char *method, const char *path, const char *header,
                          int status)
{
    struct answer answer = ask(fixture, method, path, header);
    if (answer.status != status)
        fail_msg("%s %s: %d instead of %d: %s", method, path, answer.status, status, answer.body);
    assert_header(&answer, "access-control-allow-origin: *");
    release(&answer);
}

static void a_picture_has_the_headers_that_caches_and_pages_need(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = ask(fixture, "GET", "/profile-pictures/u/small.jpg", NULL);
    assert_int_equal(answer.status, 200);
    assert_body(&answer, 0, SMALL_SIZE);
    assert_header(&answer, "cache-control: public, max-age=31536000, immutable");
    assert_header(&answer, "content-type: image/jpeg");
    assert_header(&answer, "etag: \"5ma11\"");
    assert_header(&answer, "last-modified: Tue, 14 Nov 2023 22:13:20 GMT");
    assert_header(&answer, "accept-ranges: bytes");
    assert_header(&answer, "access-control-allow-origin: *");
    assert_header(&answer, "cross-origin-resource-policy: cross-origin");
    assert_header(&answer, "x-content-type-options: nosniff");
    assert_header(&answer, "x-cache: miss");
    release(&answer);
}

static void the_second_request_is_answered_from_memory(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, "GET", "/profile-pictures/u/small.jpg", NULL, 200);
    /* an unknown parameter is no other object */
    struct answer answer = ask(fixture, "GET", "/profile-pictures/u/small.jpg?utm=1", NULL);
    assert_header(&answer, "x-cache: hit");
    assert_body(&answer, 0, SMALL_SIZE);
    release(&answer);
    expect_status(fixture, "HEAD", "/profile%2dpictures/u/%73mall.jpg", NULL, 200);
    assert_int_equal(fixture->gets, 1);
    assert_int_equal(fixture->heads, 0);
}

static void keys_are_percent_decoded_once(void **state)
{
    expect_status(*state, "GET", "/profile-pictures/u/with%20space+%C3%BC.jpg", NULL, 200);
    expect_status(*state, "GET", "/profile-pictures/u/with%2520space+%C3%BC.jpg", NULL, 404);
}

static void a_conditional_get_of_a_current_copy_is_304(void **state)
{
    struct fixture *fixture = *state;
    static const char path[] = "/profile-pictures/u/small.jpg";
    struct answer answer = ask(fixture, "GET", path, "If-None-Match: \"5ma11\"");
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.size, 0);
    assert_header(&answer, "etag: \"5ma11\"");
    assert_header(&answer, "cache-control: public, max-age=31536000, immutable");
    release(&answer);
    expect_status(fixture, "GET", path, "If-None-Match: \"other\"", 200);
    expect_status(fixture, "GET", path, "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", 304);
    expect_status(fixture, "GET", path, "If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 200);
    expect_status(fixture, "GET", path, "If-Match: \"other\"", 412);
}

static void ranges_of_a_small_object(void **state)
{
    struct fixture *fixture = *state;
    static const char path[] = "/profile-pictures/u/small.jpg";
    struct answer answer = ask(fixture, "GET", path, "Range: bytes=100-199");
    assert_int_equal(answer.status, 206);
    assert_header(&answer, "content-range: bytes 100-199/20000");
    assert_body(&answer, 100, 100);
    release(&answer);
    answer = ask(fixture, "GET", path, "Range: bytes=-5");
    assert_body(&answer, SMALL_SIZE - 5, 5);
    release(&answer);
    answer = ask(fixture, "GET", path, "Range: bytes=20000-");
    assert_int_equal(answer.status, 416);
    assert_header(&answer, "content-range: bytes */20000");
    release(&answer);
    assert_int_equal(fixture->gets, 1);
}

static void a_large_object_is_streamed_whole_and_in_ranges(void **state)
{
    struct fixture *fixture = *state;
    static const char path[] = "/vibe-stories/videos/large.mp4";
    struct answer answer = ask(fixture, "GET", path, NULL);
    assert_int_equal(answer.status, 200);
    assert_header(&answer, "content-type: video/mp4");
    assert_body(&answer, 0, LARGE_SIZE);
    release(&answer);
    answer = ask(fixture, "GET", path, "Range: bytes=300001-1000000");
    assert_int_equal(answer.status, 206);
    assert_header(&answer, "content-range: bytes 300001-1000000/1572871");
    assert_body(&answer, 300001, 700000);
    release(&answer);
    expect_status(fixture, "GET", path, "If-None-Match: \"1a49e\"", 304);
}

static void head_of_a_large_object_fetches_no_body(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = ask(fixture, "HEAD", "/vibe-stories/videos/large.mp4", NULL);
    assert_int_equal(answer.status, 200);
    assert_header(&answer, "content-length: 1572871");
    assert_int_equal(answer.size, 0);
    assert_int_equal(fixture->gets, 0);
    release(&answer);
}

static void an_object_of_no_bytes_is_delivered(void **state)
{
    struct answer answer = ask(*state, "GET", "/profile-pictures/u/empty.jpg", NULL);
    assert_int_equal(answer.status, 200);
    assert_header(&answer, "content-length: 0");
    assert_int_equal(answer.size, 0);
    release(&answer);
}

static void a_missing_object_is_404_and_costs_s3_one_request(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        struct answer answer = ask(fixture, "GET", "/profile-pictures/u/none.jpg", NULL);
        assert_int_equal(answer.status, 404);
        assert_header(&answer, "cache-control: public, max-age=5");
        release(&answer);
    }
    assert_int_equal(fixture->gets, 1);
}

static void private_and_malformed_names_never_reach_s3(void **state)
{
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        {"/user-uploads/u/secret.jpg", 403},
        {"/user%2Duploads/u/secret.jpg", 403},
        {"/%75ser-uploads/u/secret.jpg", 403},
        {"/favicon.ico", 403},
        {"/profile-pictures/%2e%2e/user-uploads/u/secret.jpg", 400},
        {"/profile-pictures/..%2fuser-uploads/u/secret.jpg", 400},
        {"/profile-pictures/..%5cuser-uploads%5cu", 400},
        {"/profile-pictures/u/small.jpg%00.png", 400},
        {"/profile-pictures/u/%0d%0aX-Evil:%20yes", 400},
        {"/profile-pictures//small.jpg", 400},
        {"/profile-pictures/u/%zz", 400},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++)
        expect_status(fixture, "GET", cases[i].path, NULL, cases[i].status);
    assert_int_equal(fixture->gets + fixture->heads + fixture->others, 0);
}

static void other_methods_are_refused(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH"};
    for (size_t i = 0; i < VB_ARRAY_SIZE(methods); i++) {
        struct answer answer = ask(*state, methods[i], "/profile-pictures/u/small.jpg", NULL);
        assert_int_equal(answer.status, 405);
        assert_non_null(strstr(answer.headers.data, "allow: GET"));
        release(&answer);
    }
}

static void a_preflight_is_answered(void **state)
{
    struct answer answer =
        ask(*state, "OPTIONS", "/profile-pictures/u/small.jpg", "Origin: https://example.com");
    assert_int_equal(answer.status, 204);
    assert_header(&answer, "access-control-allow-origin: *");
    assert_header(&answer, "access-control-allow-methods: GET, HEAD");
    release(&answer);
}

static void types_that_may_hold_scripts_become_octet_stream(void **state)
{
    struct answer answer = ask(*state, "GET", "/profile-pictures/u/script.svg", NULL);
    assert_int_equal(answer.status, 200);
    assert_header(&answer, "content-type: application/octet-stream");
    assert_header(&answer, "x-content-type-options: nosniff");
    release(&answer);
}

static void without_s3_it_is_503_until_s3_is_back(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, "HEAD", "/vibe-stories/videos/large.mp4", NULL,
                  200); /* its description is known */
    atomic_store(&fixture->down, true);
    static const char *const paths[] = {"/profile-pictures/u/small.jpg", "/vibe-stories/videos/large.mp4"};
    for (size_t i = 0; i < VB_ARRAY_SIZE(paths); i++) {
        struct answer answer = ask(fixture, "GET", paths[i], NULL);
        assert_int_equal(answer.status, 503);
        assert_header(&answer, "retry-after: 1");
        assert_header(&answer, "cache-control: no-store");
        release(&answer);
    }
    atomic_store(&fixture->down, false);
    for (size_t i = 0; i < VB_ARRAY_SIZE(paths); i++)
        expect_status(fixture, "GET", paths[i], NULL, 200);
}

static void a_large_object_that_was_deleted_is_404_and_not_torn(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, "HEAD", "/vibe-stories/videos/large.mp4", NULL, 200);
    atomic_store(&fixture->gone, true);
    expect_status(fixture, "GET", "/vibe-stories/videos/large.mp4", NULL, 404);
}

static void expect_body(struct fixture *fixture, const char *path, int size, const char *source)
{
    struct answer answer = ask(fixture, "GET", path, NULL);
    assert_int_equal(answer.status, 200);
    assert_header(&answer, source);
    assert_int_equal(answer.size, size);
    for (int i = 0; i < size; i++)
        assert_int_equal(answer.body[i], byte_at(i));
    release(&answer);
}

#define SMALL "/profile-pictures/u/small.jpg"
#define LARGE "/vibe-stories/videos/large.mp4"

static void after_a_restart_the_disk_is_revalidated_by_a_head(void **state)
{
    struct fixture *fixture = *state;
    int gets;
    expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: miss");
    expect_body(fixture, LARGE, LARGE_SIZE, "x-cache: miss");
    gets = fixture->gets;
    restart_edge(fixture);
    expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: hit");
    expect_body(fixture, LARGE, LARGE_SIZE, "x-cache: hit");
    assert_int_equal(fixture->gets, gets);
    assert_int_equal(fixture->heads, 2);
}

static void pieces_on_disk_are_not_fetched_again(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = ask(fixture, "GET", LARGE, "Range: bytes=300000-600000");
    int gets = fixture->gets;
    assert_int_equal(answer.status, 206);
    assert_int_equal(answer.size, 300001);
    for (int i = 0; i <= 300000; i++)
        assert_int_equal(answer.body[i], byte_at(300000 + i));
    release(&answer);
    answer = ask(fixture, "GET", LARGE, "Range: bytes=262144-786431");
    assert_int_equal(answer.size, 2 * 262144);
    release(&answer);
    assert_int_equal(fixture->gets, gets);
    expect_body(fixture, LARGE, LARGE_SIZE, "x-cache: hit");
    assert_int_equal(fixture->gets, gets + 5); /* of seven pieces */
}

static void without_s3_the_disk_serves_stale_copies(void **state)
{
    struct fixture *fixture = *state;
    expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: miss");
    expect_body(fixture, LARGE, LARGE_SIZE, "x-cache: miss");
    restart_edge(fixture);
    atomic_store(&fixture->down, true);
    for (int i = 0; i < 2; i++) {
        expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: stale");
        expect_body(fixture, LARGE, LARGE_SIZE, "x-cache: stale");
    }
    assert_int_equal(fixture->heads, 2); /* it is not asked for every request */
    expect_status(fixture, "GET", "/profile-pictures/u/script.svg", NULL, 503);
}

static void a_deleted_object_goes_from_the_disk(void **state)
{
    struct fixture *fixture = *state;
    expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: miss");
    restart_edge(fixture);
    atomic_store(&fixture->gone, true);
    expect_status(fixture, "GET", SMALL, NULL, 404);
    atomic_store(&fixture->down, true);
    restart_edge(fixture);
    expect_status(fixture, "GET", SMALL, NULL, 503); /* no stale copy is left */
}

static void a_purge_takes_effect_at_once(void **state)
{
    struct fixture *fixture = *state;
    expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: miss");
    expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: hit");
    atomic_store(&fixture->gone, true);
    vb_edge_purge(fixture->edge, &SMALL[1]);
    expect_status(fixture, "GET", SMALL, NULL, 404);
}

static void a_query_without_variant_parameters_is_the_same_object(void **state)
{
    struct fixture *fixture = *state;
    expect_body(fixture, SMALL, SMALL_SIZE, "x-cache: miss");
    expect_body(fixture, SMALL "?utm_source=mail&x", SMALL_SIZE, "x-cache: hit");
    assert_int_equal(fixture->gets, 1);
}

static void a_malformed_variant_is_refused_and_named(void **state)
{
    struct answer answer = ask(*state, "GET", SMALL "?w=333", NULL);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "64 96 128 160 256 320 480 640 750 828 1080 1280 1920 2560"));
    release(&answer);
}

/* None of these reaches a media worker: there is none in this test. */
static void variants_of_an_object_that_is_no_picture_are_refused(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, "GET", LARGE "?w=320", NULL, 422);
    expect_status(fixture, "GET", SMALL "?w=320", NULL, 422); /* a picture by its name and type alone */
    expect_status(fixture, "GET", "/profile-pictures/u/none.jpg?w=320", NULL, 404);
    expect_status(fixture, "GET", "/user-uploads/u/secret.jpg?w=320", NULL, 403);
    atomic_store(&fixture->down, true);
    expect_status(fixture, "GET", "/profile-pictures/u/script.svg?w=320", NULL, 503);
}

struct client {
    struct fixture *fixture;
    int status;
    bool whole;
};

static void *ask_small(void *context)
{
    struct client *client = context;
    struct answer answer = ask(client->fixture, "GET", "/profile-pictures/u/small.jpg", NULL);
    client->status = answer.status;
    client->whole = answer.size == SMALL_SIZE && answer.body[SMALL_SIZE - 1] == byte_at(SMALL_SIZE - 1);
    release(&answer);
    return NULL;
}

static void a_crowd_that_misses_one_key_costs_s3_one_request(void **state)
{
    struct fixture *fixture = *state;
    struct client clients[CROWD];
    pthread_t threads[CROWD];
    atomic_store(&fixture->hold_for_crowd, true);
    for (int i = 0; i < CROWD; i++) {
        clients[i] = (struct client){.fixture = fixture};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_small, &clients[i]), 0);
    }
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(clients[i].status, 200);
        assert_true(clients[i].whole);
    }
    assert_int_equal(fixture->gets, 1);
}

#define REAL "/activity-images/a/real.jpg"

static uint64_t renderings(void)
{
    return vb_counter_value(vb_metrics_counter("vibe_cdn_renderings_total", "Variants rendered.", ""));
}

static void *ask_for_variant(void *context)
{
    struct client *client = context;
    struct answer answer = ask(client->fixture, "GET", REAL "?w=320&fm=webp", NULL);
    client->status = answer.status;
    client->whole = answer.size == FAKE_SIZE && memcmp(answer.body, "RIFF", 4) == 0;
    release(&answer);
    return NULL;
}

static void a_crowd_that_misses_one_variant_costs_one_rendering(void **state)
{
    struct client clients[CROWD];
    pthread_t threads[CROWD];
    uint64_t before = renderings();
    for (int i = 0; i < CROWD; i++) {
        clients[i] = (struct client){.fixture = *state};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_variant, &clients[i]), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].status, 200);
        assert_true(clients[i].whole);
    }
    assert_int_equal(renderings(), before + 1);
}

static void the_source_of_a_variant_stays_in_memory(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, "GET", REAL "?w=320&fm=webp", NULL, 200);
    expect_status(fixture, "GET", REAL "?w=480&fm=webp", NULL, 200); /* of the same source */
    struct answer answer = ask(fixture, "GET", REAL, NULL);
    assert_header(&answer, "x-cache: hit");
    assert_int_equal(fixture->gets, 1);
    release(&answer);
}

static void after_winding_down_nothing_is_rendered(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = renderings();
    vb_edge_wind_down(fixture->edge);
    expect_status(fixture, "GET", REAL "?w=320&fm=webp", NULL, 503);
    assert_int_equal(renderings(), before);
}

#define TEST(name)        cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define DISK_TEST(name)   cmocka_unit_test_setup_teardown(name, set_up_with_disk, tear_down)
#define RENDER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_with_workers, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_picture_has_the_headers_that_caches_and_pages_need),
        TEST(the_second_request_is_answered_from_memory),
        TEST(keys_are_percent_decoded_once),
        TEST(a_conditional_get_of_a_current_copy_is_304),
        TEST(ranges_of_a_small_object),
        TEST(a_large_object_is_streamed_whole_and_in_ranges),
        TEST(head_of_a_large_object_fetches_no_body),
        TEST(an_object_of_no_bytes_is_delivered),
        TEST(a_missing_object_is_404_and_costs_s3_one_request),
        TEST(private_and_malformed_names_never_reach_s3),
        TEST(other_methods_are_refused),
        TEST(a_preflight_is_answered),
        TEST(types_that_may_hold_scripts_become_octet_stream),
        TEST(without_s3_it_is_503_until_s3_is_back),
        TEST(a_large_object_that_was_deleted_is_404_and_not_torn),
        TEST(a_crowd_that_misses_one_key_costs_s3_one_request),
        DISK_TEST(after_a_restart_the_disk_is_revalidated_by_a_head),
        DISK_TEST(pieces_on_disk_are_not_fetched_again),
        DISK_TEST(without_s3_the_disk_serves_stale_copies),
        DISK_TEST(a_deleted_object_goes_from_the_disk),
        DISK_TEST(a_purge_takes_effect_at_once),
        TEST(a_query_without_variant_parameters_is_the_same_object),
        TEST(a_malformed_variant_is_refused_and_named),
        TEST(variants_of_an_object_that_is_no_picture_are_refused),
        RENDER_TEST(a_crowd_that_misses_one_variant_costs_one_rendering),
        RENDER_TEST(the_source_of_a_variant_stays_in_memory),
        RENDER_TEST(after_winding_down_nothing_is_rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
