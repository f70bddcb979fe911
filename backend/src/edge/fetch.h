/*
 * Objects, from the nearest place that has them: memory, disk, the origin (the bucket). Single flight:
 * requests for one object cost the origin one request. An expired copy is revalidated by a HEAD, and used
 * while the origin still has the same object. Blocking and thread-safe.
 *
 *   memory has it ────────────────────────────────────────────────────────────▶ HIT
 *   │ no, or expired
 *   ▼                                                      same ETag
 *   lead the flight ── a copy, however old? ── yes ──▶ HEAD ───────────────────▶ HIT
 *                      │ no                            │ │ │ another ETag
 *                      ▼                               │ │ └──▶ GET ───────────▶ MISS, also onto the disk
 *                      GET ──▶ MISS, or an error       │ └ 404 ────────────────▶ missing; copy, variants go
 *                                                      └ the origin fails ─────▶ STALE: the copy
 */
#ifndef VB_EDGE_FETCH_H
#define VB_EDGE_FETCH_H

#include "edge/cache.h"
#include "edge/disk.h"
#include "http/server.h"
#include "s3/client.h"

struct vb_counter;

struct vb_fetch {
    struct vb_s3_client *s3;
    struct vb_cache *cache;
    struct vb_disk *disk; /* NULL: none */
    struct vb_counter *fetches, *errors;
};

/* The largest body that is held in memory. The largest variant, 2560 × 2560 at the best quality, stays below
 * it. */
#define VB_FETCH_BODY_MAX  (16 * 1024 * 1024)
#define VB_FETCH_NAME_SIZE 1152 /* of a key, VB_CACHE_PART and the name of a part */

/* The name in memory of a part of the object. */
void vb_fetch_name(const char *key, const char *part, char name[VB_FETCH_NAME_SIZE]);

/* vb_cache_publish() of the object, or of a part of it, under that name. An object that was purged in flight
 * is purged from the disk, too. */
void vb_fetch_publish(struct vb_fetch *fetch, const char *key, const char *name,
                      const struct vb_cache_outcome *outcome);

/* Both fill the outcome; the entry's reference is the caller's. When the origin fails and there is an older
 * copy, the copy is the entry and STALE its source. */

/* The object with its body, or its description alone if it is too large for memory. */
void vb_fetch_object(struct vb_fetch *fetch, const char *key, struct vb_cache_outcome *ret_outcome);
/* The description alone. */
void vb_fetch_description(struct vb_fetch *fetch, const char *key, struct vb_cache_outcome *ret_outcome);

/* The part from memory or disk, however old, or NULL. */
struct vb_cache_entry *vb_fetch_recall(struct vb_fetch *fetch, const char *key, const char *part);

/* A stream of bytes [offset, offset + size) of the object that entry describes, size > 0. Its first piece is
 * fetched at once, so that an unreachable origin or a changed object is an error here (-ENOENT,
 * -EKEYREJECTED, …) and not a torn answer. The caller keeps entry. fetch must outlive the stream. */
int vb_fetch_stream(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry,
                    int64_t offset, int64_t size, struct vb_http_stream *ret_stream);
/* Writes all bytes of that object into an empty file. */
int vb_fetch_file(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry, int file);

#endif
