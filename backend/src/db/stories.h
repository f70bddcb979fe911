/*
 * The tables vibe_stories and story_views. Ids are text here, whatever type the column has. Errors are those of
 * vb_db_execute() and the ones named.
 */
#ifndef VB_DB_STORIES_H
#define VB_DB_STORIES_H

#include "db/media_names.h"
#include "db/person.h"
#include "db/pool.h"

/* A row, as a viewer may see it. Times are PostgreSQL's text, UTC. */
struct vb_story {
    struct pg_result *row; /* holds the strings; NULL in a visit */
    const char *id;
    struct vb_person user;
    const char *caption;
    struct vb_media_names image, video;
    const char *created_at, *expires_at;
    const char *cursor_value; /* in lists: what they are sorted by */
    int64_t seen_count;
    bool seen; /* by the viewer */
};
void vb_story_release(struct vb_story *story); /* a zeroed struct is fine */

typedef int vb_story_visit(void *context, const struct vb_story *story);
/* Visits live stories with media: those who have the newest one first, each one's stories together, newest first.
 * after_value, after_id: cursor_value and id of the last row before, or NULL. -EDOM: one is not of its type. */
int vb_stories_list(struct vb_db *db, const char *viewer_id, unsigned limit, const char *after_value,
                    const char *after_id, vb_story_visit *visit, void *context, struct vb_error *err);
/* Visits live stories of one user, newest first; those without media only if the user is the viewer. */
int vb_stories_list_of_user(struct vb_db *db, const char *viewer_id, const char *user_id, unsigned limit,
                            const char *after_value, const char *after_id, vb_story_visit *visit,
                            void *context, struct vb_error *err);
/* -ENOENT: there is none that this viewer may see (ended, or another's without media). */
int vb_stories_find(struct vb_db *db, const char *viewer_id, const char *id, struct vb_story *ret_story,
                    struct vb_error *err);
/* ret_id: to be freed. -ESRCH: the user is gone. */
int vb_stories_insert(struct vb_db *db, const char *user_id, const char *caption, char **ret_id,
                      struct vb_error *err);
/* Marks the media that its row names for deletion, and deletes it. -ENOENT. */
int vb_stories_delete(struct vb_db *db, const char *id, struct vb_error *err);

/* Counts that the user has seen it, once. 0 also when the story is gone. -ESRCH: the user is gone. */
int vb_stories_mark_seen(struct vb_db *db, const char *id, const char *user_id, struct vb_error *err);
/* Visits those who have seen it, the last first; `at`: when. after_seen_at, after_id: of the last one before, or NULL. */
int vb_stories_seen_by(struct vb_db *db, const char *id, unsigned limit, const char *after_seen_at,
                       const char *after_id, vb_person_visit *visit, void *context, struct vb_error *err);

#endif
