/*
 * Answers of the CDN edge: cache entries as HTTP, with conditions and ranges (RFC 9110).
 */
#ifndef VB_EDGE_ANSWER_H
#define VB_EDGE_ANSWER_H

#include "edge/cache.h"
#include "http/server.h"

/* How an answer is to be kept by those who get it. */
enum vb_edge_caching {
    VB_EDGE_FOR_EVER,        /* it never changes */
    VB_EDGE_FOR_EVER_VARIED, /* the same, but another Accept gets another */
    VB_EDGE_FOR_NOW          /* varied, and a better one is being made */
};

/* What every answer carries: pictures are shown by pages of any origin, and never taken for something else. */
void vb_edge_add_common_headers(struct vb_http_request *request);
/* Plain-text errors that caches keep no longer than they should; fits vb_http_config.error. */
void vb_edge_http_error(struct vb_http_request *request, int status, const char *code, const char *detail);
/* 503 with Retry-After. error: of what was tried; -EAGAIN: not the bucket is to blame, but too much work. */
void vb_edge_answer_unavailable(struct vb_http_request *request, int error);

/* Answers with what the entry holds, taking its reference; false (and nothing taken or answered) if it has no body, and
 * one is to be sent. */
bool vb_edge_answer(struct vb_http_request *request, struct vb_cache_entry *entry,
                    enum vb_cache_source source, enum vb_edge_caching caching);

/* The bytes that an answer has, which has a body; for a body that comes from elsewhere. */
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
