/*
 * Statements on a borrowed connection, and the values of their rows, for the queries of this folder. No
 * other folder includes this header.
 */
#ifndef VB_DB_QUERY_H
#define VB_DB_QUERY_H

#include "base/number.h"
#include "db/pool.h"

#include <libpq-fe.h>
#include <string.h>

/* As vb_db_execute(), with the result, to be freed with PQclear. */
int vb_db_query(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                PGresult **ret_result, struct vb_error *err);
/* The same, but planned anew with these values: for statements whose best plan depends on them. */
int vb_db_query_planned(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                        PGresult **ret_result, struct vb_error *err);
/* Finds one row. -ENOENT, "there is no such <thing>": there is none, or a parameter cannot be an id. */
int vb_db_query_row(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                    const char *thing, PGresult **ret_row, struct vb_error *err);
/* Changes one row. -ENOENT as above. */
int vb_db_change_row(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                     const char *thing, struct vb_error *err);

static inline void vb_pgresult_clearp(PGresult **result)
{
    PQclear(*result);
}

/* The string belongs to the result. NULL: SQL's NULL, or a column that this result does not have. */
static inline const char *vb_db_text(const PGresult *rows, int row, int column)
{
    return column >= PQnfields(rows) || PQgetisnull(rows, row, column) ? NULL : PQgetvalue(rows, row, column);
}
/* 0 for NULL. */
static inline int64_t vb_db_int(const PGresult *rows, int row, int column)
{
    const char *text = PQgetvalue(rows, row, column);
    int64_t value = 0;

    (void)vb_int_parse(text, strlen(text), INT64_MIN, INT64_MAX, &value);
    return value;
}
/* false for NULL. */
static inline bool vb_db_bool(const PGresult *rows, int row, int column)
{
    return *PQgetvalue(rows, row, column) == 't';
}

#endif
