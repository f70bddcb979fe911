/*
 * Transactions that are retried after a serialization failure.
 */
#ifndef VB_DB_TRANSACTION_H
#define VB_DB_TRANSACTION_H

#include "db/pool.h"

/* Runs work(db, context, err) between BEGIN and COMMIT. If work or the commit returns -EAGAIN
 * (serialization failure, deadlock, outdated plan), it retries after a short wait, up to five attempts in
 * all. So work must undo what an earlier attempt did to context. Any other error rolls back. Blocking.
 * Returns 0, or the error of work or of the database. */
int vb_db_transact(struct vb_db *db, int (*work)(struct vb_db *db, void *context, struct vb_error *err),
                   void *context, struct vb_error *err);

#endif
