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

/* Returns 0, -ENODEV (described), or the index's failure (described). */
int vb_engine_row_find_bucket(struct vb_engine_index *index, const char *bucket, int64_t *ret_id,
                              struct vb_error *err);

struct vb_engine_row_object {
    bool exists;
    int64_t blob_id;
    char etag[VB_ENGINE_ETAG_SIZE];
    char upload_id[VB_ENGINE_UPLOAD_ID_SIZE];
};
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
/* Deletes an upload and its parts, whose blobs are released but for those of the parts in keep: one bool per
 * part in the order of their numbers; NULL: none is kept. */
void vb_engine_row_delete_upload(struct vb_engine_transaction *transaction, int64_t bucket_id,
                                 const char *key, const char *upload_id, const bool *keep);

/* The 14 META_COLUMNS of statements.c, from column on. Returns 0 or -ENOMEM; ret_meta is then empty. */
int vb_engine_row_read_meta(sqlite3_stmt *statement, int column, struct vb_engine_meta *ret_meta);
void vb_engine_row_bind_meta(sqlite3_stmt *statement, int parameter, const struct vb_engine_meta *meta);
/* Three columns: algorithm, value, full. */
void vb_engine_row_read_checksum(sqlite3_stmt *statement, int column,
                                 struct vb_engine_checksum *ret_checksum);
void vb_engine_row_bind_checksum(sqlite3_stmt *statement, int parameter,
                                 const struct vb_engine_checksum *checksum);
/* A text column into a buffer, cut to fit; "" for NULL. */
void vb_engine_row_read_text(sqlite3_stmt *statement, int column, char *buffer, size_t size);

/* A copy of the strings and the checksum. Returns 0 or -ENOMEM; ret_meta is then empty. */
int vb_engine_meta_copy(const struct vb_engine_meta *meta, struct vb_engine_meta *ret_meta);

#endif
