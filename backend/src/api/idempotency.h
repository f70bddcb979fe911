/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) for requests that create something: the same
 * request sent again, by a phone that never saw the answer, does nothing twice and is answered as before.
 *
 * The key is entered in the transaction that does the work, so there is no moment at which one is there
 * without the other; of two requests at once the second waits for the first one's commit. A handler reads:
 *
 *     struct vb_api_idempotency once;
 *
 *     if (!db || !vb_api_idempotency_begin(request, db, user_id, &once))  // begins the transaction
 *         return;                                                         // answered: replayed, or a problem
 *     r = vb_things_insert(db, …);                                        // the work
 *     write_thing(&body, …);                                              // its answer
 *     if (r == 0)
 *         r = vb_api_idempotency_commit(&once, db, 201, &body, &err);     // keeps the answer, commits
 *     …
 *     vb_api_answer_json(request, 201, &body);
 *
 * Only what was committed is replayed: a request that failed may be sent again with its key. Do not use this
 * where an answer holds a secret, as answers are kept for 24 hours. Blocking.
 */
#ifndef VB_API_IDEMPOTENCY_H
#define VB_API_IDEMPOTENCY_H

#include "api/request.h"

#define VB_IDEMPOTENCY_KEY_MAX 255

struct vb_api_idempotency {
    const char *user_id, *key; /* key NULL: the request has none, and all of this does nothing */
};

/* Begins a transaction, and takes the request's key in it. user_id must outlive ret_once. False: it has been
 * answered: as before, with "Idempotency-Replayed: true"; 422 idempotency_key_reused for another request with
 * that key; 400 idempotency_key_invalid for what is no key (1 to 255 visible ASCII characters). */
bool vb_api_idempotency_begin(struct vb_http_request *request, struct vb_db *db, const char *user_id,
                              struct vb_api_idempotency *ret_once);
/* Keeps the answer, which is JSON, and commits. Errors are those of vb_db_query() and vb_db_commit(). */
int vb_api_idempotency_commit(const struct vb_api_idempotency *once, struct vb_db *db, int status,
                              const struct vb_strbuf *body, struct vb_error *err);

#endif
