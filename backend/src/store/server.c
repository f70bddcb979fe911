/* The route of the store: authenticates a request, finds its operation and runs it. See server.h. */
#include "store/server.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "store/call.h"
#include "store/sigv2.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 256
/* The largest object, plus the headers of its signed chunks if all have the smallest size that S3 allows. */
#define BODY_MAX (VB_ENGINE_PUT_MAX + VB_ENGINE_PUT_MAX / 64)

struct vb_store_server *vb_store_server_create(const struct vb_store_server_config *config)
{
    struct vb_store_server *server = vb_xcalloc(1, sizeof(*server));

    server->engine = config->engine;
    server->region = vb_xstrdup(config->region);
    server->access_key_id = vb_xstrdup(config->access_key_id);
    server->secret_access_key = vb_xstrdup(config->secret_access_key);
    vb_sha256_hex(config->access_key_id, strlen(config->access_key_id), server->owner_id);
    server->cors_cache = vb_store_cors_cache_create();
    return server;
}

void vb_store_server_destroy(struct vb_store_server *server)
{
    if (!server)
        return;
    vb_store_cors_cache_destroy(server->cors_cache);
    free(server->region);
    free(server->access_key_id);
    explicit_bzero(server->secret_access_key, strlen(server->secret_access_key));
    free(server->secret_access_key);
    free(server);
}

struct header_list {
    struct vb_sigv4_header *headers;
    size_t count;
    bool overflow;
};

static bool collect_header(void *context, const char *name, const char *value)
{
    struct header_list *list = context;

    if (list->count == HEADERS_MAX) {
        list->overflow = true;
        return false;
    }
    list->headers[list->count++] = (struct vb_sigv4_header){name, value};
    return true;
}

static void fail_skewed(struct vb_store_call *call, const char *detail)
{
    char now[VB_CLOCK_ISO8601_SIZE];
    const char *date = vb_store_call_query(call, "X-Amz-Date");

    if (!*date)
        date = vb_http_header(call->http, "x-amz-date");
    if (!date)
        date = vb_http_header(call->http, "Date");
    vb_clock_format_iso8601(vb_clock_realtime_ms(), now);
    vb_store_fail_fields(call->http, VB_STORE_REQUEST_TIME_TOO_SKEWED,
                         (const struct vb_store_error_field[]){{"RequestTime", date},
                                                               {"ServerTime", now},
                                                               {"MaxAllowedSkewMilliseconds", "900000"},
                                                               {NULL, NULL}},
                         "%s", detail);
}

static void fail_region(struct vb_store_call *call, bool query_form)
{
    vb_http_add_header(call->http, "x-amz-bucket-region", call->server->region);
    vb_store_fail_fields(
        call->http, query_form ? VB_STORE_AUTHORIZATION_QUERY_ERROR : VB_STORE_AUTHORIZATION_HEADER_MALFORMED,
        (const struct vb_store_error_field[]){{"Region", call->server->region}, {NULL, NULL}},
        "The authorization %s malformed; the region is wrong; expecting '%s'",
        query_form ? "query parameters are" : "header is", call->server->region);
}

static void fail_authentication(struct vb_store_call *call, enum vb_sigv4_result result, bool query_form)
{
    struct vb_http_request *http = call->http;
    const char *detail = call->verified.detail;

    switch (result) {
    case VB_SIGV4_OK:
        break;
    case VB_SIGV4_ANONYMOUS:
        vb_store_fail(http, VB_STORE_ACCESS_DENIED, NULL);
        return;
    case VB_SIGV4_MALFORMED:
        vb_store_fail(
            http, query_form ? VB_STORE_AUTHORIZATION_QUERY_ERROR : VB_STORE_AUTHORIZATION_HEADER_MALFORMED,
            detail ? "%s" : NULL, detail);
        return;
    case VB_SIGV4_UNKNOWN_KEY:
        vb_store_fail(http, VB_STORE_INVALID_ACCESS_KEY, NULL);
        return;
    case VB_SIGV4_MISMATCH:
        vb_store_fail_fields(http, VB_STORE_SIGNATURE_MISMATCH,
                             (const struct vb_store_error_field[]){
                                 {"AWSAccessKeyId", call->server->access_key_id}, {NULL, NULL}},
                             NULL);
        return;
    case VB_SIGV4_EXPIRED:
        vb_store_fail(http, VB_STORE_ACCESS_DENIED, "Request has expired");
        return;
    case VB_SIGV4_NOT_YET_VALID:
        vb_store_fail(http, VB_STORE_ACCESS_DENIED, "Request is not valid yet");
        return;
    case VB_SIGV4_SKEWED:
        fail_skewed(call, vb_store_error_message(VB_STORE_REQUEST_TIME_TOO_SKEWED));
        return;
    case VB_SIGV4_BAD_TOKEN:
        vb_store_fail(http, VB_STORE_INVALID_TOKEN, NULL);
        return;
    case VB_SIGV4_WRONG_REGION:
        fail_region(call, query_form);
        return;
    case VB_SIGV4_UNSIGNED_HEADER:
        vb_store_fail(http, VB_STORE_ACCESS_DENIED,
                      "There were headers present in the request which were not signed");
        return;
    }
    vb_assert(!"a failed verification");
}

static enum vb_sigv4_result verify(struct vb_store_call *call, const struct vb_sigv4_request *request)
{
    const struct vb_store_server *server = call->server;
    const struct vb_sigv4_credentials credentials = {server->access_key_id, server->secret_access_key, NULL};
    int64_t now_s = vb_clock_realtime_s();

    if (vb_http_header(call->http, "Authorization") || !vb_store_sigv2_present(request->query))
        return vb_sigv4_verify(request, &credentials, server->region, now_s, &call->verified);
    call->verified.presigned = true;
    strcpy(call->verified.payload_hash, VB_SIGV4_UNSIGNED);
    return vb_store_sigv2_verify(&call->http->arena, request,
                                 call->target.in_host ? call->target.bucket : NULL, &credentials, now_s);
}

/* Returns false after answering. No I/O: runs on the event loop. */
static bool authenticate(struct vb_store_call *call)
{
    struct vb_http_request *http = call->http;
    const char *authorization = vb_http_header(http, "Authorization");
    struct vb_sigv4_header headers[HEADERS_MAX];
    struct header_list list = {.headers = headers};
    struct vb_sigv4_request request = {
        .method = http->method_name, .path = http->path, .query = http->query, .headers = headers};
    enum vb_sigv4_result result;

    if (authorization && strncmp(authorization, "AWS ", 4) == 0) {
        vb_store_fail(http, VB_STORE_INVALID_REQUEST,
                      "The authorization mechanism you have provided is not supported. "
                      "Please use AWS4-HMAC-SHA256.");
        return false;
    }
    vb_http_headers(http, collect_header, &list);
    request.header_count = list.count;
    if (list.overflow) {
        vb_store_fail(http, VB_STORE_REQUEST_HEADER_TOO_LARGE, NULL);
        return false;
    }
    if (authorization && !vb_http_header(http, "x-amz-content-sha256")) {
        vb_store_fail(http, VB_STORE_INVALID_REQUEST,
                      "Missing required header for this request: x-amz-content-sha256");
        return false;
    }
    result = verify(call, &request);
    if (result != VB_SIGV4_OK) {
        fail_authentication(call, result, !authorization);
        return false;
    }
    http->user = call->server->access_key_id;
    return true;
}

static enum vb_store_level level_of(const struct vb_store_target *target)
{
    return target->key ? VB_STORE_OBJECT : target->bucket ? VB_STORE_BUCKET : VB_STORE_SERVICE;
}

static void fail_target(struct vb_store_call *call, enum vb_store_error error)
{
    if (error == VB_STORE_KEY_TOO_LONG)
        vb_store_fail_fields(call->http, error,
                             (const struct vb_store_error_field[]){{"MaxSizeAllowed", "1024"}, {NULL, NULL}},
                             NULL);
    else
        vb_store_fail(call->http, error, NULL);
}

static void begin(struct vb_store_call *call)
{
    struct vb_http_request *http = call->http;
    enum vb_store_error error = vb_store_target_parse(&http->arena, http->path, http->host, &call->target);

    if (error) {
        fail_target(call, error);
        return;
    }
    call->operation = vb_store_operation_find(http, level_of(&call->target));
    if (call->operation)
        http->operation = call->operation->name;
    if (http->method == VB_HTTP_OPTIONS && call->operation)
        return; /* a preflight is never signed */
    if (!authenticate(call))
        return;
    if (!call->operation)
        vb_store_fail_fields(
            http, VB_STORE_METHOD_NOT_ALLOWED,
            (const struct vb_store_error_field[]){{"Method", http->method_name}, {NULL, NULL}}, NULL);
    else if (vb_store_body_begin(call) && call->operation->prepare)
        call->operation->prepare(call);
}

static void on_head(struct vb_http_request *http)
{
    struct vb_store_call *call = vb_xcalloc(1, sizeof(*call));

    call->http = http;
    call->server = http->app;
    call->engine = call->server->engine;
    http->context = call;
    begin(call);
}

static void on_body(struct vb_http_request *http, const char *data, size_t size)
{
    struct vb_store_call *call = http->context;

    vb_store_call_apply_cors(call, false);
    vb_store_body_write(call, data, size);
}

static void on_handle(struct vb_http_request *http)
{
    struct vb_store_call *call = http->context;

    if (vb_http_answered(http))
        return;
    vb_store_call_apply_cors(call, false);
    if (vb_store_body_finish(call))
        call->operation->handle(call);
}

static void on_done(struct vb_http_request *http)
{
    struct vb_store_call *call = http->context;

    vb_store_body_release(&call->body);
    explicit_bzero(&call->verified, sizeof(call->verified));
    free(call);
}

const struct vb_route vb_store_routes[] = {{.name = "S3",
                                            .methods = VB_HTTP_ANY,
                                            .pattern = "/*",
                                            .handle = on_handle,
                                            .body_max = BODY_MAX,
                                            .head = on_head,
                                            .body = on_body,
                                            .done = on_done},
                                           {0}};
