/* Accounts that sign in with Apple: see accounts.h. docs/decisions says when one is linked to an address. */
#include "db/accounts.h"
#include "db/user_row.h"

int vb_accounts_find_by_apple(struct vb_db *db, const char *apple_sub, struct vb_user *ret_user,
                              struct vb_error *err)
{
    static const char sql[] =
        "SELECT id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "       password_hash, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "       disabled_at IS NOT NULL\n"
        "FROM users\n"
        "WHERE apple_sub = $1\n"
        "FOR SHARE";

    return vb_users_query(db, sql, 1, (const char *[]){apple_sub}, ret_user, err);
}

int vb_accounts_insert_apple(struct vb_db *db, const char *apple_sub, const char *email, const char *name,
                             struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] =
        "INSERT INTO users (apple_sub, email, name, email_verified_at)\n"
        "VALUES ($1, $2::text, $3, CASE WHEN $2::text IS NOT NULL THEN now() END)\n"
        "RETURNING id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "          password_hash,\n"
        "          to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "          disabled_at IS NOT NULL";

    return vb_users_query(db, sql, 3, (const char *[]){apple_sub, email, name}, ret_user, err);
}

int vb_accounts_link_apple(struct vb_db *db, const char *apple_sub, const char *email,
                           struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] =
        "UPDATE users\n"
        "SET apple_sub = $1, updated_at = now()\n"
        "WHERE lower(email) = lower($2) AND password_hash IS NOT NULL\n"
        "  AND email_verified_at IS NOT NULL AND apple_sub IS NULL\n"
        "RETURNING id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url,\n"
        "          password_hash,\n"
        "          to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),\n"
        "          disabled_at IS NOT NULL";

    return vb_users_query(db, sql, 2, (const char *[]){apple_sub, email}, ret_user, err);
}
