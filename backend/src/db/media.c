/* Queries of the table media: see media.h. */
#include "db/media.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vb_media_release(struct vb_media *media)
{
    PQclear(media->row);
    *media = (struct vb_media){0};
}

static const char *text_or_null(const PGresult *row, int column)
{
    return PQgetisnull(row, 0, column) ? NULL : PQgetvalue(row, 0, column);
}

/* 0 for NULL, which PQgetvalue gives as "". */
static int64_t number(const PGresult *row, int column)
{
    return strtoll(PQgetvalue(row, 0, column), NULL, 10);
}

int vb_media_find_by_upload(struct vb_db *db, const char *upload_id, struct vb_media *ret_media,
                            struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, upload_id::text, user_id::text, key, content_type, status,\n"
        "       thumbhash, bytes, width, height, purpose, activity_id::text, story_id::text,\n"
        "       slot, slot_index, published_at IS NOT NULL, dominant_color, poster_key, duration_ms\n"
        "FROM media\n"
        "WHERE upload_id = $1";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){upload_id}, &row, err);

    if (r < 0)
        return r;
    if (PQntuples(row) == 0)
        return vb_error_set(err, ENOENT, "there is no media of this upload");
    *ret_media = (struct vb_media){
        .id = PQgetvalue(row, 0, 0),
        .upload_id = PQgetvalue(row, 0, 1),
        .user_id = text_or_null(row, 2),
        .key = PQgetvalue(row, 0, 3),
        .content_type = PQgetvalue(row, 0, 4),
        .status = PQgetvalue(row, 0, 5),
        .thumbhash = text_or_null(row, 6),
        .bytes = number(row, 7),
        .width = number(row, 8),
        .height = number(row, 9),
        .purpose = PQgetvalue(row, 0, 10),
        .activity_id = text_or_null(row, 11),
        .story_id = text_or_null(row, 12),
        .slot = text_or_null(row, 13),
        .slot_index = (int)number(row, 14),
        .published = *PQgetvalue(row, 0, 15) == 't',
        .dominant_color = text_or_null(row, 16),
        .poster_key = text_or_null(row, 17),
        .duration_ms = number(row, 18),
    };
    ret_media->row = VB_TAKE(row);
    return 0;
}

static const char *number_or_null(int64_t value, char buffer[24])
{
    snprintf(buffer, 24, "%" PRId64, value);
    return value > 0 ? buffer : NULL;
}

int vb_media_reserve(struct vb_db *db, const struct vb_media_new *media, struct vb_error *err)
{
    static const char sql[] =
        "INSERT INTO media (upload_id, user_id, purpose, key, content_type, bytes, width, height,\n"
        "                   activity_id, story_id, slot, slot_index, poster_key, duration_ms, sha256,\n"
        "                   thumbhash, dominant_color, status)\n"
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 'pending')\n"
        "ON CONFLICT (upload_id) DO NOTHING";
    bool indexed = media->slot && strcmp(media->slot, "gallery") == 0;
    char bytes[24], width[24], height[24], slot_index[24], duration[24];
    const char *const params[] = {media->upload_id,
                                  media->user_id,
                                  media->purpose,
                                  media->key,
                                  media->content_type,
                                  number_or_null(media->bytes, bytes),
                                  number_or_null(media->width, width),
                                  number_or_null(media->height, height),
                                  media->activity_id,
                                  media->story_id,
                                  media->slot,
                                  indexed ? slot_index : NULL,
                                  media->poster_key,
                                  number_or_null(media->duration_ms, duration),
                                  media->sha256,
                                  media->thumbhash,
                                  media->dominant_color};
    int64_t affected = 0;
    int r;

    snprintf(slot_index, sizeof(slot_index), "%d", media->slot_index);
    r = vb_db_execute(db, sql, 17, params, &affected, err);
    if (r == 0 && affected == 0)
        return vb_error_set(err, EALREADY, "this upload has its media already");
    return r;
}

int vb_media_describe(struct vb_db *db, const char *id, const struct vb_media_new *media,
                      struct vb_error *err)
{
    static const char sql[] =
        "UPDATE media\n"
        "SET bytes = $2, width = $3, height = $4, duration_ms = $5, sha256 = $6, thumbhash = $7,\n"
        "    dominant_color = $8\n"
        "WHERE id = $1 AND status = 'pending'";
    char bytes[24], width[24], height[24], duration[24];
    const char *const params[] = {id,
                                  number_or_null(media->bytes, bytes),
                                  number_or_null(media->width, width),
                                  number_or_null(media->height, height),
                                  number_or_null(media->duration_ms, duration),
                                  media->sha256,
                                  media->thumbhash,
                                  media->dominant_color};
    int64_t affected = 0;
    int r = vb_db_execute(db, sql, 8, params, &affected, err);

    if (r == 0 && affected == 0)
        return vb_error_set(err, ENOENT, "the media is not pending");
    return r;
}

int vb_media_mark_ready(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "UPDATE media\n"
                              "SET status = 'ready', updated_at = now(), published_at = now()\n"
                              "WHERE id = $1 AND status = 'pending'";
    int64_t affected = 0;
    int r = vb_db_execute(db, sql, 1, (const char *[]){id}, &affected, err);

    if (r == 0 && affected == 0)
        return vb_error_set(err, ENOENT, "the media is not pending");
    return r;
}

/* Of two rows, other and mine: that they are for one place. Upload ids sort by the time of their ticket. */
#define SAME_PLACE                                                                                           \
    "other.user_id = mine.user_id AND other.purpose = mine.purpose AND other.status = 'ready'\n"             \
    "  AND other.activity_id IS NOT DISTINCT FROM mine.activity_id\n"                                        \
    "  AND other.story_id IS NOT DISTINCT FROM mine.story_id\n"                                              \
    "  AND other.slot IS NOT DISTINCT FROM mine.slot\n"                                                      \
    "  AND other.slot_index IS NOT DISTINCT FROM mine.slot_index\n"

int vb_media_is_outdated(struct vb_db *db, const char *id, bool *ret_outdated, struct vb_error *err)
{
    static const char sql[] = "SELECT FROM media AS other, media AS mine\n"
                              "WHERE mine.id = $1 AND " SAME_PLACE "  AND other.upload_id > mine.upload_id\n"
                              "LIMIT 1";
    PGresult *found VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){id}, &found, err);

    if (r == 0)
        *ret_outdated = PQntuples(found) > 0;
    return r;
}

int vb_media_retire_older(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "UPDATE media AS other\n"
                              "SET status = 'deleting', updated_at = now()\n"
                              "FROM media AS mine\n"
                              "WHERE mine.id = $1 AND " SAME_PLACE "  AND other.upload_id < mine.upload_id";

    return vb_db_execute(db, sql, 1, (const char *[]){id}, NULL, err);
}

int vb_media_retire(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "UPDATE media\n"
                              "SET status = 'deleting', updated_at = now()\n"
                              "WHERE id = $1 AND status = 'ready'";

    return vb_db_execute(db, sql, 1, (const char *[]){id}, NULL, err);
}

int vb_media_abandon(struct vb_db *db, const char *upload_id, unsigned keep_s, struct vb_error *err)
{
    static const char sql[] = "UPDATE media\n"
                              "SET status = 'deleting', updated_at = now(),\n"
                              "    keep_until = now() + make_interval(secs => $2)\n"
                              "WHERE upload_id = $1 AND status = 'pending'";
    char keep[16];
    int64_t affected = 0;
    int r;

    snprintf(keep, sizeof(keep), "%u", keep_s);
    r = vb_db_execute(db, sql, 2, (const char *[]){upload_id, keep}, &affected, err);
    if (r == 0 && affected == 0)
        return vb_error_set(err, ENOENT, "the media is not pending");
    return r;
}

int vb_media_cancel(struct vb_db *db, const struct vb_media_new *media, unsigned keep_s, struct vb_error *err)
{
    static const char sql[] =
        "INSERT INTO media (upload_id, user_id, purpose, key, content_type, status, keep_until)\n"
        "VALUES ($1, $2, $3, $4, $5, 'deleting', now() + make_interval(secs => $6))\n"
        "ON CONFLICT (upload_id) DO NOTHING";
    char keep[16];
    int64_t affected = 0;
    int r;

    snprintf(keep, sizeof(keep), "%u", keep_s);
    r = vb_db_execute(db, sql, 6,
                      (const char *[]){media->upload_id, media->user_id, media->purpose, media->key,
                                       media->content_type, keep},
                      &affected, err);
    if (r == 0 && affected == 0)
        return vb_error_set(err, EALREADY, "this upload has its media already");
    return r;
}

int vb_media_mark_user_deleting(struct vb_db *db, const char *user_id, struct vb_error *err)
{
    static const char sql[] = "UPDATE media\n"
                              "SET status = 'deleting', updated_at = now()\n"
                              "WHERE user_id = $1 AND status <> 'deleting'";

    return vb_db_execute(db, sql, 1, (const char *[]){user_id}, NULL, err);
}

int vb_media_keys_of_user(struct vb_db *db, const char *user_id, PGresult **ret_keys, struct vb_error *err)
{
    static const char sql[] = "SELECT key, poster_key\n"
                              "FROM media\n"
                              "WHERE user_id = $1 AND status = 'deleting'";

    return vb_db_query(db, sql, 1, (const char *[]){user_id}, ret_keys, err);
}

int vb_media_forget(struct vb_db *db, const char *key, struct vb_error *err)
{
    static const char sql[] = "DELETE FROM media\n"
                              "WHERE key = $1 AND status = 'deleting'";

    return vb_db_execute(db, sql, 1, (const char *[]){key}, NULL, err);
}
