/* Accounts, as operators see them: see operator.h. */
#include "db/operator.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/memory.h"
#include "db/user_row.h"

#include <errno.h>
#include <stdio.h>

int vb_operator_list_users(struct vb_db *db, const char *search, unsigned limit, vb_user_visit *visit,
                           void *context, struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, email, name,\n"
        "       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"
        "       to_char(disabled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"
        "       nullif(concat_ws(', ', CASE WHEN password_hash IS NOT NULL THEN 'password' END,\n"
        "                              CASE WHEN apple_sub IS NOT NULL THEN 'apple' END), '')\n"
        "FROM users\n"
        "WHERE $1::text IS NULL OR position(lower($1) IN lower(email)) > 0\n"
        "   OR position(lower($1) IN lower(name)) > 0 OR position(lower($1) IN lower(id::text)) > 0\n"
        "ORDER BY created_at DESC, id\n"
        "LIMIT $2";
    enum column { ID, EMAIL, NAME, CREATED_AT, DISABLED_AT, SIGNS_IN_WITH };
    char most[16];
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    snprintf(most, sizeof(most), "%u", limit);
    r = vb_db_query(db, sql, 2, (const char *[]){search, most}, &rows, err);
    for (int row = 0; r == 0 && row < PQntuples(rows); row++)
        r = visit(context, &(struct vb_listed_user){.id = vb_db_text(rows, row, ID),
                                                    .email = vb_db_text(rows, row, EMAIL),
                                                    .name = vb_db_text(rows, row, NAME),
                                                    .created_at = vb_db_text(rows, row, CREATED_AT),
                                                    .disabled_at = vb_db_text(rows, row, DISABLED_AT),
                                                    .signs_in_with = vb_db_text(rows, row, SIGNS_IN_WITH)});
    return r;
}

int vb_operator_find_user(struct vb_db *db, const char *id_or_email, struct vb_user *ret_user,
                          struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "       password_hash, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "       disabled_at IS NOT NULL\n"
        "FROM users\n"
        "WHERE lower(email) = lower($1)\n"
        "LIMIT 2";
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_find(db, id_or_email, ret_user, err);

    if (r != -ENOENT)
        return r;
    r = vb_users_query(db, sql, 1, (const char *[]){id_or_email}, &user, err);
    if (r < 0)
        return r;
    if (PQntuples(user.row) > 1)
        return vb_error_set(err, EMLINK, "several users have this address: give an id instead");
    *ret_user = user;
    user = (struct vb_user){0};
    return 0;
}

/* A part of the export. Each statement returns one value: the user's row, or an array of rows. The database
 * of a newer or older program may lack a table: the export then lacks that part. */
static const struct part {
    const char *key, *table, *sql;
} parts[] = {
    {"profile", "users",
     "SELECT to_jsonb(u) - 'password_hash'\n"
     "FROM users u\n"
     "WHERE u.id = $1"},
    {"activities", "activities",
     "SELECT jsonb_agg(to_jsonb(a) ORDER BY a.created_at)\n"
     "FROM activities a\n"
     "WHERE a.user_id::text = $1"},
    {"activitiesJoined", "activity_participants",
     "SELECT jsonb_agg(to_jsonb(p))\n"
     "FROM activity_participants p\n"
     "WHERE p.user_id::text = $1"},
    {"stories", "vibe_stories",
     "SELECT jsonb_agg(to_jsonb(s) ORDER BY s.created_at)\n"
     "FROM vibe_stories s\n"
     "WHERE s.user_id::text = $1"},
    /* The column has one of two names, by the version of the database. */
    {"storiesSeen", "story_views",
     "SELECT jsonb_agg(to_jsonb(v))\n"
     "FROM story_views v\n"
     "WHERE coalesce(to_jsonb(v) ->> 'user_id', to_jsonb(v) ->> 'viewer_id') = $1"},
    {"media", "media",
     "SELECT jsonb_agg(to_jsonb(m) ORDER BY m.created_at)\n"
     "FROM media m\n"
     "WHERE m.user_id::text = $1"},
    {"sessions", "refresh_tokens",
     "SELECT jsonb_agg(to_jsonb(t) - 'token_hash' ORDER BY t.created_at)\n"
     "FROM refresh_tokens t\n"
     "WHERE t.user_id::text = $1"},
    {"passwordResets", "password_resets",
     "SELECT jsonb_agg(to_jsonb(r) - 'token_hash' ORDER BY r.created_at)\n"
     "FROM password_resets r\n"
     "WHERE r.user_id::text = $1"},
    {"endedAccess", "access_revocations",
     "SELECT jsonb_agg(to_jsonb(e))\n"
     "FROM access_revocations e\n"
     "WHERE e.user_id = $1"},
    /* Without the stored answers: they may hold presigned URLs. */
    {"idempotencyKeys", "idempotency_keys",
     "SELECT jsonb_agg(to_jsonb(k) - ARRAY['request_hash', 'body'])\n"
     "FROM idempotency_keys k\n"
     "WHERE to_jsonb(k) ->> 'user_id' = $1"},
};

static int has_table(struct vb_db *db, const char *name, bool *ret_has, struct vb_error *err)
{
    static const char sql[] = "SELECT to_regclass($1) IS NOT NULL";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){name}, &row, err);

    if (r == 0)
        *ret_has = vb_db_bool(row, 0, 0);
    return r;
}

int vb_operator_export_user(struct vb_db *db, const char *user_id, struct vb_strbuf *out,
                            struct vb_error *err)
{
    static const char snapshot[] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    struct vb_json json;
    int began = vb_db_execute(db, snapshot, 0, NULL, NULL, err);

    if (began < 0)
        return began;
    vb_json_init(&json, out);
    vb_json_object_begin(&json);
    for (size_t i = 0; i < VB_ARRAY_SIZE(parts); i++) {
        PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
        const char *value;
        bool has = false;
        int r = has_table(db, parts[i].table, &has, err);

        if (r == 0 && has)
            r = vb_db_query(db, parts[i].sql, 1, (const char *[]){user_id}, &rows, err);
        if (r < 0)
            return r;
        if (!has)
            continue;
        vb_json_key(&json, parts[i].key);
        value = vb_db_text(rows, 0, 0);
        vb_json_raw(&json, value ? value : "[]");
    }
    vb_json_object_end(&json);
    return vb_strbuf_failed(out)
               ? vb_error_set(err, EFBIG, "the export of this user is larger than %zu bytes", out->max)
               : 0;
}
