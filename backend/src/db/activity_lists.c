/* Lists of activities: a statement for each kind, and ways to read few rows for one. See activities.h. */
#include "base/cleanup.h"
#include "base/memory.h"
#include "base/number.h"
#include "db/activity_row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 32

/* The radii of the expanding search. */
#define RADIUS_FIRST_M 500.0
#define RADIUS_GROWS   4
#define RADIUS_AFTER   1.5 /* times the distance at which the page before ended */

/* The lists that most requests ask for: no filter, and one plan for all values. */
static int list_plain(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                      struct vb_error *err)
{
    static const char newest[] =
        "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
        "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
        "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
        "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls\n"
        "FROM activities a\n"
        "LEFT JOIN users u ON u.id = a.user_id\n"
        "ORDER BY a.created_at DESC, a.id DESC\n"
        "LIMIT $1";
    static const char newest_after[] =
        "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
        "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
        "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
        "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls\n"
        "FROM activities a\n"
        "LEFT JOIN users u ON u.id = a.user_id\n"
        "WHERE (a.created_at, a.id) < ($2::timestamptz, $3)\n"
        "ORDER BY a.created_at DESC, a.id DESC\n"
        "LIMIT $1";
    static const char soonest[] =
        "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
        "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
        "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
        "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls\n"
        "FROM activities a\n"
        "LEFT JOIN users u ON u.id = a.user_id\n"
        "WHERE a.starts_at > now()\n"
        "ORDER BY a.starts_at, a.id\n"
        "LIMIT $1";
    static const char soonest_after[] =
        "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
        "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
        "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
        "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls\n"
        "FROM activities a\n"
        "LEFT JOIN users u ON u.id = a.user_id\n"
        "WHERE (a.starts_at, a.id) > ($2::timestamptz, $3) AND a.starts_at > now()\n"
        "ORDER BY a.starts_at, a.id\n"
        "LIMIT $1";
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

/* Fills the box around the circle: the parallels and meridians that touch it. */
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

/* Runs a statement with all parameters of the filter, but with this radius. */
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

/*
 * The statements with filters. PostgreSQL plans them with their values: a filter that is off (NULL) costs
 * nothing.
 *
 *   $1         rows
 *   $2 $3      the last row of the page before: the value it is sorted by, and its id
 *   $4         owner
 *   $5         words, cut as the index cuts them; each stands for all words that begin so
 *   $6 $7 $8   latitude and longitude of a place, and how far from it
 *   $9 … $14   the boxes around that circle: south, north, west and east of the first, west and east of the
 *              second, which differs from the first across the antimeridian
 *   $15        a participant
 *
 * The distance is that of the great circle in metres (haversine; the mean radius of the Earth, IUGG).
 */
static const char filtered_newest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM activities a\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE ((a.created_at, a.id) < ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY a.created_at DESC, a.id DESC\n"
    "LIMIT $1";

static const char filtered_soonest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM activities a\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE ((a.starts_at, a.id) > ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n"
    "  AND a.starts_at > now()\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY a.starts_at, a.id\n"
    "LIMIT $1";

static const char filtered_nearest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM activities a\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE ((distance.metres, a.id) > ($2::float8, $3) OR $2::float8 IS NULL)\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY distance.metres, a.id\n"
    "LIMIT $1";

static const char joined_newest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM activity_participants p\n"
    "JOIN activities a ON a.id = p.activity_id\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE p.user_id = $15\n"
    "  AND ((a.created_at, a.id) < ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY a.created_at DESC, a.id DESC\n"
    "LIMIT $1";

static const char joined_soonest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM activity_participants p\n"
    "JOIN activities a ON a.id = p.activity_id\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE p.user_id = $15\n"
    "  AND ((a.starts_at, a.id) > ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n"
    "  AND a.starts_at > now()\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY a.starts_at, a.id\n"
    "LIMIT $1";

static const char joined_nearest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM activity_participants p\n"
    "JOIN activities a ON a.id = p.activity_id\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE p.user_id = $15\n"
    "  AND ((distance.metres, a.id) > ($2::float8, $3) OR $2::float8 IS NULL)\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY distance.metres, a.id\n"
    "LIMIT $1";

static const char near_newest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM (SELECT *\n"
    "      FROM activities a\n"
    "      WHERE ((a.created_at, a.id) < ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n"
    "      ORDER BY a.created_at DESC, a.id DESC\n"
    "      LIMIT 1000) a\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE true\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY a.created_at DESC, a.id DESC\n"
    "LIMIT $1";

static const char near_soonest[] =
    "SELECT a.id::text, a.user_id::text, u.name, u.profile_picture_s3_key,\n"
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), a.title, a.description,\n"
    "       a.place_name, a.latitude, a.longitude, a.starts_at, a.ends_at, a.created_at, a.updated_at,\n"
    "       a.capacity, a.participant_count, a.hero_image_url, a.hero_image_s3_key,\n"
    "       a.hero_image_cdn_url, a.image_urls, a.image_s3_keys, a.image_cdn_urls,\n"
    "       CASE WHEN $6::float8 IS NOT NULL THEN distance.metres END\n"
    "FROM (SELECT *\n"
    "      FROM activities a\n"
    "      WHERE ((a.starts_at, a.id) > ($2::timestamptz, $3) OR $2::timestamptz IS NULL)\n"
    "        AND a.starts_at > now()\n"
    "      ORDER BY a.starts_at, a.id\n"
    "      LIMIT 1000) a\n"
    "LEFT JOIN users u ON u.id = a.user_id\n"
    "CROSS JOIN LATERAL (\n"
    "    SELECT 2 * 6371008.8 * asin(least(1, sqrt(\n"
    "        sin(radians(a.latitude - $6::float8) / 2) ^ 2\n"
    "        + cos(radians($6::float8)) * cos(radians(a.latitude))\n"
    "          * sin(radians(a.longitude - $7::float8) / 2) ^ 2)))\n"
    ") AS distance (metres)\n"
    "WHERE true\n"
    "  AND (a.user_id = $4 OR $4 IS NULL)\n"
    "  AND (to_tsvector('simple', coalesce(a.title, '') || ' ' || coalesce(a.description, '') || ' '\n"
    "                             || coalesce(a.place_name, ''))\n"
    "       @@ replace(plainto_tsquery('simple', $5::text)::text || ' ', ''' ', ''':* ')::tsquery\n"
    "       OR $5::text IS NULL)\n"
    "  AND (point(a.longitude, a.latitude)\n"
    "           <@ box(point($11::float8, $9::float8), point($12::float8, $10::float8))\n"
    "       OR point(a.longitude, a.latitude)\n"
    "           <@ box(point($13::float8, $9::float8), point($14::float8, $10::float8))\n"
    "       OR $6::float8 IS NULL)\n"
    "  AND (distance.metres <= $8::float8 OR $8::float8 IS NULL)\n"
    "ORDER BY a.starts_at, a.id\n"
    "LIMIT $1";

static int list_filtered(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                         struct vb_error *err)
{
    static const char *const all[] = {filtered_newest, filtered_soonest, filtered_nearest};
    static const char *const joined[] = {joined_newest, joined_soonest, joined_nearest};

    return run_filtered(db, (filter->joined_by ? joined : all)[filter->sort], filter, filter->radius_m,
                        ret_rows, err);
}

/* Whether these rows fill the list; if not, frees them. */
static bool is_full(const struct vb_activity_filter *filter, PGresult **rows)
{
    if (PQntuples(*rows) >= (int)filter->limit)
        return true;
    PQclear(*rows);
    *rows = NULL;
    return false;
}

/* How far the last activity of the page before is, in metres; 0 before the first page. Where the cursor is no
 * plain number, a small circle is a correct start too. */
static double distance_after(const struct vb_activity_filter *filter)
{
    double after_m = 0;

    if (filter->after_value)
        vb_decimal_parse(filter->after_value, strlen(filter->after_value), &after_m);
    return after_m;
}

/*
 * PostgreSQL cannot estimate how many activities lie in a box. In a city it would read all of them to sort
 * them. These two read few rows for a page:
 *
 *   list_nearest   expanding search: a small circle holds the nearest, if it holds enough of them
 *   list_near      the newest (or soonest) 1000 of all hold the newest nearby, if enough of those are nearby
 */
static int list_nearest(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                        struct vb_error *err)
{
    double radius_m = fmax(RADIUS_FIRST_M, distance_after(filter) * RADIUS_AFTER);

    while (radius_m < filter->radius_m) {
        PGresult *rows = NULL;
        int r = run_filtered(db, filtered_nearest, filter, radius_m, &rows, err);

        if (r < 0)
            return r;
        if (is_full(filter, &rows)) {
            *ret_rows = rows;
            return 0;
        }
        radius_m *= RADIUS_GROWS;
    }
    return list_filtered(db, filter, ret_rows, err);
}

static int list_near(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                     struct vb_error *err)
{
    const char *first = filter->sort == VB_ACTIVITIES_NEWEST ? near_newest : near_soonest;
    PGresult *rows = NULL;
    int r = run_filtered(db, first, filter, filter->radius_m, &rows, err);

    if (r < 0)
        return r;
    if (is_full(filter, &rows)) {
        *ret_rows = rows;
        return 0;
    }
    return list_filtered(db, filter, ret_rows, err);
}

static int list(struct vb_db *db, const struct vb_activity_filter *filter, PGresult **ret_rows,
                struct vb_error *err)
{
    if (filter->owner || filter->joined_by || (filter->words && !filter->near))
        return list_filtered(db, filter, ret_rows, err);
    if (!filter->near)
        return list_plain(db, filter, ret_rows, err);
    return filter->sort == VB_ACTIVITIES_NEAREST ? list_nearest(db, filter, ret_rows, err)
                                                 : list_near(db, filter, ret_rows, err);
}

int vb_activities_list(struct vb_db *db, const struct vb_activity_filter *filter, vb_activity_visit *visit,
                       void *context, struct vb_error *err)
{
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = list(db, filter, &rows, err);

    for (int row = 0; r == 0 && row < PQntuples(rows); row++) {
        struct vb_activity activity;

        vb_activity_read(rows, row, &activity);
        r = visit(context, &activity);
    }
    return r;
}
