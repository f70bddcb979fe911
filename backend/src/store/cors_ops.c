/* Cross-origin access (CORS): the configuration of a bucket, preflight requests, and the headers of
 * answers. */
#include "store/call.h"

#include <errno.h>
#include <string.h>

static void add_headers(struct vb_store_call *call, const struct vb_store_cors_rule *rule, const char *origin)
{
    struct vb_http_request *http = call->http;
    const char *allowed = vb_store_cors_allowed_origin(rule, origin);

    vb_http_add_header(http, "Access-Control-Allow-Origin", allowed);
    vb_http_add_header(http, "Access-Control-Allow-Methods", vb_store_cors_join(&http->arena, rule->methods));
    vb_http_add_header(http, "Access-Control-Expose-Headers", vb_store_cors_join(&http->arena, rule->expose));
    if (rule->max_age_s >= 0)
        vb_http_add_headerf(http, "Access-Control-Max-Age", "%d", rule->max_age_s);
    if (strcmp(allowed, "*") != 0)
        vb_http_add_header(http, "Access-Control-Allow-Credentials", "true");
    vb_http_add_header(http, "Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

/* Reads the bucket's rules. Returns 0, -ENOENT if it has none, or the engine's error. */
static int load_rules(struct vb_store_call *call, struct vb_store_cors *ret_cors, struct vb_error *err)
{
    struct vb_strbuf xml;
    int r;

    vb_strbuf_init(&xml, 4 * VB_STORE_CORS_SIZE_MAX);
    r = vb_engine_bucket_get_cors(call->engine, call->target.bucket, &xml, err);
    if (r == 0 && xml.length == 0)
        r = -ENOENT;
    if (r == 0)
        r = vb_store_cors_parse(&call->http->arena, xml.data, xml.length, ret_cors, err);
    if (r == 0)
        vb_store_cors_cache_set(call->server->cors_cache, call->target.bucket, xml.data);
    else if (r == -ENOENT || r == -ENODEV)
        vb_store_cors_cache_set(call->server->cors_cache, call->target.bucket, NULL);
    vb_strbuf_release(&xml);
    return r;
}

void vb_store_call_apply_cors(struct vb_store_call *call, bool from_cache)
{
    const char *origin = vb_http_header(call->http, "Origin");
    const struct vb_store_cors_rule *rule;
    struct vb_store_cors cors;

    if (call->cors_applied || !origin || !call->target.bucket || call->http->method == VB_HTTP_OPTIONS)
        return;
    call->cors_applied = true;
    if (from_cache) {
        const char *xml =
            vb_store_cors_cache_get(call->server->cors_cache, call->target.bucket, &call->http->arena);

        if (!xml || vb_store_cors_parse(&call->http->arena, xml, strlen(xml), &cors, NULL) < 0)
            return;
    } else if (load_rules(call, &cors, NULL) < 0) {
        return;
    }
    rule = vb_store_cors_match(&cors, origin, call->http->method_name, NULL);
    if (rule)
        add_headers(call, rule, origin);
}

static void fail_preflight(struct vb_store_call *call, const char *method, const char *message)
{
    vb_store_fail_fields(
        call->http, VB_STORE_ACCESS_FORBIDDEN,
        (const struct vb_store_error_field[]){
            {"Method", method}, {"ResourceType", call->target.key ? "OBJECT" : "BUCKET"}, {NULL, NULL}},
        "%s", message);
}

void vb_store_preflight(struct vb_store_call *call)
{
    struct vb_http_request *http = call->http;
    const char *origin = vb_http_header(http, "Origin");
    const char *method = vb_http_header(http, "Access-Control-Request-Method");
    const char *headers = vb_http_header(http, "Access-Control-Request-Headers");
    const struct vb_store_cors_rule *rule;
    struct vb_store_cors cors;
    struct vb_error err = {0};
    int r;

    if (!origin || !method) {
        vb_store_fail(http, VB_STORE_BAD_REQUEST, "Insufficient information. %s request header needed.",
                      origin ? "Access-Control-Request-Method" : "Origin");
        return;
    }
    r = call->target.bucket ? load_rules(call, &cors, &err) : -ENOENT;
    if (r == -ENOENT) {
        fail_preflight(call, method, vb_store_error_message(VB_STORE_ACCESS_FORBIDDEN));
        return;
    }
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return;
    }
    rule = vb_store_cors_match(&cors, origin, method, headers);
    if (!rule) {
        fail_preflight(
            call, method,
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of "
            "Origin, request method / Access-Control-Request-Method or "
            "Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.");
        return;
    }
    add_headers(call, rule, origin);
    if (headers)
        vb_http_add_header(http, "Access-Control-Allow-Headers", headers);
    vb_store_call_answer_empty(call, 200);
}

void vb_store_put_cors(struct vb_store_call *call)
{
    struct vb_store_cors cors;
    struct vb_strbuf xml;
    struct vb_error err = {0};
    int r = vb_store_cors_parse(&call->http->arena, call->body.collected.data, call->body.collected.length,
                                &cors, &err);

    if (r == -EINVAL || r == -EDOM) {
        vb_store_fail(call->http, r == -EDOM ? VB_STORE_INVALID_REQUEST : VB_STORE_MALFORMED_XML, "%s",
                      err.message);
        return;
    }
    vb_strbuf_init(&xml, VB_STORE_CORS_SIZE_MAX);
    if (r == 0)
        vb_store_cors_write(&cors, &xml);
    if (vb_strbuf_failed(&xml))
        vb_store_fail(call->http, VB_STORE_MALFORMED_XML, "The CORS configuration is larger than %zu bytes",
                      VB_STORE_CORS_SIZE_MAX);
    else if (r == 0)
        r = vb_engine_bucket_set_cors(call->engine, call->target.bucket, xml.data, &err);
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else if (!vb_http_answered(call->http))
        vb_store_call_answer_empty(call, 200);
    vb_strbuf_release(&xml);
}

void vb_store_get_cors(struct vb_store_call *call)
{
    struct vb_store_cors cors;
    struct vb_strbuf document;
    struct vb_error err = {0};
    int r = load_rules(call, &cors, &err);

    if (r == -ENOENT) {
        vb_store_call_fail_bucket(call, VB_STORE_NO_SUCH_CORS);
        return;
    }
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return;
    }
    vb_strbuf_init(&document, 2 * VB_STORE_CORS_SIZE_MAX);
    vb_store_cors_write(&cors, &document);
    vb_store_call_answer_xml(call, &document);
}

void vb_store_delete_cors(struct vb_store_call *call)
{
    struct vb_error err = {0};
    int r = vb_engine_bucket_set_cors(call->engine, call->target.bucket, NULL, &err);

    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else
        vb_store_call_answer_empty(call, 204);
}
