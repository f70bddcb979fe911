/*
 * The memory of the edge: a sharded LRU of objects, bounded in bytes, with single flight: one fill at a time
 * for each key.
 *
 * A published entry never changes, and is counted by references: after its eviction it lives until the last
 * answer that is made of it has been sent. Thread-safe; no call blocks but for short locks.
 */
#ifndef VB_EDGE_CACHE_H
#define VB_EDGE_CACHE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An object that is deleted from the bucket leaves the cache within a minute. */
#define VB_CACHE_TTL_MS 60000
/* Missing objects, and stale ones, are asked for again soon. */
#define VB_CACHE_SHORT_TTL_MS 5000

/* Separates an object's key, which holds no control characters, from the name of a variant or a piece of
 * it. */
#define VB_CACHE_PART '\n'

struct vb_cache;

struct vb_cache_entry {
    bool missing;     /* known not to exist: nothing else is set */
    bool unfit;       /* it is there, but no variant can be made of it: nothing else is set */
    const char *body; /* NULL for an object too large to be kept: the entry is then its description alone */
    int64_t size;     /* bytes of the whole object */
    int64_t last_modified_s;
    char last_modified[VB_CLOCK_HTTP_DATE_SIZE];
    char etag[128]; /* strong, with its quotes */
    char content_type[64];
    char source_etag[128]; /* of a variant: the ETag of its source */
};

/* Where an entry comes from, as X-Cache says it. */
enum vb_cache_source {
    VB_CACHE_SOURCE_HIT,
    VB_CACHE_SOURCE_MISS,
    VB_CACHE_SOURCE_STALE /* an older copy: the origin did not answer */
};

struct vb_cache_config {
    size_t bytes_max; /* of all entries; 0: 32 MiB */
    size_t body_max;  /* of one body; 0: 512 KiB */
};

struct vb_cache *vb_cache_create(const struct vb_cache_config *config);
/* All references must have been released, and no fill may be in flight. */
void vb_cache_destroy(struct vb_cache *cache);

size_t vb_cache_body_max(const struct vb_cache *cache);
/* Whether there is room for size more bytes. False when slow readers hold so many evicted bodies that memory
 * would exceed twice the bound: then the object is sent without being kept. */
bool vb_cache_has_room(const struct vb_cache *cache, size_t size);

/* A copy of *description with this body, which it takes (from malloc(), or NULL), and one reference, the
 * caller's. NULL when memory is out (the body is then freed). */
struct vb_cache_entry *vb_cache_entry_create(struct vb_cache *cache, const struct vb_cache_entry *description,
                                             char *body);
void vb_cache_entry_release(struct vb_cache_entry *entry); /* NULL does nothing */
/* The same, fitting the release of an answer. */
void vb_cache_entry_release_void(void *entry);

/* The entry of that key with a reference for the caller, or NULL when there is none or it has expired.
 * now_ms: of the monotonic clock. ret_source: HIT or STALE. */
struct vb_cache_entry *vb_cache_lookup(struct vb_cache *cache, const char *key, int64_t now_ms,
                                       enum vb_cache_source *ret_source);
/* The same, expired or not; NULL for a missing or an unfit one. */
struct vb_cache_entry *vb_cache_peek(struct vb_cache *cache, const char *key);

/*
 * Single flight. A miss claims the key. The first claim leads: it gets the object and publishes the outcome.
 * The claims that come meanwhile wait, and are woken with the same outcome. A leader must publish, also when
 * it fails.
 *
 *          ┌─ in memory ──────▶ HIT
 *   claim ─┼─ nobody leads ───▶ LEAD ── gets the object ──▶ publish ──▶ in memory, unless purged in flight
 *          └─ another leads ──▶ WAIT ◀──────── wake ───────────┘
 */
enum vb_cache_claim { VB_CACHE_HIT, VB_CACHE_LEAD, VB_CACHE_WAIT };

struct vb_cache_waiter {
    /* Called once, by the leader's thread. entry: with a reference for the waiter, or NULL with the leader's
     * error. */
    void (*wake)(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry, enum vb_cache_source source,
                 int error);
    struct vb_cache_waiter *next; /* the cache's */
};

/* waiter: the caller's; after VB_CACHE_WAIT it must live until it is woken. NULL: VB_CACHE_WAIT says that
 * another leads, and there is no call later. ret_entry and ret_source are set on VB_CACHE_HIT. */
enum vb_cache_claim vb_cache_claim(struct vb_cache *cache, const char *key, int64_t now_ms,
                                   struct vb_cache_waiter *waiter, struct vb_cache_entry **ret_entry,
                                   enum vb_cache_source *ret_source);

struct vb_cache_outcome {
    struct vb_cache_entry *entry; /* NULL: the leader failed */
    enum vb_cache_source source;
    bool keep; /* in memory */
    int error; /* negative, without an entry */
};
/* Ends the flight and wakes all waiters. The leader keeps its reference to the entry. Returns false if the
 * object was purged in flight: then memory keeps the entry only if it is a missing one, and the leader must
 * delete its copy on disk. */
bool vb_cache_publish(struct vb_cache *cache, const char *key, const struct vb_cache_outcome *outcome,
                      int64_t now_ms);

/* Drops the object of that key with all of its parts, including those in flight. Scans every entry. */
void vb_cache_purge(struct vb_cache *cache, const char *key);

struct vb_cache_stats {
    size_t entries, bytes; /* in memory under a key */
    size_t live_bytes;     /* of all entries, including evicted ones still in use */
};
void vb_cache_stats(struct vb_cache *cache, struct vb_cache_stats *ret_stats);

#endif
