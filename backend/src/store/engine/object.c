/*
 * Objects: put, head, delete, copy.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct put_change {
    struct vb_engine_change base;
    struct vb_error err;
    struct vb_engine_writer *writer;
    const char *bucket, *key;
    const struct vb_engine_condition *condition;
    const struct vb_engine_meta *meta;
    struct vb_engine_written written;
    void (*then)(void *context, int result, const struct vb_error *err);
    void *context;
};

static int apply_put(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct put_change *change = (struct put_change *)base;
    struct vb_engine_row_object old;
    int64_t bucket_id, blob_id;
    int r = vb_engine_row_find_bucket(transaction->index, change->bucket, &bucket_id, base->err);

    if (r < 0)
        return r;
    vb_engine_row_find_object(transaction->index, bucket_id, change->key, &old);
    r = vb_engine_row_check_condition(&old, change->condition, base->err);
    if (r < 0)
        return r;
    blob_id = vb_engine_written_insert(transaction, &change->written);
    return vb_engine_row_put_object(transaction, bucket_id, change->key, &old, blob_id, NULL, change->meta);
}

/* Ends the writing and fills in the metadata that depends on the bytes. */
static int prepare_put(struct put_change *change, struct vb_engine_meta *meta)
{
    int r = vb_engine_writer_finish(change->writer, &change->written, change->base.err);

    if (r < 0)
        return r;
    meta->size = change->written.size;
    meta->last_modified_ms = vb_clock_realtime_ms();
    meta->parts = 0;
    memcpy(meta->etag, change->written.etag, sizeof(meta->etag));
    change->base.bytes = change->written.kind == VB_ENGINE_BLOB_INLINE ? (size_t)change->written.size : 0;
    return 0;
}

int vb_engine_put(struct vb_engine_writer *writer, const char *bucket, const char *key,
                  struct vb_engine_meta *meta, const struct vb_engine_condition *condition,
                  struct vb_error *err)
{
    struct put_change change = {.base = {.apply = apply_put, .err = err},
                                .writer = writer,
                                .bucket = bucket,
                                .key = key,
                                .condition = condition,
                                .meta = meta};
    int r = prepare_put(&change, meta);

    if (r == 0)
        r = vb_engine_committer_run(vb_engine_writer_engine(writer)->committer, &change.base);
    vb_engine_writer_free(writer, r == 0 || change.base.uncertain);
    return r;
}

static void finish_put(struct put_change *change, int result)
{
    vb_engine_writer_free(change->writer, result == 0 || change->base.uncertain);
    change->then(change->context, result, &change->err);
    free(change);
}

static void on_put_finished(struct vb_engine_change *base)
{
    finish_put((struct put_change *)base, base->result);
}

void vb_engine_put_then(struct vb_engine_writer *writer, const char *bucket, const char *key,
                        struct vb_engine_meta *meta, const struct vb_engine_condition *condition,
                        void (*then)(void *context, int result, const struct vb_error *err), void *context)
{
    struct put_change *change = vb_xcalloc(1, sizeof(*change));
    int r;

    *change =
        (struct put_change){.base = {.apply = apply_put, .err = &change->err, .finished = on_put_finished},
                            .writer = writer,
                            .bucket = bucket,
                            .key = key,
                            .condition = condition,
                            .meta = meta,
                            .then = then,
                            .context = context};
    r = prepare_put(change, meta);
    if (r == 0)
        vb_engine_committer_submit(vb_engine_writer_engine(writer)->committer, &change->base);
    else
        finish_put(change, r);
}

int vb_engine_stat(struct vb_engine *engine, const char *bucket, const char *key,
                   struct vb_engine_meta *ret_meta, struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) = NULL;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r == 0)
        r = vb_engine_row_select_object_in(index, VB_ENGINE_SQL_OBJECT_META, bucket, key, &row, err);
    if (r == 0 && ret_meta)
        r = vb_engine_row_read_meta(row, ret_meta, err);
    return r;
}

struct delete_change {
    struct vb_engine_change base;
    const char *bucket;
    const char *const *keys;
    size_t count;
    const struct vb_engine_condition *condition; /* for a single key */
    bool existed;                                /* the last key */
};

static int apply_delete(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct delete_change *change = (struct delete_change *)base;
    int64_t bucket_id;
    int r = vb_engine_row_find_bucket(transaction->index, change->bucket, &bucket_id, base->err);

    for (size_t i = 0; r == 0 && i < change->count; i++) {
        struct vb_engine_row_object old;

        vb_engine_row_find_object(transaction->index, bucket_id, change->keys[i], &old);
        r = vb_engine_row_check_condition(&old, change->condition, base->err);
        if (r == 0 && old.exists)
            r = vb_engine_row_delete_object(transaction, bucket_id, change->keys[i], &old);
        change->existed = old.exists;
    }
    return r;
}

int vb_engine_delete(struct vb_engine *engine, const char *bucket, const char *key,
                     const struct vb_engine_condition *condition, bool *ret_existed, struct vb_error *err)
{
    struct delete_change change = {.base = {.apply = apply_delete, .err = err},
                                   .bucket = bucket,
                                   .keys = &key,
                                   .count = 1,
                                   .condition = condition};
    int r = vb_engine_committer_run(engine->committer, &change.base);

    if (r == 0 && ret_existed)
        *ret_existed = change.existed;
    return r;
}

int vb_engine_delete_many(struct vb_engine *engine, const char *bucket, const char *const *keys, size_t count,
                          struct vb_error *err)
{
    struct delete_change change = {
        .base = {.apply = apply_delete, .err = err}, .bucket = bucket, .keys = keys, .count = count};

    return vb_engine_committer_run(engine->committer, &change.base);
}

struct copy_change {
    struct vb_engine_change base;
    const char *from_bucket, *from_key, *source_etag, *to_bucket, *to_key;
    const struct vb_engine_meta *meta;
    struct vb_engine_meta result; /* set, too, when the transaction fails later */
};

/* The metadata of the copy, and the blob that it shares. */
static int read_source(struct vb_engine_index *index, struct copy_change *change, int64_t *ret_blob_id)
{
    struct vb_engine_meta source VB_CLEANUP(vb_engine_meta_release) = {0};
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) = NULL;
    struct vb_error *err = change->base.err;
    int r = vb_engine_row_select_object_in(index, VB_ENGINE_SQL_OBJECT_META, change->from_bucket,
                                           change->from_key, &row, err);

    if (r == 0)
        r = vb_engine_row_read_meta(row, &source, err);
    if (r < 0)
        return r;
    if (change->source_etag && strcmp(change->source_etag, source.etag) != 0)
        return vb_error_set(err, EKEYREJECTED, "the source object has another ETag than the condition names");
    r = vb_engine_meta_copy(change->meta ? change->meta : &source, &change->result, err);
    if (r < 0)
        return r;
    change->result.size = source.size;
    change->result.parts = source.parts;
    change->result.last_modified_ms = vb_clock_realtime_ms();
    memcpy(change->result.etag, source.etag, sizeof(source.etag));
    if (!change->result.checksum.present)
        change->result.checksum = source.checksum;
    *ret_blob_id = sqlite3_column_int64(row, 14);
    return 0;
}

static int apply_copy(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct copy_change *change = (struct copy_change *)base;
    struct vb_engine_row_object old;
    int64_t to_bucket_id, blob_id = 0;
    int r = vb_engine_row_find_bucket(transaction->index, change->to_bucket, &to_bucket_id, base->err);

    if (r == 0)
        r = read_source(transaction->index, change, &blob_id);
    if (r < 0)
        return r;
    vb_engine_row_find_object(transaction->index, to_bucket_id, change->to_key, &old);
    /* share first, then release the old blob: both are the same one when an object is copied onto itself */
    vb_engine_row_share_blob(transaction, blob_id);
    return vb_engine_row_put_object(transaction, to_bucket_id, change->to_key, &old, blob_id, NULL,
                                    &change->result);
}

int vb_engine_copy(struct vb_engine *engine, const char *from_bucket, const char *from_key,
                   const char *source_etag, const char *to_bucket, const char *to_key,
                   const struct vb_engine_meta *meta, struct vb_engine_meta *ret_meta, struct vb_error *err)
{
    struct copy_change change = {.base = {.apply = apply_copy, .err = err},
                                 .from_bucket = from_bucket,
                                 .from_key = from_key,
                                 .source_etag = source_etag,
                                 .to_bucket = to_bucket,
                                 .to_key = to_key,
                                 .meta = meta};
    int r = vb_engine_committer_run(engine->committer, &change.base);

    if (r < 0 || !ret_meta)
        vb_engine_meta_release(&change.result);
    else
        *ret_meta = change.result;
    return r;
}
