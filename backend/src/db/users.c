/* Queries of the table users: see users.h. */
#include "db/user_row.h"

void vb_user_release(struct vb_user *user)
{
    PQclear(user->row);
    *user = (struct vb_user){0};
}

int vb_users_query(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                   struct vb_user *ret_user, struct vb_error *err)
{
    PGresult *row = NULL;
    int r = vb_db_query_row(db, sql, param_count, params, "user", &row, err);

    if (r < 0)
        return r;
    *ret_user = (struct vb_user){
        .row = row,
        .id = vb_db_text(row, 0, VB_USER_ID),
        .email = vb_db_text(row, 0, VB_USER_EMAIL),
        .name = vb_db_text(row, 0, VB_USER_NAME),
        .profile_picture = vb_db_text(row, 0, VB_USER_PROFILE_PICTURE),
        .profile_picture_s3_key = vb_db_text(row, 0, VB_USER_PROFILE_PICTURE_S3_KEY),
        .profile_picture_cdn_url = vb_db_text(row, 0, VB_USER_PROFILE_PICTURE_CDN_URL),
        .password_hash = vb_db_text(row, 0, VB_USER_PASSWORD_HASH),
        .created_at = vb_db_text(row, 0, VB_USER_CREATED_AT),
        .disabled = vb_db_bool(row, 0, VB_USER_DISABLED),
    };
    return 0;
}

int vb_users_insert(struct vb_db *db, const char *email, const char *password_hash, const char *name,
                    struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] =
        "INSERT INTO users (email, password_hash, name)\n"
        "VALUES ($1, $2, $3)\n"
        "RETURNING id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "          password_hash,\n"
        "          to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "          disabled_at IS NOT NULL";

    return vb_users_query(db, sql, 3, (const char *[]){email, password_hash, name}, ret_user, err);
}

int vb_users_find(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "       password_hash, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "       disabled_at IS NOT NULL\n"
        "FROM users\n"
        "WHERE id = $1";

    return vb_users_query(db, sql, 1, (const char *[]){id}, ret_user, err);
}

int vb_users_lock(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "       password_hash, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "       disabled_at IS NOT NULL\n"
        "FROM users\n"
        "WHERE id = $1\n"
        "FOR NO KEY UPDATE";

    return vb_users_query(db, sql, 1, (const char *[]){id}, ret_user, err);
}

int vb_users_lock_shared(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "       password_hash, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "       disabled_at IS NOT NULL\n"
        "FROM users\n"
        "WHERE id = $1\n"
        "FOR SHARE";

    return vb_users_query(db, sql, 1, (const char *[]){id}, ret_user, err);
}

int vb_users_find_by_email(struct vb_db *db, const char *email, struct vb_user *ret_user,
                           struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "       password_hash, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "       disabled_at IS NOT NULL\n"
        "FROM users\n"
        "WHERE lower(email) = lower($1) AND password_hash IS NOT NULL";

    return vb_users_query(db, sql, 1, (const char *[]){email}, ret_user, err);
}

int vb_users_rename(struct vb_db *db, const char *id, const char *name, struct vb_user *ret_user,
                    struct vb_error *err)
{
    static const char sql[] =
        "UPDATE users\n"
        "SET name = $2, updated_at = now()\n"
        "WHERE id = $1\n"
        "RETURNING id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "          password_hash,\n"
        "          to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "          disabled_at IS NOT NULL";

    return vb_users_query(db, sql, 2, (const char *[]){id, name}, ret_user, err);
}

int vb_users_set_profile_picture(struct vb_db *db, const char *id, const char *url, const char *s3_key,
                                 const char *cdn_url, struct vb_error *err)
{
    static const char sql[] = "UPDATE users\n"
                              "SET profile_picture = $2, profile_picture_s3_key = $3,\n"
                              "    profile_picture_cdn_url = $4, updated_at = now()\n"
                              "WHERE id = $1";

    return vb_db_change_row(db, sql, 4, (const char *[]){id, url, s3_key, cdn_url}, "user", err);
}

int vb_users_delete(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "DELETE FROM users\n"
                              "WHERE id = $1";

    return vb_db_change_row(db, sql, 1, (const char *[]){id}, "user", err);
}
