/* Queries of the media in the table vibe_stories: see story_media.h. */
#include "db/story_media.h"

#include "base/cleanup.h"
#include "db/query.h"

#include <errno.h>
#include <string.h>

static int none(struct vb_error *err)
{
    return vb_error_set(err, ENXIO, "there is no such story, or it has ended");
}

static int keep_id(const PGresult *row, char ret_id[VB_OWNED_ID_SIZE], struct vb_error *err)
{
    const char *id = vb_db_text(row, 0, 0);

    if (strlen(id) >= VB_OWNED_ID_SIZE)
        return none(err);
    strcpy(ret_id, id);
    return 0;
}

int vb_story_media_make(struct vb_db *db, const char *user_id, char ret_id[VB_OWNED_ID_SIZE],
                        struct vb_error *err)
{
    static const char sql[] = "INSERT INTO vibe_stories (user_id, expires_at)\n"
                              "VALUES ($1, now() + interval '24 hours')\n"
                              "RETURNING id::text";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){user_id}, &row, err);

    return r < 0 ? r : keep_id(row, ret_id, err);
}

int vb_story_media_owned(struct vb_db *db, const char *story_id, const char *user_id, bool lock,
                         char ret_id[VB_OWNED_ID_SIZE], struct vb_error *err)
{
    /* As text: an adopted user_id may be of another type than users.id. */
    static const char look[] = "SELECT id::text, coalesce(user_id::text = $2, false)\n"
                               "FROM vibe_stories\n"
                               "WHERE id = $1 AND (expires_at IS NULL OR expires_at > now())";
    static const char look_and_lock[] = "SELECT id::text, coalesce(user_id::text = $2, false)\n"
                                        "FROM vibe_stories\n"
                                        "WHERE id = $1 AND (expires_at IS NULL OR expires_at > now())\n"
                                        "FOR NO KEY UPDATE";
    enum column { ID, OWNED };
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, lock ? look_and_lock : look, 2, (const char *[]){story_id, user_id}, &row, err);

    if (r == -EDOM || (r == 0 && PQntuples(row) == 0))
        return none(err);
    if (r < 0)
        return r;
    if (!vb_db_bool(row, 0, OWNED))
        return vb_error_set(err, EACCES, "the story belongs to another user");
    return keep_id(row, ret_id, err);
}

int vb_story_media_set(struct vb_db *db, const char *story_id, bool video, const char *url,
                       const char *s3_key, const char *cdn_url, struct vb_error *err)
{
    static const char image[] = "UPDATE vibe_stories\n"
                                "SET image_url = $2, image_s3_key = $3, image_cdn_url = $4,\n"
                                "    published_at = coalesce(published_at, now())\n"
                                "WHERE id = $1";
    static const char film[] = "UPDATE vibe_stories\n"
                               "SET video_url = $2, video_s3_key = $3, video_cdn_url = $4,\n"
                               "    published_at = coalesce(published_at, now())\n"
                               "WHERE id = $1";
    int64_t affected = 0;
    int r = vb_db_execute(db, video ? film : image, 4, (const char *[]){story_id, url, s3_key, cdn_url},
                          &affected, err);

    return r == -EDOM || (r == 0 && affected == 0) ? none(err) : r;
}
