/*
 * The table activities. Ids are text here, whatever type the column has. Errors are those of
 * vb_db_execute() and the ones named.
 */
#ifndef VB_DB_ACTIVITIES_H
#define VB_DB_ACTIVITIES_H

#include "db/media_names.h"
#include "db/person.h"
#include "db/pool.h"

/* A row. Numbers and times are PostgreSQL's text: times as "2026-11-25 18:00:00.25+00", UTC. */
struct vb_activity {
    struct pg_result *row; /* holds the strings; NULL in a visit */
    const char *id;
    struct vb_person owner;
    const char *title, *description;
    const char *place_name, *latitude, *longitude;
    const char *starts_at, *ends_at, *created_at, *updated_at;
    const char *capacity, *participant_count;
    struct vb_media_names hero;
    const char *image_urls, *image_s3_keys, *image_cdn_urls; /* arrays (text_array.h), by index */
    const char *distance_m;                                  /* NULL in lists without a place to be near */
};
void vb_activity_release(struct vb_activity *activity); /* a zeroed struct is fine */

enum vb_activity_sort { VB_ACTIVITIES_NEWEST, VB_ACTIVITIES_SOONEST, VB_ACTIVITIES_NEAREST };

/* Which activities a list holds. Text is passed as a parameter of the statement; NULL: no such filter. */
struct vb_activity_filter {
    enum vb_activity_sort sort; /* soonest: those that have not begun. nearest: needs a place */
    unsigned limit;             /* rows */
    /* The last row of the page before: the value it is sorted by (created_at, starts_at, distance_m) and
     * its id. */
    const char *after_value, *after_id;
    const char *owner, *joined_by; /* user ids */
    const char *words;             /* an activity has all of them; each stands for words that begin so */
    bool near;
    double latitude, longitude, radius_m;
};
typedef int vb_activity_visit(void *context, const struct vb_activity *activity);
/* Visits them in order. -EDOM: after_value, after_id or a user's id is not of its type. */
int vb_activities_list(struct vb_db *db, const struct vb_activity_filter *filter, vb_activity_visit *visit,
                       void *context, struct vb_error *err);

/* -ENOENT: there is none. */
int vb_activities_find(struct vb_db *db, const char *id, struct vb_activity *ret_activity,
                       struct vb_error *err);
/* The same, and locks the row until the transaction ends. */
int vb_activities_lock(struct vb_db *db, const char *id, struct vb_activity *ret_activity,
                       struct vb_error *err);

/* What the owner may set. Times are ISO 8601. NULL: none. */
struct vb_activity_fields {
    const char *title, *description, *place_name, *latitude, *longitude, *starts_at, *ends_at, *capacity;
};
/* ret_id: to be freed. -ESRCH: the user is gone. */
int vb_activities_insert(struct vb_db *db, const char *user_id, const struct vb_activity_fields *fields,
                         char **ret_id, struct vb_error *err);
/* Sets all fields. -ENOENT: there is none. */
int vb_activities_update(struct vb_db *db, const char *id, const struct vb_activity_fields *fields,
                         struct vb_error *err);
/* Deletes it with its participants. The media that its row names become deleting. -ENOENT. */
int vb_activities_delete(struct vb_db *db, const char *id, struct vb_error *err);

#endif
