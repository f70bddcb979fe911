/*
 * The tables vibe_stories and story_views. Ids are text here, whatever type the column has. Errors are those of
 * vb_db_query() and the ones named.
 */
#ifndef VB_DB_STORIES_H
#define VB_DB_STORIES_H

#include "db/pool.h"

/* A row of a result; strings belong to it, times are PostgreSQL's text in UTC. */
struct vb_story {
    const char *id;
    const char *user_id, *user_name, *user_picture_s3_key, *user_picture_cdn_url;
    const char *caption;
    const char *image_url, *image_s3_key, *image_cdn_url;
    const char *video_url, *video_s3_key, *video_cdn_url;
    const char *created_at, *expires_at;
    const char *seen_count;
    const char *cursor_value; /* in lists: what they are sorted by */
    bool seen;                /* by who asks */
};
void vb_story_read(const PGresult *rows, int row, struct vb_story *ret_story);

/* Live stories with media: those who have the newest one first, each one's stories together, newest first.
 * after_value, after_id: cursor_value and id of the last row before, or NULL. -EDOM: one is not of its type. */
int vb_stories_list(struct vb_db *db, const char *viewer_id, unsigned limit, const char *after_value,
                    const char *after_id, PGresult **ret_rows, struct vb_error *err);
/* Live stories of one user, newest first; those without media only if it is the viewer. */
int vb_stories_list_of_user(struct vb_db *db, const char *viewer_id, const char *user_id, unsigned limit,
                            const char *after_value, const char *after_id, PGresult **ret_rows,
                            struct vb_error *err);
/* One row. -ENOENT: there is none that this viewer may see (ended, or another's without media). */
int vb_stories_find(struct vb_db *db, const char *viewer_id, const char *id, PGresult **ret_row,
                    struct vb_error *err);
/* ret_id: one row with the new id. -ESRCH: the user is gone. */
int vb_stories_insert(struct vb_db *db, const char *user_id, const char *caption, PGresult **ret_id,
                      struct vb_error *err);
/* Marks the media that its row names for deletion, and deletes it. -ENOENT. */
int vb_stories_delete(struct vb_db *db, const char *id, struct vb_error *err);

/* The user has seen it: counted once. A story that is not there (any more) is let pass. -ESRCH: the user is gone. */
int vb_stories_mark_seen(struct vb_db *db, const char *id, const char *user_id, struct vb_error *err);
/* Rows (id, name, profile picture's key, its address, seen_at), the last to see it first. */
int vb_stories_seen_by(struct vb_db *db, const char *id, unsigned limit, const char *after_seen_at,
                       const char *after_id, PGresult **ret_rows, struct vb_error *err);

#endif
