/*
 * The table activity_participants: who takes part in what. Errors are those of vb_db_execute() and the ones
 * named.
 */
#ifndef VB_DB_PARTICIPANTS_H
#define VB_DB_PARTICIPANTS_H

#include "db/person.h"
#include "db/pool.h"

/* Takes a place, if one is free: never more than the capacity, however many ask at once. In a transaction
 * or not. Returns 0 (also if the user takes part already), -ENOENT (no such activity or user), -ENOSPC
 * (full) or -ETIME (it has ended; without a known end: it has begun). */
int vb_participants_join(struct vb_db *db, const char *activity_id, const char *user_id,
                         struct vb_error *err);
/* Gives the place back. Returns 0 also if the user had none. */
int vb_participants_leave(struct vb_db *db, const char *activity_id, const char *user_id,
                          struct vb_error *err);

/* That a user takes part in an activity. */
typedef int vb_participation_visit(void *context, const char *user_id, const char *activity_id);
/* Visits each pair of these users and activities where the user takes part. Both are arrays (text_array.h) of
 * ids. */
int vb_participants_among(struct vb_db *db, const char *user_ids, const char *activity_ids,
                          vb_participation_visit *visit, void *context, struct vb_error *err);

/* Visits the participants in the order in which they joined; `at`: when. after_joined_at, after_id: of the
 * last one of the page before, or NULL. -EDOM: a parameter is not of its type. */
int vb_participants_list(struct vb_db *db, const char *activity_id, unsigned limit,
                         const char *after_joined_at, const char *after_id, vb_person_visit *visit,
                         void *context, struct vb_error *err);

#endif
