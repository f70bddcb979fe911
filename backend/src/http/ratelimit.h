/*
 * Token buckets, one per client: a rate of requests per second, and a burst above it. Memory is fixed (1 MiB
 * at the most) for any number of clients. Thread-safe; taking a token costs a hash and a short lock.
 */
#ifndef VB_HTTP_RATELIMIT_H
#define VB_HTTP_RATELIMIT_H

#include <stdint.h>

/* Remembered at once; a further client takes the place of the one with the fullest bucket. */
#define VB_RATELIMIT_CLIENTS  65536
#define VB_RATELIMIT_RATE_MAX 1000000 /* per second */

struct vb_ratelimit;

/* Reads RATE_LIMIT: "off" (rate 0), "100" (per second and client; burst is twice that) or "100/200"
 * (rate/burst). Returns 0 or -EINVAL. */
int vb_ratelimit_parse(const char *text, unsigned *ret_rate_per_s, unsigned *ret_burst);

/* rate_per_s: 1 … VB_RATELIMIT_RATE_MAX. burst: requests that may come at once; at least 1. */
struct vb_ratelimit *vb_ratelimit_create(unsigned rate_per_s, unsigned burst);
/* The same for slow rates: one token every interval_s seconds, 1 … 86400. */
struct vb_ratelimit *vb_ratelimit_create_slow(unsigned interval_s, unsigned burst);
void vb_ratelimit_destroy(struct vb_ratelimit *limiter); /* NULL is fine */

/* Takes one token for key, a client's address as text (IPv6 ones count by /64, which is what one subscriber
 * has; IPv4 ones mapped into IPv6 as IPv4) or any other name. now_ms: vb_clock_monotonic_ms(). Returns 0, or
 * -EAGAIN when there is none: retry_after_s then says when there will be one (1 or more; 0 otherwise).
 * ret_remaining: whole tokens left. Either result may be NULL. A limiter of NULL lets everything pass. */
int vb_ratelimit_take(struct vb_ratelimit *limiter, const char *key, int64_t now_ms,
                      unsigned *ret_retry_after_s, unsigned *ret_remaining);
/* Puts back the token that was taken last, when the request turns out not to count. */
void vb_ratelimit_give_back(struct vb_ratelimit *limiter, const char *key);
/* Fills the bucket of key. */
void vb_ratelimit_refill(struct vb_ratelimit *limiter, const char *key);

/* The limit as parameters of a RateLimit-Policy item (draft-ietf-httpapi-ratelimit-headers-10): "q=400;w=4",
 * which is the burst and the seconds that an empty bucket takes to be full. Lives as long as the limiter. */
const char *vb_ratelimit_policy(const struct vb_ratelimit *limiter);
/* Seconds until a bucket with that many tokens left is full again, rounded up. */
unsigned vb_ratelimit_reset_s(const struct vb_ratelimit *limiter, unsigned remaining);

#endif
