/* Changes to an account as a whole: see accounts.h. */
#include "db/accounts.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "db/query.h"
#include "db/tokens.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int vb_accounts_end_sessions(struct vb_db *db, const char *user_id, int64_t *ret_revoked_ms,
                             struct vb_error *err)
{
    static const char refresh[] = "UPDATE refresh_tokens\n"
                                  "SET revoked_at = now()\n"
                                  "WHERE user_id = $1 AND revoked_at IS NULL";
    static const char access[] =
        "INSERT INTO access_revocations AS old (user_id, revoked_at)\n"
        "VALUES ($1, to_timestamp($2::double precision / 1000))\n"
        "ON CONFLICT (user_id) DO UPDATE SET revoked_at = greatest(old.revoked_at, excluded.revoked_at)";
    char time[24];
    int r = vb_db_execute(db, refresh, 1, (const char *[]){user_id}, NULL, err);

    *ret_revoked_ms = vb_clock_realtime_ms() + 1; /* after every token issued up to now */
    snprintf(time, sizeof(time), "%" PRId64, *ret_revoked_ms);
    return r < 0 ? r : vb_db_execute(db, access, 2, (const char *[]){user_id, time}, NULL, err);
}

int vb_accounts_list_revocations(struct vb_db *db, unsigned max_age_s, unsigned limit,
                                 vb_revocation_visit *visit, void *context, struct vb_error *err)
{
    static const char sql[] = "SELECT user_id, (extract(epoch FROM revoked_at) * 1000)::bigint\n"
                              "FROM access_revocations\n"
                              "WHERE revoked_at > now() - make_interval(secs => $1)\n"
                              "ORDER BY revoked_at DESC\n"
                              "LIMIT $2";
    enum column { USER_ID, REVOKED_MS };
    char age[16], most[16];
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    snprintf(age, sizeof(age), "%u", max_age_s);
    snprintf(most, sizeof(most), "%u", limit);
    r = vb_db_query(db, sql, 2, (const char *[]){age, most}, &rows, err);
    for (int row = 0; r == 0 && row < PQntuples(rows); row++)
        r = visit(context, vb_db_text(rows, row, USER_ID), vb_db_int(rows, row, REVOKED_MS));
    return r;
}

int vb_accounts_forget_revocations(struct vb_db *db, unsigned max_age_s, struct vb_error *err)
{
    static const char sql[] = "DELETE FROM access_revocations\n"
                              "WHERE revoked_at < now() - make_interval(secs => $1)";
    char age[16];

    snprintf(age, sizeof(age), "%u", max_age_s);
    return vb_db_execute(db, sql, 1, (const char *[]){age}, NULL, err);
}

int vb_accounts_set_password(struct vb_db *db, const char *user_id, const char *password_hash, bool mailed,
                             struct vb_error *err)
{
    static const char sql[] =
        "UPDATE users\n"
        "SET password_hash = $2, updated_at = now(),\n"
        "    email_verified_at = CASE WHEN $3::boolean THEN now() ELSE email_verified_at END\n"
        "WHERE id = $1";

    return vb_db_change_row(db, sql, 3, (const char *[]){user_id, password_hash, mailed ? "t" : "f"}, "user",
                            err);
}

int vb_accounts_set_disabled(struct vb_db *db, const char *user_id, bool disabled, struct vb_error *err)
{
    static const char disable[] = "UPDATE users\n"
                                  "SET disabled_at = coalesce(disabled_at, now()), updated_at = now()\n"
                                  "WHERE id = $1";
    static const char enable[] = "UPDATE users\n"
                                 "SET disabled_at = NULL, updated_at = now()\n"
                                 "WHERE id = $1";

    return vb_db_change_row(db, disabled ? disable : enable, 1, (const char *[]){user_id}, "user", err);
}

/* -EDQUOT: the account was sent as many tokens as it may get in an hour. */
static int check_quota(struct vb_db *db, const char *user_id, struct vb_error *err)
{
    static const char sql[] = "SELECT\n"
                              "FROM password_resets\n"
                              "WHERE user_id = $1 AND mailed AND created_at > now() - interval '1 hour'";
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, 1, (const char *[]){user_id}, &rows, err);

    if (r == 0 && PQntuples(rows) >= VB_RESET_PER_HOUR_MAX)
        return vb_error_set(err, EDQUOT, "this account was sent %d tokens within an hour",
                            VB_RESET_PER_HOUR_MAX);
    return r;
}

int vb_accounts_end_resets(struct vb_db *db, const char *user_id, struct vb_error *err)
{
    static const char sql[] = "UPDATE password_resets\n"
                              "SET ended_at = now()\n"
                              "WHERE user_id = $1 AND ended_at IS NULL";

    return vb_db_execute(db, sql, 1, (const char *[]){user_id}, NULL, err);
}

int vb_accounts_insert_reset(struct vb_db *db, const char *user_id,
                             const unsigned char token_hash[VB_SHA256_SIZE], bool mailed,
                             struct vb_error *err)
{
    /* Ended ones stay for a day, for those who ask later what happened. */
    static const char forget[] = "DELETE FROM password_resets\n"
                                 "WHERE user_id = $1 AND created_at < now() - interval '1 day'";
    static const char insert[] = "INSERT INTO password_resets (user_id, token_hash, mailed, expires_at)\n"
                                 "VALUES ($1, $2, $3, now() + make_interval(secs => $4))";
    char hash[VB_TOKEN_BYTEA_SIZE], lifetime[16];
    int r = mailed ? check_quota(db, user_id, err) : 0;

    if (r == 0)
        r = vb_db_execute(db, forget, 1, (const char *[]){user_id}, NULL, err);
    if (r == 0)
        r = vb_accounts_end_resets(db, user_id, err);
    if (r < 0)
        return r;
    snprintf(lifetime, sizeof(lifetime), "%d", VB_RESET_LIFETIME_S);
    return vb_db_execute(
        db, insert, 4,
        (const char *[]){user_id, vb_token_bytea(token_hash, hash), mailed ? "t" : "f", lifetime}, NULL, err);
}

int vb_accounts_find_reset(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                           struct vb_reset *ret_reset, struct vb_error *err)
{
    static const char find[] = "SELECT user_id::text\n"
                               "FROM password_resets\n"
                               "WHERE token_hash = $1";
    static const char check[] = "SELECT mailed\n"
                                "FROM password_resets\n"
                                "WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > now()";
    PGresult *owner VB_CLEANUP(vb_pgresult_clearp) = NULL;
    PGresult *valid VB_CLEANUP(vb_pgresult_clearp) = NULL;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    char hash[VB_TOKEN_BYTEA_SIZE];
    int r;

    vb_token_bytea(token_hash, hash);
    r = vb_db_query(db, find, 1, (const char *[]){hash}, &owner, err);
    if (r == 0 && PQntuples(owner) == 0)
        return vb_error_set(err, ENOENT, "there is no such reset token");
    if (r == 0)
        r = vb_users_lock(db, vb_db_text(owner, 0, 0), &user, err);
    /* Checked after the lock: now no other transaction can use the token. */
    if (r == 0)
        r = vb_db_query(db, check, 1, (const char *[]){hash}, &valid, err);
    if (r == 0 && (PQntuples(valid) == 0 || user.disabled))
        return vb_error_set(err, ENOENT, "this reset token was used, replaced or has expired");
    if (r < 0)
        return r;
    ret_reset->mailed = vb_db_bool(valid, 0, 0);
    ret_reset->user = user;
    user = (struct vb_user){0};
    return 0;
}
