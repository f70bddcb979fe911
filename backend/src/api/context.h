/*
 * What the API's handlers share, and the handlers themselves. Nothing outside src/api includes this.
 */
#ifndef VB_API_CONTEXT_H
#define VB_API_CONTEXT_H

#include "api/api.h"
#include "api/auth/jwt.h"
#include "api/auth/password.h"
#include "api/auth/revocations.h"
#include "api/auth/throttle.h"
#include "base/metrics.h"

#include <pthread.h>

#define VB_ACCESS_TOKEN_LIFETIME_S  (15 * 60)
#define VB_REFRESH_TOKEN_LIFETIME_S (60 * 24 * 3600)
#define VB_API_SECRETS_MAX          4 /* JWT_SECRET and those before it */
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
    struct vb_workers *workers;
    struct vb_ratelimit *user_rate_limit; /* NULL: none */
    char *cdn_base_url;
    uint16_t follow_host_s3_port, follow_host_cdn_port;
    void (*object_deleted)(void *context, const char *key); /* NULL: nobody is told */
    void *object_deleted_context;
    struct vb_jwt_key jwt_keys[VB_API_SECRETS_MAX]; /* the first signs; all of them verify */
    struct vb_hmac_key ticket_key, previous_ticket_keys[VB_API_SECRETS_MAX - 1];
    size_t secret_count;
    struct vb_revocations *revocations;
    struct vb_throttle *throttle;
    struct vb_reset_mail *reset_mail;
    struct vb_apple *apple; /* NULL: not configured */
    struct vb_password_gate *passwords;
    struct vb_turns *completions;
    struct vb_readiness readiness;
    struct vb_feed *feed;
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

/* Deletes an object, and tells who delivers it. Errors of the S3 client. */
int vb_api_delete_object(const struct vb_api *api, struct vb_s3_client *s3, const char *key,
                         struct vb_error *err);

/* Reads an upload id that was signed with the secret or one of those before it: as vb_ticket_read(). */
struct vb_ticket;
int vb_api_read_ticket(const struct vb_api *api, const char *user_id, const char *upload_id,
                       struct vb_ticket *ret_ticket);

/* health.c */
void vb_api_health(struct vb_http_request *request);
void vb_api_ready(struct vb_http_request *request);
void vb_api_metrics(struct vb_http_request *request);
/* docs.c */
void vb_api_openapi(struct vb_http_request *request);
void vb_api_docs(struct vb_http_request *request);
/* auth.c */
void vb_api_register(struct vb_http_request *request);
void vb_api_login(struct vb_http_request *request);
void vb_api_refresh(struct vb_http_request *request);
void vb_api_logout(struct vb_http_request *request);
void vb_api_logout_all(struct vb_http_request *request);
/* auth_password.c */
void vb_api_change_password(struct vb_http_request *request);
void vb_api_forgot_password(struct vb_http_request *request);
void vb_api_reset_password(struct vb_http_request *request);
/* apple.c */
void vb_api_apple(struct vb_http_request *request);
/* users.c */
void vb_api_get_me(struct vb_http_request *request);
void vb_api_update_me(struct vb_http_request *request);
void vb_api_delete_me(struct vb_http_request *request);
void vb_api_get_user(struct vb_http_request *request);
/* activities.c, activity_list.c, participants.c */
void vb_api_list_activities(struct vb_http_request *request);
void vb_api_create_activity(struct vb_http_request *request);
void vb_api_get_activity(struct vb_http_request *request);
void vb_api_update_activity(struct vb_http_request *request);
void vb_api_delete_activity(struct vb_http_request *request);
void vb_api_join_activity(struct vb_http_request *request);
void vb_api_leave_activity(struct vb_http_request *request);
void vb_api_list_participants(struct vb_http_request *request);
/* stories.c */
void vb_api_list_stories(struct vb_http_request *request);
void vb_api_create_story(struct vb_http_request *request);
void vb_api_get_story(struct vb_http_request *request);
void vb_api_delete_story(struct vb_http_request *request);
void vb_api_see_story(struct vb_http_request *request);
void vb_api_list_story_views(struct vb_http_request *request);
/* upload.c */
void vb_api_upload_profile_picture(struct vb_http_request *request);
void vb_api_upload_activity_image(struct vb_http_request *request);
void vb_api_upload_story_media(struct vb_http_request *request);
/* upload_status.c */
void vb_api_upload_status(struct vb_http_request *request);
/* complete.c */
void vb_api_complete_upload(struct vb_http_request *request);
/* cancel.c */
void vb_api_cancel_upload(struct vb_http_request *request);

#endif
