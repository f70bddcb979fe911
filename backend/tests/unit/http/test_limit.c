/* The headers that the server adds to answers: how the limits stand, and its own. */
#include "base/memory.h"
#include "http/client.h"
#include "http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct app {
    struct vb_pool *pool;
    struct vb_ratelimit *addresses, *users;
    struct vb_http_client *client;
    struct vb_http_server *server;
    char headers[4096]; /* of the last answer: "name: value\n" each */
};

/* Takes a token for whoever X-User names. */
static void limited(struct vb_http_request *request)
{
    struct app *app = request->app;
    const char *user = vb_http_header(request, "X-User");

    if (user && !vb_http_take_token(request, app->users, "user", user))
        return;
    vb_http_add_header(request, "X-Given", "by the handler");
    vb_http_answer(request, 200, "text/plain", "hello", 5);
}

static const struct vb_route routes[] = {
    {.methods = VB_HTTP_GET, .pattern = "/limited", .handle = limited},
    {.methods = VB_HTTP_GET, .pattern = "/quiet", .handle = limited, .flags = VB_ROUTE_QUIET},
    {.pattern = NULL}};

static const struct vb_http_header own_headers[] = {
    {"X-Own", "by the server"}, {"X-Given", "by the server"}, {NULL, NULL}};

static int setup(void **state)
{
    struct app *app = vb_xcalloc(1, sizeof(*app));

    app->pool = vb_pool_create("test", 2, 16);
    app->addresses = vb_ratelimit_create(1, 4);
    app->users = vb_ratelimit_create(1, 2);
    app->client = vb_http_client_create(&(struct vb_http_client_config){.connections_max = 2});
    assert_int_equal(vb_http_server_start(&(struct vb_http_config){.name = "test",
                                                                   .bind_address = "127.0.0.1",
                                                                   .routes = routes,
                                                                   .app = app,
                                                                   .threads = 1,
                                                                   .pool = app->pool,
                                                                   .trusted_proxies = "127.0.0.1",
                                                                   .rate_limit = app->addresses,
                                                                   .headers = own_headers,
                                                                   .strict_transport_security = "max-age=1",
                                                                   .no_access_log = true},
                                          &app->server, NULL),
                     0);
    *state = app;
    return 0;
}

static int teardown(void **state)
{
    struct app *app = *state;

    vb_http_server_stop(app->server);
    vb_http_client_destroy(app->client);
    vb_pool_destroy(app->pool);
    vb_ratelimit_destroy(app->addresses);
    vb_ratelimit_destroy(app->users);
    free(app);
    return 0;
}

static int keep_header(void *context, const char *name, const char *value)
{
    struct app *app = context;
    size_t length = strlen(app->headers);

    snprintf(app->headers + length, sizeof(app->headers) - length, "%s: %s\n", name, value);
    return 0;
}

/* The status of the answer; its headers are in app->headers. header: one more, or NULL. */
static int get(struct app *app, const char *path, const char *header)
{
    const char *headers[] = {header, NULL};
    struct vb_http_exchange exchange = {
        .method = "GET", .headers = headers, .timeout_ms = 10000, .on_header = keep_header, .context = app};
    char url[128];

    app->headers[0] = '\0';
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", vb_http_server_port(app->server), path);
    exchange.url = url;
    vb_strbuf_init(&exchange.response, 4096);
    assert_int_equal(vb_http_client_perform(app->client, &exchange, NULL), 0);
    vb_strbuf_release(&exchange.response);
    return exchange.status;
}

static void assert_header(const struct app *app, const char *line)
{
    if (!strcasestr(app->headers, line))
        fail_msg("no %s in:\n%s", line, app->headers);
}

static void answers_say_how_each_limit_stands(void **state)
{
    struct app *app = *state;

    assert_int_equal(get(app, "/limited", NULL), 200);
    assert_header(app, "RateLimit-Policy: \"address\";q=4;w=4\n");
    assert_header(app, "RateLimit: \"address\";r=3;t=1\n");
    assert_int_equal(get(app, "/limited", "X-User: zoe"), 200);
    assert_header(app, "RateLimit-Policy: \"address\";q=4;w=4, \"user\";q=2;w=2\n");
    assert_header(app, ", \"user\";r=1;t=1\n");
}

static void an_empty_bucket_is_429_with_retry_after(void **state)
{
    struct app *app = *state;
    int status = 200;

    for (int i = 0; i < 10 && status == 200; i++)
        status = get(app, "/quiet", "X-User: sam");
    assert_int_equal(status, 429);
    assert_header(app, "Retry-After: 1\n");
    assert_header(app, "RateLimit: \"user\";r=0;t=2\n");
    assert_int_equal(get(app, "/quiet", "X-User: zoe"), 200); /* somebody else */
}

static void without_a_limit_answers_have_no_limit_headers(void **state)
{
    struct app *app = *state;

    assert_int_equal(get(app, "/quiet", NULL), 200);
    assert_null(strcasestr(app->headers, "ratelimit"));
}

static void the_servers_own_headers_give_way_to_the_handlers(void **state)
{
    struct app *app = *state;

    assert_int_equal(get(app, "/limited", NULL), 200);
    assert_header(app, "X-Own: by the server\n");
    assert_header(app, "X-Given: by the handler\n");
    assert_null(strcasestr(app->headers, "X-Given: by the server"));
    assert_int_equal(get(app, "/nothing", NULL), 404);
    assert_header(app, "X-Given: by the server\n");
}

static void probes_get_none_of_the_servers_own_headers(void **state)
{
    struct app *app = *state;

    assert_int_equal(get(app, "/quiet", NULL), 200);
    assert_header(app, "X-Given: by the handler\n");
    assert_null(strcasestr(app->headers, "X-Own"));
}

static void transport_security_is_sent_over_tls_only(void **state)
{
    struct app *app = *state;

    get(app, "/quiet", "X-Forwarded-Proto: https");
    assert_header(app, "Strict-Transport-Security: max-age=1\n");
    get(app, "/quiet", NULL);
    assert_null(strcasestr(app->headers, "Strict-Transport-Security"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_say_how_each_limit_stands),
        TEST(an_empty_bucket_is_429_with_retry_after),
        TEST(without_a_limit_answers_have_no_limit_headers),
        TEST(the_servers_own_headers_give_way_to_the_handlers),
        TEST(probes_get_none_of_the_servers_own_headers),
        TEST(transport_security_is_sent_over_tls_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
