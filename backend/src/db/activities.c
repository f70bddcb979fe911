/* One row of the table activities: see activities.h. Lists are in activity_lists.c. */
#include "base/cleanup.h"
#include "base/memory.h"
#include "db/activity_row.h"

#include <errno.h>

void vb_activity_release(struct vb_activity *activity)
{
    PQclear(activity->row);
    *activity = (struct vb_activity){0};
}

void vb_activity_read(const PGresult *rows, int row, struct vb_activity *ret)
{
    *ret = (struct vb_activity){
        .id = vb_db_text(rows, row, VB_ACTIVITY_ID),
        .owner = {.id = vb_db_text(rows, row, VB_ACTIVITY_OWNER_ID),
                  .name = vb_db_text(rows, row, VB_ACTIVITY_OWNER_NAME),
                  .picture_s3_key = vb_db_text(rows, row, VB_ACTIVITY_OWNER_PICTURE_S3_KEY),
                  .picture_cdn_url = vb_db_text(rows, row, VB_ACTIVITY_OWNER_PICTURE_CDN_URL)},
        .title = vb_db_text(rows, row, VB_ACTIVITY_TITLE),
        .description = vb_db_text(rows, row, VB_ACTIVITY_DESCRIPTION),
        .place_name = vb_db_text(rows, row, VB_ACTIVITY_PLACE_NAME),
        .latitude = vb_db_text(rows, row, VB_ACTIVITY_LATITUDE),
        .longitude = vb_db_text(rows, row, VB_ACTIVITY_LONGITUDE),
        .starts_at = vb_db_text(rows, row, VB_ACTIVITY_STARTS_AT),
        .ends_at = vb_db_text(rows, row, VB_ACTIVITY_ENDS_AT),
        .created_at = vb_db_text(rows, row, VB_ACTIVITY_CREATED_AT),
        .updated_at = vb_db_text(rows, row, VB_ACTIVITY_UPDATED_AT),
        .capacity = vb_db_text(rows, row, VB_ACTIVITY_CAPACITY),
        .participant_count = vb_db_text(rows, row, VB_ACTIVITY_PARTICIPANT_COUNT),
        .hero = {.url = vb_db_text(rows, row, VB_ACTIVITY_HERO_URL),
                 .s3_key = vb_db_text(rows, row, VB_ACTIVITY_HERO_S3_KEY),
                 .cdn_url = vb_db_text(rows, row, VB_ACTIVITY_HERO_CDN_URL)},
        .image_urls = vb_db_text(rows, row, VB_ACTIVITY_IMAGE_URLS),
        .image_s3_keys = vb_db_text(rows, row, VB_ACTIVITY_IMAGE_S3_KEYS),
        .image_cdn_urls = vb_db_text(rows, row, VB_ACTIVITY_IMAGE_CDN_URLS),
        .distance_m = vb_db_text(rows, row, VB_ACTIVITY_DISTANCE_M),
    };
}

static int find(struct vb_db *db, const char *sql, const char *id, struct vb_activity *ret_activity,
                struct vb_error *err)
{
    PGresult *row = NULL;
    int r = vb_db_query_row(db, sql, 1, (const char *[]){id}, "activity", &row, err);

    if (r < 0)
        return r;
    vb_activity_read(row, 0, ret_activity);
    ret_activity->row = row;
    return 0;
}

int vb_activities_find(struct vb_db *db, const char *id, struct vb_activity *ret_activity,
                       struct vb_error *err)
{
    static const char sql[] =
        "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
        "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
        "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
        "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls\n"
        "FROM activities a\n"
        "LEFT JOIN users u ON u.id = a.user_id\n"
        "WHERE a.id = $1";

    return find(db, sql, id, ret_activity, err);
}

int vb_activities_lock(struct vb_db *db, const char *id, struct vb_activity *ret_activity,
                       struct vb_error *err)
{
    static const char sql[] =
        "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
        "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
        "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
        "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls\n"
        "FROM activities a\n"
        "LEFT JOIN users u ON u.id = a.user_id\n"
        "WHERE a.id = $1\n"
        "FOR UPDATE OF a";

    return find(db, sql, id, ret_activity, err);
}

int vb_activities_insert(struct vb_db *db, const char *user_id, const struct vb_activity_fields *fields,
                         char **ret_id, struct vb_error *err)
{
    static const char sql[] =
        "INSERT INTO activities (user_id, title, description, place_name, latitude, longitude,\n"
        "                        starts_at, ends_at, capacity)\n"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)\n"
        "RETURNING id::text";
    const char *const params[] = {
        user_id,           fields->title,     fields->description, fields->place_name, fields->latitude,
        fields->longitude, fields->starts_at, fields->ends_at,     fields->capacity};
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 9, params, &row, err);

    if (r == 0)
        *ret_id = vb_xstrdup(vb_db_text(row, 0, 0));
    return r;
}

int vb_activities_update(struct vb_db *db, const char *id, const struct vb_activity_fields *fields,
                         struct vb_error *err)
{
    static const char sql[] =
        "UPDATE activities\n"
        "SET title = $2, description = $3, place_name = $4, latitude = $5, longitude = $6,\n"
        "    starts_at = $7, ends_at = $8, capacity = $9, updated_at = now()\n"
        "WHERE id = $1";
    const char *const params[] = {id,
                                  fields->title,
                                  fields->description,
                                  fields->place_name,
                                  fields->latitude,
                                  fields->longitude,
                                  fields->starts_at,
                                  fields->ends_at,
                                  fields->capacity};

    return vb_db_change_row(db, sql, 9, params, "activity", err);
}

int vb_activities_delete(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "WITH marked AS (\n"
                              "    UPDATE media\n"
                              "    SET status = 'deleting', updated_at = now()\n"
                              "    FROM activities a\n"
                              "    WHERE a.id = $1 AND status <> 'deleting'\n"
                              "      AND (key = a.hero_image_s3_key OR key = ANY (a.image_s3_keys))\n"
                              ")\n"
                              "DELETE FROM activities\n"
                              "WHERE id = $1";

    return vb_db_change_row(db, sql, 1, (const char *[]){id}, "activity", err);
}
