/* Liveness and readiness for load balancers, and metrics for Prometheus. */
#include "api/readiness.h"
#include "api/request.h"
#include "api/routes.h"

#include "base/metrics.h"

void vb_api_health(struct vb_http_request *request)
{
    static const char body[] = "{\"status\":\"ok\"}\n";

    vb_http_answer_static(request, 200, "application/json", body, sizeof(body) - 1, NULL, NULL);
}

void vb_api_ready(struct vb_http_request *request)
{
    const struct vb_readiness_answer ready = vb_readiness_check(vb_api_of(request)->readiness);
    struct vb_strbuf body;
    struct vb_json json;

    vb_strbuf_init(&body, 256);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "status", ready.database && ready.bucket ? "ok" : "unavailable");
    vb_json_key_string(&json, "database", ready.database ? "ok" : "unavailable");
    vb_json_key_string(&json, "bucket", ready.bucket ? "ok" : "unavailable");
    vb_json_object_end(&json);
    if (!ready.database || !ready.bucket)
        vb_http_add_header(request, "Retry-After", "1");
    vb_api_answer_json(request, ready.database && ready.bucket ? 200 : 503, &body);
}

void vb_api_metrics(struct vb_http_request *request)
{
    struct vb_strbuf body;

    vb_strbuf_init(&body, (size_t)4 * 1024 * 1024);
    vb_metrics_render(&body);
    vb_http_answer_strbuf(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}
