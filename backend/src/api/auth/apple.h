/*
 * Sign in with Apple: what its handler needs.
 */
#ifndef VB_API_AUTH_APPLE_H
#define VB_API_AUTH_APPLE_H

#include "http/client.h"

struct vb_apple;

struct vb_apple_config {
    struct vb_http_client *http; /* must outlive the result */
    const char *client_ids;      /* APPLE_CLIENT_ID: comma-separated; the apps that tokens may be for */
    const char *issuer;          /* NULL: Apple */
    const char *jwks_url;        /* NULL: Apple's */
};

/* Strings are copied. */
struct vb_apple *vb_apple_create(const struct vb_apple_config *config);
void vb_apple_destroy(struct vb_apple *apple); /* NULL is fine */

#endif
