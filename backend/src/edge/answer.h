/*
 * Answers of the CDN edge: cache entries as HTTP, with conditions and ranges (RFC 9110).
 */
#ifndef VB_EDGE_ANSWER_H
#define VB_EDGE_ANSWER_H

#include "edge/cache.h"
#include "http/server.h"

/* How long a cache may keep an answer. */
enum vb_edge_caching {
    VB_EDGE_FOR_EVER,        /* it never changes */
    VB_EDGE_FOR_EVER_VARIED, /* the same, but another Accept gets another */
    VB_EDGE_FOR_NOW          /* varied, and a better one is being made */
};

/* The headers of every answer: pages of any origin may show the picture, and no browser guesses its type. */
void vb_edge_add_common_headers(struct vb_http_request *request);
/* An error in plain text, with a short Cache-Control. Fits vb_http_config.error. */
void vb_edge_http_error(struct vb_http_request *request, int status, const char *code, const char *detail);
/* 503 with Retry-After. error: -EAGAIN when the media workers are busy, anything else when the origin
 * failed. */
void vb_edge_answer_unavailable(struct vb_http_request *request, int error);

/* Answers with the entry, and takes its reference. Returns false, with nothing answered or taken, if a body
 * must be sent and the entry has none. */
bool vb_edge_answer(struct vb_http_request *request, struct vb_cache_entry *entry,
                    enum vb_cache_source source, enum vb_edge_caching caching);

/* The status of the answer and the bytes of its body, for a body that comes from elsewhere than the entry. */
struct vb_edge_plan {
    int status; /* 200, 206; or 304, 404, 412, 416, 422: no body of the entry is sent */
    int64_t offset, size;
};
struct vb_edge_plan vb_edge_plan(const struct vb_http_request *request, const struct vb_cache_entry *entry);
void vb_edge_add_headers(struct vb_http_request *request, const struct vb_cache_entry *entry,
                         const struct vb_edge_plan *plan, enum vb_cache_source source,
                         enum vb_edge_caching caching);
/* plan->status is a refusal (404, 412, 416, 422). */
void vb_edge_refuse(struct vb_http_request *request, const struct vb_cache_entry *entry, int status);

#endif
