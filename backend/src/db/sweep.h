/*
 * What the sweeper asks the database: which work has been left undone, in batches of bounded size. Errors are
 * those of vb_db_execute() and the ones named.
 */
#ifndef VB_DB_SWEEP_H
#define VB_DB_SWEEP_H

#include "db/media.h"

#define VB_SWEEP_BATCH 100

/* The right to sweep, which one connection of all copies of the service has at a time. It ends with unlock or
 * with the connection. -EBUSY: another has it. */
int vb_sweep_lock(struct vb_db *db, struct vb_error *err);
void vb_sweep_unlock(struct vb_db *db);

typedef int vb_sweep_visit_object(void *context, const struct vb_media_object *object);
/* Visits, by key, the objects of rows that have been deleting for at least age_s seconds and that no row of a user, an
 * activity or a story names. Asks for VB_SWEEP_BATCH of them at a time. */
int vb_sweep_deleting(struct vb_db *db, unsigned age_s, vb_sweep_visit_object *visit, void *context,
                      struct vb_error *err);

typedef int vb_sweep_visit_upload(void *context, const char *upload_uuid);
/* Visits, by id, the uploads whose rows have been pending for at least age_s seconds. Asks as above. */
int vb_sweep_pending(struct vb_db *db, unsigned age_s, vb_sweep_visit_upload *visit, void *context,
                     struct vb_error *err);
/* Removes up to VB_SWEEP_BATCH stories that have ended; their media become deleting. */
int vb_sweep_stories(struct vb_db *db, int64_t *ret_removed, struct vb_error *err);

#endif
