/* Objects of no more use: see garbage.h. */
#include "db/garbage.h"

#include <stdio.h>

int vb_garbage_find(struct vb_db *db, const char *keys, unsigned replaced_after_s, PGresult **ret_found,
                    struct vb_error *err)
{
    static const char sql[] =
        "SELECT asked.key,\n"
        "       CASE\n"
        "           WHEN m.id IS NULL THEN 'no row names it'\n"
        "           WHEN s.id IS NOT NULL THEN 'its story has ended'\n"
        "           WHEN m.user_id IS NULL THEN 'its owner''s account was deleted'\n"
        "           WHEN m.published_at IS NULL THEN 'its upload was cancelled'\n"
        "           WHEN m.purpose = 'story-media' AND m.story_id IS NULL THEN 'its story has ended'\n"
        "           WHEN m.purpose = 'activity-image' AND m.activity_id IS NULL THEN 'its activity was "
        "deleted'\n"
        "           ELSE 'it was replaced'\n"
        "       END\n"
        "FROM unnest($1::text[]) AS asked (key)\n"
        "LEFT JOIN media AS m ON m.key = asked.key OR m.poster_key = asked.key\n"
        "LEFT JOIN vibe_stories AS s ON s.id = m.story_id AND s.expires_at <= now()\n"
        "WHERE m.id IS NULL\n"
        "   OR s.id IS NOT NULL\n"
        "   OR (m.status = 'deleting'\n"
        "       AND coalesce(m.keep_until, m.updated_at + make_interval(secs => $2)) <= now())\n"
        "   OR (m.status = 'deleting' AND m.purpose = 'story-media' AND m.story_id IS NULL)";
    char age[16];

    snprintf(age, sizeof(age), "%u", replaced_after_s);
    return vb_db_query(db, sql, 2, (const char *[]){keys, age}, ret_found, err);
}

int vb_garbage_named(struct vb_db *db, const char *keys, PGresult **ret_keys, struct vb_error *err)
{
    static const char sql[] = "WITH named (key) AS (\n"
                              "    SELECT profile_picture_s3_key FROM users\n"
                              "    UNION ALL\n"
                              "    SELECT hero_image_s3_key FROM activities\n"
                              "    UNION ALL\n"
                              "    SELECT unnest(image_s3_keys) FROM activities\n"
                              "    UNION ALL\n"
                              "    SELECT unnest(ARRAY[image_s3_key, video_s3_key]) FROM vibe_stories\n"
                              "    WHERE expires_at IS NULL OR expires_at > now()\n"
                              ")\n"
                              "SELECT asked.key\n"
                              "FROM unnest($1::text[]) AS asked (key)\n"
                              "WHERE EXISTS (SELECT FROM named WHERE named.key = asked.key)";

    return vb_db_query(db, sql, 1, (const char *[]){keys}, ret_keys, err);
}
