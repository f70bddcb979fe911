/*
 * A file in staging, as the parts of its name say: whose it is, and the ticket that it was sent with.
 *
 *   user-uploads/{user id}/{upload id}-{time}.{extension}
 */
#ifndef VB_INGEST_STAGED_H
#define VB_INGEST_STAGED_H

#include "ingest/ticket.h"
#include "media/keys.h"

#define VB_STAGED_USER_SIZE 513

struct vb_staged {
    struct vb_ticket ticket;
    const char *user_id, *upload_id, *key; /* the caller's */
};

/* Fills *ret from the parts, which must outlive it. -EINVAL: the upload id is no ticket of this user, or the
 * key is not the ticket's. */
int vb_staged_read(const struct vb_keys *keys, const char *user_id, const char *upload_id, const char *key,
                   struct vb_staged *ret);

/* The same from the key alone. The parts are copied to names, which must outlive *ret, as must the key.
 * -EINVAL: no ticket of this server has that key. */
struct vb_staged_names {
    char user_id[VB_STAGED_USER_SIZE], upload_id[VB_TICKET_ID_SIZE];
};
int vb_staged_from_key(const struct vb_keys *keys, const char *key, struct vb_staged_names *names,
                       struct vb_staged *ret);

#endif
