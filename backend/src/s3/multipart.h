/*
 * Multipart uploads step by step, for parts that another program sends (with presigned URLs, say). Part of
 * the S3 client: its errors, its retries, its thread-safety. Sources: CreateMultipartUpload, ListParts,
 * CompleteMultipartUpload, AbortMultipartUpload and ListMultipartUploads (Amazon S3 API Reference).
 */
#ifndef VB_S3_MULTIPART_H
#define VB_S3_MULTIPART_H

#include "s3/client.h"

#define VB_S3_UPLOAD_ID_SIZE 1024 /* with the final NUL */
#define VB_S3_PARTS_MAX      10000
#define VB_S3_PART_MIN       ((int64_t)5 * 1024 * 1024) /* bytes of every part but the last */

struct vb_s3_part {
    unsigned number; /* 1 to VB_S3_PARTS_MAX */
    int64_t size, last_modified_s;
    char etag[128]; /* with its quotes */
};

/* An upload that was begun and neither completed nor aborted. */
struct vb_s3_upload {
    const char *key, *id;
    int64_t initiated_s;
};

/* Begins an upload; the object will have these options' type, cache control and metadata. A retry after a
 * lost answer may leave a second upload of the key, whose id is lost. */
int vb_s3_multipart_create(struct vb_s3_client *client, const char *key, const struct vb_s3_put *options,
                           char ret_id[VB_S3_UPLOAD_ID_SIZE], struct vb_error *err);

/* The parts that are there, in the order of their numbers; visit returns negative to stop (the call then
 * returns -ECANCELED). -ENOENT: there is no such upload (any more). */
int vb_s3_multipart_parts(struct vb_s3_client *client, const char *key, const char *id,
                          int (*visit)(void *context, const struct vb_s3_part *part), void *context,
                          struct vb_error *err);

/* Makes the object of these parts, in the order of their numbers; only if_none_match of the options counts.
 * options and ret_object may be NULL. -ENOENT: there is no such upload (any more). */
int vb_s3_multipart_complete(struct vb_s3_client *client, const char *key, const char *id,
                             const struct vb_s3_part *parts, size_t count, const struct vb_s3_put *options,
                             struct vb_s3_object *ret_object, struct vb_error *err);

/* Ends the upload and removes its parts. -ENOENT: there is no such upload (any more). */
int vb_s3_multipart_abort(struct vb_s3_client *client, const char *key, const char *id, struct vb_error *err);

/* The uploads whose keys begin with prefix, by key; visit as above, and may complete or abort them. */
int vb_s3_multipart_list(struct vb_s3_client *client, const char *prefix,
                         int (*visit)(void *context, const struct vb_s3_upload *upload), void *context,
                         struct vb_error *err);

#endif
