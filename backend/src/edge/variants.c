/*
 * Requests for variants: which format is sent, and which thread makes it. A request that waits for a
 * rendering is parked, so that it holds no thread. Single flight: all requests for one variant wait for one
 * rendering.
 *
 *   event loop: in memory? ─ no ─▶ worker: made before, source unchanged? ─ no ─▶ render pool ─▶ media worker
 */
#include "edge/edge.h"

#include "base/memory.h"
#include "edge/key.h"
#include "edge/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A variant, and its names. */
struct wish {
    struct vb_variant variant;
    char text[VB_QUERY_TEXT_SIZE];
    char name[VB_FETCH_NAME_SIZE]; /* in memory */
};

static void wish_for(struct wish *wish, const char *key, const struct vb_query *query, enum vb_format format)
{
    wish->variant = vb_query_variant(query, format);
    vb_query_format(&wish->variant, wish->text);
    vb_fetch_name(key, wish->text, wish->name);
}

/* The format for clients that take no AVIF, and for the others until the AVIF is made. */
static enum vb_format quick_format(struct vb_accepts accepts)
{
    return accepts.webp ? VB_FORMAT_WEBP : VB_FORMAT_JPEG;
}

static void answer(struct vb_http_request *request, struct vb_cache_entry *entry, enum vb_cache_source source,
                   int error, enum vb_edge_caching caching)
{
    vb_edge_count(request->app, source);
    if (!entry) {
        vb_edge_answer_unavailable(request, error);
        return;
    }
    vb_assert(vb_edge_answer(request, entry, source, caching)); /* a variant has its body */
}

/* A parked request. */
struct parked {
    struct vb_cache_waiter waiter;
    struct vb_http_request *request;
    enum vb_edge_caching caching;
};

static void answer_parked(const struct parked *parked, struct vb_cache_entry *entry,
                          enum vb_cache_source source, int error)
{
    struct vb_http_request *request = parked->request;

    answer(request, entry, source, error, parked->caching);
    vb_http_unpark(request);
}

static void wake(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry, enum vb_cache_source source,
                 int error)
{
    answer_parked((struct parked *)waiter, entry, source, error);
}

/* A rendering in flight. It ends by publishing its outcome under its name. */
struct rendering {
    struct vb_job job; /* first */
    struct vb_edge *edge;
    struct parked *parked; /* the request that leads; NULL: none, it is made in the background */
    struct vb_variant variant;
    char name[VB_FETCH_NAME_SIZE];
    char key[VB_EDGE_KEY_MAX + 1];
};

/* Ends a flight: wakes all that wait, and answers the request that leads. Takes the outcome's reference. */
static void conclude(struct vb_edge *edge, const char *key, const char *name, struct parked *parked,
                     const struct vb_cache_outcome *outcome)
{
    vb_fetch_publish(&edge->fetch, key, name, outcome);
    if (parked)
        answer_parked(parked, outcome->entry, outcome->source, outcome->error);
    else
        vb_cache_entry_release(outcome->entry);
}

static void run_rendering(struct vb_job *job)
{
    struct rendering *rendering = (struct rendering *)job;
    struct vb_cache_outcome outcome = {.source = VB_CACHE_SOURCE_MISS, .error = -EAGAIN};

    if (!atomic_load(&rendering->edge->winding_down))
        vb_render_make(&rendering->edge->render, rendering->key, &rendering->variant, &outcome);
    conclude(rendering->edge, rendering->key, rendering->name, rendering->parked, &outcome);
    free(rendering);
}

/* The caller leads under this name. owner: of the job; the pool serves its owners round robin. */
static void start_rendering(struct vb_edge *edge, const char *key, const struct wish *wish, uint64_t owner,
                            struct parked *parked)
{
    struct vb_pool *pool = wish->variant.format == VB_FORMAT_AVIF ? edge->slow_pool : edge->render_pool;
    struct rendering *rendering = vb_xcalloc(1, sizeof(*rendering));

    *rendering = (struct rendering){.job = {.run = run_rendering, .owner = owner},
                                    .edge = edge,
                                    .parked = parked,
                                    .variant = wish->variant};
    memcpy(rendering->name, wish->name, sizeof(rendering->name));
    memcpy(rendering->key, key, strlen(key) + 1);
    if (vb_pool_submit(pool, &rendering->job) == 0)
        return;
    free(rendering);
    conclude(edge, key, wish->name, parked,
             &(struct vb_cache_outcome){.source = VB_CACHE_SOURCE_MISS, .error = -EAGAIN});
}

/* Answers with that variant, now or later; the request is no longer the caller's. */
static void deliver_wish(struct vb_http_request *request, const char *key, const struct wish *wish,
                         enum vb_edge_caching caching)
{
    struct vb_edge *edge = request->app;
    uint64_t owner = vb_job_owner(request->client_address);
    struct parked *parked = vb_arena_alloc(&request->arena, sizeof(*parked));
    struct vb_cache_outcome outcome = {0};

    if (!parked) {
        vb_edge_answer_unavailable(request, -EAGAIN);
        return;
    }
    *parked = (struct parked){.waiter.wake = wake, .request = request, .caching = caching};
    vb_http_park(request);
    switch (vb_cache_claim(edge->cache, wish->name, vb_clock_monotonic_ms(), &parked->waiter, &outcome.entry,
                           &outcome.source)) {
    case VB_CACHE_HIT:
        answer_parked(parked, outcome.entry, outcome.source, 0);
        break;
    case VB_CACHE_WAIT:
        break;
    case VB_CACHE_LEAD:
        if (vb_render_recall(&edge->render, key, &wish->variant, &outcome))
            conclude(edge, key, wish->name, parked, &outcome);
        else
            start_rendering(edge, key, wish, owner, parked);
        break;
    }
}

static bool was_made(struct vb_edge *edge, const char *key, const struct wish *wish)
{
    struct vb_cache_entry *entry = vb_cache_peek(edge->cache, wish->name);

    vb_cache_entry_release(entry);
    return entry || (edge->disk && vb_disk_has(edge->disk, key, wish->text));
}

/* Starts the rendering in the background, unless it is in flight or has just failed. */
static void make_in_background(struct vb_edge *edge, const char *key, const struct wish *wish, uint64_t owner)
{
    enum vb_cache_source source;
    struct vb_cache_entry *entry;

    switch (vb_cache_claim(edge->cache, wish->name, vb_clock_monotonic_ms(), NULL, &entry, &source)) {
    case VB_CACHE_HIT:
        vb_cache_entry_release(entry);
        break;
    case VB_CACHE_LEAD:
        start_rendering(edge, key, wish, owner, NULL);
        break;
    case VB_CACHE_WAIT:
        break;
    }
}

/* On a worker. */
static void deliver_blocking(struct vb_http_request *request)
{
    const char *key = vb_http_param(request, "*");
    struct vb_accepts accepts = vb_query_accepts(vb_http_header(request, "Accept"));
    struct vb_query query;
    struct wish wish;

    /* both were checked on the event loop */
    vb_assert(key && vb_query_parse(request->query, &query, NULL) == 0);
    if (!query.automatic) {
        wish_for(&wish, key, &query, query.variant.format);
        deliver_wish(request, key, &wish, VB_EDGE_FOR_EVER);
        return;
    }
    if (accepts.avif) {
        wish_for(&wish, key, &query, VB_FORMAT_AVIF);
        if (was_made(request->app, key, &wish)) {
            deliver_wish(request, key, &wish, VB_EDGE_FOR_EVER_VARIED);
            return;
        }
        make_in_background(request->app, key, &wish, vb_job_owner(request->client_address));
    }
    wish_for(&wish, key, &query, quick_format(accepts));
    deliver_wish(request, key, &wish, accepts.avif ? VB_EDGE_FOR_NOW : VB_EDGE_FOR_EVER_VARIED);
}

static bool answer_from_memory(struct vb_http_request *request, const char *key, const struct vb_query *query,
                               enum vb_format format)
{
    struct vb_edge *edge = request->app;
    enum vb_cache_source source;
    struct wish wish;

    wish_for(&wish, key, query, format);
    struct vb_cache_entry *entry = vb_cache_lookup(edge->cache, wish.name, vb_clock_coarse_ms(), &source);
    if (!entry)
        return false;
    answer(request, entry, source, 0, query->automatic ? VB_EDGE_FOR_EVER_VARIED : VB_EDGE_FOR_EVER);
    return true;
}

void vb_edge_deliver_variant(struct vb_http_request *request, const char *key)
{
    enum vb_format format;
    struct vb_query query;
    struct vb_error err;

    if (vb_query_parse(request->query, &query, &err) < 0) {
        vb_edge_http_error(request, 400, "bad_variant", err.message);
        return;
    }
    format = query.variant.format;
    if (query.automatic) {
        struct vb_accepts accepts = vb_query_accepts(vb_http_header(request, "Accept"));

        format = accepts.avif ? VB_FORMAT_AVIF : quick_format(accepts);
    }
    if (!answer_from_memory(request, key, &query, format))
        vb_http_defer(request, deliver_blocking);
}
