/* The way of one request through libmicrohttpd's callbacks, and what handlers read of it. */
#include "http/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHUNK_FIRST ((size_t)16 * 1024)

static const struct {
    const char *name;
    enum vb_http_method method;
} method_names[] = {
    {"GET", VB_HTTP_GET},     {"HEAD", VB_HTTP_HEAD},     {"POST", VB_HTTP_POST},       {"PUT", VB_HTTP_PUT},
    {"PATCH", VB_HTTP_PATCH}, {"DELETE", VB_HTTP_DELETE}, {"OPTIONS", VB_HTTP_OPTIONS},
};

const char *vb_http_method_name(unsigned method)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(method_names); i++)
        if (method == method_names[i].method)
            return method_names[i].name;
    return NULL;
}

void vb_http_phase(struct connection *connection, enum connection_phase phase)
{
    /* the watchdog, which reads them in the other order, must not see a new phase with an old time */
    atomic_store_explicit(&connection->since_ms, vb_clock_coarse_ms(), memory_order_relaxed);
    atomic_store_explicit(&connection->phase, (int)phase, memory_order_release);
}

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

/* Cuts the target into path and query. RFC 9112 3.2.2: a proxy's absolute form is taken as well. */
static bool split_target(struct vb_http_request *http)
{
    const char *target = http->target, *question;

    if (strncmp(target, "http://", 7) == 0 || strncmp(target, "https://", 8) == 0) {
        target = strchr(strstr(target, "//") + 2, '/');
        if (!target)
            target = "/";
    }
    if (*target != '/' && strcmp(target, "*") != 0)
        return false;
    question = strchr(target, '?');
    http->query = question ? question + 1 : "";
    http->path = target;
    if (question)
        http->path = vb_arena_strndup(&http->arena, target, (size_t)(question - target));
    return http->path != NULL;
}

static void find_client(struct request *request)
{
    struct vb_http_request *http = &request->http;
    const struct connection *peer = request->peer;
    const char *forwarded, *scheme;
    char address[VB_HTTP_ADDRESS_SIZE];

    http->client_address = peer->address;
    http->secure = request->server->config.tls != NULL;
    if (!peer->trusted_proxy)
        return;
    forwarded = vb_http_header(http, "X-Forwarded-For");
    vb_proxies_client(request->server->proxies, peer->address, forwarded, address, sizeof(address));
    http->client_address = vb_arena_strdup(&http->arena, address);
    if (!http->client_address)
        http->client_address = peer->address;
    scheme = vb_http_header(http, "X-Forwarded-Proto");
    if (scheme)
        http->secure = strcmp(scheme, "https") == 0;
}

/* What says where the request ends and whom it is for, found in one pass. */
struct framing {
    unsigned lengths, codings, hosts;
    const char *length, *host;
};

static enum MHD_Result read_framing(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *framing = cls;

    (void)kind;
    switch (*name | 0x20) { /* lower case */
    case 'c':
        if (strcasecmp(name, "Content-Length") == 0) {
            framing->lengths++;
            framing->length = value;
        }
        break;
    case 't':
        framing->codings += strcasecmp(name, "Transfer-Encoding") == 0;
        break;
    case 'h':
        if (strcasecmp(name, "Host") == 0) {
            framing->hosts++;
            framing->host = value;
        }
        break;
    default:
        break;
    }
    return MHD_YES;
}

/* RFC 9112 sections 3.2 and 6.3. A body whose end is said in two ways may end elsewhere for a proxy than for us:
 * what lies between is a request that it has not seen. */
static bool is_unambiguous(const struct framing *framing, const char *version)
{
    return framing->lengths + framing->codings <= 1 && framing->hosts <= 1 &&
           (framing->hosts == 1 || strcmp(version, MHD_HTTP_VERSION_1_1) != 0);
}

static bool read_content_length(const struct framing *framing, int64_t *ret_length)
{
    uint64_t length;

    if (framing->codings) {
        *ret_length = VB_HTTP_LENGTH_UNKNOWN;
        return true;
    }
    if (!framing->lengths)
        return true;
    if (!framing->length || vb_uint_parse(framing->length, strlen(framing->length), INT64_MAX, &length) < 0)
        return false;
    *ret_length = (int64_t)length;
    return true;
}

static bool read_head(struct request *request, const char *method, const char *version)
{
    struct vb_http_request *http = &request->http;
    const union MHD_ConnectionInfo *info;
    struct framing framing = {0};

    http->method_name = method;
    for (size_t i = 0; i < VB_ARRAY_SIZE(method_names); i++)
        if (strcmp(method, method_names[i].name) == 0)
            http->method = method_names[i].method;
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, read_framing, &framing);
    http->host = framing.host ? framing.host : "";
    find_client(request);
    info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info && info->header_size > request->server->config.header_max_bytes) {
        vb_http_error(request, 431, "headers_too_large", "the request line and headers are too large");
        return false;
    }
    if (!is_unambiguous(&framing, version)) {
        vb_http_add_header(http, "Connection", "close");
        vb_http_error(request, 400, "bad_request",
                      "Host, Content-Length or Transfer-Encoding is missing, repeated or contradictory");
        return false;
    }
    if (!http->target || !split_target(http) || !read_content_length(&framing, &http->content_length)) {
        vb_http_error(request, 400, "bad_request", "the request target or Content-Length is malformed");
        return false;
    }
    return true;
}

static void answer_no_route(struct request *request, unsigned allowed)
{
    char list[64] = "";
    size_t length = 0;

    if (!allowed) {
        vb_http_error(request, 404, "not_found", "there is nothing at this path");
        return;
    }
    for (size_t i = 0; i < VB_ARRAY_SIZE(method_names); i++)
        if (allowed & method_names[i].method)
            length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s", length ? ", " : "",
                                       method_names[i].name);
    vb_http_add_header(&request->http, "Allow", list);
    vb_http_error(request, 405, "method_not_allowed", "this path does not take that method; see Allow");
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

    if (!read_head(request, method, version))
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
        vb_http_error(request, 413, "payload_too_large", "the body is larger than this path takes");
        return;
    }
    vb_strbuf_init(&http->body, (size_t)(route->body ? 0 : route->body_max));
    if (route->head)
        route->head(http);
}

/* A suspended connection goes back to the event loop when nobody needs the request any more. */
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

/* Whoever had to wait for long has given up by now, or had better do so than wait for the work, too. */
static bool waited_too_long(const struct request *request)
{
    return vb_clock_monotonic_ms() - request->queued_ms > request->server->config.queue_timeout_ms;
}

/* Runs on a worker. Whatever is left of the body goes first, then the handler; then the event loop has it
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
        refuse_overload(request, "no worker was free in time; try again in a second");
    } else if (request->work && !request->response) {
        request->work(http);
        if (!request->parked && !request->response)
            vb_http_error(request, 500, "internal", "the handler gave no answer");
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

/* Suspends the connection and hands the request to a worker: whoever calls this must not touch the request
 * again. With the queue full, the client gets 503. work NULL: only the gathered part of the body. */
static void hand_over(struct request *request, void (*work)(struct vb_http_request *request))
{
    request->work = work;
    request->job.run = run_job;
    request->job.owner = vb_job_owner(request->http.client_address);
    request->queued_ms = vb_clock_monotonic_ms();
    atomic_store(&request->holders, 1);
    vb_http_phase(request->peer, CONNECTION_BUSY); /* it is not the client who is slow now */
    MHD_suspend_connection(request->connection);
    if (vb_pool_submit(vb_http_pool_of(request), &request->job) == 0)
        return;
    if (!work)
        vb_http_phase(request->peer, CONNECTION_BODY);
    request->chunk_size = 0;
    request->body_failed = true;
    refuse_overload(request, "all workers are busy; try again in a second");
    MHD_resume_connection(request->connection);
}

static bool grow_chunk(struct request *request, size_t need)
{
    size_t capacity = request->chunk_capacity ? request->chunk_capacity : CHUNK_FIRST;
    char *grown;

    while (capacity < need && capacity < VB_HTTP_BODY_CHUNK)
        capacity *= 2;
    if (capacity == request->chunk_capacity)
        return true;
    grown = realloc(request->chunk, capacity);
    if (!grown)
        return false;
    request->chunk = grown;
    request->chunk_capacity = capacity;
    return true;
}

/* Takes what it can of a body part into the request; the bytes taken. The rest comes again once the chunk is
 * empty. */
static size_t take_body(struct request *request, const char *data, size_t size)
{
    const struct vb_route *route = request->http.route;

    if (request->body_failed || request->body_too_large)
        return size;
    if (request->received + (int64_t)size > route->body_max) {
        request->body_too_large = true;
        request->chunk_size = 0;
        return size;
    }
    if (!route->body) {
        vb_strbuf_add(&request->http.body, data, size);
        return size;
    }
    if (!grow_chunk(request, request->chunk_size + size)) {
        request->body_failed = true;
        request->chunk_size = 0;
        vb_http_error(request, 503, "overloaded", "memory is short; try again in a second");
        return size;
    }
    if (size > request->chunk_capacity - request->chunk_size)
        size = request->chunk_capacity - request->chunk_size;
    memcpy(request->chunk + request->chunk_size, data, size);
    request->chunk_size += size;
    return size;
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
        vb_http_error(request, 413, "payload_too_large", "the body is larger than this path takes");
    } else if (vb_strbuf_failed(&request->http.body)) {
        vb_http_error(request, 503, "overloaded", "memory is short; try again in a second");
    } else if (!(route->flags & VB_ROUTE_INLINE) || request->chunk_size > 0) {
        hand_over(request, route->handle);
        return MHD_YES;
    } else {
        route->handle(&request->http);
        if (request->deferred && !request->response) {
            hand_over(request, request->deferred);
            return MHD_YES;
        }
        if (!request->response)
            vb_http_error(request, 500, "internal", "the handler gave no answer");
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
        size_t taken = take_body(request, upload_data, *upload_data_size);

        vb_http_phase(request->peer, CONNECTION_BODY);
        request->received += (int64_t)taken;
        *upload_data_size -= taken;
        if (request->chunk_size == VB_HTTP_BODY_CHUNK)
            hand_over(request, NULL);
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

/*
 * What handlers read.
 */
const char *vb_http_header(const struct vb_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request_of_const(request)->connection, MHD_HEADER_KIND, name);
}

struct visit {
    bool (*function)(void *context, const char *name, const char *value);
    void *context;
};

static enum MHD_Result visit_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct visit *visit = cls;

    (void)kind;
    return visit->function(visit->context, name, value ? value : "") ? MHD_YES : MHD_NO;
}

void vb_http_headers(const struct vb_http_request *request,
                     bool (*function)(void *context, const char *name, const char *value), void *context)
{
    struct visit visit = {function, context};

    MHD_get_connection_values(request_of_const(request)->connection, MHD_HEADER_KIND, visit_header, &visit);
}

/* Percent-decodes into the arena; NULL if malformed or holding a NUL. */
static const char *decode(struct vb_http_request *request, const char *text, size_t length,
                          bool plus_is_space)
{
    struct vb_strbuf decoded;
    const char *copy = NULL;

    if (!memchr(text, '%', length) && !(plus_is_space && memchr(text, '+', length)))
        return vb_arena_strndup(&request->arena, text, length);
    vb_strbuf_init(&decoded, length);
    if (vb_percent_decode(&decoded, text, length, plus_is_space) == 0 && !vb_strbuf_failed(&decoded) &&
        !memchr(decoded.data, '\0', decoded.length))
        copy = vb_arena_strndup(&request->arena, decoded.data, decoded.length);
    vb_strbuf_release(&decoded);
    return copy;
}

const char *vb_http_param(struct vb_http_request *http, const char *name)
{
    struct request *request = request_of(http);
    size_t length = strlen(name);

    for (unsigned i = 0; i < request->params.count; i++)
        if (request->params.items[i].name_length == length &&
            memcmp(request->params.items[i].name, name, length) == 0)
            return decode(http, request->params.items[i].value, request->params.items[i].value_length, false);
    return NULL;
}

const char *vb_http_query(struct vb_http_request *request, const char *name)
{
    size_t name_length = strlen(name);

    for (const char *at = request->query; *at;) {
        size_t length = strcspn(at, "&");
        const char *equals = memchr(at, '=', length);
        size_t key_length = equals ? (size_t)(equals - at) : length;

        if (key_length == name_length && memcmp(at, name, name_length) == 0)
            return equals ? decode(request, equals + 1, length - key_length - 1, true) : "";
        at += length + (at[length] == '&');
    }
    return NULL;
}
