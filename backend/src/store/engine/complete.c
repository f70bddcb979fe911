/*
 * Completing a multipart upload: the parts' blobs become the segments of one new blob. No byte is copied.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PART_SIZE_MIN ((int64_t)5 * 1024 * 1024)

struct complete_change {
    struct vb_engine_change base;
    const char *bucket, *key, *upload_id;
    const struct vb_engine_part *parts;
    size_t count;
    const struct vb_engine_checksum *checksum;
    const struct vb_engine_condition *condition;
    char etag[VB_ENGINE_ETAG_SIZE]; /* of the object that the named parts make */
    int64_t *blob_ids;              /* count of them */
    bool *used; /* VB_ENGINE_PARTS_MAX of them, one for each part of the upload in order of its number */
    struct vb_engine_meta result; /* set, too, when the transaction fails later */
};

/* "<MD5 of the parts' MD5s>-<parts>". Returns 0, or -EINVAL for an etag that no part can have. */
static int make_etag(const struct vb_engine_part *parts, size_t count, char ret_etag[VB_ENGINE_ETAG_SIZE])
{
    struct vb_hash hash;
    unsigned char md5[16];
    char hex[2 * sizeof(md5) + 1];
    int r = 0;

    vb_hash_init(&hash, VB_HASH_MD5);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = vb_hex_decode(parts[i].etag, strlen(parts[i].etag), md5, sizeof(md5));
        vb_hash_update(&hash, md5, sizeof(md5));
    }
    vb_hash_final(&hash, md5);
    vb_hex_encode(md5, sizeof(md5), hex);
    snprintf(ret_etag, VB_ENGINE_ETAG_SIZE, "%s-%zu", hex, count);
    return r;
}

static int check_order(const struct vb_engine_part *parts, size_t count, struct vb_error *err)
{
    if (count == 0 || count > VB_ENGINE_PARTS_MAX)
        return vb_error_set(err, EINVAL, "an upload has 1 to %d parts, not %zu", VB_ENGINE_PARTS_MAX, count);
    for (size_t i = 1; i < count; i++)
        if (parts[i].number <= parts[i - 1].number)
            return vb_error_set(err, EDOM, "part %u comes after part %u", parts[i].number,
                                parts[i - 1].number);
    return 0;
}

/* Compares a part that the client names with its row. */
static int check_part(struct complete_change *change, struct vb_engine_index *index, size_t i,
                      int64_t *ret_size)
{
    const struct vb_engine_part *part = &change->parts[i];
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_row_select_part(index, change->upload_id, part->number);
    struct vb_error *err = change->base.err;
    struct vb_engine_checksum checksum;
    char etag[VB_ENGINE_ETAG_SIZE];

    if (!row)
        return vb_error_set(err, EINVAL, "part %u was not uploaded", part->number);
    change->blob_ids[i] = sqlite3_column_int64(row, 0);
    *ret_size = sqlite3_column_int64(row, 1);
    vb_engine_row_read_text(row, 2, etag, sizeof(etag));
    vb_engine_row_read_checksum(row, 3, &checksum);
    if (strcasecmp(etag, part->etag) != 0)
        return vb_error_set(err, EINVAL, "part %u has another ETag than the request names", part->number);
    if (part->checksum.present && checksum.present &&
        (checksum.algorithm != part->checksum.algorithm || strcmp(checksum.value, part->checksum.value) != 0))
        return vb_error_set(err, EINVAL, "part %u has another checksum than the request names", part->number);
    if (*ret_size < PART_SIZE_MIN && i + 1 < change->count)
        return vb_error_set(err, ERANGE, "part %u has %lld bytes; all but the last need 5 MiB", part->number,
                            (long long)*ret_size);
    return 0;
}

static int check_parts(struct complete_change *change, struct vb_engine_index *index)
{
    int64_t total = 0;

    for (size_t i = 0; i < change->count; i++) {
        int64_t size = 0;
        int r = check_part(change, index, i, &size);

        if (r < 0)
            return r;
        total += size;
    }
    if (total > VB_ENGINE_OBJECT_MAX)
        return vb_error_set(change->base.err, EFBIG,
                            "the parts add up to more than 5 TiB, the most that an object may have");
    change->result.size = total;
    return 0;
}

/* One part: its blob is the object's. More parts: their blobs become the segments of a new blob. */
static int64_t join_parts(struct complete_change *change, struct vb_engine_transaction *transaction)
{
    int64_t owner;

    if (change->count == 1)
        return change->blob_ids[0];
    owner = vb_engine_row_insert_blob(transaction, VB_ENGINE_BLOB_SEGMENTS, change->result.size, NULL, NULL);
    for (size_t i = 0; i < change->count; i++) {
        sqlite3_stmt *statement = vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_SEGMENT_INSERT);

        sqlite3_bind_int64(statement, 1, owner);
        sqlite3_bind_int64(statement, 2, (int64_t)i);
        sqlite3_bind_int64(statement, 3, change->blob_ids[i]);
        vb_engine_index_run(transaction->index, statement);
    }
    return owner;
}

/* Which of the upload's parts the object uses. Both lists are in ascending order. */
static void mark_used(struct complete_change *change, struct vb_engine_index *index)
{
    sqlite3_stmt *statement VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_index_statement(index, VB_ENGINE_SQL_PART_BLOBS);
    size_t next = 0, row = 0;

    vb_engine_index_bind_text(statement, 1, change->upload_id);
    while (vb_engine_index_step(index, statement)) {
        vb_assert(row < VB_ENGINE_PARTS_MAX);
        change->used[row] =
            next < change->count && sqlite3_column_int64(statement, 0) == (int64_t)change->parts[next].number;
        next += change->used[row++];
    }
}

/* The upload is gone. Returns 0 if the object that is there was made by an earlier, identical call. */
static int find_completed(struct complete_change *change, struct vb_engine_index *index, int64_t bucket_id)
{
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_row_select_object(index, VB_ENGINE_SQL_OBJECT_META, bucket_id, change->key);
    char upload_id[VB_ENGINE_UPLOAD_ID_SIZE];
    int r;

    if (!row)
        return -ESRCH;
    vb_engine_row_read_text(row, 15, upload_id, sizeof(upload_id));
    if (strcmp(upload_id, change->upload_id) != 0)
        return -ESRCH;
    vb_engine_meta_release(&change->result);
    r = vb_engine_row_read_meta(row, &change->result, change->base.err);
    if (r < 0)
        return r;
    return strcasecmp(change->result.etag, change->etag) == 0 ? 0 : -ESRCH;
}

static int apply_complete(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct complete_change *change = (struct complete_change *)base;
    struct vb_engine_index *index = transaction->index;
    struct vb_engine_row_object old;
    int64_t bucket_id, blob_id;
    int r = vb_engine_row_find_upload(index, change->bucket, change->key, change->upload_id, &change->result,
                                      &bucket_id, base->err);

    if (r == -ESRCH)
        return find_completed(change, index, bucket_id);
    if (r == 0)
        r = check_parts(change, index);
    if (r < 0)
        return r;
    vb_engine_row_find_object(index, bucket_id, change->key, &old);
    r = vb_engine_row_check_condition(&old, change->condition, base->err);
    if (r < 0)
        return r;

    change->result.checksum = change->checksum ? *change->checksum : (struct vb_engine_checksum){0};
    change->result.parts = (unsigned)change->count;
    change->result.last_modified_ms = vb_clock_realtime_ms();
    memcpy(change->result.etag, change->etag, sizeof(change->etag));
    mark_used(change, index);
    blob_id = join_parts(change, transaction);
    vb_engine_row_delete_upload(transaction, bucket_id, change->key, change->upload_id, change->used);
    return vb_engine_row_put_object(transaction, bucket_id, change->key, &old, blob_id, change->upload_id,
                                    &change->result);
}

int vb_engine_multipart_complete(struct vb_engine *engine, const char *bucket, const char *key,
                                 const char *upload_id, const struct vb_engine_part *parts, size_t count,
                                 const struct vb_engine_checksum *checksum,
                                 const struct vb_engine_condition *condition, struct vb_engine_meta *ret_meta,
                                 struct vb_error *err)
{
    struct complete_change change = {.base = {.apply = apply_complete, .err = err},
                                     .bucket = bucket,
                                     .key = key,
                                     .upload_id = upload_id,
                                     .parts = parts,
                                     .count = count,
                                     .checksum = checksum,
                                     .condition = condition};
    int64_t *blob_ids VB_CLEANUP(vb_freep) = vb_xcalloc(count, sizeof(*blob_ids));
    bool *used VB_CLEANUP(vb_freep) = vb_xcalloc(VB_ENGINE_PARTS_MAX, sizeof(*used));
    int r = check_order(parts, count, err);

    if (r < 0)
        return r;
    if (make_etag(parts, count, change.etag) < 0)
        return vb_error_set(err, EINVAL, "the request names a part with an ETag that is not an MD5");
    change.blob_ids = blob_ids;
    change.used = used;
    r = vb_engine_committer_run(engine->committer, &change.base);
    if (r < 0 || !ret_meta)
        vb_engine_meta_release(&change.result);
    else
        *ret_meta = change.result;
    return r;
}
