/* Queries of the table refresh_tokens: see tokens.h. */
#include "db/tokens.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "db/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BYTEA_SIZE VB_TOKEN_BYTEA_SIZE

const char *vb_token_bytea(const unsigned char hash[VB_SHA256_SIZE], char buffer[BYTEA_SIZE])
{
    buffer[0] = '\\';
    buffer[1] = 'x';
    vb_hex_encode(hash, VB_SHA256_SIZE, buffer + 2);
    return buffer;
}

static const char *bytea(const unsigned char hash[VB_SHA256_SIZE], char buffer[BYTEA_SIZE])
{
    return vb_token_bytea(hash, buffer);
}

int vb_tokens_insert(struct vb_db *db, const char *user_id, const char *family_id,
                     const unsigned char token_hash[VB_SHA256_SIZE], unsigned lifetime_s,
                     struct vb_error *err)
{
    static const char forget[] = "DELETE FROM refresh_tokens\n"
                                 "WHERE user_id = $1 AND expires_at < now()";
    static const char insert[] = "INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)\n"
                                 "VALUES ($1, $2, $3, now() + make_interval(secs => $4))";
    char hash[BYTEA_SIZE], lifetime[16];
    int r;

    snprintf(lifetime, sizeof(lifetime), "%u", lifetime_s);
    r = vb_db_execute(db, forget, 1, (const char *[]){user_id}, NULL, err);
    if (r < 0)
        return r;
    return vb_db_execute(db, insert, 4,
                         (const char *[]){user_id, family_id, bytea(token_hash, hash), lifetime}, NULL, err);
}

/* Of the two statements of vb_tokens_use(); the first ends with the family. */
enum column { USER_ID, FAMILY_ID, USED, REVOKED };

static int read_owner(const PGresult *row, struct vb_token_owner *ret_owner, struct vb_error *err)
{
    const char *user_id = vb_db_text(row, 0, USER_ID), *family_id = vb_db_text(row, 0, FAMILY_ID);

    if (strlen(user_id) >= sizeof(ret_owner->user_id) || strlen(family_id) >= sizeof(ret_owner->family_id))
        return vb_error_set(err, EIO, "the id of a user is longer than %d bytes", VB_TOKEN_USER_SIZE - 1);
    memcpy(ret_owner->user_id, user_id, strlen(user_id) + 1);
    memcpy(ret_owner->family_id, family_id, strlen(family_id) + 1);
    return 0;
}

int vb_tokens_use(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                  struct vb_token_owner *ret_owner, struct vb_error *err)
{
    static const char use[] =
        "UPDATE refresh_tokens\n"
        "SET used_at = now()\n"
        "WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()\n"
        "RETURNING user_id::text, family_id::text";
    static const char explain[] =
        "SELECT user_id::text, family_id::text, used_at IS NOT NULL, revoked_at IS NOT NULL\n"
        "FROM refresh_tokens\n"
        "WHERE token_hash = $1";
    PGresult *used VB_CLEANUP(vb_pgresult_clearp) = NULL;
    PGresult *found VB_CLEANUP(vb_pgresult_clearp) = NULL;
    char hash[BYTEA_SIZE];
    int r;

    bytea(token_hash, hash);
    r = vb_db_query(db, use, 1, (const char *[]){hash}, &used, err);
    if (r < 0)
        return r;
    if (PQntuples(used) == 1)
        return read_owner(used, ret_owner, err);

    r = vb_db_query(db, explain, 1, (const char *[]){hash}, &found, err);
    if (r < 0)
        return r;
    if (PQntuples(found) == 0 || vb_db_bool(found, 0, REVOKED))
        return vb_error_set(err, ENOENT, "there is no such refresh token, or it was revoked");
    if (vb_db_bool(found, 0, USED)) {
        r = read_owner(found, ret_owner, err);
        return r < 0 ? r : vb_error_set(err, EKEYREVOKED, "this refresh token has been used before");
    }
    return vb_error_set(err, EKEYEXPIRED, "this refresh token has expired");
}

int vb_tokens_is_repeated(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                          const unsigned char next_hash[VB_SHA256_SIZE], unsigned grace_s, bool *ret_repeated,
                          struct vb_error *err)
{
    static const char sql[] =
        "SELECT FROM refresh_tokens AS token\n"
        "JOIN refresh_tokens AS next ON next.family_id = token.family_id AND next.token_hash = $2\n"
        "WHERE token.token_hash = $1\n"
        "  AND token.used_at > now() - make_interval(secs => $3)\n"
        "  AND next.used_at IS NULL AND next.revoked_at IS NULL AND next.expires_at > now()";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    char hash[BYTEA_SIZE], next[BYTEA_SIZE], grace[16];
    int r;

    snprintf(grace, sizeof(grace), "%u", grace_s);
    r = vb_db_query(db, sql, 3, (const char *[]){bytea(token_hash, hash), bytea(next_hash, next), grace},
                    &row, err);
    if (r == 0)
        *ret_repeated = PQntuples(row) > 0;
    return r;
}

int vb_tokens_lock_owner(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE], bool *ret_disabled,
                         struct vb_error *err)
{
    static const char sql[] = "SELECT disabled_at IS NOT NULL\n"
                              "FROM users\n"
                              "WHERE id = (SELECT user_id FROM refresh_tokens WHERE token_hash = $1)\n"
                              "FOR SHARE";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    char hash[BYTEA_SIZE];
    int r =
        vb_db_query_row(db, sql, 1, (const char *[]){bytea(token_hash, hash)}, "refresh token", &row, err);

    if (r == 0)
        *ret_disabled = vb_db_bool(row, 0, 0);
    return r;
}

int vb_tokens_revoke_family(struct vb_db *db, const char *family_id, struct vb_error *err)
{
    static const char sql[] = "UPDATE refresh_tokens\n"
                              "SET revoked_at = now()\n"
                              "WHERE family_id = $1 AND revoked_at IS NULL";

    return vb_db_execute(db, sql, 1, (const char *[]){family_id}, NULL, err);
}

int vb_tokens_revoke_by_token(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                              struct vb_error *err)
{
    static const char sql[] =
        "UPDATE refresh_tokens\n"
        "SET revoked_at = now()\n"
        "WHERE revoked_at IS NULL\n"
        "  AND family_id IN (SELECT family_id FROM refresh_tokens WHERE token_hash = $1)";
    char hash[BYTEA_SIZE];

    return vb_db_execute(db, sql, 1, (const char *[]){bytea(token_hash, hash)}, NULL, err);
}
