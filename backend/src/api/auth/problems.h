/*
 * Problems that several handlers of auth answer with.
 */
#ifndef VB_API_AUTH_PROBLEMS_H
#define VB_API_AUTH_PROBLEMS_H

#include "http/server.h"

/* account_disabled. status: 403, or 401 where a token was sent that is void because of it. */
void vb_auth_disabled_problem(struct vb_http_request *request, int status);
/* 401 invalid_credentials: does not tell which of the two is wrong. */
void vb_auth_credentials_problem(struct vb_http_request *request);
/* 429 with Retry-After. what: the beginning of a sentence that goes on with ": try again in … seconds". */
void vb_auth_throttled_problem(struct vb_http_request *request, const char *code, const char *what,
                               unsigned retry_after_s);

#endif
