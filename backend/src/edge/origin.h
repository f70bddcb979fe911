/*
 * The edge's way to the bucket: whole objects and pieces of them as cache entries. Blocking and thread-safe.
 */
#ifndef VB_EDGE_ORIGIN_H
#define VB_EDGE_ORIGIN_H

#include "edge/cache.h"
#include "s3/client.h"

/* All fill ret_entry, with the caller's reference, and return 0 (entry->missing when there is none), or the S3
 * client's error, -ENOMEM. */

/* The object's description, without its body. */
int vb_origin_describe(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                       struct vb_cache_entry **ret_entry, struct vb_error *err);
/* The object with its body, or its description alone when it is larger than the cache keeps, or there is no room for
 * it now (*ret_keep is false then). One request in most cases. */
int vb_origin_fetch(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                    struct vb_cache_entry **ret_entry, bool *ret_keep, struct vb_error *err);
/* Bytes [offset, offset + size) of the object that entry describes, all of them: an entry like it whose body and size
 * are theirs. -EKEYREJECTED: the object is another now. */
int vb_origin_piece(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                    const struct vb_cache_entry *entry, int64_t offset, size_t size,
                    struct vb_cache_entry **ret_entry, struct vb_error *err);

#endif
