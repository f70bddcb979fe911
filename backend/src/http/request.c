/* The way of one request through libmicrohttpd's callbacks. */
#include "http/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"

#include <stdlib.h>

static struct connection *connection_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

void *vb_http_on_request_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct vb_http_server *server = cls;
    struct request *request = calloc(1, sizeof(*request));
    unsigned char id[8];

    if (!request)
        return NULL;
    request->server = server;
    request->connection = connection;
    request->peer = connection_of(connection);
    request->started_us = vb_clock_monotonic_us();
    request->headers_end = &request->headers;
    vb_random_bytes(id, sizeof(id));
    vb_hex_encode(id, sizeof(id), request->id);
    vb_arena_init(&request->http.arena, VB_HTTP_ARENA_MAX);
    vb_strbuf_init(&request->http.body, 0);
    request->http.id = request->id;
    request->http.app = server->config.app;
    request->http.target = vb_arena_strdup(&request->http.arena, uri);
    atomic_fetch_add(&server->requests, 1);
    if (request->peer)
        vb_http_phase(request->peer, CONNECTION_HEAD);
    return request;
}

static void answer_no_route(struct request *request, unsigned allowed)
{
    char list[VB_HTTP_METHODS_SIZE];

    if (!allowed) {
        vb_http_error(request, 404, "not_found", "There is nothing at this path");
        return;
    }
    vb_http_list_methods(allowed, list);
    vb_http_add_header(&request->http, "Allow", list);
    vb_http_error(request, 405, "method_not_allowed",
                  "This path does not take that method; Allow lists those it takes");
}

static bool within_rate(struct request *request)
{
    struct vb_http_request *http = &request->http;

    return http->route->flags & VB_ROUTE_QUIET ||
           vb_http_take_token(http, request->server->config.rate_limit, "address", http->client_address);
}

/* All headers are in: finds the route and lets it refuse before a byte of the body is read. */
static void begin(struct request *request, const char *method, const char *version)
{
    struct vb_http_request *http = &request->http;
    const struct vb_route *route;
    unsigned allowed;

    if (!vb_http_read_head(request, method, version))
        return;
    if (vb_http_cors_apply(http, &request->server->config.cors))
        return;
    route = vb_router_match(request->server->router, http->method, http->path, &request->params, &allowed);
    if (!route) {
        answer_no_route(request, allowed);
        return;
    }
    http->route = route;
    if (!within_rate(request))
        return;
    if (http->content_length > route->body_max ||
        (http->content_length == VB_HTTP_LENGTH_UNKNOWN && route->body_max == 0)) {
        vb_http_error(request, 413, "payload_too_large", "The body is larger than this path takes");
        return;
    }
    vb_strbuf_init(&http->body, (size_t)(route->body ? 0 : route->body_max));
    if (route->head)
        route->head(http);
}

static enum MHD_Result send_answer(struct request *request)
{
    enum MHD_Result queued;

    if (request->stage != STAGE_WORKING)
        vb_http_phase(request->peer, CONNECTION_BUSY);
    request->stage = STAGE_SENT;
    queued = MHD_queue_response(request->connection, (unsigned)request->status, request->response);
    MHD_destroy_response(request->response);
    request->response = NULL;
    return queued;
}

/* The whole request is in. */
static enum MHD_Result finish_receiving(struct request *request)
{
    const struct vb_route *route = request->http.route;

    vb_http_phase(request->peer, CONNECTION_BUSY);
    request->stage = STAGE_WORKING;
    if (request->body_too_large) {
        vb_http_error(request, 413, "payload_too_large", "The body is larger than this path takes");
    } else if (vb_strbuf_failed(&request->http.body)) {
        vb_http_error(request, 503, "overloaded", "The server is out of memory; try again in a second");
    } else if (!(route->flags & VB_ROUTE_INLINE) || request->chunk_size > 0) {
        vb_http_hand_over(request, route->handle);
        return MHD_YES;
    } else {
        route->handle(&request->http);
        if (request->deferred && !request->response) {
            vb_http_hand_over(request, request->deferred);
            return MHD_YES;
        }
        if (!request->response)
            vb_http_error(request, 500, "internal", "The handler gave no answer");
    }
    return send_answer(request);
}

enum MHD_Result vb_http_on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **con_cls)
{
    struct request *request = *con_cls;

    (void)cls, (void)connection, (void)url;
    if (!request || !request->peer)
        return MHD_NO; /* out of memory when the request began */
    if (request->stage == STAGE_NEW) {
        begin(request, method, version);
        if (request->response)
            return send_answer(request);
        request->stage = STAGE_RECEIVING;
        if (request->http.content_length != 0)
            vb_http_phase(request->peer, CONNECTION_BODY);
        return MHD_YES;
    }
    if (*upload_data_size > 0) {
        size_t taken = vb_http_take_body(request, upload_data, *upload_data_size);

        vb_http_phase(request->peer, CONNECTION_BODY);
        request->received += (int64_t)taken;
        *upload_data_size -= taken;
        if (request->chunk_size == VB_HTTP_BODY_CHUNK)
            vb_http_hand_over(request, NULL);
        return MHD_YES;
    }
    if (request->response) /* a worker's, or one that waited for the end of the body */
        return send_answer(request);
    return finish_receiving(request);
}

void vb_http_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                          enum MHD_RequestTerminationCode toe)
{
    struct vb_http_server *server = cls;
    struct request *request = *con_cls;

    (void)connection;
    if (!request)
        return;
    *con_cls = NULL;
    vb_http_observe(request, toe);
    if (request->http.context && request->http.route && request->http.route->done)
        request->http.route->done(&request->http);
    if (request->response)
        MHD_destroy_response(request->response);
    free(request->chunk);
    vb_strbuf_release(&request->http.body);
    vb_arena_release(&request->http.arena);
    if (request->peer)
        vb_http_phase(request->peer, CONNECTION_IDLE);
    free(request);
    atomic_fetch_sub(&server->requests, 1);
}
