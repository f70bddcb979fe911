/* Queries of the tables vibe_stories and story_views: see stories.h. */
#include "db/stories.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* $1: who asks */
#define COLUMNS                                                                                              \
    "s.id::text, s.user_id::text, u.name, u.profile_picture_s3_key,\n"                                       \
    "       coalesce(u.profile_picture_cdn_url, u.profile_picture), s.caption,\n"                            \
    "       s.image_url, s.image_s3_key, s.image_cdn_url, s.video_url, s.video_s3_key, s.video_cdn_url,\n"   \
    "       s.created_at, s.expires_at, s.seen_count,\n"                                                     \
    "       EXISTS (SELECT FROM story_views v WHERE v.story_id = s.id AND v.user_id = $1)"

#define HAS_MEDIA "(s.image_url IS NOT NULL OR s.video_url IS NOT NULL)"

enum column {
    ID,
    USER_ID,
    USER_NAME,
    USER_PICTURE_S3_KEY,
    USER_PICTURE_CDN_URL,
    CAPTION,
    IMAGE_URL,
    IMAGE_S3_KEY,
    IMAGE_CDN_URL,
    VIDEO_URL,
    VIDEO_S3_KEY,
    VIDEO_CDN_URL,
    CREATED_AT,
    EXPIRES_AT,
    SEEN_COUNT,
    SEEN,
    CURSOR_VALUE
};

#define NUMBER_SIZE 16

static const char *text_or_null(const PGresult *rows, int row, enum column column)
{
    if ((int)column >= PQnfields(rows) || PQgetisnull(rows, row, (int)column))
        return NULL;
    return PQgetvalue(rows, row, (int)column);
}

void vb_story_read(const PGresult *rows, int row, struct vb_story *ret)
{
    *ret = (struct vb_story){
        .id = text_or_null(rows, row, ID),
        .user_id = text_or_null(rows, row, USER_ID),
        .user_name = text_or_null(rows, row, USER_NAME),
        .user_picture_s3_key = text_or_null(rows, row, USER_PICTURE_S3_KEY),
        .user_picture_cdn_url = text_or_null(rows, row, USER_PICTURE_CDN_URL),
        .caption = text_or_null(rows, row, CAPTION),
        .image_url = text_or_null(rows, row, IMAGE_URL),
        .image_s3_key = text_or_null(rows, row, IMAGE_S3_KEY),
        .image_cdn_url = text_or_null(rows, row, IMAGE_CDN_URL),
        .video_url = text_or_null(rows, row, VIDEO_URL),
        .video_s3_key = text_or_null(rows, row, VIDEO_S3_KEY),
        .video_cdn_url = text_or_null(rows, row, VIDEO_CDN_URL),
        .created_at = text_or_null(rows, row, CREATED_AT),
        .expires_at = text_or_null(rows, row, EXPIRES_AT),
        .seen_count = text_or_null(rows, row, SEEN_COUNT),
        .seen = strcmp(PQgetvalue(rows, row, SEEN), "t") == 0,
        .cursor_value = text_or_null(rows, row, CURSOR_VALUE),
    };
}

int vb_stories_list(struct vb_db *db, const char *viewer_id, unsigned limit, const char *after_value,
                    const char *after_id, PGresult **ret_rows, struct vb_error *err)
{
    /* Those that live are few beside those that were: they are found by when they end, then put in order. The
     * cursor's value is the three that come before the id in that order, with unit separators between. */
    static const char sql[] =
        "WITH live AS (\n"
        "    SELECT s.*, max(s.created_at) OVER (PARTITION BY s.user_id) AS newest_at\n"
        "    FROM vibe_stories s\n"
        "    WHERE s.expires_at > now() AND s.user_id IS NOT NULL AND " HAS_MEDIA "\n"
        ")\n"
        "SELECT " COLUMNS ",\n"
        "       s.newest_at || chr(31) || s.user_id::text || chr(31) || s.created_at\n"
        "FROM live s\n"
        "JOIN users u ON u.id = s.user_id\n"
        "WHERE $3::text IS NULL\n"
        "   OR (s.newest_at, s.user_id::text, s.created_at, s.id::text)\n"
        "      < (split_part($3::text, chr(31), 1)::timestamptz, split_part($3::text, chr(31), 2),\n"
        "         split_part($3::text, chr(31), 3)::timestamptz, $4::text)\n"
        "ORDER BY s.newest_at DESC, s.user_id::text DESC, s.created_at DESC, s.id::text DESC\n"
        "LIMIT $2";
    char rows[NUMBER_SIZE];

    snprintf(rows, sizeof(rows), "%u", limit);
    return vb_db_query_planned(db, sql, 4, (const char *[]){viewer_id, rows, after_value, after_id}, ret_rows,
                               err);
}

int vb_stories_list_of_user(struct vb_db *db, const char *viewer_id, const char *user_id, unsigned limit,
                            const char *after_value, const char *after_id, PGresult **ret_rows,
                            struct vb_error *err)
{
    static const char sql[] =
        "SELECT " COLUMNS ", s.created_at\n"
        "FROM vibe_stories s\n"
        "JOIN users u ON u.id = s.user_id\n"
        "WHERE s.user_id = $3 AND s.expires_at > now() AND (s.user_id = $1 OR " HAS_MEDIA ")\n"
        "  AND ((s.created_at, s.id) < ($4::timestamptz, $5) OR $4::timestamptz IS NULL)\n"
        "ORDER BY s.created_at DESC, s.id DESC\n"
        "LIMIT $2";
    char rows[NUMBER_SIZE];

    snprintf(rows, sizeof(rows), "%u", limit);
    return vb_db_query_planned(db, sql, 5, (const char *[]){viewer_id, rows, user_id, after_value, after_id},
                               ret_rows, err);
}

int vb_stories_find(struct vb_db *db, const char *viewer_id, const char *id, PGresult **ret_row,
                    struct vb_error *err)
{
    static const char sql[] =
        "SELECT " COLUMNS "\n"
        "FROM vibe_stories s\n"
        "JOIN users u ON u.id = s.user_id\n"
        "WHERE s.id = $2 AND s.expires_at > now() AND (s.user_id = $1 OR " HAS_MEDIA ")";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 2, (const char *[]){viewer_id, id}, &row, err);

    if (r == -EDOM || (r == 0 && PQntuples(row) == 0))
        return vb_error_set(err, ENOENT, "there is no such story");
    if (r == 0)
        *ret_row = VB_TAKE(row);
    return r;
}

int vb_stories_insert(struct vb_db *db, const char *user_id, const char *caption, PGresult **ret_id,
                      struct vb_error *err)
{
    static const char sql[] = "INSERT INTO vibe_stories (user_id, caption)\n"
                              "VALUES ($1, $2)\n"
                              "RETURNING id::text";

    return vb_db_query(db, sql, 2, (const char *[]){user_id, caption}, ret_id, err);
}

int vb_stories_delete(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char mark_media[] = "UPDATE media\n"
                                     "SET status = 'deleting', updated_at = now()\n"
                                     "FROM vibe_stories s\n"
                                     "WHERE s.id = $1 AND status <> 'deleting'\n"
                                     "  AND key IN (s.image_s3_key, s.video_s3_key)";
    static const char delete_row[] = "DELETE FROM vibe_stories\n"
                                     "WHERE id = $1";
    int64_t affected = 0;
    int r = vb_db_execute(db, mark_media, 1, (const char *[]){id}, NULL, err);

    if (r == 0)
        r = vb_db_execute(db, delete_row, 1, (const char *[]){id}, &affected, err);
    if (r == -EDOM || (r == 0 && affected == 0))
        return vb_error_set(err, ENOENT, "there is no such story");
    return r;
}

int vb_stories_mark_seen(struct vb_db *db, const char *id, const char *user_id, struct vb_error *err)
{
    static const char sql[] = "WITH fresh AS (\n"
                              "    INSERT INTO story_views (story_id, user_id)\n"
                              "    SELECT s.id, u.id\n"
                              "    FROM vibe_stories s, users u\n"
                              "    WHERE s.id = $1 AND u.id = $2\n"
                              "    ON CONFLICT DO NOTHING\n"
                              "    RETURNING story_id\n"
                              ")\n"
                              "UPDATE vibe_stories s\n"
                              "SET seen_count = seen_count + 1\n"
                              "FROM fresh\n"
                              "WHERE s.id = fresh.story_id";

    return vb_db_execute(db, sql, 2, (const char *[]){id, user_id}, NULL, err);
}

int vb_stories_seen_by(struct vb_db *db, const char *id, unsigned limit, const char *after_seen_at,
                       const char *after_id, PGresult **ret_rows, struct vb_error *err)
{
    static const char sql[] =
        "SELECT u.id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), v.seen_at\n"
        "FROM story_views v\n"
        "JOIN users u ON u.id = v.user_id\n"
        "WHERE v.story_id = $1\n"
        "  AND ((v.seen_at, v.user_id) < ($3::timestamptz, $4) OR $3::timestamptz IS NULL)\n"
        "ORDER BY v.seen_at DESC, v.user_id DESC\n"
        "LIMIT $2";
    char rows[NUMBER_SIZE];

    snprintf(rows, sizeof(rows), "%u", limit);
    return vb_db_query_planned(db, sql, 4, (const char *[]){id, rows, after_seen_at, after_id}, ret_rows,
                               err);
}
