/* Queries of the table media: see media.h. */
#include "db/media.h"

#include "base/cleanup.h"
#include "db/query.h"

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

int vb_media_find_by_upload(struct vb_db *db, const char *upload_id, struct vb_media *ret_media,
                            struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, upload_id::text, user_id::text, key, content_type, status,\n"
        "       thumbhash, bytes, width, height, purpose, activity_id::text, story_id::text,\n"
        "       slot, slot_index, published_at IS NOT NULL, dominant_color, poster_key, duration_ms\n"
        "FROM media\n"
        "WHERE upload_id = $1";
    enum column {
        ID,
        UPLOAD_ID,
        USER_ID,
        KEY,
        CONTENT_TYPE,
        STATUS,
        THUMBHASH,
        BYTES,
        WIDTH,
        HEIGHT,
        PURPOSE,
        ACTIVITY_ID,
        STORY_ID,
        SLOT,
        SLOT_INDEX,
        PUBLISHED,
        DOMINANT_COLOR,
        POSTER_KEY,
        DURATION_MS
    };
    PGresult *row = NULL;
    int r = vb_db_query_row(db, sql, 1, (const char *[]){upload_id}, "upload", &row, err);

    if (r < 0)
        return r;
    *ret_media = (struct vb_media){
        .row = row,
        .id = vb_db_text(row, 0, ID),
        .upload_id = vb_db_text(row, 0, UPLOAD_ID),
        .user_id = vb_db_text(row, 0, USER_ID),
        .key = vb_db_text(row, 0, KEY),
        .content_type = vb_db_text(row, 0, CONTENT_TYPE),
        .status = vb_db_text(row, 0, STATUS),
        .thumbhash = vb_db_text(row, 0, THUMBHASH),
        .bytes = vb_db_int(row, 0, BYTES),
        .width = vb_db_int(row, 0, WIDTH),
        .height = vb_db_int(row, 0, HEIGHT),
        .purpose = vb_db_text(row, 0, PURPOSE),
        .activity_id = vb_db_text(row, 0, ACTIVITY_ID),
        .story_id = vb_db_text(row, 0, STORY_ID),
        .slot = vb_db_text(row, 0, SLOT),
        .slot_index = (int)vb_db_int(row, 0, SLOT_INDEX),
        .published = vb_db_bool(row, 0, PUBLISHED),
        .dominant_color = vb_db_text(row, 0, DOMINANT_COLOR),
        .poster_key = vb_db_text(row, 0, POSTER_KEY),
        .duration_ms = vb_db_int(row, 0, DURATION_MS),
    };
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
        return vb_error_set(err, EALREADY, "this upload has media already");
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

/* `other` has the same place as `mine`. Upload ids sort by the time of their ticket. */
int vb_media_is_outdated(struct vb_db *db, const char *id, bool *ret_outdated, struct vb_error *err)
{
    static const char sql[] = "SELECT\n"
                              "FROM media AS other, media AS mine\n"
                              "WHERE mine.id = $1\n"
                              "  AND other.user_id = mine.user_id AND other.purpose = mine.purpose\n"
                              "  AND other.activity_id IS NOT DISTINCT FROM mine.activity_id\n"
                              "  AND other.story_id IS NOT DISTINCT FROM mine.story_id\n"
                              "  AND other.slot IS NOT DISTINCT FROM mine.slot\n"
                              "  AND other.slot_index IS NOT DISTINCT FROM mine.slot_index\n"
                              "  AND other.status = 'ready' AND other.upload_id > mine.upload_id\n"
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
                              "WHERE mine.id = $1\n"
                              "  AND other.user_id = mine.user_id AND other.purpose = mine.purpose\n"
                              "  AND other.activity_id IS NOT DISTINCT FROM mine.activity_id\n"
                              "  AND other.story_id IS NOT DISTINCT FROM mine.story_id\n"
                              "  AND other.slot IS NOT DISTINCT FROM mine.slot\n"
                              "  AND other.slot_index IS NOT DISTINCT FROM mine.slot_index\n"
                              "  AND other.status = 'ready' AND other.upload_id < mine.upload_id";

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
        "ON CONFLICT DO NOTHING"; /* of the upload or, by a cancellation at the same time, of the key */
    char keep[16];
    int64_t affected = 0;
    int r;

    snprintf(keep, sizeof(keep), "%u", keep_s);
    r = vb_db_execute(db, sql, 6,
                      (const char *[]){media->upload_id, media->user_id, media->purpose, media->key,
                                       media->content_type, keep},
                      &affected, err);
    if (r == 0 && affected == 0)
        return vb_error_set(err, EALREADY, "this upload has media already");
    return r;
}

int vb_media_mark_user_deleting(struct vb_db *db, const char *user_id, struct vb_error *err)
{
    static const char sql[] = "UPDATE media\n"
                              "SET status = 'deleting', updated_at = now()\n"
                              "WHERE user_id = $1 AND status <> 'deleting'";

    return vb_db_execute(db, sql, 1, (const char *[]){user_id}, NULL, err);
}

void vb_media_objects_release(struct vb_media_objects *objects)
{
    PQclear(objects->rows);
    free(objects->objects);
    *objects = (struct vb_media_objects){0};
}

int vb_media_objects_of_user(struct vb_db *db, const char *user_id, struct vb_media_objects *ret_objects,
                             struct vb_error *err)
{
    static const char sql[] = "SELECT key, poster_key\n"
                              "FROM media\n"
                              "WHERE user_id = $1 AND status = 'deleting'";
    enum column { KEY, POSTER_KEY };
    struct vb_media_object *objects;
    PGresult *rows = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){user_id}, &rows, err);

    if (r < 0)
        return r;
    objects = calloc((size_t)PQntuples(rows) + 1, sizeof(*objects));
    if (!objects) {
        PQclear(rows);
        return vb_error_set(err, ENOMEM, "out of memory for %d media", PQntuples(rows));
    }
    for (int row = 0; row < PQntuples(rows); row++)
        objects[row] = (struct vb_media_object){.key = vb_db_text(rows, row, KEY),
                                                .poster_key = vb_db_text(rows, row, POSTER_KEY)};
    *ret_objects =
        (struct vb_media_objects){.rows = rows, .objects = objects, .count = (size_t)PQntuples(rows)};
    return 0;
}

int vb_media_forget(struct vb_db *db, const char *key, struct vb_error *err)
{
    static const char sql[] = "DELETE FROM media\n"
                              "WHERE key = $1 AND status = 'deleting'";

    return vb_db_execute(db, sql, 1, (const char *[]){key}, NULL, err);
}
