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

/* An object that is deleted from the bucket is gone from here a minute later. */
#define VB_CACHE_TTL_MS 60000
/* What is missing, and what was served while the bucket did not answer, is asked for again soon. */
#define VB_CACHE_SHORT_TTL_MS 5000

/* Between an object's key, which holds no control characters, and what names a variant or a piece of it. */
#define VB_CACHE_PART '\n'

struct vb_cache;

struct vb_cache_entry {
    bool missing;     /* known not to exist: nothing else is set */
    bool unfit;       /* it is there, but no variant can be made of it: nothing else is set */
    const char *body; /* NULL for an object too large to be kept: then its description is all there is */
    int64_t size;     /* bytes of the whole object */
    int64_t last_modified_s;
    char last_modified[VB_CLOCK_HTTP_DATE_SIZE];
    char etag[128]; /* strong, with its quotes */
    char content_type[64];
    char source_etag[128]; /* of a variant: of what it was made of */
};

/* Where an entry is from, as X-Cache says it. */
enum vb_cache_source {
    VB_CACHE_SOURCE_HIT,
    VB_CACHE_SOURCE_MISS,
    VB_CACHE_SOURCE_STALE /* whether it is still there could not be found out */
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
 * now_ms: of the monotonic clock. ret_source: HIT or STALE. */
struct vb_cache_entry *vb_cache_lookup(struct vb_cache *cache, const char *key, int64_t now_ms,
                                       enum vb_cache_source *ret_source);
/* The same even when its time is over; NULL for what is missing or unfit. */
struct vb_cache_entry *vb_cache_peek(struct vb_cache *cache, const char *key);

/*
 * Filling. Whoever misses claims the key: the first becomes its leader, gets the object and publishes it; all
 * others are woken with the outcome. A leader must publish, whatever happens.
 */
enum vb_cache_claim { VB_CACHE_HIT, VB_CACHE_LEAD, VB_CACHE_WAIT };

struct vb_cache_waiter {
    /* Called once, by the leader's thread. entry: with a reference for the waiter, or NULL with the leader's
     * error. */
    void (*wake)(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry, enum vb_cache_source source,
                 int error);
    struct vb_cache_waiter *next; /* the cache's */
};

/* waiter stays with the caller, and alive until it is woken (VB_CACHE_WAIT only); NULL: does not wait, and is told
 * so. ret_entry and ret_source are set on VB_CACHE_HIT. */
enum vb_cache_claim vb_cache_claim(struct vb_cache *cache, const char *key, int64_t now_ms,
                                   struct vb_cache_waiter *waiter, struct vb_cache_entry **ret_entry,
                                   enum vb_cache_source *ret_source);

struct vb_cache_outcome {
    struct vb_cache_entry *entry; /* NULL: none could be got */
    enum vb_cache_source source;
    bool keep; /* the entry is to be remembered */
    int error; /* negative, without an entry */
};
/* Ends a fill and wakes all waiters. The leader keeps its reference to the entry. Returns false if the object has been
 * purged meanwhile: then nothing but its being missing is remembered, and what the leader has kept elsewhere is to go, too. */
bool vb_cache_publish(struct vb_cache *cache, const char *key, const struct vb_cache_outcome *outcome,
                      int64_t now_ms);

/* Forgets the object of that key and all of its parts, those too that are being filled. Looks at every entry. */
void vb_cache_purge(struct vb_cache *cache, const char *key);

struct vb_cache_stats {
    size_t entries, bytes; /* remembered */
    size_t live_bytes;     /* of all entries that exist, the evicted ones in use among them */
};
void vb_cache_stats(struct vb_cache *cache, struct vb_cache_stats *ret_stats);

#endif
