/*
 * The staged file that a request names, by the {uploadId} of its route and the key that came with it.
 */
#ifndef VB_API_UPLOAD_STAGED_H
#define VB_API_UPLOAD_STAGED_H

#include "api/request.h"
#include "ingest/staged.h"

/* Fills *ret, which lives as long as the request. False after a problem: the upload id must be a ticket of
 * this user, and the key that of the ticket. key: NULL if none came. */
bool vb_upload_find(struct vb_http_request *request, const char *user_id, const char *key,
                    struct vb_staged *ret);
/* The same with the key of the body, {"key": …}. */
bool vb_upload_read(struct vb_http_request *request, const char *user_id, struct vb_staged *ret);
/* Answers VB_OUTCOME_UNKNOWN_PURPOSE with 503: the next try may reach a copy that knows the purpose. */
void vb_upload_purpose_unknown(struct vb_http_request *request, const struct vb_error *err);

#endif
