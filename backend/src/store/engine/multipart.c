/*
 * Multipart uploads: create, put a part, abort, and the listings.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <string.h>

int vb_engine_row_find_upload(struct vb_engine_index *index, const char *bucket, const char *key,
                              const char *upload_id, struct vb_engine_meta *ret_meta, int64_t *ret_bucket_id,
                              struct vb_error *err)
{
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_index_statement(index, VB_ENGINE_SQL_UPLOAD_FIND);
    int r = vb_engine_row_find_bucket(index, bucket, ret_bucket_id, err);

    if (r < 0)
        return r;
    sqlite3_bind_int64(row, 1, *ret_bucket_id);
    vb_engine_index_bind_text(row, 2, key);
    vb_engine_index_bind_text(row, 3, upload_id);
    if (!vb_engine_index_step(index, row)) {
        r = vb_engine_index_error(index, err);
        return r < 0 ? r : vb_error_set(err, ESRCH, "there is no upload %.64s of \"%s\"", upload_id, key);
    }
    return ret_meta ? vb_engine_row_read_meta(row, ret_meta, err) : 0;
}

sqlite3_stmt *vb_engine_row_select_part(struct vb_engine_index *index, const char *upload_id, unsigned number)
{
    sqlite3_stmt *statement = vb_engine_index_statement(index, VB_ENGINE_SQL_PART_FIND);

    vb_engine_index_bind_text(statement, 1, upload_id);
    sqlite3_bind_int64(statement, 2, number);
    if (vb_engine_index_step(index, statement))
        return statement;
    sqlite3_reset(statement);
    return NULL;
}

void vb_engine_row_delete_upload(struct vb_engine_transaction *transaction, int64_t bucket_id,
                                 const char *key, const char *upload_id, const bool *keep)
{
    struct vb_engine_index *index = transaction->index;
    sqlite3_stmt *parts = vb_engine_index_statement(index, VB_ENGINE_SQL_PART_BLOBS);
    sqlite3_stmt *statement;

    vb_engine_index_bind_text(parts, 1, upload_id);
    while (vb_engine_index_step(index, parts))
        if (!keep || !*keep++)
            vb_engine_row_release_blob(transaction, sqlite3_column_int64(parts, 1));
    sqlite3_reset(parts);

    statement = vb_engine_index_statement(index, VB_ENGINE_SQL_PART_DELETE_ALL);
    vb_engine_index_bind_text(statement, 1, upload_id);
    vb_engine_index_run(index, statement);
    statement = vb_engine_index_statement(index, VB_ENGINE_SQL_UPLOAD_DELETE);
    sqlite3_bind_int64(statement, 1, bucket_id);
    vb_engine_index_bind_text(statement, 2, key);
    vb_engine_index_bind_text(statement, 3, upload_id);
    vb_engine_index_run(index, statement);
}

struct upload_change {
    struct vb_engine_change base;
    const char *bucket, *key, *upload_id;
    const struct vb_engine_meta *meta;
    unsigned number;
    const struct vb_engine_checksum *checksum;
    struct vb_engine_written written;
};

static int apply_create(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct upload_change *change = (struct upload_change *)base;
    sqlite3_stmt *statement;
    int64_t bucket_id;
    int r = vb_engine_row_find_bucket(transaction->index, change->bucket, &bucket_id, base->err);

    if (r < 0)
        return r;
    statement = vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_UPLOAD_INSERT);
    sqlite3_bind_int64(statement, 1, bucket_id);
    vb_engine_index_bind_text(statement, 2, change->key);
    vb_engine_index_bind_text(statement, 3, change->upload_id);
    vb_engine_row_bind_meta(statement, 4, change->meta);
    return vb_engine_index_run(transaction->index, statement);
}

int vb_engine_multipart_create(struct vb_engine *engine, const char *bucket, const char *key,
                               const struct vb_engine_meta *meta,
                               char ret_upload_id[VB_ENGINE_UPLOAD_ID_SIZE], struct vb_error *err)
{
    struct vb_engine_meta settings =
        meta ? *meta : (struct vb_engine_meta){0}; /* the caller keeps the strings */
    char id[VB_UUID_SIZE];
    struct upload_change change = {.base = {.apply = apply_create, .err = err},
                                   .bucket = bucket,
                                   .key = key,
                                   .upload_id = id,
                                   .meta = &settings};
    int r;

    vb_random_uuid(id);
    settings.size = 0;
    settings.parts = 0;
    settings.etag[0] = '\0';
    settings.last_modified_ms = vb_clock_realtime_ms();
    r = vb_engine_committer_run(engine->committer, &change.base);
    if (r == 0)
        memcpy(ret_upload_id, id, sizeof(id));
    return r;
}

/* 0: no such part yet. */
static int64_t find_part_blob(struct vb_engine_index *index, const char *upload_id, unsigned number)
{
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_row_select_part(index, upload_id, number);

    return row ? sqlite3_column_int64(row, 0) : 0;
}

static int apply_put_part(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct upload_change *change = (struct upload_change *)base;
    struct vb_engine_index *index = transaction->index;
    sqlite3_stmt *statement;
    int64_t bucket_id, old_blob_id, blob_id;
    int r = vb_engine_row_find_upload(index, change->bucket, change->key, change->upload_id, NULL, &bucket_id,
                                      base->err);

    if (r < 0)
        return r;
    old_blob_id = find_part_blob(index, change->upload_id, change->number);
    blob_id = vb_engine_written_insert(transaction, &change->written);
    statement = vb_engine_index_statement(index, VB_ENGINE_SQL_PART_PUT);
    vb_engine_index_bind_text(statement, 1, change->upload_id);
    sqlite3_bind_int64(statement, 2, change->number);
    sqlite3_bind_int64(statement, 3, blob_id);
    sqlite3_bind_int64(statement, 4, change->written.size);
    sqlite3_bind_int64(statement, 5, vb_clock_realtime_ms());
    vb_engine_index_bind_text(statement, 6, change->written.etag);
    vb_engine_row_bind_checksum(statement, 7, change->checksum);
    vb_engine_index_run(index, statement);
    if (old_blob_id)
        vb_engine_row_release_blob(transaction, old_blob_id);
    return vb_engine_index_result(index);
}

int vb_engine_multipart_put(struct vb_engine_writer *writer, const char *bucket, const char *key,
                            const char *upload_id, unsigned part_number,
                            const struct vb_engine_checksum *checksum, char ret_etag[VB_ENGINE_ETAG_SIZE],
                            struct vb_error *err)
{
    struct upload_change change = {.base = {.apply = apply_put_part, .err = err},
                                   .bucket = bucket,
                                   .key = key,
                                   .upload_id = upload_id,
                                   .number = part_number,
                                   .checksum = checksum};
    int r;

    if (part_number < 1 || part_number > VB_ENGINE_PARTS_MAX)
        r = vb_error_set(err, EINVAL, "part numbers go from 1 to %d", VB_ENGINE_PARTS_MAX);
    else
        r = vb_engine_writer_finish(writer, &change.written, err);
    if (r == 0) {
        change.base.bytes = change.written.kind == VB_ENGINE_BLOB_INLINE ? (size_t)change.written.size : 0;
        r = vb_engine_committer_run(vb_engine_writer_engine(writer)->committer, &change.base);
    }
    if (r == 0)
        memcpy(ret_etag, change.written.etag, sizeof(change.written.etag));
    vb_engine_writer_free(writer, r == 0 || change.base.uncertain);
    return r;
}

static int apply_abort(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct upload_change *change = (struct upload_change *)base;
    int64_t bucket_id;
    int r = vb_engine_row_find_upload(transaction->index, change->bucket, change->key, change->upload_id,
                                      NULL, &bucket_id, base->err);

    if (r == 0)
        vb_engine_row_delete_upload(transaction, bucket_id, change->key, change->upload_id, NULL);
    return r;
}

int vb_engine_multipart_abort(struct vb_engine *engine, const char *bucket, const char *key,
                              const char *upload_id, struct vb_error *err)
{
    struct upload_change change = {
        .base = {.apply = apply_abort, .err = err}, .bucket = bucket, .key = key, .upload_id = upload_id};

    return vb_engine_committer_run(engine->committer, &change.base);
}

int vb_engine_multipart_get(struct vb_engine *engine, const char *bucket, const char *key,
                            const char *upload_id, struct vb_engine_meta *ret_meta, struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    int64_t bucket_id;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    return r < 0 ? r : vb_engine_row_find_upload(index, bucket, key, upload_id, ret_meta, &bucket_id, err);
}

static int list_parts(struct vb_engine_index *index, const char *upload_id, unsigned after_number,
                      unsigned max, int (*visit)(void *context, const struct vb_engine_part *part),
                      void *context, bool *ret_truncated)
{
    sqlite3_stmt *rows VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_index_statement(index, VB_ENGINE_SQL_PART_LIST);
    int r = 0;

    vb_engine_index_bind_text(rows, 1, upload_id);
    sqlite3_bind_int64(rows, 2, after_number);
    for (unsigned count = 0; r == 0 && max > 0 && vb_engine_index_step(index, rows); count++) {
        struct vb_engine_part part = {.number = (unsigned)sqlite3_column_int64(rows, 0),
                                      .size = sqlite3_column_int64(rows, 1),
                                      .last_modified_ms = sqlite3_column_int64(rows, 2)};

        if (count == max) {
            *ret_truncated = true;
            break;
        }
        vb_engine_row_read_text(rows, 3, part.etag, sizeof(part.etag));
        vb_engine_row_read_checksum(rows, 4, &part.checksum);
        r = visit(context, &part);
    }
    return r;
}

int vb_engine_multipart_list_parts(struct vb_engine *engine, const char *bucket, const char *key,
                                   const char *upload_id, unsigned after_number, unsigned max,
                                   int (*visit)(void *context, const struct vb_engine_part *part),
                                   void *context, bool *ret_truncated, struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    bool truncated = false;
    int64_t bucket_id;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r == 0)
        r = vb_engine_row_find_upload(index, bucket, key, upload_id, NULL, &bucket_id, err);
    if (r == 0)
        r = list_parts(index, upload_id, after_number, max, visit, context, &truncated);
    if (r == 0)
        r = vb_engine_index_error(index, err);
    if (r == 0)
        *ret_truncated = truncated;
    return r;
}

/* "~" sorts after every upload id: with it, the listing begins after the marker's key. */
static void bind_upload_start(sqlite3_stmt *statement, const char *prefix, const char *key_marker,
                              const char *upload_id_marker)
{
    bool from_prefix = strcmp(key_marker, prefix) < 0 || key_marker[0] == '\0';

    vb_engine_index_bind_text(statement, 2, from_prefix ? prefix : key_marker);
    if (from_prefix)
        vb_engine_index_bind_text(statement, 3, "");
    else
        vb_engine_index_bind_text(statement, 3, upload_id_marker[0] ? upload_id_marker : "~");
}

static int list_uploads(struct vb_engine_index *index, sqlite3_stmt *rows, const char *prefix, unsigned max,
                        int (*visit)(void *context, const struct vb_engine_upload *upload), void *context,
                        bool *ret_truncated)
{
    size_t prefix_length = strlen(prefix);
    int r = 0;

    for (unsigned count = 0; r == 0 && max > 0 && vb_engine_index_step(index, rows); count++) {
        struct vb_engine_upload upload = {.key = (const char *)sqlite3_column_text(rows, 0),
                                          .upload_id = (const char *)sqlite3_column_text(rows, 1),
                                          .created_ms = sqlite3_column_int64(rows, 2)};

        if (!upload.key || !upload.upload_id || strncmp(upload.key, prefix, prefix_length) != 0)
            break;
        if (count == max) {
            *ret_truncated = true;
            break;
        }
        r = visit(context, &upload);
    }
    return r;
}

int vb_engine_multipart_list(struct vb_engine *engine, const char *bucket, const char *prefix,
                             const char *key_marker, const char *upload_id_marker, unsigned max,
                             int (*visit)(void *context, const struct vb_engine_upload *upload),
                             void *context, bool *ret_truncated, struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *rows VB_CLEANUP(vb_engine_index_resetp) = NULL;
    bool truncated = false;
    int64_t bucket_id;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r == 0)
        r = vb_engine_row_find_bucket(index, bucket, &bucket_id, err);
    if (r < 0)
        return r;
    rows = vb_engine_index_statement(index, VB_ENGINE_SQL_UPLOAD_LIST);
    sqlite3_bind_int64(rows, 1, bucket_id);
    bind_upload_start(rows, prefix ? prefix : "", key_marker ? key_marker : "",
                      upload_id_marker ? upload_id_marker : "");
    r = list_uploads(index, rows, prefix ? prefix : "", max, visit, context, &truncated);
    if (r == 0)
        r = vb_engine_index_error(index, err);
    if (r == 0)
        *ret_truncated = truncated;
    return r;
}
