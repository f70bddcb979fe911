/* A request's time on a worker: handed over, run, parked, and back to the event loop. */
#include "http/internal.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stddef.h>

void vb_http_defer(struct vb_http_request *request, void (*handle)(struct vb_http_request *request))
{
    request_of(request)->deferred = handle;
}

/* The last holder of the request returns its suspended connection to the event loop. */
static void let_go(struct request *request)
{
    if (atomic_fetch_sub(&request->holders, 1) == 1)
        MHD_resume_connection(request->connection);
}

void vb_http_park(struct vb_http_request *http)
{
    struct request *request = request_of(http);

    vb_assert(!request->parked && request->stage == STAGE_WORKING && request->work);
    request->parked = true;
    atomic_fetch_add(&request->holders, 1);
}

void vb_http_unpark(struct vb_http_request *http)
{
    vb_assert(request_of(http)->response);
    let_go(request_of(http));
}

static void refuse_overload(struct request *request, const char *detail)
{
    vb_http_add_header(&request->http, "Retry-After", "1");
    vb_http_error(request, 503, "overloaded", detail);
}

/* A client that has waited so long has given up, or had better try again than wait for the work as well. */
static bool waited_too_long(const struct request *request)
{
    return vb_clock_monotonic_ms() - request->queued_ms > request->server->config.queue_timeout_ms;
}

/* Runs on a worker: first what is left of the body, then the handler. Then the event loop has the request
 * again. */
static void run_job(struct vb_job *job)
{
    struct request *request = (struct request *)((char *)job - offsetof(struct request, job));
    struct vb_http_request *http = &request->http;

    if (request->chunk_size > 0) {
        size_t size = request->chunk_size;

        request->chunk_size = 0;
        http->route->body(http, request->chunk, size);
        request->body_failed = request->response != NULL;
    }
    if (request->work && !request->response && waited_too_long(request)) {
        refuse_overload(request, "No worker was free in time; try again in a second");
    } else if (request->work && !request->response) {
        request->work(http);
        if (!request->parked && !request->response)
            vb_http_error(request, 500, "internal", "The handler gave no answer");
    }
    if (!request->work)
        vb_http_phase(request->peer, CONNECTION_BODY);
    let_go(request);
}

struct vb_pool *vb_http_pool_of(const struct request *request)
{
    const struct vb_http_config *config = &request->server->config;
    unsigned number = request->http.route ? request->http.route->pool : 0;

    vb_assert(number <= VB_HTTP_MORE_POOLS);
    return number > 0 && config->more_pools[number - 1] ? config->more_pools[number - 1] : config->pool;
}

void vb_http_hand_over(struct request *request, void (*work)(struct vb_http_request *request))
{
    request->work = work;
    request->job.run = run_job;
    request->job.owner = vb_job_owner(request->http.client_address);
    request->queued_ms = vb_clock_monotonic_ms();
    atomic_store(&request->holders, 1);
    vb_http_phase(request->peer, CONNECTION_BUSY); /* the client is not to blame for this time */
    MHD_suspend_connection(request->connection);
    if (vb_pool_submit(vb_http_pool_of(request), &request->job) == 0)
        return;
    if (!work)
        vb_http_phase(request->peer, CONNECTION_BODY);
    request->chunk_size = 0;
    request->body_failed = true;
    refuse_overload(request, "All workers are busy; try again in a second");
    MHD_resume_connection(request->connection);
}
