/*
 * The tables vibe_stories and story_views. Ids are text here, whatever type the column has. Errors are
 * those of vb_db_execute() and the ones named.
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
    const char *cursor_value; /* in lists: the value they are sorted by */
    int64_t seen_count;
    bool seen; /* by the viewer */
};
void vb_story_release(struct vb_story *story); /* a zeroed struct is fine */

typedef int vb_story_visit(void *context, const struct vb_story *story);
/* Visits live stories with media, grouped by user: first the user with the newest story; each user's
 * stories, newest first. after_value, after_id: cursor_value and id of the last row of the page before, or
 * NULL. -EDOM: one is not of its type. */
int vb_stories_list(struct vb_db *db, const char *viewer_id, unsigned limit, const char *after_value,
                    const char *after_id, vb_story_visit *visit, void *context, struct vb_error *err);
/* Visits one user's live stories, newest first. Only their user sees those without media. */
int vb_stories_list_of_user(struct vb_db *db, const char *viewer_id, const char *user_id, unsigned limit,
                            const char *after_value, const char *after_id, vb_story_visit *visit,
                            void *context, struct vb_error *err);
/* -ENOENT: this viewer may see no such story: it has ended, or it is another's without media. */
int vb_stories_find(struct vb_db *db, const char *viewer_id, const char *id, struct vb_story *ret_story,
                    struct vb_error *err);
/* ret_id: to be freed. -ESRCH: the user is gone. */
int vb_stories_insert(struct vb_db *db, const char *user_id, const char *caption, char **ret_id,
                      struct vb_error *err);
/* Deletes it. The media that its row names become deleting. -ENOENT. */
int vb_stories_delete(struct vb_db *db, const char *id, struct vb_error *err);

/* Counts the user's first view. Returns 0 also if the story is gone. -ESRCH: the user is gone. */
int vb_stories_mark_seen(struct vb_db *db, const char *id, const char *user_id, struct vb_error *err);
/* Visits those who have seen it, the latest first; `at`: when. after_seen_at, after_id: of the last one of
 * the page before, or NULL. */
int vb_stories_seen_by(struct vb_db *db, const char *id, unsigned limit, const char *after_seen_at,
                       const char *after_id, vb_person_visit *visit, void *context, struct vb_error *err);

#endif
