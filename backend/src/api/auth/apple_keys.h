/*
 * Apple's key set, fetched over HTTP when it is needed and kept for an hour. A token that names an unknown
 * key causes a new fetch, at most one a minute. While Apple does not answer, the cached keys stay in use. One
 * fetch at a time. Thread-safe; blocking.
 */
#ifndef VB_API_AUTH_APPLE_KEYS_H
#define VB_API_AUTH_APPLE_KEYS_H

#include "api/auth/apple_token.h"
#include "http/client.h"

struct vb_apple_cache;

struct vb_apple_cache_config {
    struct vb_http_client *http; /* must outlive the cache */
    const char *url;             /* copied */
    unsigned fresh_ms;           /* 0: an hour */
    unsigned retry_ms;           /* least time between two fetches while there are keys; 0: a minute */
    unsigned retry_without_ms;   /* … and while there are none; 0: a second */
};

struct vb_apple_cache *vb_apple_cache_create(const struct vb_apple_cache_config *config);
void vb_apple_cache_destroy(struct vb_apple_cache *cache); /* NULL is fine */

/* unknown_key: a token named a key that is not in the last result. The caller releases ret_keys with
 * vb_apple_keys_unref(). Returns 0, or a negative error when there are no keys at all. */
int vb_apple_cache_get(struct vb_apple_cache *cache, bool unknown_key, struct vb_apple_keys **ret_keys,
                       struct vb_error *err);

#endif
