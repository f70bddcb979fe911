/* Metrics and access log of finished requests. */
#include "http/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char **vb_http_route_names(const struct vb_route *routes)
{
    size_t count = 0;
    char **names;

    while (routes[count].pattern)
        count++;
    names = vb_xcalloc(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        const char *method = vb_http_method_name(routes[i].methods);

        if (routes[i].name)
            names[i] = vb_xstrdup(routes[i].name);
        else
            names[i] =
                method ? vb_xasprintf("%s %s", method, routes[i].pattern) : vb_xstrdup(routes[i].pattern);
    }
    return names;
}

void vb_http_route_names_free(char **names)
{
    for (size_t i = 0; names[i]; i++)
        free(names[i]);
    free(names);
}

/* The server's lock is held. */
static struct operation_metrics *add_operation(struct vb_http_server *server, const char *name)
{
    struct operation_metrics *operation = vb_xcalloc(1, sizeof(*operation));
    char *labels = vb_xasprintf("server=\"%s\",route=\"%s\"", server->config.name, name);

    operation->name = name;
    operation->latency = vb_metrics_histogram("vibe_http_request_duration_seconds",
                                              "Time from the request line to the end of the answer.", labels);
    free(labels);
    operation->next = atomic_load(&server->operations);
    atomic_store(&server->operations, operation);
    return operation;
}

static struct vb_counter *counter_of(const struct vb_http_server *server, struct operation_metrics *operation,
                                     enum status_class class)
{
    static const char *const classes[STATUS_CLASSES] = {"torn", "1xx", "2xx", "3xx", "4xx", "5xx"};
    struct vb_counter *counter = atomic_load_explicit(&operation->by_class[class], memory_order_acquire);
    char *labels;

    if (counter)
        return counter;
    labels = vb_xasprintf("server=\"%s\",route=\"%s\",status=\"%s\"", server->config.name, operation->name,
                          classes[class]);
    counter = vb_metrics_counter("vibe_http_requests_total", "Requests by server, route and class of status.",
                                 labels); /* racing threads get the same one */
    free(labels);
    atomic_store_explicit(&operation->by_class[class], counter, memory_order_release);
    return counter;
}

/* Lock-free for a name that has been seen. */
static struct operation_metrics *find_operation(struct vb_http_server *server, const char *name)
{
    struct operation_metrics *operation;

    for (operation = atomic_load(&server->operations); operation; operation = operation->next)
        if (operation->name == name)
            return operation;
    pthread_mutex_lock(&server->lock);
    for (operation = atomic_load(&server->operations); operation; operation = operation->next)
        if (strcmp(operation->name, name) == 0)
            break;
    if (!operation)
        operation = add_operation(server, name);
    pthread_mutex_unlock(&server->lock);
    return operation;
}

static const char *operation_name(const struct request *request)
{
    const struct vb_http_request *http = &request->http;

    if (http->operation)
        return http->operation;
    if (!http->route)
        return "unmatched";
    return request->server->route_names[http->route - request->server->config.routes];
}

static void write_access_log(const struct request *request, const char *name, int64_t duration_us, bool torn)
{
    const struct vb_http_request *http = &request->http;
    bool quiet = http->route && (http->route->flags & VB_ROUTE_QUIET) && request->status < 500;
    enum vb_log_level level = quiet ? VB_LOG_DEBUG : request->status >= 500 ? VB_LOG_WARN : VB_LOG_INFO;

    if (!vb_log_enabled(level))
        return;
    /* path without the query: presigned URLs carry their signature there */
    if (vb_log_is_text()) {
        char line[2048], status[16];

        snprintf(status, sizeof(status), torn ? "torn" : "%d", request->status);
        snprintf(line, sizeof(line), "%-5s %-6s %s %7.1f ms  %s", request->server->config.name,
                 http->method_name ? http->method_name : "-", status, (double)duration_us / 1000,
                 http->path ? http->path : "-");
        vb_log(level, line, VB_LOG_STR("requestId", request->id));
        return;
    }
    vb_log(level, "request", VB_LOG_STR("server", request->server->config.name),
           VB_LOG_STR("method", http->method_name), VB_LOG_STR("path", http->path),
           VB_LOG_STR("operation", name), VB_LOG_INT("status", request->status),
           VB_LOG_INT("durationUs", duration_us), VB_LOG_INT("bytesIn", request->received),
           VB_LOG_INT("bytesOut", request->answer_size), VB_LOG_STR("client", http->client_address),
           VB_LOG_STR("user", http->user), VB_LOG_STR("requestId", request->id),
           VB_LOG_STR("end", torn ? "torn" : "sent"));
}

void vb_http_observe(struct request *request, enum MHD_RequestTerminationCode toe)
{
    const char *name = operation_name(request);
    struct operation_metrics *operation = find_operation(request->server, name);
    int64_t duration_us = vb_clock_monotonic_us() - request->started_us;
    int class = request->stage == STAGE_SENT ? request->status / 100 : STATUS_TORN;

    vb_assert(class >= STATUS_TORN && class < STATUS_CLASSES);
    vb_counter_add(counter_of(request->server, operation, (enum status_class) class), 1);
    vb_histogram_observe_us(operation->latency, duration_us);
    if (!request->server->config.no_access_log)
        write_access_log(request, name, duration_us, toe != MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

void vb_http_operations_free(struct vb_http_server *server)
{
    struct operation_metrics *operation = atomic_load(&server->operations);

    while (operation) {
        struct operation_metrics *next = operation->next;

        free(operation);
        operation = next;
    }
}
