/*
 * The pictures of an activity: the hero and the gallery in the table activities. Errors are those of
 * vb_db_execute() and the ones named; -ENXIO: there is no such activity.
 */
#ifndef VB_DB_ACTIVITY_IMAGES_H
#define VB_DB_ACTIVITY_IMAGES_H

#include "db/pool.h"

#define VB_OWNED_ID_SIZE 65 /* of the id of an activity or a story that uploads may name */

/* Checks that the activity is the user's (else -EACCES) and returns its id as the database writes it. lock:
 * locks the row until the transaction ends. */
int vb_activity_images_owned(struct vb_db *db, const char *activity_id, const char *user_id, bool lock,
                             char ret_id[VB_OWNED_ID_SIZE], struct vb_error *err);

int vb_activity_images_set_hero(struct vb_db *db, const char *activity_id, const char *url,
                                const char *s3_key, const char *cdn_url, struct vb_error *err);
/* index: from 0. The arrays are padded with NULL up to it; their other elements stay. */
int vb_activity_images_set_gallery(struct vb_db *db, const char *activity_id, int index, const char *url,
                                   const char *s3_key, const char *cdn_url, struct vb_error *err);

#endif
