/*
 * The bucket that a command works on by itself, beside the service: of the environment, as `vibe serve` reads it, or of the
 * `vibe up` of this folder.
 */
#ifndef VB_APP_BUCKET_H
#define VB_APP_BUCKET_H

#include "s3/client.h"

struct vb_bucket {
    const char *name, *database_url; /* of the environment; the latter NULL unless it was wanted */
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
};

/* Returns 0, or an error that names what is missing. To be closed in either case. */
int vb_bucket_open(struct vb_bucket *bucket, bool with_database, struct vb_error *err);
void vb_bucket_close(struct vb_bucket *bucket);

#endif
