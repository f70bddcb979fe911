/* The cache of Apple's key set, with a server that answers as each test wants. */
#include "scripted_server.h"

#include "api/auth/apple_keys.h"
#include "base/clock.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char good[1024]; /* an answer with a key set */
static const char away[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

static struct vb_http_client *http;

static int setup(void **state)
{
    unsigned char modulus[256];
    char encoded[VB_BASE64_SIZE(sizeof(modulus))], body[768];

    (void)state;
    memset(modulus, 0xc5, sizeof(modulus));
    vb_base64url_encode(modulus, sizeof(modulus), encoded);
    snprintf(body, sizeof(body), "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"AQAB\"}]}",
             encoded);
    snprintf(good, sizeof(good), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    http = vb_http_client_create(&(struct vb_http_client_config){.idle_timeout_ms = 200});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vb_http_client_destroy(http);
    return 0;
}

/* period_ms: for everything; 0: as in production. */
static struct vb_apple_cache *create(const struct scripted_server *server, unsigned period_ms)
{
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/auth/keys", server->port);
    return vb_apple_cache_create(&(struct vb_apple_cache_config){.http = http,
                                                                 .url = url,
                                                                 .fresh_ms = period_ms,
                                                                 .retry_ms = period_ms,
                                                                 .retry_without_ms = period_ms});
}

/* Whether the cache gives keys. */
static bool get(struct vb_apple_cache *cache, bool unknown_key)
{
    struct vb_apple_keys *keys = NULL;
    int64_t before_ms = vb_clock_monotonic_ms();
    int r;

    while (vb_clock_monotonic_ms() < before_ms + 2) /* a period of 1 ms is over then */
        continue;
    r = vb_apple_cache_get(cache, unknown_key, &keys, NULL);
    assert_true((r == 0) == (keys != NULL));
    vb_apple_keys_unref(keys);
    return r == 0;
}

static void keys_are_cached(void **state)
{
    const struct script_step steps[] = {{good, 0, SCRIPT_KEEP}};
    struct scripted_server *server = script_start(steps, 1);
    struct vb_apple_cache *cache = create(server, 0);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(get(cache, i % 2));
    assert_int_equal(script_requests(server), 1); /* also for unknown keys, so soon after */
    vb_apple_cache_destroy(cache);
    script_stop(server);
}

static void an_unknown_key_causes_a_new_fetch(void **state)
{
    const struct script_step steps[] = {{good, 0, SCRIPT_KEEP}, {good, 0, SCRIPT_KEEP}};
    struct scripted_server *server = script_start(steps, 2);
    char url[64];
    struct vb_apple_cache *cache;

    (void)state;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/auth/keys", server->port);
    cache = vb_apple_cache_create(&(struct vb_apple_cache_config){.http = http, .url = url, .retry_ms = 1});
    assert_true(get(cache, false));
    assert_true(get(cache, false));
    assert_int_equal(script_requests(server), 1);
    assert_true(get(cache, true));
    assert_int_equal(script_requests(server), 2);
    vb_apple_cache_destroy(cache);
    script_stop(server);
}

static void stale_keys_stay_in_use_while_apple_does_not_answer(void **state)
{
    const struct script_step steps[] = {{good, 0, SCRIPT_KEEP},
                                        {away, 0, SCRIPT_KEEP},
                                        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, SCRIPT_CLOSE},
                                        {NULL, 0, SCRIPT_CLOSE},
                                        {NULL, 0, SCRIPT_STALL}};
    struct scripted_server *server = script_start(steps, 5);
    struct vb_apple_cache *cache = create(server, 1);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(get(cache, false));
    assert_true(script_requests(server) >= 5);
    vb_apple_cache_destroy(cache);
    script_stop(server);
}

static void without_any_keys_the_cache_fails_until_a_fetch_succeeds(void **state)
{
    const struct script_step steps[] = {{away, 0, SCRIPT_KEEP}, {good, 0, SCRIPT_KEEP}};
    struct scripted_server *server = script_start(steps, 2);
    struct vb_apple_cache *cache = create(server, 1);

    (void)state;
    assert_false(get(cache, false));
    assert_true(get(cache, false));
    vb_apple_cache_destroy(cache);
    script_stop(server);
}

static void a_failed_fetch_is_not_retried_at_once(void **state)
{
    const struct script_step steps[] = {{away, 0, SCRIPT_KEEP}};
    struct scripted_server *server = script_start(steps, 1);
    struct vb_apple_cache *cache = create(server, 60000);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_false(get(cache, i % 2));
    assert_int_equal(script_requests(server), 1);
    vb_apple_cache_destroy(cache);
    script_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_cached),
        cmocka_unit_test(an_unknown_key_causes_a_new_fetch),
        cmocka_unit_test(stale_keys_stay_in_use_while_apple_does_not_answer),
        cmocka_unit_test(without_any_keys_the_cache_fails_until_a_fetch_succeeds),
        cmocka_unit_test(a_failed_fetch_is_not_retried_at_once),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
