/*
 * Reading objects: from memory, from one file, or from the segments of a multipart object.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct segment {
    int64_t start, size;
    unsigned char *data; /* NULL: the bytes are in the file */
    char file[VB_ENGINE_BLOB_NAME_SIZE];
};

struct vb_engine_reader {
    struct vb_engine *engine;
    enum vb_engine_blob_kind kind;
    int64_t size;
    unsigned char *data; /* VB_ENGINE_BLOB_INLINE */
    int fd;              /* VB_ENGINE_BLOB_FILE */
    /* VB_ENGINE_BLOB_SEGMENTS: their files are opened for each read, and stay while the owner is pinned */
    int64_t pinned; /* the owner; 0: none */
    struct segment *segments;
    size_t count;
};

void vb_engine_reader_close(struct vb_engine_reader *reader)
{
    if (!reader)
        return;
    if (reader->pinned)
        vb_engine_blobs_unpin(reader->engine->blobs, reader->pinned);
    for (size_t i = 0; i < reader->count; i++)
        free(reader->segments[i].data);
    free(reader->segments);
    free(reader->data);
    if (reader->fd >= 0)
        close(reader->fd);
    free(reader);
}

static void reader_closep(struct vb_engine_reader **reader)
{
    vb_engine_reader_close(*reader);
}

/* A copy of a blob column, which must have the size that the index says. Returns 0, -EIO or -ENOMEM,
 * described. */
static int copy_data(sqlite3_stmt *row, int column, int64_t size, unsigned char **ret_data,
                     struct vb_error *err)
{
    const void *data = sqlite3_column_blob(row, column);
    int stored = sqlite3_column_bytes(row, column);
    unsigned char *copy;

    if (stored != size)
        return vb_error_set(err, EIO, "the index is damaged: %d bytes of data where %lld are expected",
                            stored, (long long)size);
    copy = malloc((size_t)size + 1);
    if (!copy)
        return vb_engine_index_describe(ENOMEM, "", err);
    if (size > 0)
        memcpy(copy, data, (size_t)size);
    *ret_data = copy;
    return 0;
}

static int add_segment(struct vb_engine_reader *reader, sqlite3_stmt *row, int64_t start,
                       struct vb_error *err)
{
    struct segment *segment;
    int r = 0;

    if ((reader->count & (reader->count - 1)) == 0) { /* full at each power of two */
        size_t capacity = reader->count ? 2 * reader->count : 1;
        struct segment *grown = realloc(reader->segments, capacity * sizeof(*grown));

        if (!grown)
            return vb_engine_index_describe(ENOMEM, "", err);
        reader->segments = grown;
    }
    segment = &reader->segments[reader->count];
    *segment = (struct segment){.start = start, .size = sqlite3_column_int64(row, 1)};
    if (sqlite3_column_int(row, 0) == VB_ENGINE_BLOB_INLINE) {
        r = copy_data(row, 3, segment->size, &segment->data, err);
        if (r < 0)
            return r;
    } else {
        vb_engine_row_read_text(row, 2, segment->file, sizeof(segment->file));
    }
    reader->count++;
    return 0;
}

/* With the owner pinned. *ret_gone: its rows are gone. */
static int load_segments(struct vb_engine_reader *reader, bool *ret_gone, struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *rows VB_CLEANUP(vb_engine_index_resetp) = NULL;
    int64_t start = 0;
    int r = vb_engine_index_pool_borrow(reader->engine->readers, &index, err);

    if (r < 0)
        return r;
    rows = vb_engine_index_statement(index, VB_ENGINE_SQL_SEGMENT_READ);
    sqlite3_bind_int64(rows, 1, reader->pinned);
    while (r == 0 && vb_engine_index_step(index, rows)) {
        r = add_segment(reader, rows, start, err);
        start += sqlite3_column_int64(rows, 1);
    }
    *ret_gone = reader->count == 0;
    if (r == 0)
        r = vb_engine_index_error(index, err);
    if (r == 0 && !*ret_gone && start != reader->size)
        r = vb_error_set(err, EIO, "the index is damaged: %lld bytes in segments where %lld are expected",
                         (long long)start, (long long)reader->size);
    return r;
}

static int open_segments(struct vb_engine_reader *reader, int64_t blob_id, bool *ret_gone,
                         struct vb_error *err)
{
    int r;

    vb_engine_blobs_pin(reader->engine->blobs, blob_id);
    reader->pinned = blob_id;
    r = load_segments(reader, ret_gone, err);
    /* check every file before the first byte: a damaged object is never served in part */
    for (size_t i = 0; r == 0 && i < reader->count; i++)
        if (!reader->segments[i].data)
            r = vb_engine_blobs_check_file(reader->engine->blobs, reader->segments[i].file,
                                           reader->segments[i].size, err);
    return r == -ENOENT ? vb_error_set(err, EIO, "a blob file of the object is missing") : r;
}

struct found {
    int64_t blob_id;
    char file[VB_ENGINE_BLOB_NAME_SIZE];
};

/* Reads the object's row, and its bytes if they are in the index. */
static int find_object(struct vb_engine *engine, const char *bucket, const char *key,
                       struct vb_engine_meta *ret_meta, struct vb_engine_reader *reader,
                       struct found *ret_found, struct vb_error *err)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) = NULL;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r == 0)
        r = vb_engine_row_select_object_in(index, VB_ENGINE_SQL_OBJECT_READ, bucket, key, &row, err);
    if (r < 0)
        return r;
    ret_found->blob_id = sqlite3_column_int64(row, 14);
    reader->kind = (enum vb_engine_blob_kind)sqlite3_column_int(row, 15);
    reader->size = sqlite3_column_int64(row, 16);
    vb_engine_row_read_text(row, 17, ret_found->file, sizeof(ret_found->file));
    if (reader->size != sqlite3_column_int64(row, 0) || sqlite3_column_type(row, 15) == SQLITE_NULL)
        return vb_error_set(err, EIO, "the index is damaged: the row of \"%s\" does not match its blob", key);
    if (reader->kind == VB_ENGINE_BLOB_INLINE)
        r = copy_data(row, 18, reader->size, &reader->data, err);
    if (r == 0 && ret_meta)
        r = vb_engine_row_read_meta(row, ret_meta, err);
    return r;
}

/* One attempt. *ret_gone: the object was replaced or deleted before its files were opened or pinned. */
static int try_open(struct vb_engine *engine, const char *bucket, const char *key,
                    struct vb_engine_meta *ret_meta, struct vb_engine_reader *reader, int64_t *blob_id,
                    bool *ret_gone, struct vb_error *err)
{
    struct found found = {0};
    int r = find_object(engine, bucket, key, ret_meta, reader, &found, err);

    if (r < 0)
        return r;
    if (reader->kind == VB_ENGINE_BLOB_SEGMENTS)
        return open_segments(reader, found.blob_id, ret_gone, err);
    if (reader->kind == VB_ENGINE_BLOB_INLINE)
        return 0;
    reader->fd = vb_engine_blobs_open_file(engine->blobs, found.file, reader->size, err);
    if (reader->fd == -ENOENT && *blob_id != found.blob_id) {
        *blob_id = found.blob_id;
        *ret_gone = true;
        return 0;
    }
    /* The second attempt finds the same row. Ids are never reused, so the object was not replaced: its file
     * is lost. */
    if (reader->fd == -ENOENT)
        return vb_error_set(err, EIO, "blob file %s is missing", found.file);
    return reader->fd < 0 ? reader->fd : 0;
}

int vb_engine_get(struct vb_engine *engine, const char *bucket, const char *key,
                  struct vb_engine_meta *ret_meta, struct vb_engine_reader **ret_reader, struct vb_error *err)
{
    int64_t blob_id = 0;

    for (;;) {
        struct vb_engine_reader *reader VB_CLEANUP(reader_closep) = vb_xcalloc(1, sizeof(*reader));
        struct vb_engine_meta meta VB_CLEANUP(vb_engine_meta_release) = {0};
        bool gone = false;
        int r;

        reader->engine = engine;
        reader->fd = -1;
        r = try_open(engine, bucket, key, ret_meta ? &meta : NULL, reader, &blob_id, &gone, err);
        if (r < 0)
            return r;
        if (gone)
            continue;
        if (ret_meta) {
            *ret_meta = meta;
            meta = (struct vb_engine_meta){0};
        }
        *ret_reader = VB_TAKE(reader);
        return 0;
    }
}

void vb_engine_reader_source(struct vb_engine_reader *reader, const void **ret_data, int *ret_fd)
{
    *ret_data = reader->data;
    *ret_fd = reader->fd;
}

static int64_t read_fd(int fd, int64_t offset, void *buffer, size_t size)
{
    for (;;) {
        ssize_t n = pread(fd, buffer, size, offset);

        if (n == 0)
            return -EIO; /* the file had this size when it was opened: another program truncated it */
        if (n > 0 || errno != EINTR)
            return n < 0 ? -errno : n;
    }
}

static const struct segment *find_segment(const struct vb_engine_reader *reader, int64_t offset)
{
    size_t low = 0, high = reader->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (reader->segments[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return &reader->segments[low];
}

int64_t vb_engine_reader_read(struct vb_engine_reader *reader, int64_t offset, void *buffer, size_t size)
{
    const struct segment *segment;
    int fd VB_CLEANUP(vb_closep) = -1;

    if (offset < 0)
        return -EINVAL;
    if (offset >= reader->size || size == 0)
        return 0;
    if ((int64_t)size > reader->size - offset)
        size = (size_t)(reader->size - offset);
    if (reader->kind == VB_ENGINE_BLOB_INLINE) {
        memcpy(buffer, reader->data + offset, size);
        return (int64_t)size;
    }
    if (reader->kind == VB_ENGINE_BLOB_FILE)
        return read_fd(reader->fd, offset, buffer, size);

    segment = find_segment(reader, offset);
    offset -= segment->start;
    if ((int64_t)size > segment->size - offset)
        size = (size_t)(segment->size - offset);
    if (segment->data) {
        memcpy(buffer, segment->data + offset, size);
        return (int64_t)size;
    }
    fd = vb_engine_blobs_open_file(reader->engine->blobs, segment->file, segment->size, NULL);
    return fd < 0 ? fd : read_fd(fd, offset, buffer, size);
}
