/*
 * The table idempotency_keys: the answers to requests that carried an Idempotency-Key. Errors are those
 * of vb_db_execute() and the ones named.
 */
#ifndef VB_DB_IDEMPOTENCY_H
#define VB_DB_IDEMPOTENCY_H

#include "db/pool.h"

#define VB_IDEMPOTENCY_LIFETIME_H 24

/* An answer that was given before. */
struct vb_idempotency {
    struct pg_result *row; /* holds the strings */
    const char *operation, *request_hash, *body;
    int status;
};
void vb_idempotency_release(struct vb_idempotency *idempotency); /* a zeroed struct is fine */

/* Takes the key in a transaction; others see it after the commit. Waits for another transaction that has
 * taken the same key. -EALREADY: it was taken before, and ret_before (else untouched) is the answer. A key
 * that is older than its lifetime is taken anew. */
int vb_idempotency_take(struct vb_db *db, const char *user_id, const char *key, const char *operation,
                        const char *request_hash, struct vb_idempotency *ret_before, struct vb_error *err);
/* Stores the answer, in the same transaction. */
int vb_idempotency_save(struct vb_db *db, const char *user_id, const char *key, int status, const char *body,
                        struct vb_error *err);
/* Removes up to 1000 rows past their lifetime. */
int vb_idempotency_forget_old(struct vb_db *db, int64_t *ret_removed, struct vb_error *err);

#endif
