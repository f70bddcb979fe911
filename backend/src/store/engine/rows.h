/*
 * Rows of the index: what the operations on buckets, objects and uploads share. Functions that only read take
 * any connection; those that write take the committer's transaction.
 *
 * A failure of the index looks like "no row" here and is kept in index->failure. The committer checks it
 * after a change, a reader with vb_engine_index_error().
 */
#ifndef VB_STORE_ENGINE_ROWS_H
#define VB_STORE_ENGINE_ROWS_H

#include "store/engine/committer.h"
#include "store/engine/engine.h"
#include "store/engine/index.h"

enum vb_engine_blob_kind { VB_ENGINE_BLOB_INLINE, VB_ENGINE_BLOB_FILE, VB_ENGINE_BLOB_SEGMENTS };

/* Steps to the bucket's row, with the columns of BUCKET_FIND. The caller resets it. Returns 0, -ENODEV, or
 * the index's failure, described. */
int vb_engine_row_select_bucket(struct vb_engine_index *index, const char *bucket, sqlite3_stmt **ret_row,
                                struct vb_error *err);
/* Its id alone. Same errors. */
int vb_engine_row_find_bucket(struct vb_engine_index *index, const char *bucket, int64_t *ret_id,
                              struct vb_error *err);

/* Steps to the object's row, with the columns of sql: OBJECT_FIND, OBJECT_META or OBJECT_READ. The caller
 * resets it. NULL: no row. */
sqlite3_stmt *vb_engine_row_select_object(struct vb_engine_index *index, enum vb_engine_sql sql,
                                          int64_t bucket_id, const char *key);
/* The same for a bucket given by name. Returns 0, -ENODEV, -ENOENT, or the index's failure, described. */
int vb_engine_row_select_object_in(struct vb_engine_index *index, enum vb_engine_sql sql, const char *bucket,
                                   const char *key, sqlite3_stmt **ret_row, struct vb_error *err);

struct vb_engine_row_object {
    bool exists;
    int64_t blob_id;
    char etag[VB_ENGINE_ETAG_SIZE];
};
/* Finds what a change must know of the object that it replaces or deletes. */
void vb_engine_row_find_object(struct vb_engine_index *index, int64_t bucket_id, const char *key,
                               struct vb_engine_row_object *ret_object);
/* Returns 0, -EEXIST, -EKEYREJECTED or -ENOENT, described. condition may be NULL. */
int vb_engine_row_check_condition(const struct vb_engine_row_object *object,
                                  const struct vb_engine_condition *condition, struct vb_error *err);
/* Writes the object's row, and releases the blob of the row that it replaces (old, as found). */
int vb_engine_row_put_object(struct vb_engine_transaction *transaction, int64_t bucket_id, const char *key,
                             const struct vb_engine_row_object *old, int64_t blob_id, const char *upload_id,
                             const struct vb_engine_meta *meta);
int vb_engine_row_delete_object(struct vb_engine_transaction *transaction, int64_t bucket_id, const char *key,
                                const struct vb_engine_row_object *old);

/* Inserts a blob with one reference: with data (inline), with file, or with neither (segments). Returns its
 * id. */
int64_t vb_engine_row_insert_blob(struct vb_engine_transaction *transaction, enum vb_engine_blob_kind kind,
                                  int64_t size, const char *file, const void *data);
void vb_engine_row_share_blob(struct vb_engine_transaction *transaction, int64_t blob_id);
/* Drops a reference. With the last one the blob goes, and its file after the commit. */
void vb_engine_row_release_blob(struct vb_engine_transaction *transaction, int64_t blob_id);

/* Returns 0, -ENODEV, -ESRCH (*ret_bucket_id is set), or the index's failure, described. ret_meta may be
 * NULL. */
int vb_engine_row_find_upload(struct vb_engine_index *index, const char *bucket, const char *key,
                              const char *upload_id, struct vb_engine_meta *ret_meta, int64_t *ret_bucket_id,
                              struct vb_error *err);
/* Steps to the part's row, with the columns of PART_FIND. The caller resets it. NULL: no row. */
sqlite3_stmt *vb_engine_row_select_part(struct vb_engine_index *index, const char *upload_id,
                                        unsigned number);
/* Deletes an upload and its parts. Releases the blobs of the parts, except those that keep names: one bool
 * for each part, in the order of their numbers. NULL: releases all. */
void vb_engine_row_delete_upload(struct vb_engine_transaction *transaction, int64_t bucket_id,
                                 const char *key, const char *upload_id, const bool *keep);

/* The META_COLUMNS of statements.c: the first 14 columns of the row. Returns 0 or -ENOMEM, described. */
int vb_engine_row_read_meta(sqlite3_stmt *row, struct vb_engine_meta *ret_meta, struct vb_error *err);
void vb_engine_row_bind_meta(sqlite3_stmt *statement, int parameter, const struct vb_engine_meta *meta);
/* Three columns: algorithm, value, full. */
void vb_engine_row_read_checksum(sqlite3_stmt *statement, int column,
                                 struct vb_engine_checksum *ret_checksum);
void vb_engine_row_bind_checksum(sqlite3_stmt *statement, int parameter,
                                 const struct vb_engine_checksum *checksum);
/* Copies a text column into a buffer, cut to fit. NULL is read as "". */
void vb_engine_row_read_text(sqlite3_stmt *statement, int column, char *buffer, size_t size);

/* A deep copy. Returns 0 or -ENOMEM, described. */
int vb_engine_meta_copy(const struct vb_engine_meta *meta, struct vb_engine_meta *ret_meta,
                        struct vb_error *err);

#endif
