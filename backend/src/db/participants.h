/*
 * The table activity_participants: who takes part in what. Errors are those of vb_db_execute() and the ones named.
 */
#ifndef VB_DB_PARTICIPANTS_H
#define VB_DB_PARTICIPANTS_H

#include "db/person.h"
#include "db/pool.h"

/* Takes a place, if there is one: never more than the capacity, however many ask at once. In a transaction or
 * not. Returns 0 (also when the user takes part already), -ENOENT (no such activity, or no such user), -ENOSPC
 * (full) or -ETIME (it has ended, or begun if no end is known). */
int vb_participants_join(struct vb_db *db, const char *activity_id, const char *user_id,
                         struct vb_error *err);
/* Gives the place back. Returns 0 also when there was none. */
int vb_participants_leave(struct vb_db *db, const char *activity_id, const char *user_id,
                          struct vb_error *err);

/* That a user takes part in an activity. */
typedef int vb_participation_visit(void *context, const char *user_id, const char *activity_id);
/* Visits who of these users takes part in which of these activities. Both are arrays (text_array.h) of ids. */
int vb_participants_among(struct vb_db *db, const char *user_ids, const char *activity_ids,
                          vb_participation_visit *visit, void *context, struct vb_error *err);

/* Visits those who take part, in the order in which they joined; `at`: when. after_joined_at, after_id: of the last one
 * before, or NULL. -EDOM: a parameter is not of its type. */
int vb_participants_list(struct vb_db *db, const char *activity_id, unsigned limit,
                         const char *after_joined_at, const char *after_id, vb_person_visit *visit,
                         void *context, struct vb_error *err);

#endif
