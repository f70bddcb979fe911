/*
 * Multipart upload of one file, for vb_s3_put_file(). Internal to the client's files. Source: "Uploading and
 * copying objects using multipart upload" (Amazon S3 User Guide).
 */
#ifndef VB_S3_CLIENT_MULTIPART_H
#define VB_S3_CLIENT_MULTIPART_H

#include "s3/multipart.h"

#define VB_S3_MULTIPART_MIN ((int64_t)16 * 1024 * 1024) /* larger files go in parts, of this size or more */
#define VB_S3_OBJECT_MAX    ((int64_t)5 << 40)          /* bytes; S3's own limit */

/* How large the parts of an object are: a multiple of 1 MiB, so that there are at most VB_S3_PARTS_MAX. */
int64_t vb_s3_part_size(int64_t size);

/* As vb_s3_put_file(). The upload is aborted on failure, so that no part stays behind to be paid for. */
int vb_s3_put_multipart(struct vb_s3_client *client, const char *key, int fd, int64_t size,
                        const struct vb_s3_put *options, struct vb_s3_object *ret_object,
                        struct vb_error *err);

#endif
