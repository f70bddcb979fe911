/* Queries of the tables vibe_stories and story_views: see stories.h. */
#include "db/stories.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "db/person_rows.h"
#include "db/query.h"

#include <errno.h>
#include <stdio.h>

/* What each statement selects, in this order. The one for a single story has no cursor value. */
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

void vb_story_release(struct vb_story *story)
{
    PQclear(story->row);
    *story = (struct vb_story){0};
}

static void read_story(const PGresult *rows, int row, struct vb_story *ret)
{
    *ret = (struct vb_story){
        .id = vb_db_text(rows, row, ID),
        .user = {.id = vb_db_text(rows, row, USER_ID),
                 .name = vb_db_text(rows, row, USER_NAME),
                 .picture_s3_key = vb_db_text(rows, row, USER_PICTURE_S3_KEY),
                 .picture_cdn_url = vb_db_text(rows, row, USER_PICTURE_CDN_URL)},
        .caption = vb_db_text(rows, row, CAPTION),
        .image = {.url = vb_db_text(rows, row, IMAGE_URL),
                  .s3_key = vb_db_text(rows, row, IMAGE_S3_KEY),
                  .cdn_url = vb_db_text(rows, row, IMAGE_CDN_URL)},
        .video = {.url = vb_db_text(rows, row, VIDEO_URL),
                  .s3_key = vb_db_text(rows, row, VIDEO_S3_KEY),
                  .cdn_url = vb_db_text(rows, row, VIDEO_CDN_URL)},
        .created_at = vb_db_text(rows, row, CREATED_AT),
        .expires_at = vb_db_text(rows, row, EXPIRES_AT),
        .seen_count = vb_db_int(rows, row, SEEN_COUNT),
        .seen = vb_db_bool(rows, row, SEEN),
        .cursor_value = vb_db_text(rows, row, CURSOR_VALUE),
    };
}

static int visit_all(const PGresult *rows, vb_story_visit *visit, void *context)
{
    int r = 0;

    for (int row = 0; r == 0 && row < PQntuples(rows); row++) {
        struct vb_story story;

        read_story(rows, row, &story);
        r = visit(context, &story);
    }
    return r;
}

/* Few stories are live, so the statement finds them by their end and then sorts them. The cursor's value
 * holds the three sort values before the id, with unit separators between. */
int vb_stories_list(struct vb_db *db, const char *viewer_id, unsigned limit, const char *after_value,
                    const char *after_id, vb_story_visit *visit, void *context, struct vb_error *err)
{
    static const char sql[] =
        "WITH live AS (\n"
        "    SELECT s.*, max(s.created_at) OVER (PARTITION BY s.user_id) AS newest_at\n"
        "    FROM vibe_stories s\n"
        "    WHERE s.expires_at > now() AND s.user_id IS NOT NULL\n"
        "      AND (s.image_url IS NOT NULL OR s.video_url IS NOT NULL)\n"
        ")\n"
        "SELECT s.id::text, s.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), s.caption,\n"
        "       s.image_url, s.image_s3_key, s.image_cdn_url, s.video_url, s.video_s3_key, s.video_cdn_url,\n"
        "       s.created_at, s.expires_at, s.seen_count,\n"
        "       EXISTS (SELECT FROM story_views v WHERE v.story_id = s.id AND v.user_id = $1),\n"
        "       s.newest_at || chr(31) || s.user_id::text || chr(31) || s.created_at\n"
        "FROM live s\n"
        "JOIN users u ON u.id = s.user_id\n"
        "WHERE $3::text IS NULL\n"
        "   OR (s.newest_at, s.user_id::text, s.created_at, s.id::text)\n"
        "      < (split_part($3::text, chr(31), 1)::timestamptz, split_part($3::text, chr(31), 2),\n"
        "         split_part($3::text, chr(31), 3)::timestamptz, $4::text)\n"
        "ORDER BY s.newest_at DESC, s.user_id::text DESC, s.created_at DESC, s.id::text DESC\n"
        "LIMIT $2";
    char most[NUMBER_SIZE];
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    snprintf(most, sizeof(most), "%u", limit);
    r = vb_db_query_planned(db, sql, 4, (const char *[]){viewer_id, most, after_value, after_id}, &rows, err);
    return r < 0 ? r : visit_all(rows, visit, context);
}

int vb_stories_list_of_user(struct vb_db *db, const char *viewer_id, const char *user_id, unsigned limit,
                            const char *after_value, const char *after_id, vb_story_visit *visit,
                            void *context, struct vb_error *err)
{
    static const char sql[] =
        "SELECT s.id::text, s.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), s.caption,\n"
        "       s.image_url, s.image_s3_key, s.image_cdn_url, s.video_url, s.video_s3_key, s.video_cdn_url,\n"
        "       s.created_at, s.expires_at, s.seen_count,\n"
        "       EXISTS (SELECT FROM story_views v WHERE v.story_id = s.id AND v.user_id = $1),\n"
        "       s.created_at\n"
        "FROM vibe_stories s\n"
        "JOIN users u ON u.id = s.user_id\n"
        "WHERE s.user_id = $3 AND s.expires_at > now()\n"
        "  AND (s.user_id = $1 OR s.image_url IS NOT NULL OR s.video_url IS NOT NULL)\n"
        "  AND ((s.created_at, s.id) < ($4::timestamptz, $5) OR $4::timestamptz IS NULL)\n"
        "ORDER BY s.created_at DESC, s.id DESC\n"
        "LIMIT $2";
    char most[NUMBER_SIZE];
    const char *const params[] = {viewer_id, most, user_id, after_value, after_id};
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    snprintf(most, sizeof(most), "%u", limit);
    r = vb_db_query_planned(db, sql, 5, params, &rows, err);
    return r < 0 ? r : visit_all(rows, visit, context);
}

int vb_stories_find(struct vb_db *db, const char *viewer_id, const char *id, struct vb_story *ret_story,
                    struct vb_error *err)
{
    static const char sql[] =
        "SELECT s.id::text, s.user_id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), s.caption,\n"
        "       s.image_url, s.image_s3_key, s.image_cdn_url, s.video_url, s.video_s3_key, s.video_cdn_url,\n"
        "       s.created_at, s.expires_at, s.seen_count,\n"
        "       EXISTS (SELECT FROM story_views v WHERE v.story_id = s.id AND v.user_id = $1)\n"
        "FROM vibe_stories s\n"
        "JOIN users u ON u.id = s.user_id\n"
        "WHERE s.id = $2 AND s.expires_at > now()\n"
        "  AND (s.user_id = $1 OR s.image_url IS NOT NULL OR s.video_url IS NOT NULL)";
    PGresult *row = NULL;
    int r = vb_db_query_row(db, sql, 2, (const char *[]){viewer_id, id}, "story", &row, err);

    if (r < 0)
        return r;
    read_story(row, 0, ret_story);
    ret_story->row = row;
    return 0;
}

int vb_stories_insert(struct vb_db *db, const char *user_id, const char *caption, char **ret_id,
                      struct vb_error *err)
{
    static const char sql[] = "INSERT INTO vibe_stories (user_id, caption)\n"
                              "VALUES ($1, $2)\n"
                              "RETURNING id::text";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 2, (const char *[]){user_id, caption}, &row, err);

    if (r == 0)
        *ret_id = vb_xstrdup(vb_db_text(row, 0, 0));
    return r;
}

int vb_stories_delete(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "WITH marked AS (\n"
                              "    UPDATE media\n"
                              "    SET status = 'deleting', updated_at = now()\n"
                              "    FROM vibe_stories s\n"
                              "    WHERE s.id = $1 AND status <> 'deleting'\n"
                              "      AND key IN (s.image_s3_key, s.video_s3_key)\n"
                              ")\n"
                              "DELETE FROM vibe_stories\n"
                              "WHERE id = $1";

    return vb_db_change_row(db, sql, 1, (const char *[]){id}, "story", err);
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
                       const char *after_id, vb_person_visit *visit, void *context, struct vb_error *err)
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
    char most[NUMBER_SIZE];
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    snprintf(most, sizeof(most), "%u", limit);
    r = vb_db_query_planned(db, sql, 4, (const char *[]){id, most, after_seen_at, after_id}, &rows, err);
    return r < 0 ? r : vb_people_visit(rows, visit, context);
}
