/* The cache of Apple's key set: see apple_keys.h. */
#include "api/auth/apple_keys.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define FRESH_MS         (60 * 60 * 1000)
#define RETRY_MS         (60 * 1000)
#define RETRY_WITHOUT_MS 1000
#define FETCH_TIMEOUT_MS 5000

struct vb_apple_cache {
    struct vb_apple_cache_config config; /* its url is our copy */
    char *url;
    pthread_mutex_t fetching; /* held during a fetch; taken before lock */
    pthread_mutex_t lock;     /* guards the rest */
    struct vb_apple_keys *keys;
    int64_t fetched_ms, tried_ms; /* monotonic; 0: never */
};

struct vb_apple_cache *vb_apple_cache_create(const struct vb_apple_cache_config *config)
{
    struct vb_apple_cache *cache = vb_xcalloc(1, sizeof(*cache));

    cache->config = *config;
    cache->config.url = cache->url = vb_xstrdup(config->url);
    if (!config->fresh_ms)
        cache->config.fresh_ms = FRESH_MS;
    if (!config->retry_ms)
        cache->config.retry_ms = RETRY_MS;
    if (!config->retry_without_ms)
        cache->config.retry_without_ms = RETRY_WITHOUT_MS;
    pthread_mutex_init(&cache->fetching, NULL);
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void vb_apple_cache_destroy(struct vb_apple_cache *cache)
{
    if (!cache)
        return;
    vb_apple_keys_unref(cache->keys);
    pthread_mutex_destroy(&cache->lock);
    pthread_mutex_destroy(&cache->fetching);
    free(cache->url);
    free(cache);
}

static int fetch(struct vb_apple_cache *cache, struct vb_apple_keys **ret_keys, struct vb_error *err)
{
    struct vb_http_exchange exchange = {.method = "GET", .url = cache->url, .timeout_ms = FETCH_TIMEOUT_MS};
    int r;

    vb_strbuf_init(&exchange.response, VB_APPLE_KEYS_BYTES);
    r = vb_http_client_perform(cache->config.http, &exchange, err);
    if (r == 0 && exchange.status != 200)
        r = vb_error_set(err, EIO, "the server of Apple's keys answered with status %d", exchange.status);
    if (r == 0 && vb_apple_keys_read(exchange.response.data, exchange.response.length, ret_keys) < 0)
        r = vb_error_set(err, EIO, "the server of Apple's keys answered with something that is no key set");
    vb_strbuf_release(&exchange.response);
    return r;
}

/* Returns the cached keys (NULL: none) and whether a fetch is due. */
static struct vb_apple_keys *look(struct vb_apple_cache *cache, bool unknown_key, bool *ret_fetch)
{
    int64_t now_ms = vb_clock_monotonic_ms(), retry_ms;
    struct vb_apple_keys *keys;

    pthread_mutex_lock(&cache->lock);
    keys = cache->keys ? vb_apple_keys_ref(cache->keys) : NULL;
    retry_ms = keys ? cache->config.retry_ms : cache->config.retry_without_ms;
    *ret_fetch = (!keys || unknown_key || now_ms - cache->fetched_ms >= cache->config.fresh_ms) &&
                 (cache->tried_ms == 0 || now_ms - cache->tried_ms >= retry_ms);
    pthread_mutex_unlock(&cache->lock);
    return keys;
}

/* Fetches, with `fetching` held. */
static int refresh(struct vb_apple_cache *cache, struct vb_error *err)
{
    struct vb_apple_keys *keys = NULL, *old = NULL;
    int r;

    pthread_mutex_lock(&cache->lock);
    cache->tried_ms = vb_clock_monotonic_ms();
    pthread_mutex_unlock(&cache->lock);
    r = fetch(cache, &keys, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&cache->lock);
    old = cache->keys;
    cache->keys = keys;
    cache->fetched_ms = cache->tried_ms = vb_clock_monotonic_ms();
    pthread_mutex_unlock(&cache->lock);
    vb_apple_keys_unref(old);
    return 0;
}

int vb_apple_cache_get(struct vb_apple_cache *cache, bool unknown_key, struct vb_apple_keys **ret_keys,
                       struct vb_error *err)
{
    bool due;
    struct vb_apple_keys *keys = look(cache, unknown_key, &due);
    int r = 0;

    if (keys && !due && !unknown_key) {
        *ret_keys = keys;
        return 0;
    }
    /* While another request fetches, keys that are merely old are good enough. No keys, or one
     * too few, are not. */
    if (keys && !unknown_key && pthread_mutex_trylock(&cache->fetching) != 0) {
        *ret_keys = keys;
        return 0;
    }
    if (!keys || unknown_key)
        pthread_mutex_lock(&cache->fetching);
    vb_apple_keys_unref(keys);
    keys = look(cache, unknown_key, &due); /* another request may have fetched meanwhile */
    if (due)
        r = refresh(cache, err);
    pthread_mutex_unlock(&cache->fetching);
    if (due) {
        vb_apple_keys_unref(keys);
        keys = look(cache, false, &due);
    }
    if (!keys)
        return r < 0 ? r : vb_error_set(err, EAGAIN, "the last fetch of Apple's keys failed a moment ago");
    *ret_keys = keys;
    return 0;
}
