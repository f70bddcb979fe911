/*
 * HTTP/1.1 client over libcurl: blocking calls with deadlines on a shared pool of connections. Thread-safe.
 *
 * The program must ignore SIGPIPE. Proxies of the environment (https_proxy …) are used, but not for loopback
 * and link-local addresses: those are this machine and its cloud's metadata.
 */
#ifndef VB_HTTP_CLIENT_H
#define VB_HTTP_CLIENT_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vb_http_client;

struct vb_http_client_config {
    unsigned connections_max;    /* kept for reuse; more calls at once open more, and close them; 0: 16 */
    unsigned connect_timeout_ms; /* 0: 3000 */
    unsigned idle_timeout_ms;    /* longest silence of the peer during a transfer; 0: 10000 */
    const char *user_agent;      /* NULL: "vibe/<version>" */
};

struct vb_http_client *vb_http_client_create(const struct vb_http_client_config *config);
void vb_http_client_destroy(struct vb_http_client *client);
/* Cancels all exchanges in flight, within a second, and all later ones: -ECANCELED. For shutting down. */
void vb_http_client_cancel(struct vb_http_client *client);

#define VB_HTTP_CLIENT_HEADER_MAX ((size_t)64 * 1024) /* bytes of all headers of an answer */

struct vb_http_exchange {
    /* asked */
    const char *method, *url;   /* the path goes out as it stands here: dot segments are kept */
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    const void *body;           /* sent as it is; or */
    int64_t body_size;          /* VB_HTTP_CLIENT_SIZE_UNKNOWN (with read only): sent in chunks */
    /* … pulled: returns the bytes read, 0 at the end, negative to abort. */
    int64_t (*read)(void *context, char *buffer, size_t capacity);
    /* Starts read over, when a kept connection turns out to be closed; may be NULL. */
    int (*rewind)(void *context);
    unsigned timeout_ms; /* the whole exchange; 0: 30000; on_header may raise it */
    /* Called as the final (not 1xx) answer comes, with status set already; each may be NULL; a negative
     * result aborts. Trailers are not reported. */
    int (*on_header)(void *context, const char *name, const char *value);
    int (*on_body)(void *context, const char *data, size_t size); /* NULL: collected into response */
    void *context;
    /* answered */
    int status;
    struct vb_strbuf response; /* initialised (with its max) and released by the caller; emptied before use */
};

#define VB_HTTP_CLIENT_SIZE_UNKNOWN (-1)

/* Returns 0 once an answer of any status is in, -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, -EFBIG (answer
 * larger than response.max or its headers too large), -ECANCELED (a callback aborted), -EINVAL (a URL, method
 * or header that cannot be sent) or -EIO (torn or malformed answer, TLS failure). Follows no redirects.
 * Messages name scheme, host and port only: the rest of a URL may be a secret. */
int vb_http_client_perform(struct vb_http_client *client, struct vb_http_exchange *exchange,
                           struct vb_error *err);

#endif
