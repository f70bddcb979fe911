/*
 * One connection to the index, a SQLite database in WAL mode: its schema, its prepared statements, and
 * SQLite's result codes as errno. One thread at a time may use a connection; nothing here locks.
 */
#ifndef VB_STORE_ENGINE_INDEX_H
#define VB_STORE_ENGINE_INDEX_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

/* The statements of statements.c, which shows the parameters and columns of each. */
enum vb_engine_sql {
    VB_ENGINE_SQL_BEGIN_READ,
    VB_ENGINE_SQL_BEGIN_WRITE,
    VB_ENGINE_SQL_COMMIT,
    VB_ENGINE_SQL_FREE_PAGES,
    VB_ENGINE_SQL_BUCKET_FIND,
    VB_ENGINE_SQL_BUCKET_INSERT,
    VB_ENGINE_SQL_BUCKET_DELETE,
    VB_ENGINE_SQL_BUCKET_LIST,
    VB_ENGINE_SQL_BUCKET_SET_CORS,
    VB_ENGINE_SQL_BUCKET_HAS_OBJECT,
    VB_ENGINE_SQL_BUCKET_AN_UPLOAD,
    VB_ENGINE_SQL_BLOB_LAST_ID,
    VB_ENGINE_SQL_BLOB_INSERT,
    VB_ENGINE_SQL_BLOB_FIND,
    VB_ENGINE_SQL_BLOB_SET_REFS,
    VB_ENGINE_SQL_BLOB_DELETE,
    VB_ENGINE_SQL_BLOB_FILE_KNOWN,
    VB_ENGINE_SQL_SEGMENT_INSERT,
    VB_ENGINE_SQL_SEGMENT_LIST,
    VB_ENGINE_SQL_SEGMENT_READ,
    VB_ENGINE_SQL_SEGMENT_DELETE_ALL,
    VB_ENGINE_SQL_OBJECT_FIND,
    VB_ENGINE_SQL_OBJECT_META,
    VB_ENGINE_SQL_OBJECT_READ,
    VB_ENGINE_SQL_OBJECT_PUT,
    VB_ENGINE_SQL_OBJECT_DELETE,
    VB_ENGINE_SQL_OBJECT_LIST,
    VB_ENGINE_SQL_UPLOAD_INSERT,
    VB_ENGINE_SQL_UPLOAD_FIND,
    VB_ENGINE_SQL_UPLOAD_DELETE,
    VB_ENGINE_SQL_UPLOAD_LIST,
    VB_ENGINE_SQL_PART_FIND,
    VB_ENGINE_SQL_PART_PUT,
    VB_ENGINE_SQL_PART_LIST,
    VB_ENGINE_SQL_PART_BLOBS,
    VB_ENGINE_SQL_PART_DELETE_ALL,
    VB_ENGINE_SQL_COUNT
};

extern const char vb_engine_sql_schema[];
extern const char *const vb_engine_sql_text[VB_ENGINE_SQL_COUNT];

struct vb_engine_index {
    sqlite3 *handle;
    sqlite3_stmt *statements[VB_ENGINE_SQL_COUNT]; /* prepared when first needed */
    int failure;       /* SQLite's code of the first failure since vb_engine_index_clear(); 0: none */
    int failure_errno; /* the system's errno, if that was an I/O error */
};

/* Opens directory/index.db. create: makes the file and its schema if they are missing. Returns 0 or
 * -errno. */
int vb_engine_index_open(const char *directory, bool create, struct vb_engine_index *ret_index,
                         struct vb_error *err);
void vb_engine_index_close(struct vb_engine_index *index);

/* The statement, ready to bind. NULL after a failure: SQLite's bind functions and vb_engine_index_step()
 * accept that. */
sqlite3_stmt *vb_engine_index_statement(struct vb_engine_index *index, enum vb_engine_sql sql);
/* True for a row. False at the end, and on a failure, which is kept in index->failure. */
bool vb_engine_index_step(struct vb_engine_index *index, sqlite3_stmt *statement);
/* Runs and resets a statement that gives no rows. Returns 0, or the first failure since the last
 * vb_engine_index_clear() as -errno: a chain of statements needs one check at its end. */
int vb_engine_index_run(struct vb_engine_index *index, sqlite3_stmt *statement);

void vb_engine_index_clear(struct vb_engine_index *index);
/* The first failure as -errno (-ENOSPC: the disk is full), or 0. */
int vb_engine_index_result(const struct vb_engine_index *index);
/* The same, described. */
int vb_engine_index_error(const struct vb_engine_index *index, struct vb_error *err);
/* Describes an errno with the message that all operations share. Returns -code. */
int vb_engine_index_describe(int code, const char *detail, struct vb_error *err);

/* sqlite3_stmt *s VB_CLEANUP(vb_engine_index_resetp) = vb_engine_index_statement(…): resets at the end of the
 * scope. */
static inline void vb_engine_index_resetp(sqlite3_stmt **statement)
{
    sqlite3_reset(*statement);
}

/* Binds text without copying it: it must live until the statement is reset. NULL binds SQL NULL. */
void vb_engine_index_bind_text(sqlite3_stmt *statement, int parameter, const char *text);

/*
 * A few connections that read the index. They are opened when needed; all threads share them.
 */
struct vb_engine_index_pool;

struct vb_engine_index_pool *vb_engine_index_pool_create(const char *directory, unsigned connections);
void vb_engine_index_pool_destroy(struct vb_engine_index_pool *pool);
/* Waits for a free one. Returns 0 or -errno. */
int vb_engine_index_pool_borrow(struct vb_engine_index_pool *pool, struct vb_engine_index **ret_index,
                                struct vb_error *err);
/* Gives a connection back. Its statements must be reset. NULL is fine. */
void vb_engine_index_pool_return(struct vb_engine_index *index);

/* struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL: gives it back at the end of
 * the scope. Declare it before the statements that run on it, so that they are reset first. */
static inline void vb_engine_index_pool_returnp(struct vb_engine_index **index)
{
    vb_engine_index_pool_return(*index);
}

#endif
