/*
 * Objects, from the nearest place that has them: memory, disk, the bucket. Many who want the same at once make one
 * request. What memory has forgotten is not fetched again, but asked for by a HEAD: when the bucket still has it, it is
 * used on. Blocking and thread-safe.
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

#define VB_FETCH_NAME_SIZE 1152 /* of a key, VB_CACHE_PART and the name of a part */

/* The name in memory of a part of the object. */
void vb_fetch_name(const char *key, const char *part, char name[VB_FETCH_NAME_SIZE]);

/* vb_cache_publish() under that name, of a part of the object or of itself. What has been purged meanwhile goes from the disk,
 * too. */
void vb_fetch_publish(struct vb_fetch *fetch, const char *key, const char *name,
                      const struct vb_cache_outcome *outcome);

/* Fill the outcome; its entry's reference is the caller's. When the bucket fails but there is an older copy, that
 * is the entry, and its source says so. */

/* The object with its body, or its description alone if it is too large for memory. */
void vb_fetch_object(struct vb_fetch *fetch, const char *key, struct vb_cache_outcome *ret_outcome);
/* Whether it is there, and which: the description alone. */
void vb_fetch_description(struct vb_fetch *fetch, const char *key, struct vb_cache_outcome *ret_outcome);

/* What memory or disk have of that part, however old it is, or NULL. */
struct vb_cache_entry *vb_fetch_recall(struct vb_fetch *fetch, const char *key, const char *part);

/* A stream of bytes [offset, offset + size) of the object that entry describes, size > 0. Its first piece is
 * fetched at once, so that an unreachable bucket or a changed object is an error here (-ENOENT,
 * -EKEYREJECTED, …) and not a torn answer. entry stays the caller's. fetch must outlive the stream. */
int vb_fetch_stream(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry,
                    int64_t offset, int64_t size, struct vb_http_stream *ret_stream);
/* All of its bytes into an empty file. */
int vb_fetch_file(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry, int file);

#endif
