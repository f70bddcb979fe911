/* Queries of the table activity_participants: see participants.h. */
#include "db/participants.h"

#include "base/cleanup.h"
#include "db/person_rows.h"
#include "db/query.h"

#include <errno.h>
#include <stdio.h>

/* Why the user did not get a place: the first reason that holds. */
static int find_reason(struct vb_db *db, const char *activity_id, const char *user_id, struct vb_error *err)
{
    static const char sql[] =
        "SELECT EXISTS (SELECT FROM activity_participants WHERE activity_id = $1 AND user_id = $2),\n"
        "       EXISTS (SELECT FROM users WHERE id = $2),\n"
        "       coalesce(ends_at, starts_at, 'infinity') <= now()\n"
        "FROM activities\n"
        "WHERE id = $1";
    enum column { JOINED, HAS_USER, OVER };
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query_row(db, sql, 2, (const char *[]){activity_id, user_id}, "activity", &row, err);

    if (r < 0)
        return r;
    if (!vb_db_bool(row, 0, HAS_USER))
        return vb_error_set(err, ENOENT, "there is no such user");
    if (vb_db_bool(row, 0, JOINED))
        return 0;
    if (vb_db_bool(row, 0, OVER))
        return vb_error_set(err, ETIME, "the activity is over");
    return vb_error_set(err, ENOSPC, "the activity is full");
}

int vb_participants_join(struct vb_db *db, const char *activity_id, const char *user_id, struct vb_error *err)
{
    /* The row's lock serializes concurrent joins: each sees the count that the one before has left. */
    static const char sql[] = "WITH place AS (\n"
                              "    UPDATE activities a\n"
                              "    SET participant_count = participant_count + 1\n"
                              "    WHERE a.id = $1 AND (capacity IS NULL OR participant_count < capacity)\n"
                              "      AND coalesce(ends_at, starts_at, 'infinity') > now()\n"
                              "      AND EXISTS (SELECT FROM users WHERE id = $2)\n"
                              "      AND NOT EXISTS (SELECT FROM activity_participants p\n"
                              "                      WHERE p.activity_id = a.id AND p.user_id = $2)\n"
                              "    RETURNING a.id\n"
                              ")\n"
                              "INSERT INTO activity_participants (activity_id, user_id)\n"
                              "SELECT place.id, u.id\n"
                              "FROM place, users u\n"
                              "WHERE u.id = $2";
    int64_t affected = 0;
    int r = vb_db_execute(db, sql, 2, (const char *[]){activity_id, user_id}, &affected, err);

    if (r == -EEXIST) /* a concurrent request of the same user won; this one was rolled back */
        return 0;
    if (r == -EDOM)
        return vb_error_set(err, ENOENT, "there is no such activity");
    return r < 0 || affected > 0 ? r : find_reason(db, activity_id, user_id, err);
}

int vb_participants_leave(struct vb_db *db, const char *activity_id, const char *user_id,
                          struct vb_error *err)
{
    /* A trigger keeps the count: it also sees participants who delete their account. */
    static const char sql[] = "DELETE FROM activity_participants\n"
                              "WHERE activity_id = $1 AND user_id = $2";
    int r = vb_db_execute(db, sql, 2, (const char *[]){activity_id, user_id}, NULL, err);

    return r == -EDOM ? 0 : r;
}

int vb_participants_among(struct vb_db *db, const char *user_ids, const char *activity_ids,
                          vb_participation_visit *visit, void *context, struct vb_error *err)
{
    static const char sql[] = "SELECT user_id::text, activity_id::text\n"
                              "FROM activity_participants\n"
                              "WHERE user_id = ANY ($1) AND activity_id = ANY ($2)";
    enum column { USER_ID, ACTIVITY_ID };
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 2, (const char *[]){user_ids, activity_ids}, &rows, err);

    for (int row = 0; r == 0 && row < PQntuples(rows); row++)
        r = visit(context, vb_db_text(rows, row, USER_ID), vb_db_text(rows, row, ACTIVITY_ID));
    return r;
}

int vb_participants_list(struct vb_db *db, const char *activity_id, unsigned limit,
                         const char *after_joined_at, const char *after_id, vb_person_visit *visit,
                         void *context, struct vb_error *err)
{
    static const char sql[] =
        "SELECT u.id::text, u.name, u.profile_picture_s3_key,\n"
        "       coalesce(u.profile_picture_cdn_url, u.profile_picture), p.joined_at\n"
        "FROM activity_participants p\n"
        "JOIN users u ON u.id = p.user_id\n"
        "WHERE p.activity_id = $1\n"
        "  AND ((p.joined_at, p.user_id) > ($3::timestamptz, $4) OR $3::timestamptz IS NULL)\n"
        "ORDER BY p.joined_at, p.user_id\n"
        "LIMIT $2";
    char most[16];
    const char *const params[] = {activity_id, most, after_joined_at, after_id};
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    snprintf(most, sizeof(most), "%u", limit);
    r = vb_db_query_planned(db, sql, 4, params, &rows, err);
    return r < 0 ? r : vb_people_visit(rows, visit, context);
}
