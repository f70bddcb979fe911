/*
 * A connection to the store's index: see index.h.
 */
#include "store/engine/index.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define SCHEMA_VERSION  1
#define BUSY_TIMEOUT_MS 5000

/*
 * auto_vacuum: vb_engine_checkpointer_vacuum() gives freed pages back to the disk in small steps.
 * secure_delete: off; Debian turns it on, and then SQLite writes every deleted byte once more.
 * wal_autocheckpoint: off; checkpoint.c does that.
 * cache_size: small, since the kernel caches the file.
 */
static const char create_settings[] = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;"
                                      "PRAGMA journal_mode = WAL;";
static const char settings[] = "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;"
                               "PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = OFF;"
                               "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048;"
                               "PRAGMA journal_size_limit = 33554432;";

/* Must precede SQLite's first use. Without it, SQLite counts its memory under a global lock. */
static void configure_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void note_failure(struct vb_engine_index *index, int code)
{
    if (index->failure)
        return;
    index->failure = code;
    index->failure_errno = index->handle ? sqlite3_system_errno(index->handle) : 0;
}

static int exec(struct vb_engine_index *index, const char *sql)
{
    int r = sqlite3_exec(index->handle, sql, NULL, NULL, NULL);

    if (r != SQLITE_OK)
        note_failure(index, sqlite3_extended_errcode(index->handle));
    return vb_engine_index_result(index);
}

static int schema_version(struct vb_engine_index *index)
{
    sqlite3_stmt *statement = NULL;
    int version = -1;

    if (sqlite3_prepare_v2(index->handle, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        vb_engine_index_step(index, statement))
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return version;
}

static int create_schema(struct vb_engine_index *index, struct vb_error *err)
{
    int version;

    if (exec(index, create_settings) < 0 || exec(index, settings) < 0)
        return vb_engine_index_error(index, err);
    version = schema_version(index);
    if (version > SCHEMA_VERSION)
        return vb_error_set(
            err, EPROTO,
            "the object store was written by a newer version of vibe (format %d; this one knows %d)", version,
            SCHEMA_VERSION);
    if (version == SCHEMA_VERSION)
        return 0;
    if (exec(index, "BEGIN IMMEDIATE") == 0 && exec(index, vb_engine_sql_schema) == 0 &&
        exec(index, "PRAGMA user_version = 1") == 0)
        exec(index, "COMMIT");
    return vb_engine_index_error(index, err);
}

int vb_engine_index_open(const char *directory, bool create, struct vb_engine_index *ret_index,
                         struct vb_error *err)
{
    static pthread_once_t configured = PTHREAD_ONCE_INIT;
    char *path VB_CLEANUP(vb_freep) = vb_xasprintf("%s/index.db", directory);
    struct vb_engine_index index = {0};
    int r;

    pthread_once(&configured, configure_sqlite);
    r = sqlite3_open_v2(path, &index.handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0),
                        NULL);
    if (r != SQLITE_OK) {
        note_failure(&index, r);
    } else {
        sqlite3_extended_result_codes(index.handle, 1);
        sqlite3_busy_timeout(index.handle, BUSY_TIMEOUT_MS);
        if (!create)
            exec(&index, settings);
    }
    r = vb_engine_index_error(&index, err);
    if (r == 0 && create)
        r = create_schema(&index, err);
    if (r < 0) {
        vb_error_prefix(err, "%s cannot be opened", path);
        vb_engine_index_close(&index);
        return r;
    }
    *ret_index = index;
    return 0;
}

void vb_engine_index_close(struct vb_engine_index *index)
{
    for (int i = 0; i < VB_ENGINE_SQL_COUNT; i++)
        sqlite3_finalize(index->statements[i]);
    sqlite3_close(index->handle);
    *index = (struct vb_engine_index){0};
}

sqlite3_stmt *vb_engine_index_statement(struct vb_engine_index *index, enum vb_engine_sql sql)
{
    sqlite3_stmt **statement = &index->statements[sql];

    if (index->failure)
        return NULL;
    if (!*statement) {
        int r = sqlite3_prepare_v3(index->handle, vb_engine_sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT,
                                   statement, NULL);

        if (r != SQLITE_OK)
            note_failure(index, r);
    }
    return *statement;
}

bool vb_engine_index_step(struct vb_engine_index *index, sqlite3_stmt *statement)
{
    int r;

    if (index->failure || !statement)
        return false;
    r = sqlite3_step(statement);
    if (r != SQLITE_ROW && r != SQLITE_DONE)
        note_failure(index, r);
    return r == SQLITE_ROW;
}

int vb_engine_index_run(struct vb_engine_index *index, sqlite3_stmt *statement)
{
    vb_engine_index_step(index, statement);
    sqlite3_reset(statement);
    return vb_engine_index_result(index);
}

void vb_engine_index_clear(struct vb_engine_index *index)
{
    index->failure = 0;
    index->failure_errno = 0;
}

int vb_engine_index_result(const struct vb_engine_index *index)
{
    switch (index->failure & 0xff) {
    case SQLITE_OK:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (index->failure_errno == ENOSPC || index->failure_errno == EDQUOT)
            return -ENOSPC;
        return -EIO;
    default:
        return -EIO;
    }
}

int vb_engine_index_describe(int code, const char *detail, struct vb_error *err)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
        vb_error_set(err, ENOSPC, "the disk of the object store is full");
        vb_error_hint(err, "nothing has changed; make room and try again");
        return -ENOSPC;
    case ENOMEM:
        return vb_error_set(err, ENOMEM, "the object store is out of memory");
    default:
        return vb_error_set(err, code, "the object store failed: %s", detail);
    }
}

int vb_engine_index_error(const struct vb_engine_index *index, struct vb_error *err)
{
    int r = vb_engine_index_result(index);
    char detail[160];

    if (r == 0)
        return 0;
    snprintf(detail, sizeof(detail), "index: %s (SQLite code %d%s%s)", sqlite3_errstr(index->failure),
             index->failure, index->failure_errno ? ", " : "",
             index->failure_errno ? strerror(index->failure_errno) : "");
    return vb_engine_index_describe(-r, detail, err);
}

void vb_engine_index_bind_text(sqlite3_stmt *statement, int parameter, const char *text)
{
    if (text)
        sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, parameter);
}
