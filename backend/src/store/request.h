/*
 * The target of an S3 request: bucket and key, from its path or its Host header. Keys are bytes, never paths.
 * Sources: "Virtual hosting of buckets", "Bucket naming rules", "Naming Amazon S3 objects" (Amazon S3 User
 * Guide).
 */
#ifndef VB_STORE_REQUEST_H
#define VB_STORE_REQUEST_H

#include "base/arena.h"
#include "store/s3_error.h"

#include <stdbool.h>

struct vb_store_target {
    const char *bucket; /* decoded; NULL: the request is to the service itself */
    const char *key;    /* decoded, UTF-8; NULL: the request is to the bucket */
    bool in_host;       /* the bucket was named by the Host header */
};

/* path: percent-encoded, as sent. host: the Host header or "": "{bucket}.localhost[:port]" and
 * "{bucket}.s3.*" name a bucket. Returns VB_STORE_OK, VB_STORE_INVALID_URI (bad percent-encoding, NUL, not
 * UTF-8), VB_STORE_KEY_TOO_LONG, VB_STORE_INVALID_BUCKET_NAME or VB_STORE_SLOW_DOWN (memory). The result's
 * strings are in the arena. */
enum vb_store_error vb_store_target_parse(struct vb_arena *arena, const char *path, const char *host,
                                          struct vb_store_target *ret_target);

/* x-amz-copy-source: "[/]bucket/key[?versionId=null]", percent-encoded. Errors as above, and
 * VB_STORE_INVALID_ARGUMENT. */
enum vb_store_error vb_store_copy_source_parse(struct vb_arena *arena, const char *source,
                                               struct vb_store_target *ret_target);

bool vb_store_bucket_name_valid(const char *name, size_t length);

#endif
