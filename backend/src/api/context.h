/*
 * What the handlers of several floors share. Nothing outside src/api includes this.
 */
#ifndef VB_API_CONTEXT_H
#define VB_API_CONTEXT_H

#include "api/api.h"

struct vb_api {
    struct vb_db_pool *db;
    struct vb_s3_client *s3;
    const struct vb_ingest *ingest;
    struct vb_ratelimit *user_rate_limit; /* NULL: none */
    char *cdn_base_url;
    uint16_t follow_host_s3_port, follow_host_cdn_port;
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

#endif
