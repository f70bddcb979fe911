/* Cross-origin requests (Fetch Standard, "CORS protocol") for servers with a fixed list of origins. */
#include "http/internal.h"

#include <string.h>

static bool origin_allowed(const struct vb_http_cors *cors, const char *origin, bool *ret_any)
{
    *ret_any = false;
    for (const char *const *allowed = cors->origins; *allowed; allowed++) {
        if (strcmp(*allowed, "*") == 0)
            *ret_any = true;
        else if (strcmp(*allowed, origin) == 0)
            return true;
    }
    return *ret_any;
}

static void answer_preflight(struct vb_http_request *request, const struct vb_http_cors *cors)
{
    const char *headers = cors->allow_headers;

    if (!headers)
        headers = vb_http_header(request, "Access-Control-Request-Headers");
    vb_http_add_header(request, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    if (headers)
        vb_http_add_header(request, "Access-Control-Allow-Headers", headers);
    vb_http_add_header(request, "Access-Control-Max-Age", "7200");
    vb_http_answer(request, 204, NULL, NULL, 0);
}

bool vb_http_cors_apply(struct vb_http_request *request, const struct vb_http_cors *cors)
{
    const char *origin = cors->origins ? vb_http_header(request, "Origin") : NULL;
    bool any;

    if (!origin)
        return false;
    vb_http_add_header(request, "Vary", "Origin");
    if (!origin_allowed(cors, origin, &any))
        return false; /* without the header the browser refuses the answer */
    vb_http_add_header(request, "Access-Control-Allow-Origin", any ? "*" : origin);
    if (cors->expose_headers)
        vb_http_add_header(request, "Access-Control-Expose-Headers", cors->expose_headers);
    if (request->method != VB_HTTP_OPTIONS || !vb_http_header(request, "Access-Control-Request-Method"))
        return false;
    answer_preflight(request, cors);
    return true;
}
