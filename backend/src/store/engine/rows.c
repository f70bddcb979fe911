/*
 * Rows of buckets, objects and blobs: see rows.h.
 */
#include "store/engine/rows.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

int vb_engine_row_select_bucket(struct vb_engine_index *index, const char *bucket, sqlite3_stmt **ret_row,
                                struct vb_error *err)
{
    sqlite3_stmt *statement = vb_engine_index_statement(index, VB_ENGINE_SQL_BUCKET_FIND);
    int r;

    vb_engine_index_bind_text(statement, 1, bucket);
    if (vb_engine_index_step(index, statement)) {
        *ret_row = statement;
        return 0;
    }
    sqlite3_reset(statement);
    r = vb_engine_index_error(index, err);
    return r < 0 ? r : vb_error_set(err, ENODEV, "there is no bucket \"%s\"", bucket);
}

int vb_engine_row_find_bucket(struct vb_engine_index *index, const char *bucket, int64_t *ret_id,
                              struct vb_error *err)
{
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) = NULL;
    int r = vb_engine_row_select_bucket(index, bucket, &row, err);

    if (r == 0)
        *ret_id = sqlite3_column_int64(row, 0);
    return r;
}

sqlite3_stmt *vb_engine_row_select_object(struct vb_engine_index *index, enum vb_engine_sql sql,
                                          int64_t bucket_id, const char *key)
{
    sqlite3_stmt *statement = vb_engine_index_statement(index, sql);

    sqlite3_bind_int64(statement, 1, bucket_id);
    vb_engine_index_bind_text(statement, 2, key);
    if (vb_engine_index_step(index, statement))
        return statement;
    sqlite3_reset(statement);
    return NULL;
}

int vb_engine_row_select_object_in(struct vb_engine_index *index, enum vb_engine_sql sql, const char *bucket,
                                   const char *key, sqlite3_stmt **ret_row, struct vb_error *err)
{
    sqlite3_stmt *row;
    int64_t bucket_id;
    int r = vb_engine_row_find_bucket(index, bucket, &bucket_id, err);

    if (r < 0)
        return r;
    row = vb_engine_row_select_object(index, sql, bucket_id, key);
    if (row) {
        *ret_row = row;
        return 0;
    }
    r = vb_engine_index_error(index, err);
    return r < 0 ? r : vb_error_set(err, ENOENT, "there is no object \"%s\" in \"%s\"", key, bucket);
}

void vb_engine_row_find_object(struct vb_engine_index *index, int64_t bucket_id, const char *key,
                               struct vb_engine_row_object *ret_object)
{
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_row_select_object(index, VB_ENGINE_SQL_OBJECT_FIND, bucket_id, key);

    *ret_object = (struct vb_engine_row_object){.exists = row != NULL};
    if (!row)
        return;
    ret_object->blob_id = sqlite3_column_int64(row, 0);
    vb_engine_row_read_text(row, 1, ret_object->etag, sizeof(ret_object->etag));
}

int vb_engine_row_check_condition(const struct vb_engine_row_object *object,
                                  const struct vb_engine_condition *condition, struct vb_error *err)
{
    if (!condition)
        return 0;
    if (condition->absent && object->exists)
        return vb_error_set(err, EEXIST, "an object with this key exists already");
    if (condition->etag && !object->exists)
        return vb_error_set(err, ENOENT, "there is no object with this key");
    if (condition->etag && strcmp(condition->etag, object->etag) != 0)
        return vb_error_set(err, EKEYREJECTED, "the object has another ETag than the condition names");
    return 0;
}

int vb_engine_row_put_object(struct vb_engine_transaction *transaction, int64_t bucket_id, const char *key,
                             const struct vb_engine_row_object *old, int64_t blob_id, const char *upload_id,
                             const struct vb_engine_meta *meta)
{
    struct vb_engine_index *index = transaction->index;
    sqlite3_stmt *statement = vb_engine_index_statement(index, VB_ENGINE_SQL_OBJECT_PUT);

    sqlite3_bind_int64(statement, 1, bucket_id);
    vb_engine_index_bind_text(statement, 2, key);
    sqlite3_bind_int64(statement, 3, blob_id);
    vb_engine_index_bind_text(statement, 4, upload_id);
    vb_engine_row_bind_meta(statement, 5, meta);
    vb_engine_index_run(index, statement);
    if (old->exists)
        vb_engine_row_release_blob(transaction, old->blob_id);
    return vb_engine_index_result(index);
}

int vb_engine_row_delete_object(struct vb_engine_transaction *transaction, int64_t bucket_id, const char *key,
                                const struct vb_engine_row_object *old)
{
    sqlite3_stmt *statement = vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_OBJECT_DELETE);

    sqlite3_bind_int64(statement, 1, bucket_id);
    vb_engine_index_bind_text(statement, 2, key);
    vb_engine_index_run(transaction->index, statement);
    vb_engine_row_release_blob(transaction, old->blob_id);
    return vb_engine_index_result(transaction->index);
}

int64_t vb_engine_row_insert_blob(struct vb_engine_transaction *transaction, enum vb_engine_blob_kind kind,
                                  int64_t size, const char *file, const void *data)
{
    sqlite3_stmt *statement = vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_BLOB_INSERT);
    int64_t id = transaction->next_blob_id++;

    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int(statement, 2, kind);
    sqlite3_bind_int64(statement, 3, size);
    vb_engine_index_bind_text(statement, 4, kind == VB_ENGINE_BLOB_FILE ? file : NULL);
    if (kind == VB_ENGINE_BLOB_INLINE)
        sqlite3_bind_blob64(statement, 5, size > 0 ? data : "", (sqlite3_uint64)size, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, 5);
    vb_engine_index_run(transaction->index, statement);
    return id;
}

struct blob_row {
    int64_t refs;
    enum vb_engine_blob_kind kind;
    char file[VB_ENGINE_BLOB_NAME_SIZE];
};

static bool find_blob(struct vb_engine_transaction *transaction, int64_t blob_id, struct blob_row *ret_blob)
{
    sqlite3_stmt *statement VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_BLOB_FIND);

    sqlite3_bind_int64(statement, 1, blob_id);
    if (!vb_engine_index_step(transaction->index, statement))
        return false;
    ret_blob->refs = sqlite3_column_int64(statement, 0);
    ret_blob->kind = (enum vb_engine_blob_kind)sqlite3_column_int(statement, 1);
    vb_engine_row_read_text(statement, 2, ret_blob->file, sizeof(ret_blob->file));
    return true;
}

static void set_refs(struct vb_engine_transaction *transaction, int64_t blob_id, int64_t refs)
{
    sqlite3_stmt *statement = vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_BLOB_SET_REFS);

    sqlite3_bind_int64(statement, 1, blob_id);
    sqlite3_bind_int64(statement, 2, refs);
    vb_engine_index_run(transaction->index, statement);
}

void vb_engine_row_share_blob(struct vb_engine_transaction *transaction, int64_t blob_id)
{
    struct blob_row blob;

    if (find_blob(transaction, blob_id, &blob))
        set_refs(transaction, blob_id, blob.refs + 1);
}

static void run_with_id(struct vb_engine_transaction *transaction, enum vb_engine_sql sql, int64_t id)
{
    sqlite3_stmt *statement = vb_engine_index_statement(transaction->index, sql);

    sqlite3_bind_int64(statement, 1, id);
    vb_engine_index_run(transaction->index, statement);
}

/* owner: the blob that readers pin while they need the file. */
static void release(struct vb_engine_transaction *transaction, int64_t blob_id, int64_t owner)
{
    struct blob_row blob;

    if (!find_blob(transaction, blob_id, &blob))
        return;
    if (blob.refs > 1) {
        set_refs(transaction, blob_id, blob.refs - 1);
        return;
    }
    run_with_id(transaction, VB_ENGINE_SQL_BLOB_DELETE, blob_id);
    if (blob.kind == VB_ENGINE_BLOB_FILE) {
        struct vb_engine_garbage *garbage = vb_xcalloc(1, sizeof(*garbage));

        memcpy(garbage->file, blob.file, sizeof(garbage->file));
        garbage->owner = owner;
        garbage->next = transaction->garbage;
        transaction->garbage = garbage;
    }
    if (blob.kind == VB_ENGINE_BLOB_SEGMENTS && owner == blob_id) { /* segments have no segments */
        sqlite3_stmt *segments VB_CLEANUP(vb_engine_index_resetp) =
            vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_SEGMENT_LIST);

        sqlite3_bind_int64(segments, 1, blob_id);
        while (vb_engine_index_step(transaction->index, segments))
            release(transaction, sqlite3_column_int64(segments, 0), owner);
        run_with_id(transaction, VB_ENGINE_SQL_SEGMENT_DELETE_ALL, blob_id);
    }
}

void vb_engine_row_release_blob(struct vb_engine_transaction *transaction, int64_t blob_id)
{
    release(transaction, blob_id, blob_id);
}
