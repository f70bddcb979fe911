/* The API's context, and its routes, joined from those of the floors: see api.h. */
#include "api/context.h"

#include "api/activities/feed.h"
#include "api/activities/routes.h"
#include "api/auth/context.h"
#include "api/auth/routes.h"
#include "api/readiness.h"
#include "api/routes.h"
#include "api/stories/routes.h"
#include "api/upload/context.h"
#include "api/upload/routes.h"
#include "api/users/routes.h"
#include "base/memory.h"

#include <stdlib.h>

static const struct vb_route own_routes[] = {
    VB_ROUTE(GET, "/api/health", vb_api_health, DATABASE, NONE, INLINE_QUIET),
    VB_ROUTE(GET, "/api/health/ready", vb_api_ready, DATABASE, NONE, WORKER_QUIET),
    VB_ROUTE(GET, "/metrics", vb_api_metrics, DATABASE, NONE, INLINE_QUIET),
    VB_ROUTE(GET, "/api/openapi.json", vb_api_openapi, DATABASE, NONE, INLINE),
    VB_ROUTE(GET, "/api/docs", vb_api_docs, DATABASE, NONE, INLINE),
    VB_ROUTES_END,
};

/* The first match wins, within a floor and among them. */
static const struct vb_route *const tables[] = {own_routes,           vb_auth_routes,    vb_users_routes,
                                                vb_activities_routes, vb_stories_routes, vb_upload_routes};

static size_t count_rows(const struct vb_route *table)
{
    size_t count = 0;

    while (table[count].pattern)
        count++;
    return count;
}

struct vb_route *vb_api_join_routes(void)
{
    struct vb_route *joined;
    size_t count = 0;

    for (size_t i = 0; i < VB_ARRAY_SIZE(tables); i++)
        count += count_rows(tables[i]);
    joined = vb_xcalloc(count + 1, sizeof(*joined)); /* the last one's pattern is NULL */
    count = 0;
    for (size_t i = 0; i < VB_ARRAY_SIZE(tables); i++)
        for (const struct vb_route *row = tables[i]; row->pattern; row++)
            joined[count++] = *row;
    return joined;
}

const struct vb_route *vb_api_routes(const struct vb_api *api)
{
    return api->routes;
}

struct vb_api *vb_api_create(const struct vb_api_config *config)
{
    struct vb_api *api = vb_xcalloc(1, sizeof(*api));

    api->db = config->db;
    api->s3 = config->s3;
    api->keys = config->keys;
    api->ingest = config->ingest;
    api->user_rate_limit = config->user_rate_limit;
    api->cdn_base_url = vb_xstrdup(config->cdn_base_url);
    api->follow_host_s3_port = config->follow_host_s3_port;
    api->follow_host_cdn_port = config->follow_host_cdn_port;
    api->readiness = vb_readiness_create(config->db, config->s3);
    api->auth = vb_auth_create(config);
    api->feed = vb_feed_create();
    api->uploads = vb_uploads_create();
    api->routes = vb_api_join_routes();
    return api;
}

void vb_api_destroy(struct vb_api *api)
{
    if (!api)
        return;
    free(api->routes);
    vb_uploads_destroy(api->uploads);
    vb_feed_destroy(api->feed);
    vb_auth_destroy(api->auth);
    vb_readiness_destroy(api->readiness);
    free(api->cdn_base_url);
    free(api);
}
