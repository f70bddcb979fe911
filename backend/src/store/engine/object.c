/*
 * Objects: put, head, delete, copy.
 */
#include "store/engine/engine.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct put_change {
    struct vb_change base;
    struct vb_error err;
    struct vb_store_writer *writer;
    const char *bucket, *key;
    const struct vb_store_condition *condition;
    const struct vb_store_meta *meta;
    struct vb_written written;
    void (*then)(void *context, int result, const struct vb_error *err);
    void *context;
};

static int apply_put(struct vb_transaction *transaction, struct vb_change *base)
{
    struct put_change *change = (struct put_change *)base;
    struct vb_row_object old;
    int64_t bucket_id, blob_id;
    int rc = vb_row_find_bucket(transaction->index, change->bucket, &bucket_id, base->err);

    if (rc < 0)
        return rc;
    vb_row_find_object(transaction->index, bucket_id, change->key, &old);
    rc = vb_row_check_condition(&old, change->condition, base->err);
    if (rc < 0)
        return rc;
    blob_id = vb_written_insert(transaction, &change->written);
    return vb_row_put_object(transaction, bucket_id, change->key, &old, blob_id, NULL, change->meta);
}

/* What is known of the object once all its bytes are in. */
static int prepare_put(struct put_change *change, struct vb_store_meta *meta)
{
    int rc = vb_writer_finish(change->writer, &change->written, change->base.err);

    if (rc < 0)
        return rc;
    meta->size = change->written.size;
    meta->last_modified_ms = vb_clock_realtime_ms();
    meta->parts = 0;
    memcpy(meta->etag, change->written.etag, sizeof(meta->etag));
    change->base.bytes = change->written.kind == VB_BLOB_INLINE ? (size_t)change->written.size : 0;
    return 0;
}

int vb_store_put(struct vb_store_writer *writer, const char *bucket, const char *key,
                 struct vb_store_meta *meta, const struct vb_store_condition *condition, struct vb_error *err)
{
    struct put_change change = {.base = {.apply = apply_put, .err = err},
                                .writer = writer,
                                .bucket = bucket,
                                .key = key,
                                .condition = condition,
                                .meta = meta};
    int rc = prepare_put(&change, meta);

    if (rc == 0)
        rc = vb_committer_run(vb_writer_store(writer)->committer, &change.base);
    vb_writer_free(writer, rc == 0 || change.base.uncertain);
    return rc;
}

static void finish_put(struct put_change *change, int result)
{
    vb_writer_free(change->writer, result == 0 || change->base.uncertain);
    change->then(change->context, result, &change->err);
    free(change);
}

static void on_put_finished(struct vb_change *base)
{
    finish_put((struct put_change *)base, base->result);
}

void vb_store_put_then(struct vb_store_writer *writer, const char *bucket, const char *key,
                       struct vb_store_meta *meta, const struct vb_store_condition *condition,
                       void (*then)(void *context, int result, const struct vb_error *err), void *context)
{
    struct put_change *change = vb_xcalloc(1, sizeof(*change));
    int rc;

    *change =
        (struct put_change){.base = {.apply = apply_put, .err = &change->err, .finished = on_put_finished},
                            .writer = writer,
                            .bucket = bucket,
                            .key = key,
                            .condition = condition,
                            .meta = meta,
                            .then = then,
                            .context = context};
    rc = prepare_put(change, meta);
    if (rc == 0)
        vb_committer_submit(vb_writer_store(writer)->committer, &change->base);
    else
        finish_put(change, rc);
}

static int head(struct vb_index *index, const char *bucket, const char *key, struct vb_store_meta *ret_meta,
                struct vb_error *err)
{
    sqlite3_stmt *statement VB_CLEANUP(vb_index_resetp) = vb_index_statement(index, VB_SQL_OBJECT_META);
    int64_t bucket_id;
    int rc = vb_row_find_bucket(index, bucket, &bucket_id, err);

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(statement, 1, bucket_id);
    vb_index_bind_text(statement, 2, key);
    if (!vb_index_step(index, statement)) {
        rc = vb_index_error(index, err);
        return rc < 0 ? rc : vb_error_set(err, ENOENT, "there is no object \"%s\" in \"%s\"", key, bucket);
    }
    if (ret_meta && vb_row_read_meta(statement, 0, ret_meta) < 0)
        return vb_index_describe(ENOMEM, "", err);
    return 0;
}

int vb_store_head(struct vb_store *store, const char *bucket, const char *key, struct vb_store_meta *ret_meta,
                  struct vb_error *err)
{
    struct vb_index *index;
    int rc = vb_index_pool_borrow(store->readers, &index, err);

    if (rc < 0)
        return rc;
    rc = head(index, bucket, key, ret_meta, err);
    vb_index_pool_return(store->readers, index);
    return rc;
}

struct delete_change {
    struct vb_change base;
    const char *bucket;
    const char *const *keys;
    size_t count;
    const struct vb_store_condition *condition; /* with one key only */
    bool existed;                               /* the last of them */
};

static int apply_delete(struct vb_transaction *transaction, struct vb_change *base)
{
    struct delete_change *change = (struct delete_change *)base;
    int64_t bucket_id;
    int rc = vb_row_find_bucket(transaction->index, change->bucket, &bucket_id, base->err);

    for (size_t i = 0; rc == 0 && i < change->count; i++) {
        struct vb_row_object old;

        vb_row_find_object(transaction->index, bucket_id, change->keys[i], &old);
        rc = vb_row_check_condition(&old, change->condition, base->err);
        if (rc == 0 && old.exists)
            rc = vb_row_delete_object(transaction, bucket_id, change->keys[i], &old);
        change->existed = old.exists;
    }
    return rc;
}

int vb_store_delete(struct vb_store *store, const char *bucket, const char *key,
                    const struct vb_store_condition *condition, bool *ret_existed, struct vb_error *err)
{
    struct delete_change change = {.base = {.apply = apply_delete, .err = err},
                                   .bucket = bucket,
                                   .keys = &key,
                                   .count = 1,
                                   .condition = condition};
    int rc = vb_committer_run(store->committer, &change.base);

    if (rc == 0 && ret_existed)
        *ret_existed = change.existed;
    return rc;
}

int vb_store_delete_many(struct vb_store *store, const char *bucket, const char *const *keys, size_t count,
                         struct vb_error *err)
{
    struct delete_change change = {
        .base = {.apply = apply_delete, .err = err}, .bucket = bucket, .keys = keys, .count = count};

    return vb_committer_run(store->committer, &change.base);
}

struct copy_change {
    struct vb_change base;
    const char *from_bucket, *from_key, *source_etag, *to_bucket, *to_key;
    const struct vb_store_meta *meta;
    struct vb_store_meta result; /* filled in even when the transaction fails later */
};

/* The new object's metadata, and whose bytes it shares. */
static int read_source(struct vb_index *index, struct copy_change *change, int64_t *ret_blob_id)
{
    sqlite3_stmt *statement VB_CLEANUP(vb_index_resetp) = vb_index_statement(index, VB_SQL_OBJECT_META);
    struct vb_store_meta source VB_CLEANUP(vb_store_meta_release) = {0};
    struct vb_error *err = change->base.err;
    int64_t bucket_id;
    int rc = vb_row_find_bucket(index, change->from_bucket, &bucket_id, err);

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(statement, 1, bucket_id);
    vb_index_bind_text(statement, 2, change->from_key);
    if (!vb_index_step(index, statement))
        return vb_error_set(err, ENOENT, "there is no object \"%s\" in \"%s\"", change->from_key,
                            change->from_bucket);
    if (vb_row_read_meta(statement, 0, &source) < 0)
        return vb_index_describe(ENOMEM, "", err);
    if (change->source_etag && strcmp(change->source_etag, source.etag) != 0)
        return vb_error_set(err, EKEYREJECTED, "the source object has another ETag than asked for");
    if (vb_meta_copy(change->meta ? change->meta : &source, &change->result) < 0)
        return vb_index_describe(ENOMEM, "", err);
    change->result.size = source.size;
    change->result.parts = source.parts;
    change->result.last_modified_ms = vb_clock_realtime_ms();
    memcpy(change->result.etag, source.etag, sizeof(source.etag));
    if (!change->result.checksum.present)
        change->result.checksum = source.checksum;
    *ret_blob_id = sqlite3_column_int64(statement, 14);
    return 0;
}

static int apply_copy(struct vb_transaction *transaction, struct vb_change *base)
{
    struct copy_change *change = (struct copy_change *)base;
    struct vb_row_object old;
    int64_t to_bucket_id, blob_id = 0;
    int rc = vb_row_find_bucket(transaction->index, change->to_bucket, &to_bucket_id, base->err);

    if (rc == 0)
        rc = read_source(transaction->index, change, &blob_id);
    if (rc < 0)
        return rc;
    vb_row_find_object(transaction->index, to_bucket_id, change->to_key, &old);
    /* shared before the old one is released: they are the same when an object is copied onto itself */
    vb_row_share_blob(transaction, blob_id);
    return vb_row_put_object(transaction, to_bucket_id, change->to_key, &old, blob_id, NULL, &change->result);
}

int vb_store_copy(struct vb_store *store, const char *from_bucket, const char *from_key,
                  const char *source_etag, const char *to_bucket, const char *to_key,
                  const struct vb_store_meta *meta, struct vb_store_meta *ret_meta, struct vb_error *err)
{
    struct copy_change change = {.base = {.apply = apply_copy, .err = err},
                                 .from_bucket = from_bucket,
                                 .from_key = from_key,
                                 .source_etag = source_etag,
                                 .to_bucket = to_bucket,
                                 .to_key = to_key,
                                 .meta = meta};
    int rc = vb_committer_run(store->committer, &change.base);

    if (rc < 0 || !ret_meta)
        vb_store_meta_release(&change.result);
    else
        *ret_meta = change.result;
    return rc;
}
