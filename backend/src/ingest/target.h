/*
 * The target of an upload: an activity and a place in it, or a story. It does not fit into the upload id, so
 * it travels as headers of the presigned PUT, which S3 keeps as the object's metadata:
 *
 *   x-amz-meta-vibe-activity: ID      x-amz-meta-vibe-slot: hero | gallery      x-amz-meta-vibe-index: 0 … 9
 *   x-amz-meta-vibe-story: ID
 *   x-amz-meta-vibe-seal: base64url of the first 16 bytes of HMAC-SHA-256(key, label | upload id | target)
 *
 * The URL's signature covers the headers. The seal binds them to the upload id, which is bound to the user:
 * an object that was written by other means has no valid seal. Pure and thread-safe.
 */
#ifndef VB_INGEST_TARGET_H
#define VB_INGEST_TARGET_H

#include "ingest/ticket.h"
#include "s3/client.h"

#define VB_TARGET_ID_MAX      64
#define VB_TARGET_INDEX_MAX   9
#define VB_TARGET_HEADERS_MAX 4
#define VB_TARGET_SEAL_SIZE   23 /* with the final NUL */

struct vb_target {
    char activity[VB_TARGET_ID_MAX + 1]; /* "": none */
    char story[VB_TARGET_ID_MAX + 1];    /* "": none */
    char slot[8];                        /* "hero", "gallery" or "" */
    int index;                           /* of the gallery; 0 otherwise */
};

/* Whether text can be the id of an activity or a story: 1 to 64 of A-Z a-z 0-9 _ . : -, and no dot
 * segment. */
bool vb_target_is_id(const char *text);

/* The target's headers, in memory that lives as long as this struct. */
struct vb_target_headers {
    char seal[VB_TARGET_SEAL_SIZE], index[2];
    struct vb_sigv4_header list[VB_TARGET_HEADERS_MAX];
    size_t count;
};
/* target must outlive ret_headers. */
void vb_target_write(const struct vb_keys *keys, const char *upload_id, const struct vb_target *target,
                     struct vb_target_headers *ret_headers);
/* Returns 0, or -EINVAL for an object without a target that is sealed for this upload. */
int vb_target_read(const struct vb_keys *keys, const char *upload_id, const struct vb_s3_object *object,
                   struct vb_target *ret_target);

#endif
