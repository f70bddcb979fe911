/*
 * Errors of the API: RFC 9457 problem details with a stable `code`.
 */
#ifndef VB_HTTP_PROBLEM_H
#define VB_HTTP_PROBLEM_H

#include "http/server.h"

/* Answers {"type", "title", "status", "code", "detail", "requestId"} as application/problem+json. code:
 * stable, snake_case, what programs switch on. detail: a sentence for the developer who reads it. 503 and 429
 * carry Retry-After: 1 unless the handler has added one. */
void vb_problem(struct vb_http_request *request, int status, const char *code, const char *detail_format, ...)
    __attribute__((format(printf, 4, 5)));
/* As above, naming the field of the request that is wrong: adds {"errors": [{"field", "detail"}]}. */
void vb_problem_field(struct vb_http_request *request, int status, const char *code, const char *field,
                      const char *detail_format, ...) __attribute__((format(printf, 5, 6)));
/* Fits vb_http_config.error. */
void vb_problem_error(struct vb_http_request *request, int status, const char *code, const char *detail);

#endif
