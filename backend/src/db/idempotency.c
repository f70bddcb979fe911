/* Queries of the table idempotency_keys: see idempotency.h. */
#include "db/idempotency.h"

#include "base/cleanup.h"
#include "db/query.h"

#include <errno.h>
#include <stdio.h>

_Static_assert(VB_IDEMPOTENCY_LIFETIME_H == 24, "the statements below say so too");

void vb_idempotency_release(struct vb_idempotency *idempotency)
{
    PQclear(idempotency->row);
    *idempotency = (struct vb_idempotency){0};
}

int vb_idempotency_take(struct vb_db *db, const char *user_id, const char *key, const char *operation,
                        const char *request_hash, struct vb_idempotency *ret_before, struct vb_error *err)
{
    /* Of two transactions at once, the second waits here and reads below what the first has committed. An
     * expired row is overwritten: that affects a row, too. */
    static const char take[] =
        "INSERT INTO idempotency_keys AS old (user_id, key, operation, request_hash)\n"
        "VALUES ($1, $2, $3, $4)\n"
        "ON CONFLICT (user_id, key) DO UPDATE\n"
        "SET operation = excluded.operation, request_hash = excluded.request_hash, status = NULL,\n"
        "    body = NULL, created_at = now()\n"
        "WHERE old.created_at <= now() - interval '24 hours'";
    static const char look[] = "SELECT operation, request_hash, status, body\n"
                               "FROM idempotency_keys\n"
                               "WHERE user_id = $1 AND key = $2";
    enum column { OPERATION, REQUEST_HASH, STATUS, BODY };
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int64_t affected = 0;
    int r =
        vb_db_execute(db, take, 4, (const char *[]){user_id, key, operation, request_hash}, &affected, err);

    if (r < 0 || affected > 0)
        return r;
    r = vb_db_query(db, look, 2, (const char *[]){user_id, key}, &row, err);
    if (r < 0)
        return r;
    if (PQntuples(row) == 0) /* it expired between the two statements */
        return vb_error_set(err, EAGAIN, "the idempotency key has just expired");
    *ret_before = (struct vb_idempotency){
        .operation = vb_db_text(row, 0, OPERATION),
        .request_hash = vb_db_text(row, 0, REQUEST_HASH),
        .status = (int)vb_db_int(row, 0, STATUS),
        .body = vb_db_text(row, 0, BODY),
    };
    ret_before->row = VB_TAKE(row);
    return vb_error_set(err, EALREADY, "the idempotency key was used before");
}

int vb_idempotency_save(struct vb_db *db, const char *user_id, const char *key, int status, const char *body,
                        struct vb_error *err)
{
    static const char sql[] = "UPDATE idempotency_keys\n"
                              "SET status = $3, body = $4\n"
                              "WHERE user_id = $1 AND key = $2";
    char number[16];

    snprintf(number, sizeof(number), "%d", status);
    return vb_db_execute(db, sql, 4, (const char *[]){user_id, key, number, body}, NULL, err);
}

int vb_idempotency_forget_old(struct vb_db *db, int64_t *ret_removed, struct vb_error *err)
{
    static const char sql[] = "DELETE FROM idempotency_keys\n"
                              "WHERE (user_id, key) IN (SELECT user_id, key\n"
                              "                         FROM idempotency_keys\n"
                              "                         WHERE created_at <= now() - interval '24 hours'\n"
                              "                         LIMIT 1000)";

    return vb_db_execute(db, sql, 0, NULL, ret_removed, err);
}
