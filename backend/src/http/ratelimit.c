/*
 * Token buckets: see ratelimit.h.
 *
 * A bucket is one number: the time at which it is full again (the "theoretical arrival time" of the generic
 * cell rate algorithm, ITU-T I.371). Taking a token adds one interval to it; a request conforms while it
 * stays within burst intervals of now. A full bucket equals a forgotten one, so eviction takes the fullest.
 *
 * The table is set-associative: a client's keyed hash (SipHash-2-4, so that nobody can choose whom to collide
 * with) picks a shard, in it a set, and its bucket is in one of the set's WAYS places.
 */
#include "http/ratelimit.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS       64
#define WAYS         16
#define SETS         (VB_RATELIMIT_CLIENTS / SHARDS / WAYS)
#define NS_PER_S     INT64_C(1000000000)
#define KEY_TEXT_MAX 256 /* bytes of a key that count */

/* Together far below what 63 bits of nanoseconds hold. */
#define SLOW_INTERVAL_MAX_S 86400
#define SLOW_BURST_MAX      10000

struct bucket {
    uint64_t client; /* hash; 0: free */
    int64_t full_at_ns;
};

struct shard {
    pthread_mutex_t lock;
    struct bucket (*sets)[WAYS];
} __attribute__((aligned(64)));

struct vb_ratelimit {
    int64_t interval_ns; /* between tokens */
    unsigned burst;
    char policy[32];
    uint64_t secret[2];
    struct bucket (*table)[WAYS];
    struct shard shards[SHARDS];
};

static int read_count(const char **text, unsigned max, unsigned *ret_count)
{
    size_t length = vb_digits_length(*text, SIZE_MAX);
    uint64_t count;

    if (vb_uint_parse(*text, length, max, &count) < 0 || count == 0)
        return -EINVAL;
    *text += length;
    *ret_count = (unsigned)count;
    return 0;
}

int vb_ratelimit_parse(const char *text, unsigned *ret_rate_per_s, unsigned *ret_burst)
{
    unsigned rate, burst;

    if (strcmp(text, "off") == 0) {
        *ret_rate_per_s = *ret_burst = 0;
        return 0;
    }
    if (read_count(&text, VB_RATELIMIT_RATE_MAX, &rate) < 0)
        return -EINVAL;
    burst = 2 * rate;
    if (*text == '/') {
        text++;
        if (read_count(&text, 2 * VB_RATELIMIT_RATE_MAX, &burst) < 0)
            return -EINVAL;
    }
    if (*text != '\0')
        return -EINVAL;
    *ret_rate_per_s = rate;
    *ret_burst = burst;
    return 0;
}

static struct vb_ratelimit *create(int64_t interval_ns, unsigned burst)
{
    struct vb_ratelimit *limiter = vb_xcalloc(1, sizeof(*limiter));

    vb_assert(burst >= 1);
    limiter->interval_ns = interval_ns;
    limiter->burst = burst;
    snprintf(limiter->policy, sizeof(limiter->policy), "q=%u;w=%u", burst, vb_ratelimit_reset_s(limiter, 0));
    vb_random_bytes(limiter->secret, sizeof(limiter->secret));
    /* From calloc: pages that no client hashes to stay the kernel's. */
    limiter->table = vb_xcalloc((size_t)SHARDS * SETS, sizeof(*limiter->table));
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&limiter->shards[i].lock, NULL);
        limiter->shards[i].sets = limiter->table + i * SETS;
    }
    return limiter;
}

struct vb_ratelimit *vb_ratelimit_create(unsigned rate_per_s, unsigned burst)
{
    vb_assert(rate_per_s >= 1 && rate_per_s <= VB_RATELIMIT_RATE_MAX);
    return create(NS_PER_S / rate_per_s, burst);
}

struct vb_ratelimit *vb_ratelimit_create_slow(unsigned interval_s, unsigned burst)
{
    vb_assert(interval_s >= 1 && interval_s <= SLOW_INTERVAL_MAX_S && burst <= SLOW_BURST_MAX);
    return create(interval_s * NS_PER_S, burst);
}

void vb_ratelimit_destroy(struct vb_ratelimit *limiter)
{
    if (!limiter)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&limiter->shards[i].lock);
    free(limiter->table);
    free(limiter);
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned rounds)
{
    while (rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
static uint64_t keyed_hash(const uint64_t secret[2], const unsigned char *data, size_t size)
{
    uint64_t v[4] = {secret[0] ^ UINT64_C(0x736f6d6570736575), secret[1] ^ UINT64_C(0x646f72616e646f6d),
                     secret[0] ^ UINT64_C(0x6c7967656e657261), secret[1] ^ UINT64_C(0x7465646279746573)};
    size_t left = size;

    for (bool last = false; !last; data += 8) {
        uint64_t word = 0;
        size_t take = left < 8 ? left : 8;

        for (size_t i = 0; i < take; i++)
            word |= (uint64_t)data[i] << (8 * i);
        last = left < 8;
        if (last)
            word |= (uint64_t)(size & 0xff) << 56;
        left -= take;
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The bytes that one subscriber shares: an IPv4 address, the first 64 bits of an IPv6 one, else the text. */
static uint64_t hash_client(const struct vb_ratelimit *limiter, const char *key)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct in6_addr v6;
    struct in_addr v4;
    uint64_t hash;

    if (strchr(key, ':') && inet_pton(AF_INET6, key, &v6) == 1) {
        if (memcmp(&v6, mapped, sizeof(mapped)) == 0)
            hash = keyed_hash(limiter->secret, (unsigned char *)&v6 + sizeof(mapped), 4);
        else
            hash = keyed_hash(limiter->secret, (unsigned char *)&v6, 8);
    } else if (inet_pton(AF_INET, key, &v4) == 1) {
        hash = keyed_hash(limiter->secret, (unsigned char *)&v4, 4);
    } else {
        hash = keyed_hash(limiter->secret, (const unsigned char *)key, strnlen(key, KEY_TEXT_MAX));
    }
    return hash ? hash : 1;
}

/* The client's bucket; for a new client the fullest one of its set, whose client loses least. */
static struct bucket *find_bucket(struct bucket set[WAYS], uint64_t client)
{
    struct bucket *fullest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].client == client)
            return &set[i];
        if (set[i].full_at_ns < fullest->full_at_ns)
            fullest = &set[i];
    }
    *fullest = (struct bucket){.client = client};
    return fullest;
}

int vb_ratelimit_take(struct vb_ratelimit *limiter, const char *key, int64_t now_ms,
                      unsigned *ret_retry_after_s, unsigned *ret_remaining)
{
    int64_t now_ns = now_ms * (NS_PER_S / 1000), capacity_ns, debt_ns;
    struct bucket *bucket;
    struct shard *shard;
    uint64_t client;
    bool taken;

    if (!limiter) {
        if (ret_retry_after_s)
            *ret_retry_after_s = 0;
        if (ret_remaining)
            *ret_remaining = UINT32_MAX;
        return 0;
    }
    capacity_ns = limiter->interval_ns * limiter->burst;
    client = hash_client(limiter, key);
    shard = &limiter->shards[client % SHARDS];

    pthread_mutex_lock(&shard->lock);
    bucket = find_bucket(shard->sets[client / SHARDS % SETS], client);
    debt_ns = bucket->full_at_ns > now_ns ? bucket->full_at_ns - now_ns : 0;
    taken = debt_ns + limiter->interval_ns <= capacity_ns;
    if (taken) {
        debt_ns += limiter->interval_ns;
        bucket->full_at_ns = now_ns + debt_ns;
    }
    pthread_mutex_unlock(&shard->lock);

    if (ret_remaining)
        *ret_remaining =
            debt_ns < capacity_ns ? (unsigned)((capacity_ns - debt_ns) / limiter->interval_ns) : 0;
    if (ret_retry_after_s) {
        int64_t wait_ns = debt_ns + limiter->interval_ns - capacity_ns;

        *ret_retry_after_s = taken ? 0 : (unsigned)((wait_ns + NS_PER_S - 1) / NS_PER_S);
    }
    return taken ? 0 : -EAGAIN;
}

const char *vb_ratelimit_policy(const struct vb_ratelimit *limiter)
{
    return limiter->policy;
}

unsigned vb_ratelimit_reset_s(const struct vb_ratelimit *limiter, unsigned remaining)
{
    int64_t missing = remaining < limiter->burst ? limiter->burst - remaining : 0;

    return (unsigned)((missing * limiter->interval_ns + NS_PER_S - 1) / NS_PER_S);
}

/* Makes the client's bucket, if there is one, full again that much earlier. */
static void fill(struct vb_ratelimit *limiter, const char *key, int64_t by_ns)
{
    uint64_t client = hash_client(limiter, key);
    struct shard *shard = &limiter->shards[client % SHARDS];
    struct bucket *set = shard->sets[client / SHARDS % SETS];

    pthread_mutex_lock(&shard->lock);
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].client == client)
            set[i].full_at_ns = set[i].full_at_ns > by_ns ? set[i].full_at_ns - by_ns : 0;
    pthread_mutex_unlock(&shard->lock);
}

void vb_ratelimit_give_back(struct vb_ratelimit *limiter, const char *key)
{
    fill(limiter, key, limiter->interval_ns);
}

void vb_ratelimit_refill(struct vb_ratelimit *limiter, const char *key)
{
    fill(limiter, key, INT64_MAX);
}
