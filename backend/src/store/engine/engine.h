/*
 * The store's engine: buckets, objects and multipart uploads on one disk, without any HTTP.
 *
 * Durable: a call that changes something returns 0 only when data, index and directory entry are on disk. Changes of
 * many callers share one fsync (group commit), small objects live in the index itself, larger ones in files.
 * Killed at any instant, it opens again with every acknowledged object whole and no half object visible.
 *
 * All calls block and are thread-safe. Common errors: -ENOENT (no such key), -ENODEV (no such bucket), -ENOSPC (disk
 * full; nothing has changed), -EIO.
 */
#ifndef VB_STORE_ENGINE_ENGINE_H
#define VB_STORE_ENGINE_ENGINE_H

#include "base/error.h"
#include "base/hash.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_ENGINE_KEY_MAX    1024 /* bytes of UTF-8 */
#define VB_ENGINE_INLINE_MAX ((int64_t)64 * 1024)
#define VB_ENGINE_OBJECT_MAX ((int64_t)5 * 1024 * 1024 * 1024 * 1024) /* 5 TiB */
#define VB_ENGINE_PUT_MAX    ((int64_t)5 * 1024 * 1024 * 1024)        /* one PUT or part: 5 GiB */
#define VB_ENGINE_PARTS_MAX  10000
#define VB_ENGINE_ETAG_SIZE  48 /* "<32 hex>-<parts>" without quotes, and NUL */

struct vb_engine;

struct vb_engine_config {
    const char *directory;     /* made if missing, mode 0700; locked against a second process */
    unsigned commit_batch_max; /* changes per commit; 0: 256 */
};
int vb_engine_open(const struct vb_engine_config *config, struct vb_engine **ret_engine,
                   struct vb_error *err);
/* Finishes what is under way. */
void vb_engine_close(struct vb_engine *engine);

/* Buckets. -EEXIST on create, -ENOTEMPTY on delete. cors: the CORS configuration as the XML that was put, or NULL. */
int vb_engine_bucket_create(struct vb_engine *engine, const char *bucket, struct vb_error *err);
int vb_engine_bucket_delete(struct vb_engine *engine, const char *bucket, struct vb_error *err);
int vb_engine_bucket_stat(struct vb_engine *engine, const char *bucket, int64_t *ret_created_ms,
                          struct vb_error *err);
int vb_engine_bucket_list(struct vb_engine *engine,
                          int (*visit)(void *context, const char *bucket, int64_t created_ms), void *context,
                          struct vb_error *err);
int vb_engine_bucket_set_cors(struct vb_engine *engine, const char *bucket, const char *cors_xml,
                              struct vb_error *err);
int vb_engine_bucket_get_cors(struct vb_engine *engine, const char *bucket, struct vb_strbuf *out,
                              struct vb_error *err);

/* What is known of an object besides its bytes. Strings belong to the struct: vb_engine_meta_release. */
struct vb_engine_checksum {
    bool present;
    enum vb_hash_algorithm algorithm;
    char value[64];   /* base64, with "-<parts>" for composite ones */
    bool full_object; /* FULL_OBJECT or COMPOSITE */
};

struct vb_engine_meta {
    int64_t size;
    int64_t last_modified_ms;
    char etag[VB_ENGINE_ETAG_SIZE];
    struct vb_engine_checksum checksum;
    unsigned parts; /* 0: not a multipart object */
    /* As they were put; NULL where the client sent none. */
    char *content_type, *cache_control, *content_disposition, *content_encoding, *content_language, *expires;
    char *
        user_metadata; /* "name\0value\0name\0value\0\0", names lower-case without "x-amz-meta-"; NULL: none */
};
void vb_engine_meta_release(struct vb_engine_meta *meta);

/* A precondition, evaluated atomically with the change. */
struct vb_engine_condition {
    bool absent;      /* there must be no object: -EEXIST */
    const char *etag; /* the object must have this one: -EKEYREJECTED; -ENOENT without an object */
};

/*
 * Writing: open, write as data comes, then commit (makes the object visible and durable) or abort. Data up to
 * VB_ENGINE_INLINE_MAX is kept in memory, more goes to an unnamed or temporary file. MD5 (the ETag) is computed on the way.
 */
struct vb_engine_writer;
int vb_engine_writer_open(struct vb_engine *engine, int64_t size_hint /* -1: unknown */,
                          struct vb_engine_writer **ret_writer, struct vb_error *err);
int vb_engine_writer_write(struct vb_engine_writer *writer, const void *data, size_t size,
                           struct vb_error *err);
int64_t vb_engine_writer_size(const struct vb_engine_writer *writer);
/* MD5 of all that was written; ends the writing. Idempotent. */
void vb_engine_writer_md5(struct vb_engine_writer *writer, unsigned char ret_md5[16]);
/* Frees a writer that was not committed. NULL is fine. */
void vb_engine_writer_abort(struct vb_engine_writer *writer);
/* Consumes the writer in every case. meta: content_type … and checksum are taken from it (copied); size, etag and
 * last_modified_ms are filled in. condition may be NULL. */
int vb_engine_put(struct vb_engine_writer *writer, const char *bucket, const char *key,
                  struct vb_engine_meta *meta, const struct vb_engine_condition *condition,
                  struct vb_error *err);
/* The same without waiting for the commit: then(context, result, err) is called exactly once with what
 * vb_engine_put() would have returned, perhaps before this returns, on this thread or the store's own; it must
 * not block. All that the pointers lead to must live until then; err only lives during the call. */
void vb_engine_put_then(struct vb_engine_writer *writer, const char *bucket, const char *key,
                        struct vb_engine_meta *meta, const struct vb_engine_condition *condition,
                        void (*then)(void *context, int result, const struct vb_error *err), void *context);

/*
 * Reading: a reader holds the bytes as they were when it was opened, whatever is put or deleted meanwhile.
 */
struct vb_engine_reader;
/* ret_meta may be NULL; otherwise released by the caller. */
int vb_engine_get(struct vb_engine *engine, const char *bucket, const char *key,
                  struct vb_engine_meta *ret_meta, struct vb_engine_reader **ret_reader,
                  struct vb_error *err);
int vb_engine_stat(struct vb_engine *engine, const char *bucket, const char *key,
                   struct vb_engine_meta *ret_meta, struct vb_error *err);
/* Where the bytes are, for zero-copy answers: in memory (data != NULL, owned by the reader) or in one file (fd >= 0, owned
 * by the reader; dup it to keep it). Neither: several files, use vb_engine_reader_read. */
void vb_engine_reader_source(struct vb_engine_reader *reader, const void **ret_data, int *ret_fd);
/* Bytes read (may be fewer than asked, 0 at the end) or negative. Thread-safe for different offsets. */
int64_t vb_engine_reader_read(struct vb_engine_reader *reader, int64_t offset, void *buffer, size_t size);
void vb_engine_reader_close(struct vb_engine_reader *reader); /* NULL is fine */

/* Deleting what does not exist succeeds (ret_existed may be NULL). condition may be NULL. */
int vb_engine_delete(struct vb_engine *engine, const char *bucket, const char *key,
                     const struct vb_engine_condition *condition, bool *ret_existed, struct vb_error *err);
/* Many keys in one commit. */
int vb_engine_delete_many(struct vb_engine *engine, const char *bucket, const char *const *keys, size_t count,
                          struct vb_error *err);
/* Shares the bytes: no data is copied. meta NULL: keep the source's; otherwise its content_type … replace them. source_etag
 * NULL or the etag the source must have (-EKEYREJECTED). ret_meta is the new object's, released by the caller. */
int vb_engine_copy(struct vb_engine *engine, const char *from_bucket, const char *from_key,
                   const char *source_etag, const char *to_bucket, const char *to_key,
                   const struct vb_engine_meta *meta, struct vb_engine_meta *ret_meta, struct vb_error *err);

/* Listing in byte order of the keys. */
struct vb_engine_list {
    const char *prefix;      /* "" for all */
    const char *delimiter;   /* "" for none; any string */
    const char *start_after; /* keys (and common prefixes) strictly after this; "" from the start */
    unsigned max;            /* entries, objects and common prefixes together */
};
struct vb_engine_entry {
    const char *key; /* an object's key, or a common prefix */
    bool is_prefix;
    int64_t size, last_modified_ms;
    const char *etag;
    struct vb_engine_checksum checksum; /* of objects */
};
/* ret_next: the last key or common prefix visited when more follow (to be given as start_after), else "". */
int vb_engine_list(struct vb_engine *engine, const char *bucket, const struct vb_engine_list *list,
                   int (*visit)(void *context, const struct vb_engine_entry *entry), void *context,
                   bool *ret_truncated, char ret_next[VB_ENGINE_KEY_MAX + 1], struct vb_error *err);

/*
 * Multipart uploads. -ESRCH: no such upload.
 */
#define VB_ENGINE_UPLOAD_ID_SIZE 40
int vb_engine_multipart_create(
    struct vb_engine *engine, const char *bucket, const char *key,
    const struct vb_engine_meta *meta /* content_type …, checksum.algorithm if present */,
    char ret_upload_id[VB_ENGINE_UPLOAD_ID_SIZE], struct vb_error *err);
/* Consumes the writer. A part put again replaces the older one. checksum may be NULL or not present. */
int vb_engine_multipart_put(struct vb_engine_writer *writer, const char *bucket, const char *key,
                            const char *upload_id, unsigned part_number /* 1 … 10000 */,
                            const struct vb_engine_checksum *checksum, char ret_etag[VB_ENGINE_ETAG_SIZE],
                            struct vb_error *err);
/* The upload's own settings as given at create (for its checksum algorithm); released by the caller. */
int vb_engine_multipart_get(struct vb_engine *engine, const char *bucket, const char *key,
                            const char *upload_id, struct vb_engine_meta *ret_meta, struct vb_error *err);
struct vb_engine_part {
    unsigned number;
    int64_t size, last_modified_ms;
    char etag[VB_ENGINE_ETAG_SIZE];
    struct vb_engine_checksum checksum;
};
int vb_engine_multipart_list_parts(struct vb_engine *engine, const char *bucket, const char *key,
                                   const char *upload_id, unsigned after_number, unsigned max,
                                   int (*visit)(void *context, const struct vb_engine_part *part),
                                   void *context, bool *ret_truncated, struct vb_error *err);
struct vb_engine_upload {
    const char *key, *upload_id;
    int64_t created_ms;
};
int vb_engine_multipart_list(struct vb_engine *engine, const char *bucket, const char *prefix,
                             const char *key_marker, const char *upload_id_marker, unsigned max,
                             int (*visit)(void *context, const struct vb_engine_upload *upload),
                             void *context, bool *ret_truncated, struct vb_error *err);
/* parts: number and etag as the client named them, ascending. -EINVAL: a part is missing or its etag differs; -EDOM: not
 * ascending; -ERANGE: a part but the last is under 5 MiB; checksum: of the whole object, to be stored, may be NULL. The same
 * call again after success gives the same answer for as long as the object is the one it made. */
int vb_engine_multipart_complete(struct vb_engine *engine, const char *bucket, const char *key,
                                 const char *upload_id, const struct vb_engine_part *parts, size_t count,
                                 const struct vb_engine_checksum *checksum,
                                 const struct vb_engine_condition *condition, struct vb_engine_meta *ret_meta,
                                 struct vb_error *err);
int vb_engine_multipart_abort(struct vb_engine *engine, const char *bucket, const char *key,
                              const char *upload_id, struct vb_error *err);

/* For metrics. */
struct vb_engine_stats {
    uint64_t commits, changes; /* changes / commits: how many share one fsync */
    unsigned waiting;
};
void vb_engine_stats(struct vb_engine *engine, struct vb_engine_stats *ret_stats);

#endif
