/*
 * Buckets.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <string.h>

struct bucket_change {
    struct vb_engine_change base;
    const char *bucket;
    const char *cors;
};

static int apply_create(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct bucket_change *change = (struct bucket_change *)base;
    struct vb_engine_index *index = transaction->index;
    sqlite3_stmt *statement;
    int64_t id;

    if (vb_engine_row_find_bucket(index, change->bucket, &id, NULL) == 0)
        return vb_error_set(base->err, EEXIST, "the bucket \"%s\" exists already", change->bucket);
    statement = vb_engine_index_statement(index, VB_ENGINE_SQL_BUCKET_INSERT);
    vb_engine_index_bind_text(statement, 1, change->bucket);
    sqlite3_bind_int64(statement, 2, vb_clock_realtime_ms());
    return vb_engine_index_run(index, statement);
}

int vb_engine_bucket_create(struct vb_engine *engine, const char *bucket, struct vb_error *err)
{
    struct bucket_change change = {.base = {.apply = apply_create, .err = err}, .bucket = bucket};

    return vb_engine_committer_run(engine->committer, &change.base);
}

static bool has_object(struct vb_engine_index *index, int64_t bucket_id)
{
    sqlite3_stmt *statement VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_index_statement(index, VB_ENGINE_SQL_BUCKET_HAS_OBJECT);

    sqlite3_bind_int64(statement, 1, bucket_id);
    return vb_engine_index_step(index, statement);
}

/* Deleting a bucket deletes its unfinished uploads, as in S3. */
static void delete_uploads(struct vb_engine_transaction *transaction, int64_t bucket_id)
{
    for (;;) {
        char key[VB_ENGINE_KEY_MAX + 1], id[VB_ENGINE_UPLOAD_ID_SIZE];
        sqlite3_stmt *statement =
            vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_BUCKET_AN_UPLOAD);
        bool found;

        sqlite3_bind_int64(statement, 1, bucket_id);
        found = vb_engine_index_step(transaction->index, statement);
        if (found) {
            vb_engine_row_read_text(statement, 0, key, sizeof(key));
            vb_engine_row_read_text(statement, 1, id, sizeof(id));
        }
        sqlite3_reset(statement);
        if (!found)
            return;
        vb_engine_row_delete_upload(transaction, bucket_id, key, id, NULL);
    }
}

static int apply_delete(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct bucket_change *change = (struct bucket_change *)base;
    struct vb_engine_index *index = transaction->index;
    sqlite3_stmt *statement;
    int64_t id;
    int r = vb_engine_row_find_bucket(index, change->bucket, &id, base->err);

    if (r < 0)
        return r;
    if (has_object(index, id))
        return vb_error_set(base->err, ENOTEMPTY, "the bucket \"%s\" is not empty", change->bucket);
    delete_uploads(transaction, id);
    statement = vb_engine_index_statement(index, VB_ENGINE_SQL_BUCKET_DELETE);
    sqlite3_bind_int64(statement, 1, id);
    return vb_engine_index_run(index, statement);
}

int vb_engine_bucket_delete(struct vb_engine *engine, const char *bucket, struct vb_error *err)
{
    struct bucket_change change = {.base = {.apply = apply_delete, .err = err}, .bucket = bucket};

    return vb_engine_committer_run(engine->committer, &change.base);
}

static int apply_set_cors(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct bucket_change *change = (struct bucket_change *)base;
    struct vb_engine_index *index = transaction->index;
    sqlite3_stmt *statement;
    int64_t id;
    int r = vb_engine_row_find_bucket(index, change->bucket, &id, base->err);

    if (r < 0)
        return r;
    statement = vb_engine_index_statement(index, VB_ENGINE_SQL_BUCKET_SET_CORS);
    sqlite3_bind_int64(statement, 1, id);
    vb_engine_index_bind_text(statement, 2, change->cors);
    return vb_engine_index_run(index, statement);
}

int vb_engine_bucket_set_cors(struct vb_engine *engine, const char *bucket, const char *cors_xml,
                              struct vb_error *err)
{
    struct bucket_change change = {
        .base = {.apply = apply_set_cors, .err = err}, .bucket = bucket, .cors = cors_xml};

    return vb_engine_committer_run(engine->committer, &change.base);
}

int vb_engine_bucket_stat(struct vb_engine *engine, const char *bucket, int64_t *ret_created_ms,
                          struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) = NULL;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r == 0)
        r = vb_engine_row_select_bucket(index, bucket, &row, err);
    if (r == 0 && ret_created_ms)
        *ret_created_ms = sqlite3_column_int64(row, 1);
    return r;
}

int vb_engine_bucket_get_cors(struct vb_engine *engine, const char *bucket, struct vb_strbuf *out,
                              struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) = NULL;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r == 0)
        r = vb_engine_row_select_bucket(index, bucket, &row, err);
    if (r < 0)
        return r;
    if (sqlite3_column_type(row, 2) == SQLITE_NULL)
        return vb_error_set(err, ENOENT, "the bucket \"%s\" has no CORS configuration", bucket);
    vb_strbuf_adds(out, (const char *)sqlite3_column_text(row, 2));
    return vb_strbuf_failed(out) ? vb_engine_index_describe(ENOMEM, "", err) : 0;
}

int vb_engine_bucket_list(struct vb_engine *engine,
                          int (*visit)(void *context, const char *bucket, int64_t created_ms), void *context,
                          struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *rows VB_CLEANUP(vb_engine_index_resetp) = NULL;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r < 0)
        return r;
    rows = vb_engine_index_statement(index, VB_ENGINE_SQL_BUCKET_LIST);
    while (r == 0 && vb_engine_index_step(index, rows))
        r = visit(context, (const char *)sqlite3_column_text(rows, 0), sqlite3_column_int64(rows, 1));
    return r == 0 ? vb_engine_index_error(index, err) : r;
}
