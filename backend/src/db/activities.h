/*
 * The table activities. Ids are text here, whatever type the column has. Errors are those of vb_db_query() and
 * the ones named.
 */
#ifndef VB_DB_ACTIVITIES_H
#define VB_DB_ACTIVITIES_H

#include "db/pool.h"

/* A row of a result. The strings belong to the result; those that may be NULL in the database are NULL here.
 * Numbers and times are PostgreSQL's text: times as "2026-11-25 18:00:00.25+00", UTC. */
struct vb_activity {
    const char *id;
    const char *owner_id, *owner_name, *owner_picture_s3_key, *owner_picture_cdn_url;
    const char *title, *description;
    const char *place_name, *latitude, *longitude;
    const char *starts_at, *ends_at, *created_at, *updated_at;
    const char *capacity, *participant_count;
    const char *hero_url, *hero_s3_key, *hero_cdn_url;
    const char *image_urls, *image_s3_keys, *image_cdn_urls; /* arrays (text_array.h), by index */
    const char *distance_m;                                  /* NULL in lists without a place to be near */
};
void vb_activity_read(const PGresult *rows, int row, struct vb_activity *ret_activity);

enum vb_activity_sort { VB_ACTIVITIES_NEWEST, VB_ACTIVITIES_SOONEST, VB_ACTIVITIES_NEAREST };

/* What a list is of. All text is a parameter of the statement: NULL where a filter is not wanted. */
struct vb_activity_filter {
    enum vb_activity_sort sort; /* soonest: those that have not begun. nearest: needs a place */
    unsigned limit;             /* rows */
    /* Where to go on: the sort's value (created_at, starts_at, distance_m) and the id of the last row before. */
    const char *after_value, *after_id;
    const char *owner, *joined_by; /* user ids */
    const char *words;             /* all of them, each as it begins */
    bool near;
    double latitude, longitude, radius_m;
};
/* One row each, in order. -EDOM: after_value, after_id or a user's id is not of its type. */
int vb_activities_list(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                       struct vb_error *err);

/* One row. -ENOENT: there is none. */
int vb_activities_find(struct vb_db *db, const char *id, PGresult **ret_row, struct vb_error *err);
/* The same in a transaction, whose other statements it then belongs to alone. */
int vb_activities_lock(struct vb_db *db, const char *id, PGresult **ret_row, struct vb_error *err);

/* What its owner decides. Text as parameters, times in ISO 8601; NULL where there is none. */
struct vb_activity_fields {
    const char *title, *description, *place_name, *latitude, *longitude, *starts_at, *ends_at, *capacity;
};
/* Appends nothing: ret_id is one row with the new id. -ESRCH: the user is gone. */
int vb_activities_insert(struct vb_db *db, const char *user_id, const struct vb_activity_fields *fields,
                         PGresult **ret_id, struct vb_error *err);
/* All fields. -ENOENT: there is none. */
int vb_activities_update(struct vb_db *db, const char *id, const struct vb_activity_fields *fields,
                         struct vb_error *err);
/* Marks the media that its row names for deletion, and deletes it with those who take part. -ENOENT. */
int vb_activities_delete(struct vb_db *db, const char *id, struct vb_error *err);

#endif
