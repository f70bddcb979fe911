/*
 * What the handlers of several floors share. Nothing outside src/api includes this.
 */
#ifndef VB_API_CONTEXT_H
#define VB_API_CONTEXT_H

#include "api/api.h"

struct vb_api {
    struct vb_db_pool *db;
    struct vb_s3_client *s3;
    struct vb_workers *workers;
    struct vb_ratelimit *user_rate_limit; /* NULL: none */
    char *cdn_base_url;
    uint16_t follow_host_s3_port, follow_host_cdn_port;
    void (*object_deleted)(void *context, const char *key); /* NULL: nobody is told */
    void *object_deleted_context;
    const struct vb_keys *keys;
    struct vb_readiness *readiness;
    struct vb_auth *auth;
    struct vb_feed *feed;
    struct vb_uploads *uploads;
    struct vb_route *routes; /* joined */
};

static inline struct vb_api *vb_api_of(const struct vb_http_request *request)
{
    return request->app;
}

/* api.c. Appends where the app finds a key: {host or CDN_BASE_URL}/{key}, percent-encoded. host: "HOST:port"
 * or NULL. */
void vb_api_add_cdn_url(const struct vb_api *api, const char *host, const char *key, struct vb_strbuf *out);

/* Deletes an object, and tells who delivers it. Errors of the S3 client. */
int vb_api_delete_object(const struct vb_api *api, struct vb_s3_client *s3, const char *key,
                         struct vb_error *err);

#endif
