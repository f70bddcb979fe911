/* The sweeper's queries: see sweep.h. */
#include "db/sweep.h"

#include "base/cleanup.h"
#include "db/query.h"

#include <errno.h>
#include <stdio.h>

_Static_assert(VB_SWEEP_BATCH == 100, "the statements below say so too");

/* The lock's number is arbitrary, but must never change. */
int vb_sweep_lock(struct vb_db *db, struct vb_error *err)
{
    static const char sql[] = "SELECT pg_try_advisory_lock(7593268145231)";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 0, NULL, &row, err);

    if (r == 0 && !vb_db_bool(row, 0, 0))
        return vb_error_set(err, EBUSY, "another copy of the service is sweeping");
    return r;
}

void vb_sweep_unlock(struct vb_db *db)
{
    static const char sql[] = "SELECT pg_advisory_unlock(7593268145231)";

    (void)vb_db_execute(db, sql, 0, NULL, NULL,
                        NULL); /* if that fails, the connection closes, which unlocks */
}

/* Replaces *page (NULL before the first page) by the rows after its last one. The first column is the sort
 * key; `first` sorts before all keys. */
static int turn_page(struct vb_db *db, const char *sql, unsigned age_s, const char *first, PGresult **page,
                     struct vb_error *err)
{
    PGresult *next = NULL;
    const char *after = *page ? vb_db_text(*page, PQntuples(*page) - 1, 0) : first;
    char age[16];
    int r;

    snprintf(age, sizeof(age), "%u", age_s);
    r = vb_db_query(db, sql, 2, (const char *[]){age, after}, &next, err);
    if (r < 0)
        return r;
    PQclear(*page);
    *page = next;
    return 0;
}

int vb_sweep_deleting(struct vb_db *db, unsigned age_s, vb_sweep_visit_object *visit, void *context,
                      struct vb_error *err)
{
    static const char sql[] =
        "SELECT m.key, m.poster_key\n"
        "FROM media AS m\n"
        "WHERE m.status = 'deleting' AND m.key > $2\n"
        "  AND coalesce(m.keep_until, m.updated_at + make_interval(secs => $1)) <= now()\n"
        "  AND NOT EXISTS (SELECT FROM users AS u\n"
        "                  WHERE u.id = m.user_id AND u.profile_picture_s3_key = m.key)\n"
        "  AND NOT EXISTS (SELECT FROM activities AS a\n"
        "                  WHERE a.id = m.activity_id\n"
        "                    AND (a.hero_image_s3_key = m.key OR m.key = ANY (a.image_s3_keys)))\n"
        "  AND NOT EXISTS (SELECT FROM vibe_stories AS s\n"
        "                  WHERE s.id = m.story_id AND (m.key IN (s.image_s3_key, s.video_s3_key)\n"
        "                                             OR m.poster_key = s.image_s3_key))\n"
        "ORDER BY m.key\n"
        "LIMIT 100";
    enum column { KEY, POSTER_KEY };
    PGresult *page VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    do {
        r = turn_page(db, sql, age_s, "", &page, err);
        for (int row = 0; r == 0 && row < PQntuples(page); row++)
            r = visit(context, &(struct vb_media_object){.key = vb_db_text(page, row, KEY),
                                                         .poster_key = vb_db_text(page, row, POSTER_KEY)});
    } while (r == 0 && PQntuples(page) == VB_SWEEP_BATCH);
    return r;
}

int vb_sweep_pending(struct vb_db *db, unsigned age_s, vb_sweep_visit_upload *visit, void *context,
                     struct vb_error *err)
{
    static const char sql[] = "SELECT upload_id::text\n"
                              "FROM media\n"
                              "WHERE status = 'pending' AND created_at <= now() - make_interval(secs => $1)\n"
                              "  AND ($2::uuid IS NULL OR upload_id > $2::uuid)\n"
                              "ORDER BY upload_id\n"
                              "LIMIT 100";
    enum column { UPLOAD_ID };
    PGresult *page VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    do {
        r = turn_page(db, sql, age_s, NULL, &page, err);
        for (int row = 0; r == 0 && row < PQntuples(page); row++)
            r = visit(context, vb_db_text(page, row, UPLOAD_ID));
    } while (r == 0 && PQntuples(page) == VB_SWEEP_BATCH);
    return r;
}

int vb_sweep_stories(struct vb_db *db, int64_t *ret_removed, struct vb_error *err)
{
    static const char sql[] = "WITH ended AS (\n"
                              "    SELECT id\n"
                              "    FROM vibe_stories\n"
                              "    WHERE expires_at <= now()\n"
                              "    ORDER BY expires_at\n"
                              "    LIMIT 100\n"
                              "    FOR UPDATE SKIP LOCKED\n"
                              "), marked AS (\n"
                              "    UPDATE media\n"
                              "    SET status = 'deleting', updated_at = now()\n"
                              "    FROM ended\n"
                              "    WHERE media.story_id = ended.id AND media.status <> 'deleting'\n"
                              ")\n"
                              "DELETE FROM vibe_stories\n"
                              "USING ended\n"
                              "WHERE vibe_stories.id = ended.id";

    return vb_db_execute(db, sql, 0, NULL, ret_removed, err);
}
