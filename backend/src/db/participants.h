/*
 * The table activity_participants: who takes part in what. Errors are those of vb_db_query() and the ones named.
 */
#ifndef VB_DB_PARTICIPANTS_H
#define VB_DB_PARTICIPANTS_H

#include "db/pool.h"

/* Takes a place, if there is one: never more than the capacity, however many ask at once. In a transaction or
 * not. Returns 0 (also when the user takes part already), -ENOENT (no such activity, or no such user), -ENOSPC
 * (full) or -ETIME (it has ended, or begun if no end is known). */
int vb_participants_join(struct vb_db *db, const char *activity_id, const char *user_id,
                         struct vb_error *err);
/* Gives the place back. Returns 0 also when there was none. */
int vb_participants_leave(struct vb_db *db, const char *activity_id, const char *user_id,
                          struct vb_error *err);

/* Rows (user id, activity id): which of these users take part in which of these activities. Both are arrays
 * (text_array.h) of ids. */
int vb_participants_among(struct vb_db *db, const char *user_ids, const char *activity_ids,
                          PGresult **ret_rows, struct vb_error *err);

/* Rows (id, name, profile picture's key, its address, joined_at) in the order in which they joined, after the one
 * named (both NULL: from the first). -EDOM: a parameter is not of its type. */
int vb_participants_list(struct vb_db *db, const char *activity_id, unsigned limit,
                         const char *after_joined_at, const char *after_id, PGresult **ret_rows,
                         struct vb_error *err);

#endif
