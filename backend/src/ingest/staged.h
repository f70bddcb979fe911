/*
 * The staged object of an upload, as a request or a key in the bucket names it: whose it is, and the ticket
 * that it was written with.
 */
#ifndef VB_INGEST_STAGED_H
#define VB_INGEST_STAGED_H

#include "ingest/promote.h"

#define VB_STAGED_PREFIX    "user-uploads/"
#define VB_STAGED_USER_SIZE 513

/* For a route with {uploadId}, and the key that came with it (NULL: none did): fills ticket, upload_id, user_id
 * and staging_key, which live as long as the request. False after a problem: the ticket must be this user's,
 * and the key the ticket's. */
bool vb_staged_find(struct vb_http_request *request, const char *user_id, const char *key,
                    struct vb_promotion *promotion);
/* The same with the key of the body, {"key": …}. */
bool vb_staged_read(struct vb_http_request *request, const char *user_id, struct vb_promotion *promotion);

struct vb_staged_names {
    char user_id[VB_STAGED_USER_SIZE], upload_id[VB_TICKET_ID_SIZE];
};
/* The same from the key alone; key and names must outlive the promotion. -EINVAL: no ticket of this server's
 * has that key. */
int vb_staged_from_key(const struct vb_api *api, const char *key, struct vb_staged_names *names,
                       struct vb_promotion *promotion);

#endif
