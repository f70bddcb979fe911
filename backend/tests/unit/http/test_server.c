/* The HTTP server against raw sockets: what handlers get, what clients see, limits and overload. */
#include "http/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS      10000
#define QUEUE_TIMEOUT_MS 1000

struct app {
    struct vb_pool *pool, *other_pool;
    struct vb_http_server *server;
    atomic_int done, handled;
    atomic_llong body_bytes;
    sem_t entered, go;
};

static void on_done(struct vb_http_request *request)
{
    struct app *app = request->app;

    free(request->context);
    atomic_fetch_add(&app->done, 1);
}

static void hello(struct vb_http_request *request)
{
    vb_http_answer(request, 200, "text/plain", "hello", 5);
}

static void echo(struct vb_http_request *request)
{
    vb_http_answer(request, 200, "application/octet-stream", request->body.data, request->body.length);
}

static void show(struct vb_http_request *request)
{
    const char *id = vb_http_param(request, "id"), *q = vb_http_query(request, "q");
    struct vb_strbuf out;

    vb_strbuf_init(&out, 4096);
    vb_strbuf_addf(&out, "id=%s q=%s client=%s secure=%d", id ? id : "(none)", q ? q : "(none)",
                   request->client_address, request->secure);
    vb_http_add_header(request, "X-Split", "a\r\nSet-Cookie: b");
    vb_http_answer_strbuf(request, 200, "text/plain", &out);
}

static void count_head(struct vb_http_request *request)
{
    request->context = vb_xmalloc(16);
    if (vb_http_header(request, "X-Refuse"))
        vb_http_answer(request, 403, "text/plain", "refused", 7);
}

static void count_body(struct vb_http_request *request, const char *data, size_t size)
{
    struct app *app = request->app;

    atomic_fetch_add(&app->body_bytes, (long long)size);
    if (memchr(data, '!', size))
        vb_http_answer(request, 422, "text/plain", "no '!'", 6);
}

static void count_done(struct vb_http_request *request)
{
    struct app *app = request->app;
    char text[32];
    int length = snprintf(text, sizeof(text), "%lld", (long long)atomic_load(&app->body_bytes));

    atomic_fetch_add(&app->handled, 1);
    vb_http_answer(request, 200, "text/plain", text, (size_t)length);
}

static void block(struct vb_http_request *request)
{
    struct app *app = request->app;

    sem_post(&app->entered);
    while (sem_wait(&app->go) < 0 && errno == EINTR)
        ;
    vb_http_answer(request, 200, "text/plain", "freed", 5);
}

static void *answer_parked(void *argument)
{
    struct vb_http_request *request = argument;

    vb_http_answer(request, 200, "text/plain", "later", 5);
    vb_http_unpark(request);
    return NULL;
}

/* Parks, and returns only after another thread has answered: it must not touch the request then. */
static void park_long(struct vb_http_request *request)
{
    pthread_t thread;

    vb_http_park(request);
    pthread_create(&thread, NULL, answer_parked, request);
    pthread_join(thread, NULL);
}

static void park(struct vb_http_request *request)
{
    pthread_t thread;

    vb_http_park(request);
    pthread_create(&thread, NULL, answer_parked, request);
    pthread_detach(thread);
}

static void defer(struct vb_http_request *request)
{
    vb_http_defer(request, hello);
}

static void forget(struct vb_http_request *request)
{
    (void)request;
}

struct numbers {
    int64_t total;
    bool torn;
    atomic_int *released;
};

static int64_t fill_numbers(void *context, int64_t offset, char *buffer, size_t capacity)
{
    struct numbers *numbers = context;

    if (numbers->torn && offset > 0)
        return -EIO;
    for (size_t i = 0; i < capacity; i++)
        buffer[i] = (char)('0' + (offset + (int64_t)i) % 10);
    return offset >= numbers->total ? 0 : (int64_t)capacity;
}

static void release_numbers(void *context)
{
    struct numbers *numbers = context;

    atomic_fetch_add(numbers->released, 1);
    free(numbers);
}

static void stream(struct vb_http_request *request)
{
    struct app *app = request->app;
    struct numbers *numbers = vb_xcalloc(1, sizeof(*numbers));

    numbers->total = 1000003;
    numbers->torn = vb_http_query(request, "torn") != NULL;
    numbers->released = &app->done;
    vb_http_answer_stream(request, 200, "text/plain",
                          &(struct vb_http_stream){.fill = fill_numbers,
                                                   .release = release_numbers,
                                                   .context = numbers,
                                                   .size = numbers->total,
                                                   .buffer_size = 65536});
}

static void file(struct vb_http_request *request)
{
    char path[] = "/tmp/vibe-test-XXXXXX";
    int fd = mkstemp(path);

    unlink(path);
    vb_assert(write(fd, "0123456789", 10) == 10);
    vb_http_answer_fd(request, 206, "text/plain", fd, 2, 5);
}

static const struct vb_route routes[] = {
    {.methods = VB_HTTP_GET, .pattern = "/inline", .handle = hello, .flags = VB_ROUTE_INLINE},
    {.methods = VB_HTTP_GET, .pattern = "/worker", .handle = hello},
    {.methods = VB_HTTP_GET, .pattern = "/defer", .handle = defer, .flags = VB_ROUTE_INLINE},
    {.methods = VB_HTTP_GET, .pattern = "/park", .handle = park},
    {.methods = VB_HTTP_GET, .pattern = "/park-long", .handle = park_long},
    {.methods = VB_HTTP_GET, .pattern = "/forget", .handle = forget},
    {.methods = VB_HTTP_GET, .pattern = "/forget-inline", .handle = forget, .flags = VB_ROUTE_INLINE},
    {.methods = VB_HTTP_POST, .pattern = "/echo", .handle = echo, .flags = VB_ROUTE_INLINE, .body_max = 1000},
    {.methods = VB_HTTP_GET, .pattern = "/items/{id}", .handle = show, .flags = VB_ROUTE_INLINE},
    {.methods = VB_HTTP_PUT,
     .pattern = "/count",
     .handle = count_done,
     .head = count_head,
     .body = count_body,
     .done = on_done,
     .body_max = 64 * 1024 * 1024},
    {.methods = VB_HTTP_GET, .pattern = "/block", .handle = block},
    {.methods = VB_HTTP_GET, .pattern = "/block-elsewhere", .handle = block, .pool = 1},
    {.methods = VB_HTTP_GET, .pattern = "/elsewhere", .handle = hello, .pool = 1},
    {.methods = VB_HTTP_GET, .pattern = "/nowhere", .handle = hello, .pool = 2},
    {.methods = VB_HTTP_GET, .pattern = "/stream", .handle = stream},
    {.methods = VB_HTTP_GET, .pattern = "/file", .handle = file},
    {.methods = VB_HTTP_GET, .pattern = "/rest/*", .handle = hello},
    {.pattern = NULL}};

static struct app *start_app(unsigned workers, unsigned queue)
{
    struct app *app = vb_xcalloc(1, sizeof(*app));
    struct vb_error err;

    sem_init(&app->entered, 0, 0);
    sem_init(&app->go, 0, 0);
    app->pool = vb_pool_create("test", workers, queue);
    app->other_pool = vb_pool_create("other", 1, queue);
    assert_int_equal(vb_http_server_start(&(struct vb_http_config){.name = "test",
                                                                   .bind_address = "127.0.0.1",
                                                                   .routes = routes,
                                                                   .app = app,
                                                                   .threads = 2,
                                                                   .pool = app->pool,
                                                                   .more_pools = {app->other_pool},
                                                                   .queue_timeout_ms = QUEUE_TIMEOUT_MS,
                                                                   .header_timeout_s = 1,
                                                                   .body_idle_timeout_s = 1,
                                                                   .trusted_proxies = "127.0.0.0/8"},
                                          &app->server, &err),
                     0);
    return app;
}

static void stop_app(struct app *app)
{
    vb_http_server_stop(app->server);
    vb_pool_destroy(app->pool);
    vb_pool_destroy(app->other_pool);
    sem_destroy(&app->entered);
    sem_destroy(&app->go);
    free(app);
}

static int setup(void **state)
{
    *state = start_app(4, 64);
    return 0;
}

static int teardown(void **state)
{
    stop_app(*state);
    return 0;
}

static int dial(const struct app *app)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(vb_http_server_port(app->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    size_t size = strlen(text);

    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

        if (n < 0)
            return; /* the server has closed already; the test reads why */
        text += n;
        size -= (size_t)n;
    }
}

/* Reads until the peer closes, or until `until` has been seen. */
static char *receive(int fd, const char *until)
{
    int64_t end_ms = vb_clock_monotonic_ms() + DEADLINE_MS;
    struct vb_strbuf in;

    vb_strbuf_init(&in, 8 * 1024 * 1024);
    vb_strbuf_adds(&in, "");
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char part[65536];
        ssize_t n;

        if (until && strstr(in.data, until))
            break;
        assert_true(vb_clock_monotonic_ms() < end_ms);
        if (poll(&wait, 1, 100) == 0)
            continue;
        n = recv(fd, part, sizeof(part), 0);
        if (n <= 0)
            break;
        vb_strbuf_add(&in, part, (size_t)n);
    }
    return vb_strbuf_detach(&in);
}

/* One request on a connection of its own. The caller frees the answer. */
static char *ask(const struct app *app, const char *text)
{
    int fd = dial(app);
    char *answer;

    send_text(fd, text);
    answer = receive(fd, NULL);
    close(fd);
    return answer;
}

static void expect(const struct app *app, const char *text, const char *wanted)
{
    char *answer = ask(app, text);

    assert_non_null(answer);
    if (!strstr(answer, wanted))
        fail_msg("wanted '%s' in:\n%s", wanted, answer);
    free(answer);
}

static bool wait_until(atomic_int *value, int wanted)
{
    int64_t end_ms = vb_clock_monotonic_ms() + DEADLINE_MS;

    while (atomic_load(value) != wanted) {
        if (vb_clock_monotonic_ms() > end_ms)
            return false;
        usleep(1000);
    }
    return true;
}

#define CLOSE "Host: h\r\nConnection: close\r\n\r\n"

static void answers_come_from_loop_worker_and_deferral(void **state)
{
    expect(*state, "GET /inline HTTP/1.1\r\n" CLOSE, "\r\n\r\nhello");
    expect(*state, "GET /worker HTTP/1.1\r\n" CLOSE, "\r\n\r\nhello");
    expect(*state, "GET /defer HTTP/1.1\r\n" CLOSE, "\r\n\r\nhello");
    expect(*state, "GET /rest/a/b//c HTTP/1.1\r\n" CLOSE, "\r\n\r\nhello");
}

static void a_parked_request_is_answered_from_another_thread(void **state)
{
    expect(*state, "GET /park HTTP/1.1\r\n" CLOSE, "\r\n\r\nlater");
    expect(*state, "GET /park-long HTTP/1.1\r\n" CLOSE, "\r\n\r\nlater");
}

static void connection_is_kept_for_the_next_request(void **state)
{
    int fd = dial(*state);

    for (int i = 0; i < 3; i++) {
        char *answer;

        send_text(fd, i == 1 ? "GET /worker HTTP/1.1\r\nHost: h\r\n\r\n"
                             : "GET /inline HTTP/1.1\r\nHost: h\r\n\r\n");
        answer = receive(fd, "hello");
        assert_non_null(strstr(answer, "200 OK"));
        free(answer);
    }
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    expect(*state,
           "GET /items/1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: "
           "3\r\n\r\nabc"
           "GET /items/2 HTTP/1.1\r\n" CLOSE,
           "id=2");
}

static void head_has_length_and_no_body(void **state)
{
    char *answer = ask(*state, "HEAD /inline HTTP/1.1\r\n" CLOSE);

    assert_non_null(strstr(answer, "Content-Length: 5"));
    assert_null(strstr(answer, "hello"));
    free(answer);
}

static void handler_without_answer_is_500(void **state)
{
    expect(*state, "GET /forget HTTP/1.1\r\n" CLOSE, "500 internal");
    expect(*state, "GET /forget-inline HTTP/1.1\r\n" CLOSE, "500 internal");
}

static void unknown_path_is_404_and_wrong_method_405_with_allow(void **state)
{
    expect(*state, "GET /nothing HTTP/1.1\r\n" CLOSE, "404 not_found");
    expect(*state, "GET /inline/ HTTP/1.1\r\n" CLOSE, "404 not_found");
    expect(*state, "DELETE /inline HTTP/1.1\r\n" CLOSE, "Allow: GET, HEAD");
    expect(*state, "BREW /inline HTTP/1.1\r\n" CLOSE, "405 method_not_allowed");
}

static void parameters_are_decoded_and_headers_cannot_be_split(void **state)
{
    char *answer;

    expect(*state, "GET /items/a%20b%2Fc?x=1&q=%C3%A9+f HTTP/1.1\r\n" CLOSE, "id=a b/c q=\xc3\xa9 f ");
    expect(*state, "GET /items/a%00b HTTP/1.1\r\n" CLOSE, "id=(none)");
    expect(*state, "GET /items/a%zz HTTP/1.1\r\n" CLOSE, "id=(none)");
    answer = ask(*state, "GET /items/x HTTP/1.1\r\n" CLOSE);
    assert_null(strstr(answer, "Set-Cookie"));
    free(answer);
}

static void client_address_comes_through_trusted_proxies_only(void **state)
{
    expect(*state,
           "GET /items/x HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6, 9.9.9.9, 127.0.0.7\r\nX-Forwarded-Proto: "
           "https\r\n" CLOSE,
           "client=9.9.9.9 secure=1");
    expect(*state, "GET /items/x HTTP/1.1\r\nX-Forwarded-For: nonsense\r\n" CLOSE,
           "client=127.0.0.1 secure=0");
}

static void collected_body_is_limited(void **state)
{
    char *big = vb_xcalloc(1, 4096), *request;

    expect(*state, "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "12345", "\r\n\r\n12345");
    expect(*state, "POST /echo HTTP/1.1\r\nContent-Length: 1001\r\n" CLOSE, "413 payload_too_large");
    memset(big, 'x', 1500);
    request = vb_xasprintf(
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "5dc\r\n%s\r\n0\r\n\r\n", big);
    expect(*state, request, "413 payload_too_large");
    expect(*state, "GET /inline HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "12345", "413");
    free(request);
    free(big);
}

/* A request whose one header has that many bytes. */
static char *request_with_header_of(size_t size)
{
    struct vb_strbuf request;

    vb_strbuf_init(&request, size + 256);
    vb_strbuf_adds(&request, "GET /inline HTTP/1.1\r\nX-Big: ");
    for (size_t i = 0; i < size; i++)
        vb_strbuf_addc(&request, 'h');
    vb_strbuf_adds(&request, "\r\n" CLOSE);
    return vb_strbuf_detach(&request);
}

static void malformed_heads_are_refused(void **state)
{
    char *request;

    expect(*state, "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n" CLOSE, "400");
    expect(*state, "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" CLOSE, " 4");
    free(ask(*state, "nonsense\r\n\r\n"));
    request = request_with_header_of(9 * 1024);
    expect(*state, request, "431");
    free(request);
    request = request_with_header_of(190 * 1024); /* more than libmicrohttpd has room for */
    free(ask(*state, request));
    free(request);
    expect(*state, "GET /inline HTTP/1.1\r\n" CLOSE, "hello");
}

static void streamed_body_arrives_whole(void **state)
{
    struct app *app = *state;
    size_t size = 3 * 1024 * 1024 + 17;
    char *body = vb_xmalloc(size + 1), *request;

    memset(body, 'b', size);
    body[size] = '\0';
    request = vb_xasprintf("PUT /count HTTP/1.1\r\nContent-Length: %zu\r\n" CLOSE "%s", size, body);
    expect(app, request, "3145745");
    free(request);
    request = vb_xasprintf(
        "PUT /count HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "%zx\r\n%s\r\n0\r\n\r\n", size, body);
    atomic_store(&app->body_bytes, 0);
    expect(app, request, "3145745");
    free(request);
    free(body);
    assert_true(wait_until(&app->done, 2));
}

static void body_callback_may_refuse_midway(void **state)
{
    struct app *app = *state;
    size_t size = 2 * 1024 * 1024;
    char *body = vb_xmalloc(size + 1), *request;

    memset(body, 'b', size);
    body[10] = '!';
    body[size] = '\0';
    request = vb_xasprintf("PUT /count HTTP/1.1\r\nContent-Length: %zu\r\n" CLOSE "%s", size, body);
    expect(app, request, "422");
    assert_int_equal(atomic_load(&app->handled), 0);
    free(request);
    free(body);
    assert_true(wait_until(&app->done, 1));
}

static void head_callback_refuses_before_the_body_is_sent(void **state)
{
    struct app *app = *state;
    char *answer = ask(
        app,
        "PUT /count HTTP/1.1\r\nExpect: 100-continue\r\nX-Refuse: 1\r\nContent-Length: 1000000\r\n" CLOSE);

    assert_non_null(strstr(answer, "403"));
    assert_null(strstr(answer, "100 Continue"));
    free(answer);
    assert_int_equal(atomic_load(&app->body_bytes), 0);
    assert_true(wait_until(&app->done, 1));
}

static void torn_upload_is_cleaned_up(void **state)
{
    struct app *app = *state;
    int fd = dial(app);

    send_text(fd, "PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf");
    close(fd);
    assert_true(wait_until(&app->done, 1));
    assert_int_equal(atomic_load(&app->handled), 0);
    fd = dial(app); /* a request line and nothing more */
    send_text(fd, "GET /inline HTTP/1.1\r\n");
    close(fd);
    expect(app, "GET /inline HTTP/1.1\r\n" CLOSE, "hello");
}

static void slow_head_and_stalled_body_are_cut_off(void **state)
{
    struct app *app = *state;
    int head = dial(app), body = dial(app);
    char *answer;

    send_text(head, "GET /inline HTTP/1.1\r\nX-Slow: ");
    send_text(body, "PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf");
    answer = receive(head, NULL); /* returns when the server closes; fails at the deadline */
    free(answer);
    answer = receive(body, NULL);
    free(answer);
    close(head);
    close(body);
    assert_true(wait_until(&app->done, 1));
}

/* The wall clock as this program sees it. libmicrohttpd and the C library keep the real one. */
static atomic_llong wall_clock_ahead_s;

int __real_clock_gettime(clockid_t id, struct timespec *ret_now);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now)
{
    int r = __real_clock_gettime(id, ret_now);

    if (id == CLOCK_REALTIME)
        ret_now->tv_sec += atomic_load(&wall_clock_ahead_s);
    return r;
}

/* The clock is set back by an hour as soon as the watchdog has looked at it: a wait until then would last an
 * hour. */
static int setup_before_the_clock_is_set_back(void **state)
{
    atomic_store(&wall_clock_ahead_s, 3600);
    return setup(state);
}

static int teardown_clock(void **state)
{
    atomic_store(&wall_clock_ahead_s, 0);
    return teardown(state);
}

static void a_wall_clock_that_is_set_back_does_not_stall_the_watchdog(void **state)
{
    struct app *app = *state;
    int fd = dial(app);
    char *answer;

    send_text(fd, "GET /inline HTTP/1.1\r\nX-Slow: ");
    answer = receive(fd, NULL); /* returns when the server closes; fails at the deadline */
    free(answer);
    close(fd);
}

static void stream_is_whole_and_released(void **state)
{
    struct app *app = *state;
    char *answer = ask(app, "GET /stream HTTP/1.1\r\n" CLOSE), *body = strstr(answer, "\r\n\r\n");

    assert_non_null(body);
    body += 4;
    assert_int_equal(strlen(body), 1000003);
    for (size_t i = 0; i < 1000003; i += 997)
        assert_int_equal(body[i], '0' + (int)(i % 10));
    free(answer);
    assert_true(wait_until(&app->done, 1));
}

static void broken_stream_is_a_torn_answer(void **state)
{
    struct app *app = *state;
    char *answer = ask(app, "GET /stream?torn HTTP/1.1\r\n" CLOSE);

    assert_non_null(strstr(answer, "Content-Length: 1000003"));
    assert_true(strlen(answer) < 1000003);
    free(answer);
    assert_true(wait_until(&app->done, 1));
}

static void stream_of_a_client_that_leaves_is_released(void **state)
{
    struct app *app = *state;

    for (int i = 0; i < 20; i++) {
        int fd = dial(app);

        send_text(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        if (i % 2)
            free(receive(fd, "HTTP/1.1"));
        close(fd);
    }
    /* a request torn before its handler ran has no stream; each that has one releases it */
    expect(app, "GET /stream HTTP/1.1\r\n" CLOSE, "200");
    stop_app(app);
    *state = start_app(4, 64);
}

static void part_of_a_file_is_sent(void **state)
{
    expect(*state, "GET /file HTTP/1.1\r\n" CLOSE, "\r\n\r\n23456");
}

static void full_queue_is_503_with_retry_after(void **state)
{
    struct app *app = start_app(1, 0);
    int first = dial(app);
    char *answer;

    (void)state;
    send_text(first, "GET /block HTTP/1.1\r\nHost: h\r\n\r\n");
    sem_wait(&app->entered);
    answer = ask(app, "GET /worker HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(answer, "503"));
    assert_non_null(strstr(answer, "Retry-After: 1"));
    free(answer);
    expect(app, "GET /inline HTTP/1.1\r\n" CLOSE, "hello"); /* the event loop goes on */
    sem_post(&app->go);
    answer = receive(first, "freed");
    free(answer);
    close(first);
    stop_app(app);
}

static void wait_for_queue(struct vb_pool *pool, unsigned queued)
{
    int64_t end_ms = vb_clock_monotonic_ms() + DEADLINE_MS;
    struct vb_pool_stats stats;

    do {
        assert_true(vb_clock_monotonic_ms() < end_ms);
        vb_pool_stats(pool, &stats);
    } while (stats.queued != queued);
}

/* An answer can arrive before its worker is free again. */
static void wait_until_idle(struct vb_pool *pool)
{
    int64_t end_ms = vb_clock_monotonic_ms() + DEADLINE_MS;
    struct vb_pool_stats stats;

    do {
        assert_true(vb_clock_monotonic_ms() < end_ms);
        vb_pool_stats(pool, &stats);
    } while (stats.running);
}

static void a_full_pool_keeps_only_its_own_routes_waiting(void **state)
{
    struct app *app = start_app(1, 0);
    int first = dial(app);
    char *answer;

    (void)state;
    send_text(first, "GET /block-elsewhere HTTP/1.1\r\nHost: h\r\n\r\n");
    sem_wait(&app->entered);
    expect(app, "GET /elsewhere HTTP/1.1\r\n" CLOSE, "503");
    expect(app, "GET /worker HTTP/1.1\r\n" CLOSE, "hello");
    wait_until_idle(app->pool);
    expect(app, "GET /nowhere HTTP/1.1\r\n" CLOSE, "hello"); /* an unknown pool is the first one */
    sem_post(&app->go);
    answer = receive(first, "freed");
    free(answer);
    wait_until_idle(app->other_pool);
    expect(app, "GET /elsewhere HTTP/1.1\r\n" CLOSE, "hello");
    close(first);
    stop_app(app);
}

static void a_request_that_queued_too_long_gets_503(void **state)
{
    struct app *app = start_app(1, 4);
    int first = dial(app), second = dial(app);
    int64_t queued_ms;
    char *answer;

    (void)state;
    send_text(first, "GET /block HTTP/1.1\r\nHost: h\r\n\r\n");
    sem_wait(&app->entered);
    send_text(second, "GET /worker HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for_queue(app->pool, 1);
    queued_ms = vb_clock_monotonic_ms();
    while (vb_clock_monotonic_ms() <= queued_ms + QUEUE_TIMEOUT_MS)
        sched_yield();
    sem_post(&app->go);
    answer = receive(second, "try again");
    assert_non_null(strstr(answer, "503"));
    assert_non_null(strstr(answer, "Retry-After: 1"));
    free(answer);
    expect(app, "GET /worker HTTP/1.1\r\n" CLOSE, "hello");
    close(first);
    close(second);
    stop_app(app);
}

static void *post_soon(void *argument)
{
    struct app *app = argument;

    sem_wait(&app->entered);
    sem_post(&app->go);
    return NULL;
}

static void draining_refuses_new_clients(void **state)
{
    struct app *app = start_app(2, 8);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(vb_http_server_port(app->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    vb_http_server_drain(app->server, DEADLINE_MS);
    assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof(address)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(late);
    stop_app(app);
}

static void draining_finishes_what_is_in_flight(void **state)
{
    struct app *app = start_app(2, 8);
    int busy = dial(app), idle = dial(app);
    pthread_t thread;
    char *answer;

    (void)state;
    send_text(busy, "GET /block HTTP/1.1\r\nHost: h\r\n\r\n");
    sem_wait(&app->entered);
    sem_post(&app->entered);
    pthread_create(&thread, NULL, post_soon, app);
    vb_http_server_drain(app->server, DEADLINE_MS);
    pthread_join(thread, NULL);
    answer = receive(busy, NULL); /* answered, then closed */
    assert_non_null(strstr(answer, "freed"));
    free(answer);
    answer = receive(idle, NULL); /* closed at once */
    assert_string_equal(answer, "");
    free(answer);
    close(busy);
    close(idle);
    stop_app(app);
}

static void port_in_use_is_a_clear_error(void **state)
{
    struct app *app = *state;
    struct vb_http_server *second;
    struct vb_error err;

    assert_int_equal(vb_http_server_start(&(struct vb_http_config){.name = "api",
                                                                   .bind_address = "127.0.0.1",
                                                                   .port = vb_http_server_port(app->server),
                                                                   .routes = routes,
                                                                   .pool = app->pool},
                                          &second, &err),
                     -EADDRINUSE);
    assert_non_null(strstr(err.message, "in use"));
    assert_int_equal(vb_http_server_start(
                         &(struct vb_http_config){
                             .name = "api", .bind_address = "localhost", .routes = routes, .pool = app->pool},
                         &second, &err),
                     -EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(answers_come_from_loop_worker_and_deferral),
        TEST(a_parked_request_is_answered_from_another_thread),
        TEST(connection_is_kept_for_the_next_request),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(head_has_length_and_no_body),
        TEST(handler_without_answer_is_500),
        TEST(unknown_path_is_404_and_wrong_method_405_with_allow),
        TEST(parameters_are_decoded_and_headers_cannot_be_split),
        TEST(client_address_comes_through_trusted_proxies_only),
        TEST(collected_body_is_limited),
        TEST(malformed_heads_are_refused),
        TEST(streamed_body_arrives_whole),
        TEST(body_callback_may_refuse_midway),
        TEST(head_callback_refuses_before_the_body_is_sent),
        TEST(torn_upload_is_cleaned_up),
        TEST(slow_head_and_stalled_body_are_cut_off),
        cmocka_unit_test_setup_teardown(a_wall_clock_that_is_set_back_does_not_stall_the_watchdog,
                                        setup_before_the_clock_is_set_back, teardown_clock),
        TEST(stream_is_whole_and_released),
        TEST(broken_stream_is_a_torn_answer),
        TEST(stream_of_a_client_that_leaves_is_released),
        TEST(part_of_a_file_is_sent),
        cmocka_unit_test(full_queue_is_503_with_retry_after),
        cmocka_unit_test(a_full_pool_keeps_only_its_own_routes_waiting),
        cmocka_unit_test(a_request_that_queued_too_long_gets_503),
        cmocka_unit_test(draining_finishes_what_is_in_flight),
        cmocka_unit_test(draining_refuses_new_clients),
        TEST(port_in_use_is_a_clear_error),
    };

    signal(SIGPIPE, SIG_IGN);
    vb_log_configure(VB_LOG_OFF, VB_LOG_JSON);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
