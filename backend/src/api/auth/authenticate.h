/*
 * Who sends a request: the user whom its access token names.
 */
#ifndef VB_API_AUTH_AUTHENTICATE_H
#define VB_API_AUTH_AUTHENTICATE_H

#include "http/server.h"

/* Verifies the access token and takes one request from its user's rate limit. Returns the user's id, also put
 * into request->user, or NULL after a 401 or 429. Needs no database and does not block: tokens that were
 * revoked (a deleted or disabled account, a changed password) are in memory. */
const char *vb_api_authenticate(struct vb_http_request *request);

/* The 401 for a token whose user is not in the database: token_invalid. */
void vb_api_account_gone(struct vb_http_request *request);

#endif
