/* The API's routes and what its handlers share: see api.h. */
#include "api/context.h"

#include "api/ticket.h"
#include "base/encode.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define HASHES_AT_ONCE 2 /* 19 MiB each */

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

    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/register",
     .handle = vb_api_register,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/login",
     .handle = vb_api_login,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/refresh",
     .handle = vb_api_refresh,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/auth/logout",
     .handle = vb_api_logout,
     .body_max = VB_API_BODY_MAX},

    {.methods = VB_HTTP_GET, .pattern = "/api/users/me", .handle = vb_api_get_me},
    {.methods = VB_HTTP_PATCH,
     .pattern = "/api/users/me",
     .handle = vb_api_update_me,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_DELETE, .pattern = "/api/users/me", .handle = vb_api_delete_me},
    {.methods = VB_HTTP_GET, .pattern = "/api/users/{id}", .handle = vb_api_get_user},

    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/profile-picture",
     .handle = vb_api_upload_profile_picture,
     .flags = VB_ROUTE_INLINE,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/activity-image",
     .handle = vb_api_upload_activity_image,
     .flags = VB_ROUTE_INLINE,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/story-media",
     .handle = vb_api_upload_story_media,
     .flags = VB_ROUTE_INLINE,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/{uploadId}/complete",
     .handle = vb_api_complete_upload,
     .body_max = VB_API_BODY_MAX},
    {.methods = VB_HTTP_POST,
     .pattern = "/api/upload/{uploadId}/cancel",
     .handle = vb_api_cancel_upload,
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

void vb_api_add_cdn_url(const struct vb_api *api, const char *host, const char *key, struct vb_strbuf *out)
{
    if (host)
        vb_strbuf_adds(out, "http://");
    vb_strbuf_adds(out, host ? host : api->cdn_base_url);
    vb_strbuf_addc(out, '/');
    vb_percent_encode(out, key, strlen(key), true);
}

struct vb_api *vb_api_create(const struct vb_api_config *config)
{
    struct vb_api *api = vb_xcalloc(1, sizeof(*api));

    vb_assert(vb_jwt_key_init(&api->jwt_key, config->jwt_secret) == 0);
    vb_ticket_derive_key(config->jwt_secret, &api->ticket_key);
    api->db = config->db;
    api->s3 = config->s3;
    api->cdn_base_url = vb_xstrdup(config->cdn_base_url);
    api->follow_host_s3_port = config->follow_host_s3_port;
    api->follow_host_cdn_port = config->follow_host_cdn_port;
    api->passwords = vb_password_gate_create(HASHES_AT_ONCE);
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
    vb_password_gate_destroy(api->passwords);
    explicit_bzero(&api->jwt_key, sizeof(api->jwt_key));
    explicit_bzero(&api->ticket_key, sizeof(api->ticket_key));
    free(api->cdn_base_url);
    free(api);
}
