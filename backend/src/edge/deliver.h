/*
 * CDN delivery: canonical files under the public prefixes, straight from memory or S3.
 */
#ifndef VB_EDGE_DELIVER_H
#define VB_EDGE_DELIVER_H

#include "http/server.h"
#include "s3/client.h"

struct vb_edge;

struct vb_edge_config {
    struct vb_s3_client *s3;
    size_t memory_cache_bytes; /* 0: 32 MiB */
};

/* vb_http_config.app of the HTTP server must be the result. */
struct vb_edge *vb_edge_create(const struct vb_edge_config *config);
void vb_edge_destroy(struct vb_edge *edge);

extern const struct vb_route vb_edge_routes[];
/* Plain-text errors that caches keep no longer than they should; fits vb_http_config.error. */
void vb_edge_http_error(struct vb_http_request *request, int status, const char *code, const char *detail);

#endif
