/* The API describes itself: GET /api/openapi.json for programs, GET /api/docs for people. */
#include "api/embedded.h"
#include "api/request.h"
#include "api/routes.h"

#include "http/range.h"

static void answer_embedded(struct vb_http_request *request, const struct vb_embedded *embedded)
{
    const struct vb_conditions conditions = {.if_none_match = vb_http_header(request, "If-None-Match")};

    vb_http_add_header_borrowed(request, "ETag", embedded->etag);
    vb_http_add_header_borrowed(request, "Cache-Control",
                                "no-cache"); /* a cache must ask: an update changes both */
    vb_http_add_header_borrowed(request, "Content-Security-Policy", embedded->content_security_policy);
    if (vb_conditions_evaluate(&conditions, true, embedded->etag, 0) == VB_CONDITION_NOT_MODIFIED)
        vb_http_answer(request, 304, NULL, "", 0);
    else
        vb_http_answer_static(request, 200, embedded->content_type, embedded->text, embedded->size, NULL,
                              NULL);
}

void vb_api_openapi(struct vb_http_request *request)
{
    answer_embedded(request, &vb_embedded_openapi);
}

void vb_api_docs(struct vb_http_request *request)
{
    answer_embedded(request, &vb_embedded_docs);
}
