/*
 * PostgreSQL connections, borrowed for one piece of work at a time. Thread-safe. Blocking: for workers only.
 *
 * A database that is away is a state: the pool remembers it, answers -ENOTCONN at once while it backs off (at most
 * 500 ms between attempts), and is whole again as soon as one attempt succeeds.
 */
#ifndef VB_DB_POOL_H
#define VB_DB_POOL_H

#include "base/error.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vb_db_pool;

struct vb_db_config {
    const char *url;               /* DATABASE_URL; copied */
    unsigned connections_max;      /* 0: 16 */
    unsigned statement_timeout_ms; /* 0: 5000 */
    unsigned acquire_timeout_ms;   /* 0: 2000 */
};

/* Opens no connection yet. */
struct vb_db_pool *vb_db_pool_create(const struct vb_db_config *config);
void vb_db_pool_destroy(struct vb_db_pool *pool);

/* Borrowed until vb_db_release. Returns 0, -EBUSY (all in use until the timeout) or -ENOTCONN (database away). */
struct vb_db;
int vb_db_acquire(struct vb_db_pool *pool, struct vb_db **ret_db, struct vb_error *err);
void vb_db_release(
    struct vb_db *db); /* NULL is fine; a broken connection is closed, an open transaction rolled back */
static inline void vb_db_releasep(struct vb_db **db)
{
    vb_db_release(*db);
}

/* Runs one statement with text parameters (NULL: SQL NULL). Statements are prepared once per connection under the
 * address of `sql`, which must be static text. Returns 0 with the result, to be freed with PQclear, or
 * -ENOTCONN (connection lost: the statement may have been executed or not), -EEXIST (unique violation),
 * -ESRCH (foreign key violation), -EDOM (class 22, data exception: "abc" compared with a uuid or integer id, so no such row),
 * -ETIMEDOUT (statement timeout), -EAGAIN (serialization failure, deadlock or a plan outdated by a migration: retry the
 * transaction), -EIO. Messages hold PostgreSQL's words for what went wrong, never a parameter. */
int vb_db_query(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                PGresult **ret_result, struct vb_error *err);
/* The same, but planned anew with these values: for statements whose best plan depends on them. */
int vb_db_query_planned(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                        PGresult **ret_result, struct vb_error *err);
/* For statements whose result does not matter. ret_affected may be NULL. */
int vb_db_execute(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                  int64_t *ret_affected, struct vb_error *err);
static inline void vb_pgresult_clearp(PGresult **result)
{
    PQclear(*result);
}

int vb_db_begin(struct vb_db *db, struct vb_error *err);
int vb_db_commit(struct vb_db *db, struct vb_error *err);
void vb_db_rollback(struct vb_db *db);
/* The connection itself, for migrations and LISTEN. */
PGconn *vb_db_connection(struct vb_db *db);

struct vb_db_stats {
    unsigned open, in_use, waiting;
    bool away;
};
void vb_db_pool_stats(struct vb_db_pool *pool, struct vb_db_stats *ret_stats);

#endif
