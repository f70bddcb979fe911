/*
 * The state of the CDN edge, shared by the files of this folder alone; see deliver.h for its use.
 */
#ifndef VB_EDGE_EDGE_H
#define VB_EDGE_EDGE_H

#include "base/metrics.h"
#include "base/pool.h"
#include "edge/answer.h"
#include "edge/fetch.h"
#include "edge/render.h"

#include <stdatomic.h>

struct vb_edge {
    struct vb_cache *cache;
    struct vb_disk *disk; /* NULL: none */
    struct vb_fetch fetch;
    struct vb_render render;
    /* Threads that wait for the media workers. AVIF has threads of its own: it is slow, and the other formats
     * must not wait for it. */
    struct vb_pool *render_pool, *slow_pool;
    atomic_bool winding_down;
    struct vb_counter *sources[3]; /* by enum vb_cache_source */
};

static inline void vb_edge_count(struct vb_edge *edge, enum vb_cache_source source)
{
    vb_counter_add(edge->sources[source], 1);
}

/* On the event loop: answers a request for a variant from memory, or defers it to a worker. */
void vb_edge_deliver_variant(struct vb_http_request *request, const char *key);

#endif
