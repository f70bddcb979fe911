/* HTTP client against a server that answers, lies, stalls and cuts as its script says. */
#include "http/client.h"

#include "scripted_server.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

/* One exchange with a scripted server, and what came of it. */
struct talk {
    struct vb_http_client *client;
    struct vb_http_exchange exchange;
    char url[512];
    struct vb_error err;
    char headers[8192]; /* "name=value;" in order */
    char taken[256];    /* by on_body */
    const char *source; /* of the pulled body */
    size_t source_size, source_at;
    unsigned rewinds;
    int header_result, body_result;
};

static int note_header(void *context, const char *name, const char *value)
{
    struct talk *talk = context;
    size_t at = strlen(talk->headers);

    snprintf(talk->headers + at, sizeof(talk->headers) - at, "%s=%s;", name, value);
    return talk->header_result;
}

static int take_body(void *context, const char *data, size_t size)
{
    struct talk *talk = context;
    size_t at = strlen(talk->taken);

    snprintf(talk->taken + at, sizeof(talk->taken) - at, "%.*s", (int)size, data);
    return talk->body_result;
}

static int64_t pull(void *context, char *buffer, size_t capacity)
{
    struct talk *talk = context;
    size_t left = talk->source_size - talk->source_at, take = left < capacity ? left : capacity;

    if (!talk->source)
        return -EIO;
    if (take > 1000)
        take = 1000;
    memcpy(buffer, talk->source + talk->source_at, take);
    talk->source_at += take;
    return (int64_t)take;
}

static int pull_again(void *context)
{
    struct talk *talk = context;

    talk->source_at = 0;
    talk->rewinds++;
    return 0;
}

static void talk_init(struct talk *talk, const char *method, uint16_t port, const char *path)
{
    const struct vb_http_client_config config = {.idle_timeout_ms = 10000};

    *talk = (struct talk){.client = vb_http_client_create(&config)};
    snprintf(talk->url, sizeof(talk->url), "http://127.0.0.1:%u%s", port, path);
    talk->exchange = (struct vb_http_exchange){
        .method = method, .url = talk->url, .on_header = note_header, .context = talk, .timeout_ms = 10000};
    vb_strbuf_init(&talk->exchange.response, 10000);
}

static void talk_end(struct talk *talk)
{
    vb_strbuf_release(&talk->exchange.response);
    vb_http_client_destroy(talk->client);
}

static int perform(struct talk *talk)
{
    talk->headers[0] = '\0';
    return vb_http_client_perform(talk->client, &talk->exchange, &talk->err);
}

static void get_collects_status_headers_and_body(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server,
           {"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-A:  one two \r\nx-empty:\r\n\r\nhello"});
    talk_init(&talk, "GET", server->port, "/some/path?with=query");
    talk.exchange.headers = (const char *const[]){"X-Asked: yes", "X-Nothing:", NULL};
    assert_int_equal(perform(&talk), 0);
    assert_int_equal(talk.exchange.status, 404);
    assert_string_equal(talk.exchange.response.data, "hello");
    assert_string_equal(talk.headers, "Content-Length=5;X-A=one two;x-empty=;");
    assert_string_equal(script_request(server, 0)->method, "GET");
    assert_string_equal(script_request(server, 0)->target, "/some/path?with=query");
    assert_string_equal(script_header(script_request(server, 0), "X-Asked"), "yes");
    assert_string_equal(script_header(script_request(server, 0), "X-Nothing"), "");
    assert_true(strncmp(script_header(script_request(server, 0), "User-Agent"), "vibe/", 5) == 0);
    assert_null(script_header(script_request(server, 0), "Content-Length"));
    talk_end(&talk);
    script_stop(server);
}

static void dot_segments_and_escapes_are_sent_unchanged(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY});
    talk_init(&talk, "GET", server->port, "/a/../b/./c//%2e%2E/%C3%BC?x=%20+&y");
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(script_request(server, 0)->target, "/a/../b/./c//%2e%2E/%C3%BC?x=%20+&y");
    talk_end(&talk);
    script_stop(server);
}

static void head_waits_for_no_body(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"}, {OK_HELLO});
    talk_init(&talk, "HEAD", server->port, "/");
    assert_int_equal(perform(&talk), 0);
    assert_int_equal(talk.exchange.status, 200);
    assert_string_equal(talk.headers, "Content-Length=1000;");
    talk.exchange.method = "GET"; /* on the same connection, which is in step still */
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(talk.exchange.response.data, "hello");
    assert_int_equal(script_connections(server), 1);
    talk_end(&talk);
    script_stop(server);
}

static void a_body_in_memory_is_sent_whole(void **state)
{
    static const char *const methods[] = {"PUT", "POST", "PATCH", "DELETE"};
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY}, {OK_EMPTY}, {OK_EMPTY}, {OK_EMPTY});
    talk_init(&talk, "PUT", server->port, "/");
    talk.exchange.body = "some\0bytes";
    talk.exchange.body_size = 10;
    for (unsigned i = 0; i < 4; i++) {
        talk.exchange.method = methods[i];
        assert_int_equal(perform(&talk), 0);
        assert_string_equal(script_request(server, i)->method, methods[i]);
        assert_int_equal(script_request(server, i)->body_size, 10);
        assert_memory_equal(script_request(server, i)->body, "some\0bytes", 10);
        assert_null(script_header(script_request(server, i), "Expect"));
        assert_null(script_header(script_request(server, i), "Content-Type"));
    }
    talk_end(&talk);
    script_stop(server);
}

static void an_empty_body_has_a_length(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY}, {OK_EMPTY}, {OK_EMPTY});
    talk_init(&talk, "PUT", server->port, "/");
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(script_header(script_request(server, 0), "Content-Length"), "0");
    talk.exchange.method = "POST";
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(script_header(script_request(server, 1), "Content-Length"), "0");
    talk.exchange.method = "DELETE";
    assert_int_equal(perform(&talk), 0);
    assert_null(script_header(script_request(server, 2), "Transfer-Encoding"));
    talk_end(&talk);
    script_stop(server);
}

static void a_large_body_asks_before_it_is_sent(void **state)
{
    size_t size = 3 * 1024 * 1024;
    char *body = vb_xmalloc(size);
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY});
    memset(body, 'b', size);
    talk_init(&talk, "PUT", server->port, "/");
    talk.exchange.body = body;
    talk.exchange.body_size = (int64_t)size;
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(script_header(script_request(server, 0), "Expect"), "100-continue");
    assert_int_equal(script_request(server, 0)->body_size, size);
    assert_memory_equal(script_request(server, 0)->body, body, size);
    assert_string_equal(talk.headers, "Content-Length=0;"); /* 100 Continue is not the answer */
    talk_end(&talk);
    script_stop(server);
    free(body);
}

static void a_pulled_body_is_sent_with_and_without_its_size(void **state)
{
    char body[5000];
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY}, {OK_EMPTY});
    memset(body, 'b', sizeof(body));
    talk_init(&talk, "PUT", server->port, "/");
    talk.source = body;
    talk.source_size = sizeof(body);
    talk.exchange.read = pull;
    talk.exchange.body_size = sizeof(body);
    assert_int_equal(perform(&talk), 0);
    talk.source_at = 0;
    talk.exchange.body_size = VB_HTTP_CLIENT_SIZE_UNKNOWN;
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(script_header(script_request(server, 0), "Content-Length"), "5000");
    assert_null(script_header(script_request(server, 1), "Content-Length"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(script_request(server, i)->body_size, sizeof(body));
        assert_memory_equal(script_request(server, i)->body, body, sizeof(body));
    }
    talk_end(&talk);
    script_stop(server);
}

static void a_pull_that_fails_aborts(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY});
    talk_init(&talk, "PUT", server->port, "/");
    talk.exchange.read = pull;
    talk.exchange.body_size = 100;
    assert_int_equal(perform(&talk), -ECANCELED);
    talk_end(&talk);
    script_stop(server);
}

static void one_connection_serves_call_after_call(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_HELLO}, {OK_HELLO}, {OK_HELLO});
    talk_init(&talk, "GET", server->port, "/");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(perform(&talk), 0);
        assert_string_equal(talk.exchange.response.data, "hello"); /* emptied in between */
    }
    assert_int_equal(script_connections(server), 1);
    talk_end(&talk);
    script_stop(server);
}

static void a_kept_connection_that_was_closed_is_replaced(void **state)
{
    static const char *const methods[] = {"GET", "PUT", "HEAD", "POST"};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct talk talk;

        /* The second request is read, and its connection closed with no byte of an answer. */
        SCRIPT(server, {OK_EMPTY}, {NULL, 0, SCRIPT_CLOSE}, {OK_EMPTY});
        talk_init(&talk, methods[i], server->port, "/");
        if (i % 2) {
            talk.exchange.body = "body";
            talk.exchange.body_size = 4;
        }
        assert_int_equal(perform(&talk), 0);
        assert_int_equal(perform(&talk), 0);
        assert_int_equal(talk.exchange.status, 200);
        assert_int_equal(script_connections(server), 2);
        assert_int_equal(script_requests(server), 3);
        assert_int_equal(script_request(server, 2)->body_size, i % 2 ? 4 : 0);
        assert_memory_equal(script_request(server, 2)->body, "body", i % 2 ? 4 : 0);
        talk_end(&talk);
        script_stop(server);
    }
}

static void a_pulled_body_is_rewound_for_a_second_try(void **state)
{
    (void)state;
    for (int can_rewind = 0; can_rewind < 2; can_rewind++) {
        struct talk talk;

        SCRIPT(server, {OK_EMPTY}, {NULL, 0, SCRIPT_CLOSE}, {OK_EMPTY});
        talk_init(&talk, "GET", server->port, "/");
        assert_int_equal(perform(&talk), 0);
        talk.exchange.method = "PUT";
        talk.source = "source";
        talk.source_size = 6;
        talk.exchange.read = pull;
        talk.exchange.rewind = can_rewind ? pull_again : NULL;
        talk.exchange.body_size = 6;
        assert_int_equal(perform(&talk), can_rewind ? 0 : -EIO);
        assert_int_equal(talk.rewinds, can_rewind);
        if (can_rewind)
            assert_string_equal(script_request(server, 2)->body, "source");
        talk_end(&talk);
        script_stop(server);
    }
}

static void a_new_connection_that_closes_is_an_error(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {NULL, 0, SCRIPT_CLOSE}, {OK_EMPTY});
    talk_init(&talk, "GET", server->port, "/");
    assert_int_equal(perform(&talk), -EIO);
    assert_int_equal(talk.err.code, EIO);
    assert_non_null(strstr(talk.err.message, "closed the connection"));
    assert_int_equal(script_requests(server), 1);
    talk_end(&talk);
    script_stop(server);
}

static void silence_ends_after_the_idle_timeout(void **state)
{
    static const struct script_step steps[] = {
        {NULL, 0, SCRIPT_STALL},                                                 /* no answer */
        {"HTTP/1.1 200 OK\r\nContent-", 0, SCRIPT_STALL},                        /* half a header */
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0, SCRIPT_STALL}, /* half a body */
    };
    const struct vb_http_client_config config = {.idle_timeout_ms = 120};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct scripted_server *server = script_start(&steps[i], 1);
        struct talk talk;
        int64_t started_ms, took_ms;

        talk_init(&talk, "GET", server->port, "/?secret=abc");
        vb_http_client_destroy(talk.client);
        talk.client = vb_http_client_create(&config);
        started_ms = vb_clock_monotonic_ms();
        assert_int_equal(perform(&talk), -ETIMEDOUT);
        took_ms = vb_clock_monotonic_ms() - started_ms;
        assert_in_range(took_ms, 110, 900); /* and not the second that curl's own loop would sleep */
        assert_null(strstr(talk.err.message, "secret"));
        talk_end(&talk);
        script_stop(server);
    }
}

static void dripping_ends_after_the_whole_timeout(void **state)
{
    struct talk talk;
    int64_t started_ms;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 0, SCRIPT_DRIP});
    talk_init(&talk, "GET", server->port, "/");
    talk.exchange.timeout_ms = 150;
    started_ms = vb_clock_monotonic_ms();
    assert_int_equal(perform(&talk), -ETIMEDOUT);
    assert_in_range(vb_clock_monotonic_ms() - started_ms, 140, 2000);
    talk_end(&talk);
    script_stop(server);
}

/* A listener whose queue is full lets further connections wait. */
static void a_connection_that_is_not_accepted_times_out(void **state)
{
    const struct vb_http_client_config config = {.connect_timeout_ms = 150};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    socklen_t size = sizeof(address);
    struct talk talk;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, size);
    }
    talk_init(&talk, "GET", ntohs(address.sin_port), "/");
    vb_http_client_destroy(talk.client);
    talk.client = vb_http_client_create(&config);
    assert_int_equal(perform(&talk), -ETIMEDOUT);
    assert_non_null(strstr(talk.err.message, "did not accept a connection"));
    talk_end(&talk);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void a_port_where_nobody_listens_is_refused(void **state)
{
    struct talk talk;
    uint16_t port;

    (void)state;
    SCRIPT(server, {OK_EMPTY});
    port = server->port;
    script_stop(server);
    talk_init(&talk, "GET", port, "/");
    assert_int_equal(perform(&talk), -ECONNREFUSED);
    assert_non_null(strstr(talk.err.message, "127.0.0.1"));
    talk_end(&talk);
}

static void *cancel_when_asked(void *context)
{
    struct talk *talk = context;

    vb_http_client_cancel(talk->client);
    return NULL;
}

static void cancelling_a_client_ends_exchanges_in_flight_and_all_later_ones(void **state)
{
    static const struct script_step step = {NULL, 0, SCRIPT_STALL};
    struct scripted_server *server = script_start(&step, 1);
    int64_t started_ms = vb_clock_monotonic_ms();
    struct talk talk;
    pthread_t canceller;

    (void)state;
    talk_init(&talk, "GET", server->port, "/");
    assert_int_equal(pthread_create(&canceller, NULL, cancel_when_asked, &talk), 0);
    assert_int_equal(perform(&talk), -ECANCELED);
    pthread_join(canceller, NULL);
    assert_int_equal(perform(&talk), -ECANCELED);
    assert_in_range(vb_clock_monotonic_ms() - started_ms, 0, 5000);
    talk_end(&talk);
    script_stop(server);
}

static void an_answer_has_limits(void **state)
{
    static char huge_header[200 * 1024], many_headers[200 * 1024];
    static struct script_step steps[3] = {
        {huge_header, 0, SCRIPT_STALL}, {many_headers, 0, SCRIPT_STALL}, {OK_HELLO, 0, SCRIPT_KEEP}};
    static const size_t maxima[3] = {10000, 10000, 4};
    size_t at;

    (void)state;
    at = (size_t)snprintf(huge_header, sizeof(huge_header), "HTTP/1.1 200 OK\r\nX: ");
    memset(huge_header + at, 'h', 80 * 1024);
    strcpy(huge_header + at + 80 * 1024, "\r\n\r\n");
    at = (size_t)snprintf(many_headers, sizeof(many_headers), "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 9000; i++)
        at += (size_t)snprintf(many_headers + at, sizeof(many_headers) - at, "X-%d: value\r\n", i);
    for (size_t i = 0; i < 3; i++) {
        struct scripted_server *server = script_start(&steps[i], 1);
        struct talk talk;

        talk_init(&talk, "GET", server->port, "/");
        vb_strbuf_release(&talk.exchange.response);
        vb_strbuf_init(&talk.exchange.response, maxima[i]);
        assert_int_equal(perform(&talk), -EFBIG);
        talk_end(&talk);
        script_stop(server);
    }
}

static void torn_and_malformed_answers_are_errors(void **state)
{
    static const struct script_step steps[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0, SCRIPT_CLOSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0, SCRIPT_CLOSE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", 0, SCRIPT_STALL},
        {"SSH-2.0-OpenSSH_9.2\r\n", 0, SCRIPT_CLOSE},
        {"\x16\x03\x01\x02\x00\x01\x00\x01", 8, SCRIPT_CLOSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", 0, SCRIPT_CLOSE},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(steps); i++) {
        struct scripted_server *server = script_start(&steps[i], 1);
        struct talk talk;

        talk_init(&talk, "GET", server->port, "/");
        assert_int_equal(perform(&talk), -EIO);
        assert_true(talk.err.message[0] != '\0');
        talk_end(&talk);
        script_stop(server);
    }
}

static void interim_answers_and_trailers_are_not_reported(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                    "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n"
                    "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n"});
    talk_init(&talk, "GET", server->port, "/");
    assert_int_equal(perform(&talk), 0);
    assert_int_equal(talk.exchange.status, 201);
    assert_string_equal(talk.headers, "Transfer-Encoding=chunked;");
    assert_string_equal(talk.exchange.response.data, "hello");
    talk_end(&talk);
    script_stop(server);
}

static void redirects_are_answers(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"}, {OK_EMPTY});
    talk_init(&talk, "GET", server->port, "/");
    assert_int_equal(perform(&talk), 0);
    assert_int_equal(talk.exchange.status, 302);
    assert_int_equal(script_requests(server), 1);
    talk_end(&talk);
    script_stop(server);
}

static void a_callback_can_cancel_the_exchange(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_HELLO}, {OK_HELLO}, {OK_HELLO});
    talk_init(&talk, "GET", server->port, "/");
    talk.header_result = -1;
    assert_int_equal(perform(&talk), -ECANCELED);
    talk.header_result = 0;
    talk.exchange.on_body = take_body;
    talk.body_result = -1;
    assert_int_equal(perform(&talk), -ECANCELED);
    assert_int_equal(talk.exchange.status, 200);
    talk.body_result = 0;
    talk.taken[0] = '\0';
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(talk.taken, "hello");
    talk_end(&talk);
    script_stop(server);
}

static void invalid_urls_methods_and_headers_are_refused(void **state)
{
    static const char *const urls[] = {
        "file:///etc/passwd",     "ftp://127.0.0.1/", "gopher://127.0.0.1/", "", "/path", "http://",
        "http://127.0.0.1:99999/"};
    static const char *const headers[] = {"X: a\r\nY: b", "X: a\nY: b", "no colon", ": no name"};
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY});
    talk_init(&talk, "GET", server->port, "/");
    for (size_t i = 0; i < VB_ARRAY_SIZE(headers); i++) {
        talk.exchange.headers = (const char *const[]){headers[i], NULL};
        assert_int_equal(perform(&talk), -EINVAL);
    }
    talk.exchange.headers = NULL;
    talk.exchange.method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET";
    assert_int_equal(perform(&talk), -EINVAL);
    talk.exchange.method = "GET";
    for (size_t i = 0; i < VB_ARRAY_SIZE(urls); i++) {
        talk.exchange.url = urls[i];
        assert_int_equal(perform(&talk), -EINVAL);
    }
    assert_int_equal(script_requests(server), 0);
    talk_end(&talk);
    script_stop(server);
}

static void loopback_is_not_asked_for_through_a_proxy(void **state)
{
    struct talk talk;

    (void)state;
    SCRIPT(server, {OK_EMPTY});
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    talk_init(&talk, "GET", server->port, "/x");
    assert_int_equal(perform(&talk), 0);
    assert_string_equal(script_request(server, 0)->target, "/x");
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    talk_end(&talk);
    script_stop(server);
}

struct crowd {
    struct vb_http_client *client;
    char url[64];
    atomic_uint answered;
};

static void *crowd_in(void *context)
{
    struct crowd *crowd = context;

    for (int i = 0; i < 20; i++) {
        struct vb_http_exchange exchange = {.method = "GET", .url = crowd->url};

        vb_strbuf_init(&exchange.response, 100);
        if (vb_http_client_perform(crowd->client, &exchange, NULL) == 0 && exchange.status == 200 &&
            strcmp(exchange.response.data, "hello") == 0)
            atomic_fetch_add(&crowd->answered, 1);
        vb_strbuf_release(&exchange.response);
    }
    return NULL;
}

static void threads_share_a_client_and_its_connections(void **state)
{
    static const struct script_step step = {OK_HELLO, 0, SCRIPT_KEEP};
    const struct vb_http_client_config config = {.connections_max = 8};
    struct scripted_server *server = script_start(&step, 1);
    struct crowd crowd = {.client = vb_http_client_create(&config)};
    pthread_t threads[8];

    (void)state;
    server->repeat_last = true;
    snprintf(crowd.url, sizeof(crowd.url), "http://127.0.0.1:%u/", server->port);
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, crowd_in, &crowd);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.answered), 160);
    assert_true(script_connections(server) <= 8);
    vb_http_client_destroy(crowd.client);
    script_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_collects_status_headers_and_body),
        cmocka_unit_test(dot_segments_and_escapes_are_sent_unchanged),
        cmocka_unit_test(head_waits_for_no_body),
        cmocka_unit_test(a_body_in_memory_is_sent_whole),
        cmocka_unit_test(an_empty_body_has_a_length),
        cmocka_unit_test(a_large_body_asks_before_it_is_sent),
        cmocka_unit_test(a_pulled_body_is_sent_with_and_without_its_size),
        cmocka_unit_test(a_pull_that_fails_aborts),
        cmocka_unit_test(one_connection_serves_call_after_call),
        cmocka_unit_test(a_kept_connection_that_was_closed_is_replaced),
        cmocka_unit_test(a_pulled_body_is_rewound_for_a_second_try),
        cmocka_unit_test(a_new_connection_that_closes_is_an_error),
        cmocka_unit_test(silence_ends_after_the_idle_timeout),
        cmocka_unit_test(dripping_ends_after_the_whole_timeout),
        cmocka_unit_test(a_connection_that_is_not_accepted_times_out),
        cmocka_unit_test(a_port_where_nobody_listens_is_refused),
        cmocka_unit_test(cancelling_a_client_ends_exchanges_in_flight_and_all_later_ones),
        cmocka_unit_test(an_answer_has_limits),
        cmocka_unit_test(torn_and_malformed_answers_are_errors),
        cmocka_unit_test(interim_answers_and_trailers_are_not_reported),
        cmocka_unit_test(redirects_are_answers),
        cmocka_unit_test(a_callback_can_cancel_the_exchange),
        cmocka_unit_test(invalid_urls_methods_and_headers_are_refused),
        cmocka_unit_test(loopback_is_not_asked_for_through_a_proxy),
        cmocka_unit_test(threads_share_a_client_and_its_connections),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
