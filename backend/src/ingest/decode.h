/*
 * An uploaded object through the media pipeline: fetched from staging, decoded and rewritten by a jailed worker, and put
 * under its public key. Blocking.
 */
#ifndef VB_INGEST_DECODE_H
#define VB_INGEST_DECODE_H

#include "media/workers.h"
#include "s3/client.h"

/* What the pipeline made, in files that only this process has. */
struct vb_ingested {
    struct vb_media_result result; /* of the worker; its status is VB_MEDIA_OK */
    int output, poster;            /* -1: none; of a video that is as it should be, there is no output */
    int64_t bytes, poster_bytes;
    char sha256[65];
    char thumbhash[2 * VB_THUMBHASH_MAX]; /* base64 */
    char color[8];
    enum vb_media_type type; /* what it is now: VB_MEDIA_JPEG or VB_MEDIA_MP4 */
};

void vb_ingested_release(struct vb_ingested *ingested);

/* An object in staging. */
struct vb_original {
    const char *key, *etag, *owner; /* owner: a user's id */
    enum vb_media_type type;        /* by its bytes */
    int64_t size;                   /* bytes */
};

/* Fetches the object and has it worked on. Returns 0, -EINVAL (the file is at fault: problem says why), -EBUSY (try again
 * later), or the storage's error. ret_ingested is to be released in any case. */
int vb_ingest(struct vb_workers *workers, struct vb_s3_client *s3, const struct vb_original *original,
              struct vb_ingested *ret_ingested, char *problem, size_t problem_size, struct vb_error *err);

/* Puts what was made under its keys; from_key, of that etag, is where the original is. Errors of the S3 client. */
int vb_ingested_publish(const struct vb_ingested *ingested, struct vb_s3_client *s3, const char *from_key,
                        const char *etag, const char *key, const char *poster_key, struct vb_error *err);

#endif
