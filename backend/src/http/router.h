/*
 * Finds the route of a request. Built once from the table, then read-only and thread-safe.
 */
#ifndef VB_HTTP_ROUTER_H
#define VB_HTTP_ROUTER_H

#include "http/server.h"

#define VB_HTTP_SEGMENTS_MAX 16
#define VB_HTTP_PARAMS_MAX   4

struct vb_router;

/* The values that the pattern's names took: parts of the request's path, still percent-encoded. */
struct vb_http_params {
    unsigned count;
    struct {
        const char *name; /* not terminated: name_length */
        size_t name_length;
        const char *value; /* not terminated: value_length */
        size_t value_length;
    } items[VB_HTTP_PARAMS_MAX];
};

struct vb_router *vb_router_create(const struct vb_route *routes);
void vb_router_destroy(struct vb_router *router);

/* Returns the first route that matches method and path, or NULL; then ret_allowed holds the methods that the
 * path would take (0: no such path). A trailing slash is significant. */
const struct vb_route *vb_router_match(const struct vb_router *router, unsigned method, const char *path,
                                       struct vb_http_params *ret_params, unsigned *ret_allowed);

#endif
