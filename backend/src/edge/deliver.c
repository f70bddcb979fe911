/*
 * CDN delivery: see deliver.h. Hits in memory are answered on the event loop; everything else, on a worker.
 */
#include "edge/deliver.h"

#include "base/clock.h"
#include "base/memory.h"
#include "edge/edge.h"
#include "edge/key.h"
#include "edge/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The media workers bound how much runs at a time: these threads only fetch sources and wait. */
#define RENDER_THREADS   4
#define SLOW_THREADS     2
#define RENDER_QUEUE_MAX 4096

static double read_cache_bytes(void *context)
{
    struct vb_cache_stats stats;

    vb_cache_stats(context, &stats);
    return (double)stats.live_bytes;
}

static void set_gauge(struct vb_cache *cache, bool present)
{
    vb_metrics_gauge("vibe_cdn_cache_bytes",
                     "Memory of cached objects, including evicted ones that are still being sent.", "",
                     present ? read_cache_bytes : NULL, cache);
}

static void set_counters(struct vb_edge *edge)
{
    static const char requests[] = "vibe_cdn_requests_total",
                      requests_help[] = "Objects and variants delivered, by their source.";

    edge->sources[VB_CACHE_SOURCE_HIT] = vb_metrics_counter(requests, requests_help, "cache=\"hit\"");
    edge->sources[VB_CACHE_SOURCE_MISS] = vb_metrics_counter(requests, requests_help, "cache=\"miss\"");
    edge->sources[VB_CACHE_SOURCE_STALE] = vb_metrics_counter(requests, requests_help, "cache=\"stale\"");
    edge->fetch.fetches =
        vb_metrics_counter("vibe_cdn_origin_fetches_total", "Requests for objects to the bucket.", "");
    edge->fetch.errors =
        vb_metrics_counter("vibe_cdn_origin_errors_total", "Failures to get an object from the bucket.", "");
    edge->render.rendered = vb_metrics_counter("vibe_cdn_renderings_total", "Variants rendered.", "");
}

int vb_edge_create(const struct vb_edge_config *config, struct vb_edge **ret_edge, struct vb_error *err)
{
    struct vb_edge *edge = vb_xcalloc(1, sizeof(*edge));

    if (config->cache_directory) {
        int r = vb_disk_open(&(struct vb_disk_config){.directory = config->cache_directory,
                                                      .bytes_max = config->disk_cache_bytes},
                             &edge->disk, err);

        if (r < 0) {
            free(edge);
            return r;
        }
    }
    edge->cache = vb_cache_create(&(struct vb_cache_config){.bytes_max = config->memory_cache_bytes});
    edge->fetch = (struct vb_fetch){.s3 = config->s3, .cache = edge->cache, .disk = edge->disk};
    edge->render = (struct vb_render){.fetch = &edge->fetch, .workers = config->workers};
    edge->render_pool = vb_pool_create("render", RENDER_THREADS, RENDER_QUEUE_MAX);
    edge->slow_pool = vb_pool_create("render-slow", SLOW_THREADS, RENDER_QUEUE_MAX);
    set_counters(edge);
    set_gauge(edge->cache, true);
    *ret_edge = edge;
    return 0;
}

void vb_edge_wind_down(struct vb_edge *edge)
{
    atomic_store(&edge->winding_down, true);
}

void vb_edge_destroy(struct vb_edge *edge)
{
    if (!edge)
        return;
    vb_pool_destroy(edge->render_pool);
    vb_pool_destroy(edge->slow_pool);
    set_gauge(edge->cache, false);
    vb_cache_destroy(edge->cache);
    vb_disk_close(edge->disk);
    free(edge);
}

void vb_edge_purge(struct vb_edge *edge, const char *key)
{
    vb_cache_purge(edge->cache, key);
    if (edge->disk)
        vb_disk_purge(edge->disk, key);
}

/* Answers with a body that is fetched piece by piece. Takes the entry's reference. */
static void answer_in_pieces(struct vb_http_request *request, const char *key, struct vb_cache_entry *entry,
                             enum vb_cache_source source)
{
    struct vb_edge *edge = request->app;
    struct vb_edge_plan plan = vb_edge_plan(request, entry);
    struct vb_http_stream stream;
    int r = vb_fetch_stream(&edge->fetch, key, entry, plan.offset, plan.size, &stream);

    if (r == 0) {
        vb_edge_add_headers(request, entry, &plan, source, VB_EDGE_FOR_EVER);
        vb_http_answer_stream(request, plan.status, entry->content_type, &stream);
    } else {
        /* deleted or replaced since it was described: the description goes, and the next request sees what is
         * there now */
        if (r == -ENOENT || r == -EKEYREJECTED)
            vb_edge_purge(edge, key);
        if (r == -ENOENT)
            vb_edge_refuse(request, entry, 404);
        else
            vb_edge_answer_unavailable(request, r);
    }
    vb_cache_entry_release(entry);
}

/* Returns the key of the request, or NULL if it is not served: then the request has been refused. */
static const char *public_key(struct vb_http_request *request)
{
    const char *key = vb_http_param(request, "*");

    switch (key ? vb_edge_key_check(key) : VB_EDGE_KEY_MALFORMED) {
    case VB_EDGE_KEY_PUBLIC:
        return key;
    case VB_EDGE_KEY_PRIVATE:
        vb_edge_http_error(request, 403, "forbidden", "nothing under this path is public");
        return NULL;
    case VB_EDGE_KEY_MALFORMED:
        break;
    }
    vb_edge_http_error(request, 400, "bad_key", "the path is not the name of an object");
    return NULL;
}

/* On a worker: gets the object, or waits for the leader that gets it. */
static void deliver_blocking(struct vb_http_request *request)
{
    struct vb_edge *edge = request->app;
    const char *key = public_key(request);
    struct vb_cache_outcome outcome;

    if (!key)
        return;
    if (request->method == VB_HTTP_HEAD)
        vb_fetch_description(&edge->fetch, key, &outcome);
    else
        vb_fetch_object(&edge->fetch, key, &outcome);
    vb_edge_count(edge, outcome.source);
    if (!outcome.entry)
        vb_edge_answer_unavailable(request, outcome.error);
    else if (!vb_edge_answer(request, outcome.entry, outcome.source, VB_EDGE_FOR_EVER))
        answer_in_pieces(request, key, outcome.entry, outcome.source);
}

static void deliver_object(struct vb_http_request *request, const char *key)
{
    struct vb_edge *edge = request->app;
    enum vb_cache_source source;
    struct vb_cache_entry *entry = vb_cache_lookup(edge->cache, key, vb_clock_coarse_ms(), &source);

    if (entry && vb_edge_answer(request, entry, source, VB_EDGE_FOR_EVER)) {
        vb_edge_count(edge, source);
        return;
    }
    vb_cache_entry_release(entry);
    vb_http_defer(request, deliver_blocking);
}

/* A malformed query asks for a variant, too: it is refused by name. */
static bool asks_for_variant(struct vb_http_request *request)
{
    struct vb_query query;

    return *request->query && (vb_query_parse(request->query, &query, NULL) < 0 || query.is_variant);
}

static void deliver(struct vb_http_request *request)
{
    const char *key = public_key(request);

    if (!key)
        return;
    if (asks_for_variant(request))
        vb_edge_deliver_variant(request, key);
    else
        deliver_object(request, key);
}

static void preflight(struct vb_http_request *request)
{
    vb_http_add_header(request, "Allow", "GET, HEAD, OPTIONS");
    vb_http_add_header(request, "Access-Control-Allow-Origin", "*");
    vb_http_add_header(request, "Access-Control-Allow-Methods", "GET, HEAD");
    vb_http_add_header(request, "Access-Control-Allow-Headers",
                       "Range, If-None-Match, If-Modified-Since, If-Range");
    vb_http_add_header(request, "Access-Control-Max-Age", "86400");
    vb_http_answer(request, 204, NULL, NULL, 0);
}

/* Other methods are refused by the server, with 405 and Allow. */
const struct vb_route vb_edge_routes[] = {
    {.name = "GET /{key}",
     .methods = VB_HTTP_GET | VB_HTTP_HEAD,
     .pattern = "/*",
     .handle = deliver,
     .flags = VB_ROUTE_INLINE},
    {.name = "OPTIONS /{key}",
     .methods = VB_HTTP_OPTIONS,
     .pattern = "/*",
     .handle = preflight,
     .flags = VB_ROUTE_INLINE},
    {0},
};
