/*
 * The API that the app calls: its context and its routes.
 */
#ifndef VB_API_API_H
#define VB_API_API_H

#include "base/keys.h"
#include "db/pool.h"
#include "http/client.h"
#include "http/server.h"
#include "ingest/ingest.h"
#include "s3/client.h"

struct vb_api;

struct vb_api_config {
    struct vb_db_pool *db;
    struct vb_s3_client *s3;
    const struct vb_keys *keys;                /* sign and verify all that clients bring back */
    const struct vb_ingest *ingest;            /* publishes uploads; must outlive the API */
    struct vb_http_client *http;               /* for Apple's keys; needed with apple_client_ids */
    const char *apple_client_ids;              /* APPLE_CLIENT_ID; NULL: no Sign in with Apple */
    const char *apple_issuer, *apple_jwks_url; /* NULL: Apple's */
    const char *smtp_url, *mail_from;          /* NULL: no mail can be sent */
    const char *password_reset_url; /* the app's link, with {token} in it; needed for what follows or mail */
    bool log_reset_links;           /* `vibe up` without SMTP_URL: links to a new password are logged */
    const char *cdn_base_url;       /* without a final slash */
    struct vb_ratelimit *user_rate_limit; /* of each user; NULL: none. Belongs to the caller */
    /* `vibe up`: presigned URLs and CDN URLs carry the host the phone used, with these ports. 0: the
     * configured hosts. */
    uint16_t follow_host_s3_port, follow_host_cdn_port;
};

/* Strings are copied. vb_http_config.app of the HTTP server must be the result. */
struct vb_api *vb_api_create(const struct vb_api_config *config);
void vb_api_destroy(struct vb_api *api);

/* The rows of all floors, as vb_http_config.routes wants them. They never change, and live as long as the
 * API. */
const struct vb_route *vb_api_routes(const struct vb_api *api);

/* The pool a handler runs in (vb_route.pool), by what it waits for: requests that wait for another service or
 * for a media worker do not delay those that only ask the database. */
enum vb_api_pool {
    VB_API_POOL_DATABASE = 0,
    VB_API_POOL_REMOTE = 1,   /* S3, media workers, Apple */
    VB_API_POOL_PASSWORD = 2, /* argon2id */
};

#endif
