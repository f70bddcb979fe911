/* Objects that nothing needs any more: see garbage.h. */
#include "db/garbage.h"

#include "base/cleanup.h"
#include "db/query.h"

#include <stdio.h>

int vb_garbage_find(struct vb_db *db, const char *keys, unsigned replaced_after_s,
                    vb_garbage_visit_unneeded *visit, void *context, struct vb_error *err)
{
    static const char sql[] =
        "SELECT asked.key,\n"
        "       CASE\n"
        "           WHEN m.id IS NULL THEN 'no row names it'\n"
        "           WHEN s.id IS NOT NULL THEN 'its story has ended'\n"
        "           WHEN m.user_id IS NULL THEN 'its owner''s account was deleted'\n"
        "           WHEN m.published_at IS NULL THEN 'its upload was cancelled'\n"
        "           WHEN m.purpose = 'story-media' AND m.story_id IS NULL THEN 'its story has ended'\n"
        "           WHEN m.purpose = 'activity-image' AND m.activity_id IS NULL\n"
        "               THEN 'its activity was deleted'\n"
        "           ELSE 'it was replaced'\n"
        "       END,\n"
        "       m.id IS NULL\n"
        "FROM unnest($1::text[]) AS asked (key)\n"
        "LEFT JOIN media AS m ON m.key = asked.key OR m.poster_key = asked.key\n"
        "LEFT JOIN vibe_stories AS s ON s.id = m.story_id AND s.expires_at <= now()\n"
        "WHERE m.id IS NULL\n"
        "   OR s.id IS NOT NULL\n"
        "   OR (m.status = 'deleting'\n"
        "       AND coalesce(m.keep_until, m.updated_at + make_interval(secs => $2)) <= now())\n"
        "   OR (m.status = 'deleting' AND m.purpose = 'story-media' AND m.story_id IS NULL)";
    enum column { KEY, WHY, WITHOUT_ROW };
    PGresult *found VB_CLEANUP(vb_pgresult_clearp) = NULL;
    char age[16];
    int r;

    snprintf(age, sizeof(age), "%u", replaced_after_s);
    r = vb_db_query(db, sql, 2, (const char *[]){keys, age}, &found, err);
    for (int row = 0; r == 0 && row < PQntuples(found); row++)
        r = visit(context, &(struct vb_unneeded){.key = vb_db_text(found, row, KEY),
                                                 .why = vb_db_text(found, row, WHY),
                                                 .without_row = vb_db_bool(found, row, WITHOUT_ROW)});
    return r;
}

int vb_garbage_named(struct vb_db *db, const char *keys, vb_garbage_visit_key *visit, void *context,
                     struct vb_error *err)
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

    enum column { KEY };
    PGresult *named VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){keys}, &named, err);

    for (int row = 0; r == 0 && row < PQntuples(named); row++)
        r = visit(context, vb_db_text(named, row, KEY));
    return r;
}
