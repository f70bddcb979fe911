/*
 * The edge's way to the bucket: whole objects into cache entries, large ones piece by piece.
 */
#ifndef VB_EDGE_ORIGIN_H
#define VB_EDGE_ORIGIN_H

#include "edge/cache.h"
#include "http/server.h"
#include "s3/client.h"

/* Fetches the object with its body, or its description alone when it is larger than the cache keeps or when
 * body is false and it is. Returns 0 with an entry (->missing when S3 has none; the caller releases it), or
 * the S3 client's error. Blocks. ret_keep: whether there is room to remember it. */
int vb_origin_fetch(struct vb_s3_client *s3, struct vb_cache *cache, const char *key, bool body,
                    struct vb_cache_entry **ret_entry, bool *ret_keep, struct vb_error *err);

/* A stream of bytes [offset, offset + size) of the object that entry describes, size > 0. Its first piece is
 * fetched at once, so that an unreachable bucket or a changed object is an error here (-ENOENT,
 * -EKEYREJECTED, …) and not a torn answer. Blocks. entry stays the caller's. */
int vb_origin_stream(struct vb_s3_client *s3, const char *key, const struct vb_cache_entry *entry,
                     int64_t offset, int64_t size, struct vb_http_stream *ret_stream, struct vb_error *err);

#endif
