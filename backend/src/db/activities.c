/* Queries of the table activities: see activities.h. */
#include "db/activities.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS                                                                                              \
    "a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"                                       \
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"               \
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"    \
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"                       \
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls"

#define FROM_ALL                                                                                             \
    "FROM activities a\n"                                                                                    \
    "LEFT JOIN users u ON u.id = a.user_id\n"
#define FROM_JOINED                                                                                          \
    "FROM activity_participants p\n"                                                                         \
    "JOIN activities a ON a.id = p.activity_id\n"                                                            \
    "LEFT JOIN users u ON u.id = a.user_id\n"

/* Great-circle distance in metres (haversine; the mean radius of the Earth, IUGG). */
#define DISTANCE                                                                                             \
    "2 * 6371008.8 * asin(least(1, sqrt(\n"                                                                  \
    "    sin(radians(a.latitude - $6::float8) / 2) ^ 2 + cos(radians($6::float8))\n"                         \
    "    * cos(radians(a.latitude)) * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))"

/*
 * $1 rows, $2 and $3 where to go on, then filters that a NULL turns off: $4 owner, $5 words, $6 … $8 a place and
 * how far from it, $9 … $14 the one or two boxes of the map that are that near (there are two across the
 * antimeridian). PostgreSQL plans these statements with their values, so that a filter that is off costs nothing.
 * Words are cut as the index cuts them, and each stands for all that begin so.
 */
#define FILTERS                                                                                              \
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"                                                                 \
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"      \
    "                             || coalesce(a.place_name, ''))\n"                                          \
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"         \
    "       OR $5::text IS NULL)\n"                                                                          \
    "  AND (point(a.longitude, a.latitude) <@ box(point($11::float8, $9::float8), point($12::float8, "       \
    "$10::float8))\n"                                                                                        \
    "       OR point(a.longitude, a.latitude) <@ box(point($13::float8, $9::float8), point($14::float8, "    \
    "$10::float8))\n"                                                                                        \
    "       OR $6::float8 IS NULL)\n"                                                                        \
    "  AND (" DISTANCE " <= $8::float8 OR $8::float8 IS NULL)\n"

#define AFTER_NEWEST "((a.created_at, a.id) < ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n"
#define AFTER_SOONEST                                                                                        \
    "((a.starts_at, a.id) > ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n  AND a.starts_at > now()\n"
#define AFTER_NEAREST "((" DISTANCE ", a.id) > ($2::float8, $3) OR $2::float8 IS NULL)\n"

#define SELECT_PLAIN   "SELECT " COLUMNS "\n"
#define SELECT_DISTANT "SELECT " COLUMNS ",\n       CASE WHEN $6::float8 IS NOT NULL THEN " DISTANCE " END\n"

#define NEWEST  "ORDER BY a.created_at DESC, a.id DESC\nLIMIT $1"
#define SOONEST "ORDER BY a.starts_at, a.id\nLIMIT $1"
#define NEAREST "ORDER BY " DISTANCE ", a.id\nLIMIT $1"

enum column {
    ID,
    OWNER_ID,
    OWNER_NAME,
    OWNER_PICTURE_S3_KEY,
    OWNER_PICTURE_CDN_URL,
    TITLE,
    DESCRIPTION,
    PLACE_NAME,
    LATITUDE,
    LONGITUDE,
    STARTS_AT,
    ENDS_AT,
    CREATED_AT,
    UPDATED_AT,
    CAPACITY,
    PARTICIPANT_COUNT,
    HERO_URL,
    HERO_S3_KEY,
    HERO_CDN_URL,
    IMAGE_URLS,
    IMAGE_S3_KEYS,
    IMAGE_CDN_URLS,
    DISTANCE_M
};

#define NUMBER_SIZE 32

/* The circles in which the nearest are looked for. */
#define RING_FIRST_M 500.0
#define RING_GROWS   4
#define RING_AFTER   1.5 /* beyond where the page before ended */
#define FIRST_ROWS   "1000"

static const char *text_or_null(const PGresult *rows, int row, enum column column)
{
    if ((int)column >= PQnfields(rows) || PQgetisnull(rows, row, (int)column))
        return NULL;
    return PQgetvalue(rows, row, (int)column);
}

void vb_activity_read(const PGresult *rows, int row, struct vb_activity *ret)
{
    *ret = (struct vb_activity){
        .id = text_or_null(rows, row, ID),
        .owner_id = text_or_null(rows, row, OWNER_ID),
        .owner_name = text_or_null(rows, row, OWNER_NAME),
        .owner_picture_s3_key = text_or_null(rows, row, OWNER_PICTURE_S3_KEY),
        .owner_picture_cdn_url = text_or_null(rows, row, OWNER_PICTURE_CDN_URL),
        .title = text_or_null(rows, row, TITLE),
        .description = text_or_null(rows, row, DESCRIPTION),
        .place_name = text_or_null(rows, row, PLACE_NAME),
        .latitude = text_or_null(rows, row, LATITUDE),
        .longitude = text_or_null(rows, row, LONGITUDE),
        .starts_at = text_or_null(rows, row, STARTS_AT),
        .ends_at = text_or_null(rows, row, ENDS_AT),
        .created_at = text_or_null(rows, row, CREATED_AT),
        .updated_at = text_or_null(rows, row, UPDATED_AT),
        .capacity = text_or_null(rows, row, CAPACITY),
        .participant_count = text_or_null(rows, row, PARTICIPANT_COUNT),
        .hero_url = text_or_null(rows, row, HERO_URL),
        .hero_s3_key = text_or_null(rows, row, HERO_S3_KEY),
        .hero_cdn_url = text_or_null(rows, row, HERO_CDN_URL),
        .image_urls = text_or_null(rows, row, IMAGE_URLS),
        .image_s3_keys = text_or_null(rows, row, IMAGE_S3_KEYS),
        .image_cdn_urls = text_or_null(rows, row, IMAGE_CDN_URLS),
        .distance_m = text_or_null(rows, row, DISTANCE_M),
    };
}

/* The lists that nearly everybody asks for: no filter, and a plan that is the same for all values. */
static int list_plain(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                      struct vb_error *err)
{
    static const char newest[] = SELECT_PLAIN FROM_ALL NEWEST;
    static const char newest_after[] =
        SELECT_PLAIN FROM_ALL "WHERE (a.created_at, a.id) < ($2::timestamptz, $3)\n" NEWEST;
    static const char soonest[] = SELECT_PLAIN FROM_ALL "WHERE a.starts_at > now()\n" SOONEST;
    static const char soonest_after[] = SELECT_PLAIN FROM_ALL
        "WHERE (a.starts_at, a.id) > ($2::timestamptz, $3) AND a.starts_at > now()\n" SOONEST;
    char limit[NUMBER_SIZE];
    const char *const params[] = {limit, filter->after_value, filter->after_id};
    bool is_newest = filter->sort == VB_ACTIVITIES_NEWEST;

    snprintf(limit, sizeof(limit), "%u", filter->limit);
    if (filter->after_value)
        return vb_db_query(db, is_newest ? newest_after : soonest_after, 3, params, ret_rows, err);
    return vb_db_query(db, is_newest ? newest : soonest, 1, params, ret_rows, err);
}

/* Degrees as parameters. */
struct box {
    char south[NUMBER_SIZE], north[NUMBER_SIZE], west[2][NUMBER_SIZE], east[2][NUMBER_SIZE];
};

static void degrees(char text[NUMBER_SIZE], double value)
{
    snprintf(text, NUMBER_SIZE, "%.15g", value);
}

/* The parallels and meridians between which everything lies that is near enough: those that touch the circle. */
static void make_box(const struct vb_activity_filter *filter, double radius_m, struct box *box)
{
    const double to_radians = acos(-1) / 180;
    double angle = radius_m / 6371008.8 * 1.001; /* rounding must not leave anything out */
    double south = filter->latitude - angle / to_radians, north = filter->latitude + angle / to_radians;
    double ratio = sin(angle) / cos(filter->latitude * to_radians), reach;
    double west, east;

    reach =
        south <= -90 || north >= 90 || ratio >= 1 ? 180 : asin(ratio) / to_radians; /* 180: around a pole */
    west = filter->longitude - reach;
    east = filter->longitude + reach;
    degrees(box->south, fmax(south, -90));
    degrees(box->north, fmin(north, 90));
    degrees(box->west[0], fmax(west, -180));
    degrees(box->east[0], fmin(east, 180));
    degrees(box->west[1], west < -180 ? west + 360 : fmax(west, -180));
    degrees(box->east[1], east > 180 ? east - 360 : fmin(east, 180));
    if (west < -180)
        degrees(box->east[1], 180);
    else if (east > 180)
        degrees(box->west[1], -180);
}

/* Runs a list's statement with all that a filter has, but for a radius of its own. */
static int run_filtered(struct vb_db *db, const char *sql, const struct vb_activity_filter *filter,
                        double radius_m, PGresult **ret_rows, struct vb_error *err)
{
    char limit[NUMBER_SIZE], latitude[NUMBER_SIZE], longitude[NUMBER_SIZE], radius[NUMBER_SIZE];
    const char *params[15] = {limit, filter->after_value, filter->after_id, filter->owner, filter->words};
    struct box box;

    snprintf(limit, sizeof(limit), "%u", filter->limit);
    make_box(filter, radius_m, &box);
    degrees(latitude, filter->latitude);
    degrees(longitude, filter->longitude);
    degrees(radius, radius_m);
    if (filter->near) {
        const char *const place[] = {latitude,    longitude,   radius,      box.south,  box.north,
                                     box.west[0], box.east[0], box.west[1], box.east[1]};

        for (size_t i = 0; i < VB_ARRAY_SIZE(place); i++)
            params[5 + i] = place[i];
    }
    params[14] = filter->joined_by;
    return vb_db_query_planned(db, sql, filter->joined_by ? 15 : 14, params, ret_rows, err);
}

static int list_filtered(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                         struct vb_error *err)
{
    static const char *const all[] = {SELECT_DISTANT FROM_ALL "WHERE " AFTER_NEWEST FILTERS NEWEST,
                                      SELECT_DISTANT FROM_ALL "WHERE " AFTER_SOONEST FILTERS SOONEST,
                                      SELECT_DISTANT FROM_ALL "WHERE " AFTER_NEAREST FILTERS NEAREST};
    static const char *const joined[] = {
        SELECT_DISTANT FROM_JOINED "WHERE p.user_id = $15 AND " AFTER_NEWEST FILTERS NEWEST,
        SELECT_DISTANT FROM_JOINED "WHERE p.user_id = $15 AND " AFTER_SOONEST FILTERS SOONEST,
        SELECT_DISTANT FROM_JOINED "WHERE p.user_id = $15 AND " AFTER_NEAREST FILTERS NEAREST};

    return run_filtered(db, (filter->joined_by ? joined : all)[filter->sort], filter, filter->radius_m,
                        ret_rows, err);
}

/* Whether the list is full with these rows; if not, they are thrown away. */
static bool is_full(const struct vb_activity_filter *filter, PGresult **rows)
{
    if (PQntuples(*rows) >= (int)filter->limit)
        return true;
    PQclear(*rows);
    *rows = NULL;
    return false;
}

/*
 * Where many activities are, PostgreSQL, which does not know how many lie in a box, would read all of them to sort them.
 * Two ways to a page that then need but a few:
 *
 * The nearest are those of a small circle around the place, if there are enough of them.
 */
static int list_nearest(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                        struct vb_error *err)
{
    static const char sql[] = SELECT_DISTANT FROM_ALL "WHERE " AFTER_NEAREST FILTERS NEAREST;
    double after_m = filter->after_value ? strtod(filter->after_value, NULL) : 0;
    double radius_m = fmax(RING_FIRST_M, after_m * RING_AFTER);

    while (radius_m < filter->radius_m) {
        PGresult *rows = NULL;
        int r = run_filtered(db, sql, filter, radius_m, &rows, err);

        if (r < 0)
            return r;
        if (is_full(filter, &rows)) {
            *ret_rows = rows;
            return 0;
        }
        radius_m *= RING_GROWS;
    }
    return list_filtered(db, filter, ret_rows, err);
}

/* The newest (or soonest) that are near are among the newest of all, if enough of those are near. */
static int list_near(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                     struct vb_error *err)
{
    static const char *const first[] = {
        SELECT_DISTANT "FROM (SELECT * FROM activities a WHERE " AFTER_NEWEST
                       "      ORDER BY a.created_at DESC, a.id DESC LIMIT " FIRST_ROWS ") a\n"
                       "LEFT JOIN users u ON u.id = a.user_id\nWHERE true\n" FILTERS NEWEST,
        SELECT_DISTANT "FROM (SELECT * FROM activities a WHERE " AFTER_SOONEST
                       "      ORDER BY a.starts_at, a.id LIMIT " FIRST_ROWS ") a\n"
                       "LEFT JOIN users u ON u.id = a.user_id\nWHERE true\n" FILTERS SOONEST};
    PGresult *rows = NULL;
    int r = run_filtered(db, first[filter->sort], filter, filter->radius_m, &rows, err);

    if (r < 0)
        return r;
    if (is_full(filter, &rows)) {
        *ret_rows = rows;
        return 0;
    }
    return list_filtered(db, filter, ret_rows, err);
}

int vb_activities_list(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                       struct vb_error *err)
{
    if (filter->owner || filter->joined_by || (filter->words && !filter->near))
        return list_filtered(db, filter, ret_rows, err);
    if (!filter->near)
        return list_plain(db, filter, ret_rows, err);
    return filter->sort == VB_ACTIVITIES_NEAREST ? list_nearest(db, filter, ret_rows, err)
                                                 : list_near(db, filter, ret_rows, err);
}

static int find(struct vb_db *db, const char *sql, const char *id, PGresult **ret_row, struct vb_error *err)
{
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){id}, &row, err);

    if (r == -EDOM || (r == 0 && PQntuples(row) == 0))
        return vb_error_set(err, ENOENT, "there is no such activity");
    if (r == 0)
        *ret_row = VB_TAKE(row);
    return r;
}

int vb_activities_find(struct vb_db *db, const char *id, PGresult **ret_row, struct vb_error *err)
{
    static const char sql[] = SELECT_PLAIN FROM_ALL "WHERE a.id = $1";

    return find(db, sql, id, ret_row, err);
}

int vb_activities_lock(struct vb_db *db, const char *id, PGresult **ret_row, struct vb_error *err)
{
    static const char sql[] = SELECT_PLAIN FROM_ALL "WHERE a.id = $1\nFOR UPDATE OF a";

    return find(db, sql, id, ret_row, err);
}

int vb_activities_insert(struct vb_db *db, const char *user_id, const struct vb_activity_fields *fields,
                         PGresult **ret_id, struct vb_error *err)
{
    static const char sql[] =
        "INSERT INTO activities (user_id, title, description, place_name, latitude, longitude,\n"
        "                        starts_at, ends_at, capacity)\n"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)\n"
        "RETURNING id::text";
    const char *const params[] = {
        user_id,           fields->title,     fields->description, fields->place_name, fields->latitude,
        fields->longitude, fields->starts_at, fields->ends_at,     fields->capacity};

    return vb_db_query(db, sql, 9, params, ret_id, err);
}

/* Runs a statement that must touch the activity. */
static int change(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                  struct vb_error *err)
{
    int64_t affected = 0;
    int r = vb_db_execute(db, sql, param_count, params, &affected, err);

    if (r == -EDOM || (r == 0 && affected == 0))
        return vb_error_set(err, ENOENT, "there is no such activity");
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

    return change(db, sql, 9, params, err);
}

int vb_activities_delete(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char mark_media[] = "UPDATE media\n"
                                     "SET status = 'deleting', updated_at = now()\n"
                                     "FROM activities a\n"
                                     "WHERE a.id = $1 AND status <> 'deleting'\n"
                                     "  AND (key = a.hero_image_s3_key OR key = ANY (a.image_s3_keys))";
    static const char delete_row[] = "DELETE FROM activities\n"
                                     "WHERE id = $1";
    int r = vb_db_execute(db, mark_media, 1, (const char *[]){id}, NULL, err);

    return r < 0 && r != -EDOM ? r : change(db, delete_row, 1, (const char *[]){id}, err);
}
