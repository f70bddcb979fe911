/*
 * The sweeper's queries: which work was left undone, in batches. Errors are those of vb_db_execute() and
 * the ones named.
 */
#ifndef VB_DB_SWEEP_H
#define VB_DB_SWEEP_H

#include "db/media.h"

#define VB_SWEEP_BATCH 100

/* Takes the right to sweep. Of all copies of the service, one connection has it at a time, until it unlocks
 * or closes. -EBUSY: another connection has it. */
int vb_sweep_lock(struct vb_db *db, struct vb_error *err);
void vb_sweep_unlock(struct vb_db *db);

typedef int vb_sweep_visit_object(void *context, const struct vb_media_object *object);
/* Visits, in order of keys, the objects of rows that are deleting for at least age_s seconds, unless a
 * user, an activity or a story names them. Reads VB_SWEEP_BATCH rows at a time. */
int vb_sweep_deleting(struct vb_db *db, unsigned age_s, vb_sweep_visit_object *visit, void *context,
                      struct vb_error *err);

typedef int vb_sweep_visit_upload(void *context, const char *upload_uuid);
/* Visits, in order of ids, the uploads whose rows are pending for at least age_s seconds. Reads as above. */
int vb_sweep_pending(struct vb_db *db, unsigned age_s, vb_sweep_visit_upload *visit, void *context,
                     struct vb_error *err);
/* Deletes up to VB_SWEEP_BATCH stories that have ended; their media become deleting. */
int vb_sweep_stories(struct vb_db *db, int64_t *ret_removed, struct vb_error *err);

#endif
