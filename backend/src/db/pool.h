/*
 * PostgreSQL connections, borrowed for one piece of work at a time. Thread-safe. Blocking: for workers only.
 *
 * An unreachable database is a state: the pool answers -ENOTCONN at once and retries with back-off, up to
 * 500 ms apart. It recovers as soon as one attempt succeeds.
 *
 * Only this folder knows libpq. Queries in the other headers fill a struct or call a visitor for each row:
 *
 *   structs    with a member `row` own their strings: release them. NULL stands for SQL's NULL
 *   visitors   return 0 to go on; any other value ends the visit, and the query returns it. The strings of
 *              all rows stay valid until the query returns: nothing is copied. All rows arrive before the
 *              first visit, so a visitor may run statements on the same connection
 */
#ifndef VB_DB_POOL_H
#define VB_DB_POOL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_result; /* libpq's PGresult, which the structs of rows own */
struct vb_db_pool;

struct vb_db_config {
    const char *url;               /* DATABASE_URL; copied */
    unsigned connections_max;      /* 0: 16 */
    unsigned statement_timeout_ms; /* 0: 5000 */
    unsigned acquire_timeout_ms;   /* 0: 2000 */
};

/* Opens no connection yet. The metrics vibe_db_… show the pool that was created last, until a pool is
 * destroyed. */
struct vb_db_pool *vb_db_pool_create(const struct vb_db_config *config);
void vb_db_pool_destroy(struct vb_db_pool *pool);

/* Borrowed until vb_db_release. Returns 0, -EBUSY (all were in use until the timeout) or -ENOTCONN. */
struct vb_db;
int vb_db_acquire(struct vb_db_pool *pool, struct vb_db **ret_db, struct vb_error *err);
/* Closes a broken connection and rolls back an open transaction. NULL is fine. */
void vb_db_release(struct vb_db *db);
static inline void vb_db_releasep(struct vb_db **db)
{
    vb_db_release(*db);
}

/* Runs one statement with text parameters (NULL: SQL's NULL). Each connection prepares a statement once,
 * under the address of `sql`, which must be static text. ret_affected may be NULL. Returns 0 or:
 *
 *   -ENOTCONN    the connection was lost: the statement was executed or not
 *   -EEXIST      unique violation
 *   -ESRCH       foreign key violation
 *   -EDOM        class 22, data exception: "abc" compared with a uuid or integer id, so there is no such row
 *   -ETIMEDOUT   statement timeout
 *   -EAGAIN      serialization failure, deadlock, or a plan that a migration outdated: retry the transaction
 *   -EIO         anything else
 *
 * Messages hold PostgreSQL's words for what went wrong, never a parameter. */
int vb_db_execute(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                  int64_t *ret_affected, struct vb_error *err);

int vb_db_begin(struct vb_db *db, struct vb_error *err);
int vb_db_commit(struct vb_db *db, struct vb_error *err);
void vb_db_rollback(struct vb_db *db);

struct vb_db_stats {
    unsigned open, in_use, waiting;
    bool away;
};
void vb_db_pool_stats(struct vb_db_pool *pool, struct vb_db_stats *ret_stats);

/* Logs in and out again, without a pool. Returns 0, -EINVAL (malformed URL) or -ENOTCONN. */
int vb_db_check_login(const char *url, struct vb_error *err);

/* Copies a message of PostgreSQL as one line, without its severity and final full stop. */
void vb_db_one_line(const char *message, char *buffer, size_t size);

#endif
