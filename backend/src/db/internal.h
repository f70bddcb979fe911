/*
 * A connection, which the pool (pool.c) and the statements on it (query.c) share. No other folder includes
 * this header.
 */
#ifndef VB_DB_INTERNAL_H
#define VB_DB_INTERNAL_H

#include "db/query.h"

#define VB_DB_STATEMENT_SLOTS 512 /* a power of two */
#define VB_DB_STATEMENTS_MAX  256 /* further statements are run unprepared */

struct vb_db_statement {
    const char *sql; /* NULL: a free slot. The address is the key */
    unsigned number; /* prepared as "s<number>"; 0: to be prepared (again) */
};

/* One connection. It belongs to its borrower, or, under the pool's mutex, to the pool's list of idle ones. */
struct vb_db {
    struct vb_db_pool *pool;
    struct vb_db *next;
    PGconn *connection;
    int answer_timeout_ms;
    bool broken;         /* to be closed at its release */
    bool silent;         /* no answer came in time: the server hangs, or the network swallows packets */
    int64_t answered_ms; /* monotonic, when the server last answered */
    unsigned statement_count, last_number;
    struct vb_db_statement statements[VB_DB_STATEMENT_SLOTS];
};

#endif
