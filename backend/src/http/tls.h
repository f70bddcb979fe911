/*
 * A certificate with its private key for a TLS listener, read from PEM files and checked before anything
 * starts. Immutable after loading.
 */
#ifndef VB_HTTP_TLS_H
#define VB_HTTP_TLS_H

#include "base/error.h"

#include <stdint.h>

struct vb_tls {
    struct vb_tls *older;  /* the caller's; freed with this one */
    char *certificate_pem; /* the server's own certificate first, then the rest of the file */
    char *key_pem;
    int64_t seconds_left; /* until the certificate expires, when it was loaded; negative: it has expired */
};

/* Returns 0, or a negative error that says which file is wrong and what to do. Logs nothing: the caller
 * warns when the certificate expires soon. */
int vb_tls_load(const char *certificate_path, const char *key_path, struct vb_tls **ret_tls,
                struct vb_error *err);
/* Wipes the key. NULL is fine. */
void vb_tls_free(struct vb_tls *tls);

#endif
