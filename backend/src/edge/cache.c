/*
 * The memory of the edge: see cache.h.
 */
#include "edge/cache.h"

#include "base/memory.h"
#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 16, BUCKETS = 1024 };
#define ENTRY_MAGIC       0x76bcac4eu
#define DEFAULT_BYTES_MAX ((size_t)32 * 1024 * 1024)
#define DEFAULT_BODY_MAX  ((size_t)512 * 1024)
#define ENTRY_OVERHEAD    ((size_t)64) /* the allocator's, roughly */

struct entry {
    struct vb_cache_entry shown; /* first: callers hold a pointer to it */
    unsigned magic;
    atomic_uint references;
    struct vb_cache *cache;
    char *body;
    size_t cost; /* bytes that it counts */
};

/* An entry under its key, in a shard. */
struct slot {
    struct entry *entry;
    struct slot *bucket_next;
    struct slot *newer, *older;
    uint64_t hash;
    int64_t expires_ms;
    bool stale;
    size_t cost;
    char key[];
};

/* A key that a leader fills. */
struct flight {
    struct flight *next;
    struct vb_cache_waiter *waiters;
    struct vb_cache_waiter **waiters_end;
    uint64_t hash;
    bool purged; /* since it began */
    char key[];
};

struct shard {
    pthread_mutex_t lock;
    struct slot *buckets[BUCKETS];
    struct slot *newest, *oldest;
    struct flight *flights;
    size_t entries, bytes;
};

struct vb_cache {
    size_t bytes_max, body_max, shard_max;
    atomic_size_t live_bytes;
    uint64_t seed[2];
    struct shard shards[SHARDS];
};

/* Keyed with a secret, so that nobody outside can pick keys that collide. */
static uint64_t hash_key(const struct vb_cache *cache, const char *key, size_t length)
{
    uint64_t state = cache->seed[0] ^ length;

    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = 0;
        memcpy(&word, key + at, length - at < 8 ? length - at : 8);
        __uint128_t product = (__uint128_t)(state ^ word) * (cache->seed[1] ^ (0x9e3779b97f4a7c15u + at));
        state = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    return state ^ (state >> 29);
}

static struct shard *shard_of(struct vb_cache *cache, uint64_t hash)
{
    return &cache->shards[(hash >> 48) % SHARDS];
}

struct vb_cache *vb_cache_create(const struct vb_cache_config *config)
{
    struct vb_cache *cache = vb_xcalloc(1, sizeof(*cache));

    cache->bytes_max = config->bytes_max ? config->bytes_max : DEFAULT_BYTES_MAX;
    cache->body_max = config->body_max ? config->body_max : DEFAULT_BODY_MAX;
    cache->shard_max = cache->bytes_max / SHARDS;
    vb_random_bytes(cache->seed, sizeof(cache->seed));
    cache->seed[1] |= 1;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    return cache;
}

size_t vb_cache_body_max(const struct vb_cache *cache)
{
    return cache->body_max;
}

bool vb_cache_has_room(const struct vb_cache *cache, size_t size)
{
    return atomic_load_explicit(&cache->live_bytes, memory_order_relaxed) + size <= 2 * cache->bytes_max;
}

struct vb_cache_entry *vb_cache_entry_create(struct vb_cache *cache, const struct vb_cache_entry *description,
                                             char *body)
{
    struct entry *entry = malloc(sizeof(*entry));

    if (!entry) {
        free(body);
        return NULL;
    }
    *entry = (struct entry){.shown = *description, .magic = ENTRY_MAGIC, .cache = cache, .body = body};
    entry->shown.body = body;
    entry->cost = sizeof(*entry) + ENTRY_OVERHEAD + (body ? (size_t)description->size : 0);
    atomic_init(&entry->references, 1);
    atomic_fetch_add_explicit(&cache->live_bytes, entry->cost, memory_order_relaxed);
    return &entry->shown;
}

static struct vb_cache_entry *entry_reference(struct entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return &entry->shown;
}

void vb_cache_entry_release(struct vb_cache_entry *shown)
{
    struct entry *entry = (struct entry *)shown;

    if (!entry)
        return;
    vb_assert(entry->magic == ENTRY_MAGIC);
    unsigned before = atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    vb_assert(before > 0);
    if (before > 1)
        return;
    atomic_fetch_sub_explicit(&entry->cache->live_bytes, entry->cost, memory_order_relaxed);
    entry->magic = 0;
    free(entry->body);
    free(entry);
}

void vb_cache_entry_release_void(void *entry)
{
    vb_cache_entry_release(entry);
}

static void lru_unlink(struct shard *shard, struct slot *slot)
{
    *(slot->newer ? &slot->newer->older : &shard->newest) = slot->older;
    *(slot->older ? &slot->older->newer : &shard->oldest) = slot->newer;
}

static void lru_add_newest(struct shard *shard, struct slot *slot)
{
    slot->newer = NULL;
    slot->older = shard->newest;
    *(shard->newest ? &shard->newest->newer : &shard->oldest) = slot;
    shard->newest = slot;
}

static struct slot **slot_find(struct shard *shard, const char *key, uint64_t hash)
{
    struct slot **at = &shard->buckets[hash % BUCKETS];

    while (*at && ((*at)->hash != hash || strcmp((*at)->key, key) != 0))
        at = &(*at)->bucket_next;
    return at;
}

/* Takes a slot out of its shard and hands its entry's reference to the caller. */
static struct entry *slot_remove(struct shard *shard, struct slot **at)
{
    struct slot *slot = *at;

    vb_assert(slot != NULL);
    struct entry *entry = slot->entry;
    *at = slot->bucket_next;
    lru_unlink(shard, slot);
    vb_assert(shard->entries > 0 && shard->bytes >= slot->cost);
    shard->entries--;
    shard->bytes -= slot->cost;
    free(slot);
    return entry;
}

static void evict(struct vb_cache *cache, struct shard *shard)
{
    while (shard->bytes > cache->shard_max && shard->oldest) {
        struct slot *slot = shard->oldest;

        vb_cache_entry_release(&slot_remove(shard, slot_find(shard, slot->key, slot->hash))->shown);
    }
}

/* Puts the entry under key, in place of an older one (which may be the same). Out of memory, it is not
 * kept. */
static void slot_put(struct vb_cache *cache, struct shard *shard, const char *key, uint64_t hash,
                     struct entry *entry, bool stale, int64_t now_ms)
{
    struct slot **at = slot_find(shard, key, hash);

    entry_reference(entry);
    if (*at)
        vb_cache_entry_release(&slot_remove(shard, at)->shown);
    size_t size = strlen(key) + 1;
    struct slot *slot = malloc(sizeof(*slot) + size);
    if (!slot) {
        vb_cache_entry_release(&entry->shown);
        return;
    }
    bool soon = entry->shown.missing || entry->shown.unfit || stale;
    int64_t ttl_ms = soon ? VB_CACHE_SHORT_TTL_MS : VB_CACHE_TTL_MS;
    *slot = (struct slot){.entry = entry, .hash = hash, .expires_ms = now_ms + ttl_ms, .stale = stale};
    slot->cost = entry->cost + sizeof(*slot) + size + ENTRY_OVERHEAD;
    memcpy(slot->key, key, size);
    at = &shard->buckets[hash % BUCKETS];
    slot->bucket_next = *at;
    *at = slot;
    lru_add_newest(shard, slot);
    shard->entries++;
    shard->bytes += slot->cost;
    evict(cache, shard);
}

static struct vb_cache_entry *lookup_locked(struct shard *shard, const char *key, uint64_t hash,
                                            int64_t now_ms, enum vb_cache_source *ret_source)
{
    struct slot *slot = *slot_find(shard, key, hash);

    if (!slot || slot->expires_ms <= now_ms)
        return NULL;
    if (slot != shard->newest) {
        lru_unlink(shard, slot);
        lru_add_newest(shard, slot);
    }
    *ret_source = slot->stale ? VB_CACHE_SOURCE_STALE : VB_CACHE_SOURCE_HIT;
    return entry_reference(slot->entry);
}

struct vb_cache_entry *vb_cache_lookup(struct vb_cache *cache, const char *key, int64_t now_ms,
                                       enum vb_cache_source *ret_source)
{
    uint64_t hash = hash_key(cache, key, strlen(key));
    struct shard *shard = shard_of(cache, hash);

    pthread_mutex_lock(&shard->lock);
    struct vb_cache_entry *entry = lookup_locked(shard, key, hash, now_ms, ret_source);
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

struct vb_cache_entry *vb_cache_peek(struct vb_cache *cache, const char *key)
{
    uint64_t hash = hash_key(cache, key, strlen(key));
    struct shard *shard = shard_of(cache, hash);
    struct vb_cache_entry *entry = NULL;

    pthread_mutex_lock(&shard->lock);
    struct slot *slot = *slot_find(shard, key, hash);
    if (slot && !slot->entry->shown.missing && !slot->entry->shown.unfit)
        entry = entry_reference(slot->entry);
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

static struct flight **flight_find(struct shard *shard, const char *key, uint64_t hash)
{
    struct flight **at = &shard->flights;

    while (*at && ((*at)->hash != hash || strcmp((*at)->key, key) != 0))
        at = &(*at)->next;
    return at;
}

enum vb_cache_claim vb_cache_claim(struct vb_cache *cache, const char *key, int64_t now_ms,
                                   struct vb_cache_waiter *waiter, struct vb_cache_entry **ret_entry,
                                   enum vb_cache_source *ret_source)
{
    size_t length = strlen(key);
    uint64_t hash = hash_key(cache, key, length);
    struct shard *shard = shard_of(cache, hash);
    enum vb_cache_claim claim = VB_CACHE_LEAD;

    pthread_mutex_lock(&shard->lock);
    struct vb_cache_entry *entry = lookup_locked(shard, key, hash, now_ms, ret_source);
    struct flight *flight = entry ? NULL : *flight_find(shard, key, hash);
    if (entry) {
        *ret_entry = entry;
        claim = VB_CACHE_HIT;
    } else if (flight) {
        if (waiter) {
            waiter->next = NULL;
            *flight->waiters_end = waiter;
            flight->waiters_end = &waiter->next;
        }
        claim = VB_CACHE_WAIT;
    } else {
        flight = vb_xcalloc(1, sizeof(*flight) + length + 1);
        flight->hash = hash;
        flight->waiters_end = &flight->waiters;
        memcpy(flight->key, key, length + 1);
        flight->next = shard->flights;
        shard->flights = flight;
    }
    pthread_mutex_unlock(&shard->lock);
    return claim;
}

bool vb_cache_publish(struct vb_cache *cache, const char *key, const struct vb_cache_outcome *outcome,
                      int64_t now_ms)
{
    uint64_t hash = hash_key(cache, key, strlen(key));
    struct shard *shard = shard_of(cache, hash);
    struct entry *entry = (struct entry *)outcome->entry;

    vb_assert(entry ? outcome->error == 0 : outcome->error < 0);
    pthread_mutex_lock(&shard->lock);
    struct flight **at = flight_find(shard, key, hash);
    struct flight *flight = *at;
    vb_assert(flight != NULL);
    *at = flight->next;
    bool purged = flight->purged && !(entry && entry->shown.missing);
    if (entry && outcome->keep && !purged)
        slot_put(cache, shard, key, hash, entry, outcome->source == VB_CACHE_SOURCE_STALE, now_ms);
    pthread_mutex_unlock(&shard->lock);
    for (struct vb_cache_waiter *waiter = flight->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        waiter->wake(waiter, entry ? entry_reference(entry) : NULL, outcome->source, outcome->error);
    }
    free(flight);
    return !purged;
}

static bool belongs_to(const char *name, const char *key, size_t length)
{
    return strncmp(name, key, length) == 0 && (name[length] == '\0' || name[length] == VB_CACHE_PART);
}

static void purge_shard(struct shard *shard, const char *key)
{
    size_t length = strlen(key);

    for (struct flight *flight = shard->flights; flight; flight = flight->next)
        flight->purged |= belongs_to(flight->key, key, length);
    for (struct slot *slot = shard->newest, *older; slot; slot = older) {
        older = slot->older;
        if (belongs_to(slot->key, key, length))
            vb_cache_entry_release(&slot_remove(shard, slot_find(shard, slot->key, slot->hash))->shown);
    }
}

void vb_cache_purge(struct vb_cache *cache, const char *key)
{
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        purge_shard(&cache->shards[i], key);
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
}

void vb_cache_stats(struct vb_cache *cache, struct vb_cache_stats *ret_stats)
{
    struct vb_cache_stats stats = {.live_bytes = atomic_load(&cache->live_bytes)};

    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        stats.entries += cache->shards[i].entries;
        stats.bytes += cache->shards[i].bytes;
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
    *ret_stats = stats;
}

void vb_cache_destroy(struct vb_cache *cache)
{
    if (!cache)
        return;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        vb_assert(shard->flights == NULL);
        while (shard->oldest) {
            struct slot *slot = shard->oldest;

            vb_cache_entry_release(&slot_remove(shard, slot_find(shard, slot->key, slot->hash))->shown);
        }
        pthread_mutex_destroy(&shard->lock);
    }
    vb_assert(atomic_load(&cache->live_bytes) == 0);
    free(cache);
}
