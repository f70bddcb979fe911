/*
 * The memory of the edge: a sharded LRU of objects bounded in bytes, with one fill at a time for each key.
 *
 * An entry is fixed once it is published and counted by references: one that has been evicted lives on until
 * the last answer made of it has been sent. Thread-safe; no call blocks but for short locks.
 */
#ifndef VB_EDGE_CACHE_H
#define VB_EDGE_CACHE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_CACHE_TTL_MS                                                                                      \
    60000 /* an object that is deleted from the bucket is gone from here a minute later                      \
           */
#define VB_CACHE_NEGATIVE_TTL_MS 5000

struct vb_cache;

struct vb_cache_entry {
    bool missing;     /* known not to exist: nothing else is set */
    const char *body; /* NULL for an object too large to be kept: then its description is all there is */
    int64_t size;     /* bytes of the whole object */
    int64_t last_modified_s;
    char last_modified[VB_CLOCK_HTTP_DATE_SIZE];
    char etag[128]; /* strong, with its quotes */
    char content_type[64];
};

struct vb_cache_config {
    size_t bytes_max; /* of all entries; 0: 32 MiB */
    size_t body_max;  /* of one body; 0: 512 KiB */
};

struct vb_cache *vb_cache_create(const struct vb_cache_config *config);
/* All references must have been released and no fill be under way. */
void vb_cache_destroy(struct vb_cache *cache);

size_t vb_cache_body_max(const struct vb_cache *cache);
/* Whether size more bytes may be taken: false when slow readers hold so many evicted bodies that memory would
 * be twice the bound. The object is then to be sent without being kept. */
bool vb_cache_has_room(const struct vb_cache *cache, size_t size);

/* A copy of *description with this body, which it takes (from malloc(), or NULL), and one reference, the
 * caller's. NULL when memory is out (the body is then freed). */
struct vb_cache_entry *vb_cache_entry_create(struct vb_cache *cache, const struct vb_cache_entry *description,
                                             char *body);
void vb_cache_entry_release(struct vb_cache_entry *entry); /* NULL does nothing */
/* The same, fitting the release of an answer. */
void vb_cache_entry_release_void(void *entry);

/* The entry of that key with a reference for the caller, or NULL when there is none or its time is over.
 * now_ms: of the monotonic clock. */
struct vb_cache_entry *vb_cache_lookup(struct vb_cache *cache, const char *key, int64_t now_ms);

/*
 * Filling. Whoever misses claims the key: the first becomes its leader, fetches the object and publishes it;
 * all others are woken with the outcome. A leader must publish, whatever happens.
 */
enum vb_cache_claim { VB_CACHE_HIT, VB_CACHE_LEAD, VB_CACHE_WAIT };

struct vb_cache_waiter {
    /* Called once, by the leader's thread. entry: with a reference for the waiter, or NULL with the leader's
     * error. stale: the fetch has failed and entry is an older one. */
    void (*wake)(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry, bool stale, int error);
    struct vb_cache_waiter *next; /* the cache's */
};

/* waiter stays with the caller, and alive until it is woken (VB_CACHE_WAIT only). ret_entry is set on
 * VB_CACHE_HIT. */
enum vb_cache_claim vb_cache_claim(struct vb_cache *cache, const char *key, int64_t now_ms,
                                   struct vb_cache_waiter *waiter, struct vb_cache_entry **ret_entry);
/* Ends a fill. entry: what was fetched (the leader keeps its reference), or NULL with a negative error. Wakes
 * all waiters. Returns the entry that waiters were given, with a reference for the leader: entry itself, or
 * after an error an older one of the same key whose time was over (*ret_stale), or NULL. keep: whether entry
 * is to be remembered. */
struct vb_cache_entry *vb_cache_publish(struct vb_cache *cache, const char *key, struct vb_cache_entry *entry,
                                        bool keep, int error, int64_t now_ms, bool *ret_stale);
/* Forgets the key. */
void vb_cache_remove(struct vb_cache *cache, const char *key);

struct vb_cache_stats {
    size_t entries, bytes; /* remembered */
    size_t live_bytes;     /* of all entries that exist, the evicted ones in use among them */
};
void vb_cache_stats(struct vb_cache *cache, struct vb_cache_stats *ret_stats);

#endif
