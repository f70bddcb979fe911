/*
 * The origin of the edge, which is the bucket: whole objects and pieces of them as cache entries. Blocking
 * and thread-safe.
 */
#ifndef VB_EDGE_ORIGIN_H
#define VB_EDGE_ORIGIN_H

#include "edge/cache.h"
#include "s3/client.h"

/* All fill ret_entry, whose reference is the caller's, and return 0 (a missing entry when there is no such
 * object), or the S3 client's error, or -ENOMEM. */

/* The object's description, without its body. */
int vb_origin_describe(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                       struct vb_cache_entry **ret_entry, struct vb_error *err);
/* The object with its body. It is the description alone when the body is larger than the cache keeps, or when
 * there is no room for it now (then *ret_keep is false). One request in most cases. */
int vb_origin_fetch(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                    struct vb_cache_entry **ret_entry, bool *ret_keep, struct vb_error *err);
/* All of the bytes [offset, offset + size) of the object that entry describes: an entry like it, whose body
 * and size are those of the piece. -EKEYREJECTED: the key has another object now. */
int vb_origin_piece(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                    const struct vb_cache_entry *entry, int64_t offset, size_t size,
                    struct vb_cache_entry **ret_entry, struct vb_error *err);

#endif
