/*
 * CDN delivery: canonical files under the public prefixes and variants of them, from memory, disk, the media
 * workers and S3.
 */
#ifndef VB_EDGE_DELIVER_H
#define VB_EDGE_DELIVER_H

#include "edge/answer.h"
#include "http/server.h"
#include "media/workers.h"
#include "s3/client.h"

struct vb_edge;

struct vb_edge_config {
    struct vb_s3_client *s3;
    struct vb_workers *workers;  /* outlive the edge */
    size_t memory_cache_bytes;   /* 0: 32 MiB */
    const char *cache_directory; /* NULL: nothing is kept on disk */
    int64_t disk_cache_bytes;    /* 0: 2 GiB */
};

/* vb_http_config.app of the HTTP server must be the result. Returns 0, or an error of the cache's folder. */
int vb_edge_create(const struct vb_edge_config *config, struct vb_edge **ret_edge, struct vb_error *err);
/* Stops rendering, so that the HTTP server drains soon: requests that wait for a variant get 503. */
void vb_edge_wind_down(struct vb_edge *edge);
/* After its HTTP server has been stopped: waits for the renderings in flight. */
void vb_edge_destroy(struct vb_edge *edge);

/* The object of that key has been deleted: drops it with its variants. */
void vb_edge_purge(struct vb_edge *edge, const char *key);

extern const struct vb_route vb_edge_routes[];

#endif
