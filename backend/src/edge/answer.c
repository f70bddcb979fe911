/*
 * Answers of the CDN edge: see answer.h.
 */
#include "edge/answer.h"

#include "http/range.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void vb_edge_add_common_headers(struct vb_http_request *request)
{
    vb_http_add_header_borrowed(request, "Access-Control-Allow-Origin", "*");
    vb_http_add_header_borrowed(request, "Cross-Origin-Resource-Policy", "cross-origin");
    vb_http_add_header_borrowed(request, "X-Content-Type-Options", "nosniff");
}

static const char *error_caching(int status)
{
    if (status == 404 || status == 422)
        return "public, max-age=5";
    return status == 400 || status == 403 ? "public, max-age=60" : "no-store";
}

void vb_edge_http_error(struct vb_http_request *request, int status, const char *code, const char *detail)
{
    char text[512];
    /* a message, which begins lower-case; the HTTP server's own details are sentences */
    int length = snprintf(text, sizeof(text), "%s: %c%s\n", code, tolower((unsigned char)*detail),
                          *detail ? detail + 1 : "");

    if (length >= (int)sizeof(text))
        length = (int)sizeof(text) - 1;
    vb_edge_add_common_headers(request);
    vb_http_add_header(request, "Cache-Control", error_caching(status));
    vb_http_answer(request, status, "text/plain; charset=utf-8", text, (size_t)length);
}

void vb_edge_answer_unavailable(struct vb_http_request *request, int error)
{
    vb_http_add_header(request, "Retry-After", error == -EAGAIN ? "2" : "1");
    if (error == -EAGAIN)
        vb_edge_http_error(request, 503, "busy", "too many pictures are being made; try again soon");
    else
        vb_edge_http_error(request, 503, "origin_unavailable",
                           "the object store does not answer; try again in a second");
}

struct vb_edge_plan vb_edge_plan(const struct vb_http_request *request, const struct vb_cache_entry *entry)
{
    const char *range = vb_http_header(request, "Range"), *etag = entry->etag[0] ? entry->etag : NULL;
    struct vb_edge_plan plan = {.status = 200, .size = entry->size};
    const struct vb_conditions conditions = {
        .if_match = vb_http_header(request, "If-Match"),
        .if_none_match = vb_http_header(request, "If-None-Match"),
        .if_modified_since = vb_http_header(request, "If-Modified-Since"),
        .if_unmodified_since = vb_http_header(request, "If-Unmodified-Since"),
    };

    if (entry->missing || entry->unfit)
        return (struct vb_edge_plan){.status = entry->missing ? 404 : 422};
    switch (vb_conditions_evaluate(&conditions, true, etag, entry->last_modified_s)) {
    case VB_CONDITION_NOT_MODIFIED:
        return (struct vb_edge_plan){.status = 304};
    case VB_CONDITION_FAILED:
        return (struct vb_edge_plan){.status = 412};
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

void vb_edge_add_headers(struct vb_http_request *request, const struct vb_cache_entry *entry,
                         const struct vb_edge_plan *plan, enum vb_cache_source source,
                         enum vb_edge_caching caching)
{
    static const char *const sources[] = {"hit", "miss", "stale"};

    vb_edge_add_common_headers(request);
    vb_http_add_header_borrowed(request, "Cache-Control",
                                caching == VB_EDGE_FOR_NOW ? "public, max-age=600"
                                                           : "public, max-age=31536000, immutable");
    if (caching != VB_EDGE_FOR_EVER)
        vb_http_add_header_borrowed(request, "Vary", "Accept");
    if (entry->etag[0])
        vb_http_add_header_borrowed(request, "ETag", entry->etag);
    vb_http_add_header_borrowed(request, "Last-Modified", entry->last_modified);
    vb_http_add_header_borrowed(request, "Accept-Ranges", "bytes");
    if (vb_http_header(request, "Origin")) { /* only scripts of a page use these; apps send no Origin */
        vb_http_add_header_borrowed(request, "Timing-Allow-Origin", "*");
        vb_http_add_header_borrowed(request, "Access-Control-Expose-Headers",
                                    "Content-Length, Content-Range, ETag, X-Cache");
    }
    vb_http_add_header_borrowed(request, "X-Cache", sources[source]);
    if (plan->status == 206) {
        /* a script that plays a video piece by piece reads these */
        vb_http_add_header_borrowed(request, "Access-Control-Expose-Headers", "Content-Range, ETag");
        vb_http_add_headerf(request, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, plan->offset,
                            plan->offset + plan->size - 1, entry->size);
    }
}

void vb_edge_refuse(struct vb_http_request *request, const struct vb_cache_entry *entry, int status)
{
    if (status == 416) {
        vb_http_add_headerf(request, "Content-Range", "bytes */%" PRId64, entry->size);
        vb_edge_http_error(request, 416, "range_not_satisfiable",
                           "the range begins after the object's last byte");
    } else if (status == 412) {
        vb_edge_http_error(request, 412, "precondition_failed",
                           "the object is not the one that the condition of the request names");
    } else if (status == 422) {
        vb_edge_http_error(request, 422, "not_a_picture",
                           "variants are made of pictures: this object is no picture, or it is damaged");
    } else {
        vb_edge_http_error(request, 404, "not_found", "there is no object with this name");
    }
}

/* For HEAD: the server leaves the body out and so never asks for it. */
static int64_t fill_nothing(void *context, int64_t offset, char *buffer, size_t capacity)
{
    (void)context, (void)offset, (void)buffer, (void)capacity;
    return -EIO;
}

bool vb_edge_answer(struct vb_http_request *request, struct vb_cache_entry *entry,
                    enum vb_cache_source source, enum vb_edge_caching caching)
{
    struct vb_edge_plan plan = vb_edge_plan(request, entry);
    bool sends_body = plan.status == 200 || plan.status == 206;

    if (sends_body && !entry->body && request->method == VB_HTTP_GET)
        return false;
    if (!sends_body && plan.status != 304) {
        vb_edge_refuse(request, entry, plan.status);
        vb_cache_entry_release(entry);
        return true;
    }
    vb_edge_add_headers(request, entry, &plan, source, caching);
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
