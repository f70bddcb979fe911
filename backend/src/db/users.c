/* Queries of the table users: see users.h. */
#include "db/users.h"

#include "base/cleanup.h"

#include <errno.h>

#define COLUMNS                                                                                              \
    "id::text, email, name, profile_picture, profile_picture_s3_key, profile_picture_cdn_url, "              \
    "password_hash, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

void vb_user_release(struct vb_user *user)
{
    PQclear(user->row);
    *user = (struct vb_user){0};
}

static const char *text_or_null(const PGresult *row, int column)
{
    return PQgetisnull(row, 0, column) ? NULL : PQgetvalue(row, 0, column);
}

/* Runs a statement that gives COLUMNS of one row or of none. */
static int query_user(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                      struct vb_user *ret_user, struct vb_error *err)
{
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, param_count, params, &row, err);

    if (r == -EDOM || (r == 0 && PQntuples(row) == 0))
        return vb_error_set(err, ENOENT, "there is no such user");
    if (r < 0)
        return r;
    *ret_user = (struct vb_user){
        .id = text_or_null(row, 0),
        .email = text_or_null(row, 1),
        .name = text_or_null(row, 2),
        .profile_picture = text_or_null(row, 3),
        .profile_picture_s3_key = text_or_null(row, 4),
        .profile_picture_cdn_url = text_or_null(row, 5),
        .password_hash = text_or_null(row, 6),
        .created_at = text_or_null(row, 7),
    };
    ret_user->row = VB_TAKE(row);
    return 0;
}

int vb_users_insert(struct vb_db *db, const char *email, const char *password_hash, const char *name,
                    struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] = "INSERT INTO users (email, password_hash, name)\n"
                              "VALUES ($1, $2, $3)\n"
                              "RETURNING " COLUMNS;

    return query_user(db, sql, 3, (const char *[]){email, password_hash, name}, ret_user, err);
}

int vb_users_find(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err)
{
    static const char sql[] = "SELECT " COLUMNS "\n"
                              "FROM users\n"
                              "WHERE id = $1";

    return query_user(db, sql, 1, (const char *[]){id}, ret_user, err);
}

int vb_users_find_by_email(struct vb_db *db, const char *email, struct vb_user *ret_user,
                           struct vb_error *err)
{
    static const char sql[] = "SELECT " COLUMNS "\n"
                              "FROM users\n"
                              "WHERE lower(email) = lower($1) AND password_hash IS NOT NULL";

    return query_user(db, sql, 1, (const char *[]){email}, ret_user, err);
}

int vb_users_rename(struct vb_db *db, const char *id, const char *name, struct vb_user *ret_user,
                    struct vb_error *err)
{
    static const char sql[] = "UPDATE users\n"
                              "SET name = $2, updated_at = now()\n"
                              "WHERE id = $1\n"
                              "RETURNING " COLUMNS;

    return query_user(db, sql, 2, (const char *[]){id, name}, ret_user, err);
}

/* Runs a statement that must touch a row. */
static int change_user(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                       struct vb_error *err)
{
    int64_t affected = 0;
    int r = vb_db_execute(db, sql, param_count, params, &affected, err);

    if (r == -EDOM || (r == 0 && affected == 0))
        return vb_error_set(err, ENOENT, "there is no such user");
    return r;
}

int vb_users_set_profile_picture(struct vb_db *db, const char *id, const char *url, const char *s3_key,
                                 const char *cdn_url, struct vb_error *err)
{
    static const char sql[] = "UPDATE users\n"
                              "SET profile_picture = $2, profile_picture_s3_key = $3,\n"
                              "    profile_picture_cdn_url = $4, updated_at = now()\n"
                              "WHERE id = $1";

    return change_user(db, sql, 4, (const char *[]){id, url, s3_key, cdn_url}, err);
}

int vb_users_lock(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "SELECT\n"
                              "FROM users\n"
                              "WHERE id = $1\n"
                              "FOR NO KEY UPDATE";

    return change_user(db, sql, 1, (const char *[]){id}, err);
}

int vb_users_delete(struct vb_db *db, const char *id, struct vb_error *err)
{
    static const char sql[] = "DELETE FROM users\n"
                              "WHERE id = $1";

    return change_user(db, sql, 1, (const char *[]){id}, err);
}
