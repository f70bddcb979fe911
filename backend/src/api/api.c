/* The API's routes and what its handlers share: see api.h. */
#include "api/context.h"

#include "api/auth/apple.h"
#include "api/activities/feed.h"
#include "api/auth/reset_mail.h"
#include "ingest/staged.h"
#include "ingest/ticket.h"
#include "api/upload/turns.h"
#include "base/encode.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define HASHES_AT_ONCE       2  /* 19 MiB each */
#define COMPLETIONS_PER_USER 16 /* a third of the workers that may be at it */

const struct vb_route vb_api_routes[] = {
    {.methods = VB_HTTP_GET,
     .pattern = "/api/health",
     .handle = vb_api_health,
     .flags = VB_ROUTE_INLINE | VB_ROUTE_QUIET},
    {.methods = VB_HTTP_GET, .pattern = "/api/health/ready", .handle = vb_api_ready, .flags = VB_ROUTE_QUIET},
    {.methods = VB_HTTP_GET,
     .pattern = "/metrics",
     .handle = vb_api_metrics,
     .flags = VB_ROUTE_INLINE | VB_ROUTE_QUIET},
    {.methods = VB_HTTP_GET,
     .pattern = "/api/openapi.json",
     .handle = vb_api_openapi,
     .flags = VB_ROUTE_INLINE},
    {.methods = VB_HTTP_GET, .pattern = "/api/docs", .handle = vb_api_docs, .flags = VB_ROUTE_INLINE},

    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/register",
     .handle = vb_api_register,
     .pool = VB_API_POOL_PASSWORD,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/login",
     .handle = vb_api_login,
     .pool = VB_API_POOL_PASSWORD,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/refresh",
     .handle = vb_api_refresh,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/logout",
     .handle = vb_api_logout,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/logout-all",
     .handle = vb_api_logout_all,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/password",
     .handle = vb_api_change_password,
     .pool = VB_API_POOL_PASSWORD,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/password/forgot",
     .handle = vb_api_forgot_password,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/password/reset",
     .handle = vb_api_reset_password,
     .pool = VB_API_POOL_PASSWORD,
     .body_max = VB_API_BODY_MAX},

    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/apple",
     .handle = vb_api_apple,
     .pool = VB_API_POOL_REMOTE,
     .body_max = VB_API_BODY_MAX},

    {.methods = VB_HTTP_GET, .pattern = "/api/users/me", .handle = vb_api_get_me},
    {.methods = VB_HTTP_PATCH,
     .pattern = "/api/users/me",
     .handle = vb_api_update_me,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_DELETE,
     .pattern = "/api/users/me",
     .handle = vb_api_delete_me,
     .pool = VB_API_POOL_REMOTE},
    {.methods = VB_HTTP_GET, .pattern = "/api/users/{id}", .handle = vb_api_get_user},

    {.methods = VB_HTTP_GET, .pattern = "/api/activities", .handle = vb_api_list_activities},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/activities",
     .handle = vb_api_create_activity,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_GET, .pattern = "/api/activities/{id}", .handle = vb_api_get_activity},
    {.methods = VB_HTTP_PATCH,
     .pattern = "/api/activities/{id}",
     .handle = vb_api_update_activity,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_DELETE, .pattern = "/api/activities/{id}", .handle = vb_api_delete_activity},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/activities/{id}/join",
     .handle = vb_api_join_activity,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_DELETE, .pattern = "/api/activities/{id}/join", .handle = vb_api_leave_activity},
    {.methods = VB_HTTP_GET,
     .pattern = "/api/activities/{id}/participants",
     .handle = vb_api_list_participants},

    {.methods = VB_HTTP_GET, .pattern = "/api/stories", .handle = vb_api_list_stories},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/stories",
     .handle = vb_api_create_story,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_GET, .pattern = "/api/stories/{id}", .handle = vb_api_get_story},
    {.methods = VB_HTTP_DELETE, .pattern = "/api/stories/{id}", .handle = vb_api_delete_story},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/stories/{id}/seen",
     .handle = vb_api_see_story,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_GET, .pattern = "/api/stories/{id}/seen", .handle = vb_api_list_story_views},

    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/profile-picture",
     .handle = vb_api_upload_profile_picture,
     .flags = VB_ROUTE_INLINE,
     .pool = VB_API_POOL_REMOTE,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/activity-image",
     .handle = vb_api_upload_activity_image,
     .flags = VB_ROUTE_INLINE,
     .pool = VB_API_POOL_REMOTE,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/story-media",
     .handle = vb_api_upload_story_media,
     .flags = VB_ROUTE_INLINE,
     .pool = VB_API_POOL_REMOTE,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_GET,
     .pattern = "/api/upload/{uploadId}",
     .handle = vb_api_upload_status,
     .pool = VB_API_POOL_REMOTE},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/{uploadId}/complete",
     .handle = vb_api_complete_upload,
     .pool = VB_API_POOL_REMOTE,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/{uploadId}/cancel",
     .handle = vb_api_cancel_upload,
     .pool = VB_API_POOL_REMOTE,
     .body_max = VB_API_BODY_MAX},
    {.pattern = NULL},
};

/* Gauges of the database pool: one reader each. */
static double read_open(void *context)
{
    struct vb_db_stats stats;

    vb_db_pool_stats(context, &stats);
    return stats.open;
}

static double read_in_use(void *context)
{
    struct vb_db_stats stats;

    vb_db_pool_stats(context, &stats);
    return stats.in_use;
}

static double read_waiting(void *context)
{
    struct vb_db_stats stats;

    vb_db_pool_stats(context, &stats);
    return stats.waiting;
}

static double read_up(void *context)
{
    struct vb_db_stats stats;

    vb_db_pool_stats(context, &stats);
    return stats.away ? 0 : 1;
}

static const struct {
    const char *name, *help;
    double (*read)(void *context);
} gauges[] = {
    {"vibe_db_connections_open", "Connections to the database that are open.", read_open},
    {"vibe_db_connections_in_use", "Connections to the database that are borrowed.", read_in_use},
    {"vibe_db_waiting", "Requests that wait for a connection to the database.", read_waiting},
    {"vibe_db_up", "Whether the database answered when it was last asked.", read_up},
};

static struct vb_counter *uploads_counter(const char *labels)
{
    return vb_metrics_counter("vibe_uploads_total", "Uploads by outcome.", labels);
}

int vb_api_delete_object(const struct vb_api *api, struct vb_s3_client *s3, const char *key,
                         struct vb_error *err)
{
    int r = vb_s3_delete(s3, key, err);

    if (r == 0 && api->object_deleted && strncmp(key, VB_STAGED_PREFIX, strlen(VB_STAGED_PREFIX)) != 0)
        api->object_deleted(api->object_deleted_context, key);
    return r;
}

void vb_api_add_cdn_url(const struct vb_api *api, const char *host, const char *key, struct vb_strbuf *out)
{
    if (host)
        vb_strbuf_adds(out, "http://");
    vb_strbuf_adds(out, host ? host : api->cdn_base_url);
    vb_strbuf_addc(out, '/');
    vb_percent_encode(out, key, strlen(key), true);
}

int vb_api_read_ticket(const struct vb_api *api, const char *user_id, const char *upload_id,
                       struct vb_ticket *ret_ticket)
{
    int r = vb_ticket_read(&api->ticket_key, user_id, upload_id, ret_ticket);

    for (size_t i = 0; r < 0 && i + 1 < api->secret_count; i++)
        r = vb_ticket_read(&api->previous_ticket_keys[i], user_id, upload_id, ret_ticket);
    return r;
}

static void derive_keys(struct vb_api *api, const struct vb_api_config *config)
{
    vb_assert(vb_jwt_key_init(&api->jwt_keys[0], config->jwt_secret) == 0);
    vb_ticket_derive_key(config->jwt_secret, &api->ticket_key);
    api->secret_count = 1;
    for (const char *const *secret = config->previous_jwt_secrets; secret && *secret; secret++) {
        vb_assert(api->secret_count < VB_API_SECRETS_MAX);
        vb_assert(vb_jwt_key_init(&api->jwt_keys[api->secret_count], *secret) == 0);
        vb_ticket_derive_key(*secret, &api->previous_ticket_keys[api->secret_count - 1]);
        api->secret_count++;
    }
}

struct vb_api *vb_api_create(const struct vb_api_config *config)
{
    struct vb_api *api = vb_xcalloc(1, sizeof(*api));

    derive_keys(api, config);
    api->db = config->db;
    api->s3 = config->s3;
    api->workers = config->workers;
    api->user_rate_limit = config->user_rate_limit;
    api->cdn_base_url = vb_xstrdup(config->cdn_base_url);
    api->object_deleted = config->object_deleted;
    api->object_deleted_context = config->object_deleted_context;
    api->follow_host_s3_port = config->follow_host_s3_port;
    api->follow_host_cdn_port = config->follow_host_cdn_port;
    api->passwords = vb_password_gate_create(HASHES_AT_ONCE);
    api->completions = vb_turns_create(COMPLETIONS_PER_USER);
    api->feed = vb_feed_create();
    api->throttle = vb_throttle_create();
    api->revocations = vb_revocations_create(&(struct vb_revocations_config){
        .db = config->db, .lifetime_s = VB_ACCESS_TOKEN_LIFETIME_S + 2 * VB_JWT_LEEWAY_S});
    if (config->apple_client_ids)
        api->apple = vb_apple_create(&(struct vb_apple_config){.http = config->http,
                                                               .client_ids = config->apple_client_ids,
                                                               .issuer = config->apple_issuer,
                                                               .jwks_url = config->apple_jwks_url});
    api->reset_mail =
        vb_reset_mail_create(&(struct vb_reset_mail_config){.db = config->db,
                                                            .smtp_url = config->smtp_url,
                                                            .from = config->mail_from,
                                                            .link = config->password_reset_url,
                                                            .log_links = config->log_reset_links});
    pthread_mutex_init(&api->readiness.checking, NULL);
    pthread_mutex_init(&api->readiness.lock, NULL);
    api->uploads_ticket = uploads_counter("outcome=\"ticket\"");
    api->uploads_completed = uploads_counter("outcome=\"completed\"");
    api->uploads_rejected = uploads_counter("outcome=\"rejected\"");
    api->uploads_incomplete = uploads_counter("outcome=\"incomplete\"");
    api->uploads_cancelled = uploads_counter("outcome=\"cancelled\"");
    for (size_t i = 0; i < VB_ARRAY_SIZE(gauges); i++)
        vb_metrics_gauge(gauges[i].name, gauges[i].help, "", gauges[i].read, api->db);
    return api;
}

void vb_api_destroy(struct vb_api *api)
{
    if (!api)
        return;
    for (size_t i = 0; i < VB_ARRAY_SIZE(gauges); i++)
        vb_metrics_gauge(gauges[i].name, gauges[i].help, "", NULL, NULL);
    pthread_mutex_destroy(&api->readiness.checking);
    pthread_mutex_destroy(&api->readiness.lock);
    vb_apple_destroy(api->apple);
    vb_reset_mail_destroy(api->reset_mail);
    vb_revocations_destroy(api->revocations);
    vb_throttle_destroy(api->throttle);
    vb_turns_destroy(api->completions);
    vb_password_gate_destroy(api->passwords);
    vb_feed_destroy(api->feed);
    explicit_bzero(api->jwt_keys, sizeof(api->jwt_keys));
    explicit_bzero(&api->ticket_key, sizeof(api->ticket_key));
    explicit_bzero(api->previous_ticket_keys, sizeof(api->previous_ticket_keys));
    free(api->cdn_base_url);
    free(api);
}
