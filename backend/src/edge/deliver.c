/*
 * CDN delivery: see deliver.h. What memory holds is answered on the event loop; what it does not hold, on a
 * worker.
 */
#include "edge/deliver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "edge/cache.h"
#include "edge/key.h"
#include "edge/origin.h"
#include "http/range.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vb_edge {
    struct vb_s3_client *s3;
    struct vb_cache *cache;
    struct vb_counter *hits, *misses, *stale, *fetches, *fetch_errors;
};

static double read_cache_bytes(void *context)
{
    struct vb_cache_stats stats;
    vb_cache_stats(context, &stats);
    return (double)stats.live_bytes;
}

static void set_gauge(struct vb_cache *cache, bool present)
{
    vb_metrics_gauge("vibe_cdn_cache_bytes", "Memory of cached objects, those still being sent among them.",
                     "", present ? read_cache_bytes : NULL, cache);
}

struct vb_edge *vb_edge_create(const struct vb_edge_config *config)
{
    static const char requests[] = "vibe_cdn_requests_total",
                      requests_help[] = "Objects delivered, by their source.";
    struct vb_edge *edge = vb_xcalloc(1, sizeof(*edge));
    edge->s3 = config->s3;
    edge->cache = vb_cache_create(&(struct vb_cache_config){.bytes_max = config->memory_cache_bytes});
    edge->hits = vb_metrics_counter(requests, requests_help, "cache=\"hit\"");
    edge->misses = vb_metrics_counter(requests, requests_help, "cache=\"miss\"");
    edge->stale = vb_metrics_counter(requests, requests_help, "cache=\"stale\"");
    edge->fetches = vb_metrics_counter("vibe_cdn_origin_fetches_total", "Objects asked of the bucket.", "");
    edge->fetch_errors =
        vb_metrics_counter("vibe_cdn_origin_errors_total", "Failures to get an object from the bucket.", "");
    set_gauge(edge->cache, true);
    return edge;
}

void vb_edge_destroy(struct vb_edge *edge)
{
    if (!edge)
        return;
    set_gauge(edge->cache, false);
    vb_cache_destroy(edge->cache);
    free(edge);
}

/* What every answer carries: pictures are shown by pages of any origin, and never taken for something else.
 */
static void add_common_headers(struct vb_http_request *request)
{
    vb_http_add_header_borrowed(request, "Access-Control-Allow-Origin", "*");
    vb_http_add_header_borrowed(request, "Cross-Origin-Resource-Policy", "cross-origin");
    vb_http_add_header_borrowed(request, "X-Content-Type-Options", "nosniff");
}

static const char *error_caching(int status)
{
    if (status == 404)
        return "public, max-age=5";
    return status == 400 || status == 403 ? "public, max-age=60" : "no-store";
}

void vb_edge_http_error(struct vb_http_request *request, int status, const char *code, const char *detail)
{
    char text[512];
    int length = snprintf(text, sizeof(text), "%s: %s\n", code, detail);
    if (length >= (int)sizeof(text))
        length = (int)sizeof(text) - 1;
    add_common_headers(request);
    vb_http_add_header(request, "Cache-Control", error_caching(status));
    vb_http_answer(request, status, "text/plain; charset=utf-8", text, (size_t)length);
}

static void answer_unavailable(struct vb_http_request *request)
{
    vb_http_add_header(request, "Retry-After", "1");
    vb_edge_http_error(request, 503, "origin_unavailable",
                       "the object store does not answer; try again in a second");
}

/* What is to be sent of an entry. */
struct plan {
    int status;
    int64_t offset, size;
};

static struct plan plan_answer(const struct vb_http_request *request, const struct vb_cache_entry *entry)
{
    const char *range = vb_http_header(request, "Range"), *etag = entry->etag[0] ? entry->etag : NULL;
    struct plan plan = {.status = 200, .size = entry->size};
    const struct vb_conditions conditions = {
        .if_match = vb_http_header(request, "If-Match"),
        .if_none_match = vb_http_header(request, "If-None-Match"),
        .if_modified_since = vb_http_header(request, "If-Modified-Since"),
        .if_unmodified_since = vb_http_header(request, "If-Unmodified-Since"),
    };
    switch (vb_conditions_evaluate(&conditions, true, etag, entry->last_modified_s)) {
    case VB_CONDITION_NOT_MODIFIED:
        return (struct plan){.status = 304};
    case VB_CONDITION_FAILED:
        return (struct plan){.status = 412};
    case VB_CONDITION_PROCEED:
        break;
    }
    /* RFC 9110 14.2: Range means something for GET only */
    if (!range || request->method != VB_HTTP_GET ||
        !vb_if_range_holds(vb_http_header(request, "If-Range"), etag, entry->last_modified_s))
        return plan;
    switch (vb_range_parse(range, entry->size, &plan.offset, &plan.size)) {
    case VB_RANGE_PARTIAL:
        plan.status = 206;
        break;
    case VB_RANGE_UNSATISFIABLE:
        plan.status = 416;
        break;
    case VB_RANGE_NONE:
        break;
    }
    return plan;
}

static void add_entry_headers(struct vb_http_request *request, const struct vb_cache_entry *entry,
                              const struct plan *plan, const char *source)
{
    add_common_headers(request);
    vb_http_add_header_borrowed(request, "Cache-Control", "public, max-age=31536000, immutable");
    if (entry->etag[0])
        vb_http_add_header_borrowed(request, "ETag", entry->etag);
    vb_http_add_header_borrowed(request, "Last-Modified", entry->last_modified);
    vb_http_add_header_borrowed(request, "Accept-Ranges", "bytes");
    if (vb_http_header(request, "Origin")) { /* of use to scripts of a page alone; apps ask without */
        vb_http_add_header_borrowed(request, "Timing-Allow-Origin", "*");
        vb_http_add_header_borrowed(request, "Access-Control-Expose-Headers",
                                    "Content-Length, Content-Range, ETag, X-Cache");
    }
    vb_http_add_header_borrowed(request, "X-Cache", source);
    if (plan->status == 206) {
        /* players that fetch pieces by script read these; other headers of ours scripts may read anyway, or
         * need not */
        vb_http_add_header_borrowed(request, "Access-Control-Expose-Headers", "Content-Range, ETag");
        vb_http_add_headerf(request, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, plan->offset,
                            plan->offset + plan->size - 1, entry->size);
    }
}

static void answer_refusal(struct vb_http_request *request, const struct vb_cache_entry *entry, int status)
{
    if (status == 416) {
        vb_http_add_headerf(request, "Content-Range", "bytes */%" PRId64, entry->size);
        vb_edge_http_error(request, 416, "range_not_satisfiable",
                           "the range begins after the object's last byte");
    } else if (status == 412) {
        vb_edge_http_error(request, 412, "precondition_failed",
                           "the object is not the one that the request names");
    } else {
        vb_edge_http_error(request, 404, "not_found", "there is no object of this name");
    }
}

/* For HEAD: the server leaves the body out and so never asks for it. */
static int64_t fill_nothing(void *context, int64_t offset, char *buffer, size_t capacity)
{
    (void)context, (void)offset, (void)buffer, (void)capacity;
    return -EIO;
}

/* Answers with what the entry holds, taking its reference; false (and nothing taken) if the body is to come
 * from S3. */
static bool answer_from_memory(struct vb_http_request *request, struct vb_cache_entry *entry,
                               const char *source)
{
    struct plan plan = entry->missing ? (struct plan){.status = 404} : plan_answer(request, entry);
    bool sends_body = plan.status == 200 || plan.status == 206;
    if (sends_body && !entry->body && request->method == VB_HTTP_GET)
        return false;
    if (!sends_body && plan.status != 304) {
        answer_refusal(request, entry, plan.status);
        vb_cache_entry_release(entry);
        return true;
    }
    add_entry_headers(request, entry, &plan, source);
    if (!sends_body) {
        vb_http_answer(request, 304, NULL, NULL, 0);
        vb_cache_entry_release(entry);
    } else if (entry->body) {
        vb_http_answer_static(request, plan.status, entry->content_type, entry->body + plan.offset,
                              (size_t)plan.size, vb_cache_entry_release_void, entry);
    } else {
        struct vb_http_stream described = {.fill = fill_nothing, .size = plan.size, .buffer_size = 1};
        vb_http_answer_stream(request, plan.status, entry->content_type, &described);
        vb_cache_entry_release(entry);
    }
    return true;
}

/* Answers with a body that comes from S3 piece by piece. Takes the entry's reference. */
static void answer_from_s3(struct vb_http_request *request, const char *key, struct vb_cache_entry *entry)
{
    struct vb_edge *edge = request->app;
    struct plan plan = plan_answer(request, entry);
    struct vb_http_stream stream;
    struct vb_error err;
    int rc = vb_origin_stream(edge->s3, key, entry, plan.offset, plan.size, &stream, &err);
    if (rc < 0) {
        /* gone or another since it was described; the description goes, and a repeated request sees what is
         * there now */
        if (rc == -ENOENT || rc == -EKEYREJECTED)
            vb_cache_remove(edge->cache, key);
        vb_counter_add(edge->fetch_errors, 1);
        if (rc == -ENOENT)
            answer_refusal(request, entry, 404);
        else
            answer_unavailable(request);
    } else {
        add_entry_headers(request, entry, &plan, "miss");
        vb_http_answer_stream(request, plan.status, entry->content_type, &stream);
    }
    vb_cache_entry_release(entry);
}

/* One who waits on a worker for the leader of its key. */
struct sleeper {
    struct vb_cache_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool done, stale;
    struct vb_cache_entry *entry;
};

static void wake(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry, bool stale, int error)
{
    struct sleeper *sleeper = (struct sleeper *)waiter;
    (void)error;
    pthread_mutex_lock(&sleeper->lock);
    sleeper->entry = entry;
    sleeper->stale = stale;
    sleeper->done = true;
    pthread_cond_signal(&sleeper->woken);
    pthread_mutex_unlock(&sleeper->lock);
}

static struct vb_cache_entry *sleep_until_woken(struct sleeper *sleeper)
{
    pthread_mutex_lock(&sleeper->lock);
    while (!sleeper->done)
        pthread_cond_wait(&sleeper->woken, &sleeper->lock);
    pthread_mutex_unlock(&sleeper->lock);
    return sleeper->entry;
}

/* Fetches the object for everybody who waits for it. */
static struct vb_cache_entry *lead(struct vb_edge *edge, const char *key, bool body, bool *ret_stale)
{
    struct vb_cache_entry *fetched = NULL, *result;
    struct vb_error err = {0};
    bool keep = false;
    vb_counter_add(edge->fetches, 1);
    int rc = vb_origin_fetch(edge->s3, edge->cache, key, body, &fetched, &keep, &err);
    if (rc < 0) {
        vb_counter_add(edge->fetch_errors, 1);
        vb_log(VB_LOG_WARN, "an object could not be fetched from the bucket", VB_LOG_STR("key", key),
               VB_LOG_STR("error", err.message));
    }
    result = vb_cache_publish(edge->cache, key, fetched, keep, rc, vb_clock_monotonic_ms(), ret_stale);
    vb_cache_entry_release(fetched);
    return result;
}

/* The request's key, if it is one that is served; otherwise the request has been refused. */
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

/* On a worker: gets the object, or waits for who is getting it. */
static void deliver_blocking(struct vb_http_request *request)
{
    struct vb_edge *edge = request->app;
    const char *key = public_key(request);
    struct sleeper sleeper = {.waiter.wake = wake};
    struct vb_cache_entry *entry = NULL;
    const char *source = "miss";
    bool stale = false;

    if (!key)
        return;
    pthread_mutex_init(&sleeper.lock, NULL);
    pthread_cond_init(&sleeper.woken, NULL);
    switch (vb_cache_claim(edge->cache, key, vb_clock_monotonic_ms(), &sleeper.waiter, &entry)) {
    case VB_CACHE_HIT:
        source = "hit";
        break;
    case VB_CACHE_LEAD:
        entry = lead(edge, key, request->method == VB_HTTP_GET, &stale);
        break;
    case VB_CACHE_WAIT:
        entry = sleep_until_woken(&sleeper);
        stale = sleeper.stale;
        break;
    }
    pthread_cond_destroy(&sleeper.woken);
    pthread_mutex_destroy(&sleeper.lock);
    source = stale ? "stale" : source;
    vb_counter_add(stale ? edge->stale : strcmp(source, "hit") == 0 ? edge->hits : edge->misses, 1);
    if (!entry)
        answer_unavailable(request);
    else if (!answer_from_memory(request, entry, source))
        answer_from_s3(request, key, entry);
}

static void deliver(struct vb_http_request *request)
{
    struct vb_edge *edge = request->app;
    const char *key = public_key(request);
    if (!key)
        return;
    struct vb_cache_entry *entry = vb_cache_lookup(edge->cache, key, vb_clock_coarse_ms());
    if (entry && answer_from_memory(request, entry, "hit")) {
        vb_counter_add(edge->hits, 1);
        return;
    }
    vb_cache_entry_release(entry);
    vb_http_defer(request, deliver_blocking);
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
