/*
 * The certificate of `vibe serve`: read from the files of the settings, and renewed from the same files while
 * the servers run.
 */
#ifndef VB_APP_CERTIFICATE_H
#define VB_APP_CERTIFICATE_H

#include "app/settings.h"
#include "http/tls.h"

#include <stddef.h>

/* Logs a warning when the certificate ends within 14 days. *ret_tls is NULL when the settings want plain
 * HTTP. */
int vb_certificate_load(const struct vb_settings *settings, struct vb_tls **ret_tls, struct vb_error *err);

/* A running server that uses the certificate. renew: as vb_http_server_renew_tls(). */
struct vb_certificate_user {
    const char *name; /* for the log */
    int (*renew)(void *server, const struct vb_tls *tls, struct vb_error *err);
    void *server;
};

/* Reads the files again and offers the new certificate to each user. A user that refuses it keeps the one it
 * has, and the log says which. If at least one accepts it, it replaces *tls and owns the older ones, which
 * open connections still need. Otherwise *tls stays as it is. */
void vb_certificate_renew(const struct vb_settings *settings, const struct vb_certificate_user *users,
                          size_t count, struct vb_tls **tls);

#endif
