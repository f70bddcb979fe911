/*
 * How a row of the API's tables of routes is written, and the handlers that belong to no floor. Each floor
 * has its rows in a routes.c of its own; api.c joins them.
 */
#ifndef VB_API_ROUTES_H
#define VB_API_ROUTES_H

#include "api/api.h"

enum vb_api_body {
    VB_API_BODY_NONE = 0,
    VB_API_BODY_JSON = 64 * 1024, /* bytes */
};

enum vb_api_runs {
    VB_API_RUNS_WORKER = 0,               /* in the row's pool, and may block */
    VB_API_RUNS_INLINE = VB_ROUTE_INLINE, /* on the event loop; in the row's pool after vb_http_defer() */
    VB_API_RUNS_WORKER_QUIET = VB_ROUTE_QUIET,
    VB_API_RUNS_INLINE_QUIET = VB_ROUTE_INLINE | VB_ROUTE_QUIET,
};

/* A row in one line: method, pattern, handler; then of enum vb_api_pool, vb_api_body and vb_api_runs. */
#define VB_ROUTE(METHOD, PATTERN, HANDLE, POOL, BODY, RUNS)                                                  \
    {                                                                                                        \
        .methods = VB_HTTP_##METHOD, .pattern = (PATTERN), .handle = (HANDLE), .pool = VB_API_POOL_##POOL,   \
        .body_max = VB_API_BODY_##BODY, .flags = VB_API_RUNS_##RUNS                                          \
    }
/* What ends a table. */
#define VB_ROUTES_END                                                                                        \
    {                                                                                                        \
        .pattern = NULL                                                                                      \
    }

/* All rows in one table, which the caller frees. */
struct vb_route *vb_api_join_routes(void);

/* health.c */
void vb_api_health(struct vb_http_request *request);
void vb_api_ready(struct vb_http_request *request);
void vb_api_metrics(struct vb_http_request *request);
/* docs.c */
void vb_api_openapi(struct vb_http_request *request);
void vb_api_docs(struct vb_http_request *request);

#endif
