/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) for requests that create something: a phone
 * that never saw the answer sends the same request again; that creates nothing twice and gets the same
 * answer.
 *
 * The key is stored in the transaction that does the work, so neither is ever there without the other. Of two
 * requests at once the second waits for the first one's commit. A handler reads:
 *
 *     vb_api_create_once(request, db, &(struct vb_api_creation){user_id, insert_thing, &thing});
 *
 * Only a committed answer is replayed: a request that failed may be sent again with its key. Answers are kept
 * for 24 hours: never use this where an answer holds a secret. Blocking.
 */
#ifndef VB_API_IDEMPOTENCY_H
#define VB_API_IDEMPOTENCY_H

#include "api/request.h"

#define VB_IDEMPOTENCY_KEY_MAX 255

struct vb_api_creation {
    const char *user_id;
    /* Makes the thing, initialises ret_body and writes the answer, which is JSON, into it. May run several
     * times, as in vb_db_transact(). Returns 0, or the error of the database; -ESRCH and -EDOM: there is no
     * such user. */
    int (*work)(struct vb_db *db, void *context, struct vb_strbuf *ret_body, struct vb_error *err);
    void *context;
};

/* In one transaction: takes the request's key, if it has one, does the work and keeps the answer. Answers 201
 * with the body that the work wrote; or the same as before, with "Idempotency-Replayed: true"; 422
 * idempotency_key_reused for a key that was used for another request; 400 idempotency_key_invalid for one
 * that is not 1 to 255 visible ASCII characters; 401 or 503 for work that failed. */
void vb_api_create_once(struct vb_http_request *request, struct vb_db *db,
                        const struct vb_api_creation *creation);

#endif
