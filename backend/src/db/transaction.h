/*
 * Work that is done as a whole or not at all, and again when another transaction came in its way.
 */
#ifndef VB_DB_TRANSACTION_H
#define VB_DB_TRANSACTION_H

#include "db/pool.h"

/* Runs work(db, context, err) between BEGIN and COMMIT. If it or the commit returns -EAGAIN (serialization
 * failure, deadlock, outdated plan) all of it is run again after a short wait, up to five times in all: work
 * must not change context in a way that the next run would not undo. Any other error rolls back. Blocking;
 * returns 0 or what work or the database said. */
int vb_db_transact(struct vb_db *db, int (*work)(struct vb_db *db, void *context, struct vb_error *err),
                   void *context, struct vb_error *err);

#endif
