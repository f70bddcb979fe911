/*
 * Rows of the index as structs: what the operations on buckets, objects and uploads share. Those that only
 * read take any connection; those that write take the committer's transaction.
 *
 * A failure of the index shows as "no row" here and as index->failure, which the committer (for changes) or
 * the caller (for reads, vb_engine_index_error()) looks at in the end.
 */
#ifndef VB_STORE_ENGINE_ROWS_H
#define VB_STORE_ENGINE_ROWS_H

#include "store/engine/committer.h"
#include "store/engine/engine.h"
#include "store/engine/index.h"

enum vb_engine_blob_kind { VB_ENGINE_BLOB_INLINE, VB_ENGINE_BLOB_FILE, VB_ENGINE_BLOB_SEGMENTS };

/* Stands on the bucket's row (the columns of BUCKET_FIND), which the caller resets. Returns 0, -ENODEV, or the
 * index's failure, described. */
int vb_engine_row_select_bucket(struct vb_engine_index *index, const char *bucket, sqlite3_stmt **ret_row,
                                struct vb_error *err);
/* Its id alone, with the same errors. */
int vb_engine_row_find_bucket(struct vb_engine_index *index, const char *bucket, int64_t *ret_id,
                              struct vb_error *err);

/* Stands on the object's row, with the columns of sql: OBJECT_FIND, OBJECT_META or OBJECT_READ. The caller resets
 * it. NULL: no row. */
sqlite3_stmt *vb_engine_row_select_object(struct vb_engine_index *index, enum vb_engine_sql sql,
                                          int64_t bucket_id, const char *key);
/* The same by the bucket's name. Returns 0, -ENODEV, -ENOENT, or the index's failure, described. */
int vb_engine_row_select_named(struct vb_engine_index *index, enum vb_engine_sql sql, const char *bucket,
                               const char *key, sqlite3_stmt **ret_row, struct vb_error *err);

struct vb_engine_row_object {
    bool exists;
    int64_t blob_id;
    char etag[VB_ENGINE_ETAG_SIZE];
};
/* What a change must know of the object that it replaces or deletes. */
void vb_engine_row_find_object(struct vb_engine_index *index, int64_t bucket_id, const char *key,
                               struct vb_engine_row_object *ret_object);
/* Returns 0, -EEXIST, -EKEYREJECTED or -ENOENT, described. condition may be NULL. */
int vb_engine_row_check_condition(const struct vb_engine_row_object *object,
                                  const struct vb_engine_condition *condition, struct vb_error *err);
/* Writes the object's row in the place of the old one (as found), whose blob it releases. */
int vb_engine_row_put_object(struct vb_engine_transaction *transaction, int64_t bucket_id, const char *key,
                             const struct vb_engine_row_object *old, int64_t blob_id, const char *upload_id,
                             const struct vb_engine_meta *meta);
int vb_engine_row_delete_object(struct vb_engine_transaction *transaction, int64_t bucket_id, const char *key,
                                const struct vb_engine_row_object *old);

/* A new blob, with one reference. file NULL: data; both NULL and size > 0: segments. Returns its id. */
int64_t vb_engine_row_insert_blob(struct vb_engine_transaction *transaction, enum vb_engine_blob_kind kind,
                                  int64_t size, const char *file, const void *data);
void vb_engine_row_share_blob(struct vb_engine_transaction *transaction, int64_t blob_id);
/* Takes a reference away; the last one takes the blob, and its file when the transaction is committed. */
void vb_engine_row_release_blob(struct vb_engine_transaction *transaction, int64_t blob_id);

/* Returns 0, -ENODEV (then *ret_bucket_id is not set), -ESRCH, or the index's failure, all described.
 * ret_meta may be NULL. */
int vb_engine_row_find_upload(struct vb_engine_index *index, const char *bucket, const char *key,
                              const char *upload_id, struct vb_engine_meta *ret_meta, int64_t *ret_bucket_id,
                              struct vb_error *err);
/* Stands on the part's row (the columns of PART_FIND), which the caller resets. NULL: no row. */
sqlite3_stmt *vb_engine_row_select_part(struct vb_engine_index *index, const char *upload_id,
                                        unsigned number);
/* Deletes an upload and its parts, whose blobs are released but for those of the parts in keep: one bool per
 * part in the order of their numbers; NULL: none is kept. */
void vb_engine_row_delete_upload(struct vb_engine_transaction *transaction, int64_t bucket_id,
                                 const char *key, const char *upload_id, const bool *keep);

/* The 14 META_COLUMNS of statements.c, which come first in a row. Returns 0 or -ENOMEM, described. */
int vb_engine_row_read_meta(sqlite3_stmt *row, struct vb_engine_meta *ret_meta, struct vb_error *err);
void vb_engine_row_bind_meta(sqlite3_stmt *statement, int parameter, const struct vb_engine_meta *meta);
/* Three columns: algorithm, value, full. */
void vb_engine_row_read_checksum(sqlite3_stmt *statement, int column,
                                 struct vb_engine_checksum *ret_checksum);
void vb_engine_row_bind_checksum(sqlite3_stmt *statement, int parameter,
                                 const struct vb_engine_checksum *checksum);
/* A text column into a buffer, cut to fit; "" for NULL. */
void vb_engine_row_read_text(sqlite3_stmt *statement, int column, char *buffer, size_t size);

/* A copy of the strings and the checksum. Returns 0 or -ENOMEM, described. */
int vb_engine_meta_copy(const struct vb_engine_meta *meta, struct vb_engine_meta *ret_meta,
                        struct vb_error *err);

#endif
