/*
 * Where AWS credentials come from, in this order: AWS_ACCESS_KEY_ID / AWS_SECRET_ACCESS_KEY /
 * AWS_SESSION_TOKEN; the ECS task endpoint (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI); EC2
 * instance metadata, version 2 only. A background thread renews temporary ones before they expire.
 * Thread-safe.
 */
#ifndef VB_S3_CREDENTIALS_H
#define VB_S3_CREDENTIALS_H

#include "base/error.h"
#include "s3/sigv4.h"

struct vb_credentials_provider;

/* A snapshot: strings live inside. */
struct vb_credentials {
    char access_key_id[129];
    char secret_access_key[257];
    char session_token[4097]; /* "" without one */
    int64_t expires_s;        /* 0: never */
};

/* Fixed credentials (`vibe up`, tests). */
struct vb_credentials_provider *vb_credentials_fixed(const char *access_key_id,
                                                     const char *secret_access_key);
/* The chain above. Asks at once. Returns 0, or -errno with the sources that were tried in err. */
int vb_credentials_chain(struct vb_credentials_provider **ret_provider, struct vb_error *err);
void vb_credentials_destroy(struct vb_credentials_provider *provider);

/* Gives the newest credentials known; never blocks on the network. Returns 0, or -EKEYEXPIRED when they
 * expired before renewal succeeded. */
int vb_credentials_get(struct vb_credentials_provider *provider, struct vb_credentials *ret_credentials);
/* Points the fields of a SigV4 struct into a snapshot. */
struct vb_sigv4_credentials vb_credentials_sigv4(const struct vb_credentials *credentials);

#endif
