/*
 * The engine of the embedded store: buckets, objects and multipart uploads on one disk. It knows no HTTP.
 *
 * Durable: a call that changes something returns 0 only after data, index and directory entry are on disk.
 * Concurrent changes share one fsync (group commit). Small objects live in the index, larger ones in files.
 * After a kill at any instant, the engine opens with every acknowledged object whole and no partial object
 * visible.
 *
 * All calls block and are thread-safe. Common errors: -ENOENT (no such key), -ENODEV (no such bucket),
 * -ENOSPC (the disk is full; nothing has changed), -EIO.
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
#define VB_ENGINE_PUT_MAX    ((int64_t)5 * 1024 * 1024 * 1024)        /* one write or part: 5 GiB */
#define VB_ENGINE_PARTS_MAX  10000
#define VB_ENGINE_ETAG_SIZE  48 /* "<32 hex>-<parts>" without quotes, and NUL */

struct vb_engine;

struct vb_engine_config {
    const char *directory;     /* created if missing, mode 0700; locked against a second process */
    unsigned commit_batch_max; /* changes per commit; 0: 256 */
};
int vb_engine_open(const struct vb_engine_config *config, struct vb_engine **ret_engine,
                   struct vb_error *err);
/* Returns after the changes in flight are committed. NULL is fine. */
void vb_engine_close(struct vb_engine *engine);

/* Buckets. create: -EEXIST. delete: -ENOTEMPTY. set_cors keeps the CORS configuration as the XML that the
 * client sent; NULL removes it. get_cors: -ENOENT when there is none. ret_created_ms may be NULL. */
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

struct vb_engine_checksum {
    bool present;
    enum vb_hash_algorithm algorithm;
    char value[64];   /* base64; a checksum of checksums ends with "-<parts>" */
    bool full_object; /* of all bytes; false: of the checksums of the parts */
};

/* The metadata of an object. The struct owns its strings: vb_engine_meta_release(). */
struct vb_engine_meta {
    int64_t size;
    int64_t last_modified_ms;
    char etag[VB_ENGINE_ETAG_SIZE];
    struct vb_engine_checksum checksum;
    unsigned parts; /* 0: not a multipart object */
    /* As the writer gave them; NULL: none. */
    char *content_type, *cache_control, *content_disposition, *content_encoding, *content_language, *expires;
    char *user_metadata; /* "name\0value\0name\0value\0\0", names in lower case; NULL: none */
};
void vb_engine_meta_release(struct vb_engine_meta *meta);

/* A precondition, checked in the same transaction as the change. */
struct vb_engine_condition {
    bool absent;      /* there must be no object: -EEXIST */
    const char *etag; /* the object must have this one: -EKEYREJECTED; -ENOENT without an object */
};

/*
 * Writing: open a writer, write the data as it comes, then put it (the object becomes durable and visible) or
 * abort. Up to VB_ENGINE_INLINE_MAX the data stays in memory; beyond, it goes to a file. The writer computes
 * the MD5, which is the ETag.
 */
struct vb_engine_writer;
int vb_engine_writer_open(struct vb_engine *engine, int64_t size_hint /* -1: unknown */,
                          struct vb_engine_writer **ret_writer, struct vb_error *err);
int vb_engine_writer_write(struct vb_engine_writer *writer, const void *data, size_t size,
                           struct vb_error *err);
int64_t vb_engine_writer_size(const struct vb_engine_writer *writer);
/* The MD5 of all data. Nothing may be written afterwards. May be called again. */
void vb_engine_writer_md5(struct vb_engine_writer *writer, unsigned char ret_md5[16]);
/* Frees a writer that was not committed. NULL is fine. */
void vb_engine_writer_abort(struct vb_engine_writer *writer);
/* Consumes the writer in every case. Copies content_type …, user_metadata and checksum from meta, and fills
 * in its size, etag and last_modified_ms. condition may be NULL. */
int vb_engine_put(struct vb_engine_writer *writer, const char *bucket, const char *key,
                  struct vb_engine_meta *meta, const struct vb_engine_condition *condition,
                  struct vb_error *err);
/* The same without waiting for the commit. then(context, result, err) is called exactly once, with what
 * vb_engine_put() would have returned: on this thread before this function returns, or later on the
 * committer's. It must not block. bucket, key, meta and condition must live until it is called; err lives
 * only during the call. */
void vb_engine_put_then(struct vb_engine_writer *writer, const char *bucket, const char *key,
                        struct vb_engine_meta *meta, const struct vb_engine_condition *condition,
                        void (*then)(void *context, int result, const struct vb_error *err), void *context);

/*
 * Reading: a reader sees the bytes as they were when it was opened, even if the object is replaced or
 * deleted.
 */
struct vb_engine_reader;
/* ret_meta may be NULL; otherwise released by the caller. */
int vb_engine_get(struct vb_engine *engine, const char *bucket, const char *key,
                  struct vb_engine_meta *ret_meta, struct vb_engine_reader **ret_reader,
                  struct vb_error *err);
int vb_engine_stat(struct vb_engine *engine, const char *bucket, const char *key,
                   struct vb_engine_meta *ret_meta, struct vb_error *err);
/* Where the bytes are, so that they can be sent without a copy: in memory (data != NULL) or in one file (fd
 * >= 0). The reader owns both; dup the descriptor to keep it. Neither: they are in several files,
 * vb_engine_reader_read() joins them. */
void vb_engine_reader_source(struct vb_engine_reader *reader, const void **ret_data, int *ret_fd);
/* Returns the bytes read (perhaps fewer than asked; 0 at the end) or -errno. Threads may share a reader. */
int64_t vb_engine_reader_read(struct vb_engine_reader *reader, int64_t offset, void *buffer, size_t size);
void vb_engine_reader_close(struct vb_engine_reader *reader); /* NULL is fine */

/* Succeeds when there is no such object. condition and ret_existed may be NULL. */
int vb_engine_delete(struct vb_engine *engine, const char *bucket, const char *key,
                     const struct vb_engine_condition *condition, bool *ret_existed, struct vb_error *err);
/* Many keys in one commit. */
int vb_engine_delete_many(struct vb_engine *engine, const char *bucket, const char *const *keys, size_t count,
                          struct vb_error *err);
/* The copy shares the bytes of the source. meta: replaces the source's content_type … and user_metadata; NULL
 * keeps them. source_etag: what the source must have (-EKEYREJECTED); NULL: any. ret_meta: the copy's,
 * released by the caller. */
int vb_engine_copy(struct vb_engine *engine, const char *from_bucket, const char *from_key,
                   const char *source_etag, const char *to_bucket, const char *to_key,
                   const struct vb_engine_meta *meta, struct vb_engine_meta *ret_meta, struct vb_error *err);

/* Listing in byte order of the keys. */
struct vb_engine_list {
    const char *prefix;      /* "" for all */
    const char *delimiter;   /* any string; "" for none */
    const char *start_after; /* lists what comes after this key or common prefix; "" from the start */
    unsigned max;            /* objects and common prefixes together */
};
struct vb_engine_entry {
    const char *key; /* an object's key, or a common prefix */
    bool is_prefix;
    int64_t size, last_modified_ms;
    const char *etag;
    struct vb_engine_checksum checksum; /* of objects */
};
/* Visits in order until visit returns non-zero, which is returned then. If more entries follow,
 * *ret_truncated is set and ret_next is the start_after of the next call; else it is "". */
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
/* Consumes the writer in every case. Replaces an older part of the same number. checksum may be NULL. */
int vb_engine_multipart_put(struct vb_engine_writer *writer, const char *bucket, const char *key,
                            const char *upload_id, unsigned part_number /* 1 … 10000 */,
                            const struct vb_engine_checksum *checksum, char ret_etag[VB_ENGINE_ETAG_SIZE],
                            struct vb_error *err);
/* The metadata that the upload was created with, released by the caller. */
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
/* Makes the object of the named parts. parts: number and etag of each, in ascending order; checksum: of the
 * whole object, may be NULL. -EINVAL: a part is missing, or has another etag. -EDOM: the parts are not in
 * ascending order. -ERANGE: a part other than the last is smaller than 5 MiB. Idempotent: a repeated call
 * returns the same result, as long as the key holds the object that the first call made. */
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
