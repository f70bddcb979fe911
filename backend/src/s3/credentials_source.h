/*
 * One request for AWS credentials to one of their sources. Internal to credentials.c, which decides when to
 * ask.
 */
#ifndef VB_S3_CREDENTIALS_SOURCE_H
#define VB_S3_CREDENTIALS_SOURCE_H

#include "http/client.h"
#include "s3/credentials.h"

/* What the environment says about where to ask. Strings are owned. */
struct vb_credentials_source {
    char *container_url;        /* of the ECS task (or EKS pod) endpoint; NULL: none */
    char *container_token;      /* sent to it as Authorization; NULL: none */
    char *container_token_file; /* the same, read anew each time; NULL: none */
    char *metadata_url;         /* of EC2 instance metadata; NULL: switched off, or the container's is used */
};

/* Reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Returns 0, -ENOENT when none is set,
 * -EINVAL when one of the pair is missing or one is malformed. */
int vb_credentials_environment(struct vb_credentials *ret_credentials, struct vb_error *err);

/* Reads where to ask. Returns 0, or -EINVAL for a container address that must not be asked. */
int vb_credentials_source_init(struct vb_credentials_source *source, struct vb_error *err);
void vb_credentials_source_release(struct vb_credentials_source *source);

/* Asks, blocking, for some seconds at the most. Returns 0 or -errno. */
int vb_credentials_source_fetch(const struct vb_credentials_source *source, struct vb_http_client *http,
                                struct vb_credentials *ret_credentials, struct vb_error *err);

#endif
