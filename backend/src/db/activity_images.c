/* Queries of the pictures in the table activities: see activity_images.h. */
#include "db/activity_images.h"

#include "base/cleanup.h"
#include "db/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int none(struct vb_error *err)
{
    return vb_error_set(err, ENXIO, "there is no such activity");
}

int vb_activity_images_owned(struct vb_db *db, const char *activity_id, const char *user_id, bool lock,
                             char ret_id[VB_OWNED_ID_SIZE], struct vb_error *err)
{
    /* As text: an adopted user_id may be of another type than users.id. */
    static const char look[] = "SELECT id::text, coalesce(user_id::text = $2, false)\n"
                               "FROM activities\n"
                               "WHERE id = $1";
    static const char look_and_lock[] = "SELECT id::text, coalesce(user_id::text = $2, false)\n"
                                        "FROM activities\n"
                                        "WHERE id = $1\n"
                                        "FOR NO KEY UPDATE";
    enum column { ID, OWNED };
    const char *id;
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r =
        vb_db_query(db, lock ? look_and_lock : look, 2, (const char *[]){activity_id, user_id}, &row, err);

    if (r == -EDOM || (r == 0 && PQntuples(row) == 0))
        return none(err);
    if (r < 0)
        return r;
    if (!vb_db_bool(row, 0, OWNED))
        return vb_error_set(err, EACCES, "the activity belongs to another user");
    id = vb_db_text(row, 0, ID);
    if (strlen(id) >= VB_OWNED_ID_SIZE)
        return none(err);
    strcpy(ret_id, id);
    return 0;
}

static int change(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                  struct vb_error *err)
{
    int64_t affected = 0;
    int r = vb_db_execute(db, sql, param_count, params, &affected, err);

    return r == -EDOM || (r == 0 && affected == 0) ? none(err) : r;
}

int vb_activity_images_set_hero(struct vb_db *db, const char *activity_id, const char *url,
                                const char *s3_key, const char *cdn_url, struct vb_error *err)
{
    static const char sql[] = "UPDATE activities\n"
                              "SET hero_image_url = $2, hero_image_s3_key = $3, hero_image_cdn_url = $4,\n"
                              "    updated_at = now()\n"
                              "WHERE id = $1";

    return change(db, sql, 4, (const char *[]){activity_id, url, s3_key, cdn_url}, err);
}

int vb_activity_images_set_gallery(struct vb_db *db, const char *activity_id, int index, const char *url,
                                   const char *s3_key, const char *cdn_url, struct vb_error *err)
{
    /* Assigning to an element would make an empty array begin there, so each array is built anew. */
    static const char sql[] =
        "UPDATE activities\n"
        "SET image_urls = (SELECT array_agg(CASE WHEN i = $2::int THEN $3 ELSE image_urls[i] END\n"
        "                                   ORDER BY i)\n"
        "                  FROM generate_series(1, greatest($2::int, array_upper(image_urls, 1)))\n"
        "                       AS i),\n"
        "    image_s3_keys = (SELECT array_agg(CASE WHEN i = $2::int THEN $4 ELSE image_s3_keys[i] END\n"
        "                                      ORDER BY i)\n"
        "                     FROM generate_series(1, greatest($2::int, array_upper(image_s3_keys, 1)))\n"
        "                          AS i),\n"
        "    image_cdn_urls = (SELECT array_agg(CASE WHEN i = $2::int THEN $5 ELSE image_cdn_urls[i] END\n"
        "                                       ORDER BY i)\n"
        "                      FROM generate_series(1, greatest($2::int, array_upper(image_cdn_urls, 1)))\n"
        "                           AS i),\n"
        "    updated_at = now()\n"
        "WHERE id = $1";
    char position[16];

    snprintf(position, sizeof(position), "%d", index + 1);
    return change(db, sql, 5, (const char *[]){activity_id, position, url, s3_key, cdn_url}, err);
}
