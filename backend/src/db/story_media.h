/*
 * The photo and the video of a story in the table vibe_stories. Errors are those of vb_db_execute() and the
 * ones named; -ENXIO: there is no such story, or it has ended.
 */
#ifndef VB_DB_STORY_MEDIA_H
#define VB_DB_STORY_MEDIA_H

#include "db/activity_images.h"

/* Makes a story, which ends 24 hours from now. It is unpublished until it has media. */
int vb_story_media_make(struct vb_db *db, const char *user_id, char ret_id[VB_OWNED_ID_SIZE],
                        struct vb_error *err);
/* As vb_activity_images_owned(). */
int vb_story_media_owned(struct vb_db *db, const char *story_id, const char *user_id, bool lock,
                         char ret_id[VB_OWNED_ID_SIZE], struct vb_error *err);
/* Sets the story's photo or video; the first of them publishes it. */
int vb_story_media_set(struct vb_db *db, const char *story_id, bool video, const char *url,
                       const char *s3_key, const char *cdn_url, struct vb_error *err);

#endif
