/*
 * What the API's handlers share, and the handlers themselves. Nothing outside src/api includes this.
 */
#ifndef VB_API_CONTEXT_H
#define VB_API_CONTEXT_H

#include "api/api.h"
#include "api/jwt.h"
#include "api/password.h"
#include "base/metrics.h"

#include <pthread.h>

#define VB_ACCESS_TOKEN_LIFETIME_S  (15 * 60)
#define VB_REFRESH_TOKEN_LIFETIME_S (60 * 24 * 3600)
#define VB_API_BODY_MAX             ((int64_t)64 * 1024)

/* The last readiness check, kept for a second so that probes cost nothing. */
struct vb_readiness {
    pthread_mutex_t checking; /* held by the one that asks database and bucket */
    pthread_mutex_t lock;     /* of what follows */
    int64_t checked_ms;       /* monotonic; 0: never */
    bool database, bucket;
};

struct vb_api {
    struct vb_db_pool *db;
    struct vb_s3_client *s3;
    char *cdn_base_url;
    uint16_t follow_host_s3_port, follow_host_cdn_port;
    struct vb_jwt_key jwt_key;
    struct vb_hmac_key ticket_key;
    struct vb_password_gate *passwords;
    struct vb_readiness readiness;
    struct vb_counter *uploads_ticket, *uploads_completed, *uploads_rejected, *uploads_incomplete,
        *uploads_cancelled;
};

static inline struct vb_api *vb_api_of(const struct vb_http_request *request)
{
    return request->app;
}

/* api.c. Appends where the app finds a key: {host or CDN_BASE_URL}/{key}, percent-encoded. host: "HOST:port"
 * or NULL. */
void vb_api_add_cdn_url(const struct vb_api *api, const char *host, const char *key, struct vb_strbuf *out);

/* health.c */
void vb_api_health(struct vb_http_request *request);
void vb_api_ready(struct vb_http_request *request);
void vb_api_metrics(struct vb_http_request *request);
/* auth.c */
void vb_api_register(struct vb_http_request *request);
void vb_api_login(struct vb_http_request *request);
void vb_api_refresh(struct vb_http_request *request);
void vb_api_logout(struct vb_http_request *request);
/* users.c */
void vb_api_get_me(struct vb_http_request *request);
void vb_api_update_me(struct vb_http_request *request);
void vb_api_delete_me(struct vb_http_request *request);
void vb_api_get_user(struct vb_http_request *request);
/* upload.c */
void vb_api_upload_profile_picture(struct vb_http_request *request);
void vb_api_upload_activity_image(struct vb_http_request *request);
void vb_api_upload_story_media(struct vb_http_request *request);
/* complete.c */
void vb_api_complete_upload(struct vb_http_request *request);
/* cancel.c */
void vb_api_cancel_upload(struct vb_http_request *request);

#endif
