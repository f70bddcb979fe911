/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) for requests that create something: the same
 * request sent again, by a phone that never saw the answer, does nothing twice and is answered as before.
 *
 * The key is entered in the transaction that does the work, so there is no moment at which one is there
 * without the other; of two requests at once the second waits for the first one's commit. A handler reads:
 *
 *     r = vb_api_create_once(request, db, &(struct vb_api_creation){user_id, insert_thing, &thing}, &err);
 *     if (r < 0)                                      // else it has been answered
 *         vb_api_database_problem(request, r, &err);
 *
 * Only what was committed is replayed: a request that failed may be sent again with its key. Do not use this
 * where an answer holds a secret, as answers are kept for 24 hours. Blocking.
 */
#ifndef VB_API_IDEMPOTENCY_H
#define VB_API_IDEMPOTENCY_H

#include "api/request.h"

#define VB_IDEMPOTENCY_KEY_MAX 255

struct vb_api_creation {
    const char *user_id;
    /* Makes the thing and writes the answer, which is JSON, into ret_body, having initialised it. May be run
     * several times, as by vb_db_transact(). */
    int (*work)(struct vb_db *db, void *context, struct vb_strbuf *ret_body, struct vb_error *err);
    void *context;
};

/* Does the work in a transaction that also takes the request's key, if it has one, and keeps the answer.
 * Returns 0 once it has been answered: 201 with the work's body; as before, with "Idempotency-Replayed:
 * true"; 422 idempotency_key_reused for another request with that key; 400 idempotency_key_invalid for what
 * is no key (1 to 255 visible ASCII characters). Otherwise what work or the database said, and nothing was
 * answered. */
int vb_api_create_once(struct vb_http_request *request, struct vb_db *db,
                       const struct vb_api_creation *creation, struct vb_error *err);

#endif
