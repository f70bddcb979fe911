/*
 * Writing an object's bytes: a few stay in memory, more go to a file.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* After so many bytes the kernel is told to start writing them out, so that the final sync finds little to
 * do. */
#define WRITE_OUT_BYTES ((int64_t)8 * 1024 * 1024)
#define BUFFER_FIRST    ((size_t)4096)

struct vb_engine_writer {
    struct vb_engine *engine;
    struct vb_hash hash;
    unsigned char md5[16];
    bool ended;   /* md5 is set, and no more data comes */
    int failed;   /* the first error, which all later calls return */
    int64_t size; /* of all data */
    int64_t on_file, asked_out;
    unsigned char *buffer; /* the data that is not in the file: all of it while there is no file */
    size_t used, capacity;
    int fd;
    char file[VB_ENGINE_BLOB_NAME_SIZE];
};

int vb_engine_writer_open(struct vb_engine *engine, int64_t size_hint, struct vb_engine_writer **ret_writer,
                          struct vb_error *err)
{
    struct vb_engine_writer *writer = vb_xcalloc(1, sizeof(*writer));
    size_t capacity = BUFFER_FIRST;

    if (size_hint >= 0)
        capacity = (size_t)(size_hint < VB_ENGINE_INLINE_MAX ? size_hint : VB_ENGINE_INLINE_MAX);
    writer->buffer = malloc(capacity + 1);
    if (!writer->buffer) {
        free(writer);
        return vb_engine_index_describe(ENOMEM, "", err);
    }
    writer->capacity = capacity;
    writer->engine = engine;
    writer->fd = -1;
    vb_hash_init(&writer->hash, VB_HASH_MD5);
    *ret_writer = writer;
    return 0;
}

static int grow_buffer(struct vb_engine_writer *writer, size_t needed)
{
    size_t capacity = writer->capacity < BUFFER_FIRST ? BUFFER_FIRST : writer->capacity;
    unsigned char *buffer;

    while (capacity < needed)
        capacity *= 2;
    if (capacity > (size_t)VB_ENGINE_INLINE_MAX)
        capacity = (size_t)VB_ENGINE_INLINE_MAX;
    if (capacity <= writer->capacity)
        return 0;
    buffer = realloc(writer->buffer, capacity);
    if (!buffer)
        return -ENOMEM;
    writer->buffer = buffer;
    writer->capacity = capacity;
    return 0;
}

static int write_file(struct vb_engine_writer *writer, const void *data, size_t size)
{
    int r = vb_write_all(writer->fd, data, size);

    if (r < 0)
        return r;
    writer->on_file += (int64_t)size;
    if (writer->on_file - writer->asked_out >= WRITE_OUT_BYTES) {
        sync_file_range(writer->fd, writer->asked_out, writer->on_file - writer->asked_out,
                        SYNC_FILE_RANGE_WRITE);
        writer->asked_out = writer->on_file;
        return vb_engine_blobs_check_room(writer->engine->blobs, NULL);
    }
    return 0;
}

static int flush_buffer(struct vb_engine_writer *writer)
{
    int r = write_file(writer, writer->buffer, writer->used);

    if (r == 0)
        writer->used = 0;
    return r;
}

static int take_in(struct vb_engine_writer *writer, const void *data, size_t size, struct vb_error *err)
{
    int r = 0;

    if (writer->fd < 0 && writer->size + (int64_t)size > VB_ENGINE_INLINE_MAX) {
        r = vb_engine_blobs_check_room(writer->engine->blobs, err);
        if (r == 0)
            r = vb_engine_blobs_create(writer->engine->blobs, writer->file, err);
        if (r < 0)
            return r;
        writer->fd = r;
        r = grow_buffer(writer, (size_t)VB_ENGINE_INLINE_MAX);
        if (r < 0)
            return vb_engine_index_describe(-r, "", err);
    }
    if (writer->fd >= 0 && writer->used + size > writer->capacity) {
        r = flush_buffer(writer);
        if (r == 0 && size >= (size_t)VB_ENGINE_INLINE_MAX)
            r = write_file(writer, data, size);
        if (r < 0 || size >= (size_t)VB_ENGINE_INLINE_MAX)
            return r < 0 ? vb_engine_index_describe(-r, strerror(-r), err) : 0;
    }
    if (writer->fd < 0)
        r = grow_buffer(writer, writer->used + size);
    if (r < 0)
        return vb_engine_index_describe(-r, "", err);
    memcpy(writer->buffer + writer->used, data, size);
    writer->used += size;
    return 0;
}

int vb_engine_writer_write(struct vb_engine_writer *writer, const void *data, size_t size,
                           struct vb_error *err)
{
    int r;

    vb_assert(!writer->ended);
    if (size == 0)
        return 0;
    if (writer->failed)
        return vb_engine_index_describe(-writer->failed, "an earlier write failed", err);
    if ((int64_t)size > VB_ENGINE_PUT_MAX || writer->size + (int64_t)size > VB_ENGINE_PUT_MAX)
        r = vb_error_set(err, EFBIG, "one write may have at most %lld bytes", (long long)VB_ENGINE_PUT_MAX);
    else
        r = take_in(writer, data, size, err);
    if (r < 0) {
        writer->failed = r;
        return r;
    }
    vb_hash_update(&writer->hash, data, size);
    writer->size += (int64_t)size;
    return 0;
}

int64_t vb_engine_writer_size(const struct vb_engine_writer *writer)
{
    return writer->size;
}

void vb_engine_writer_md5(struct vb_engine_writer *writer, unsigned char ret_md5[16])
{
    if (!writer->ended) {
        vb_hash_final(&writer->hash, writer->md5);
        writer->ended = true;
    }
    memcpy(ret_md5, writer->md5, sizeof(writer->md5));
}

int vb_engine_writer_finish(struct vb_engine_writer *writer, struct vb_engine_written *ret_written,
                            struct vb_error *err)
{
    unsigned char md5[16];
    int r;

    if (writer->failed)
        return vb_engine_index_describe(-writer->failed, "an earlier write failed", err);
    vb_engine_writer_md5(writer, md5);
    *ret_written = (struct vb_engine_written){
        .kind = VB_ENGINE_BLOB_INLINE, .size = writer->size, .data = writer->buffer};
    vb_hex_encode(md5, sizeof(md5), ret_written->etag);
    if (writer->fd < 0)
        return vb_engine_blobs_check_room(writer->engine->blobs, err);
    ret_written->kind = VB_ENGINE_BLOB_FILE;
    ret_written->file = writer->file;
    r = flush_buffer(writer);
    if (r < 0)
        return vb_engine_index_describe(-r, strerror(-r), err);
    return vb_engine_blobs_sync(writer->engine->blobs, writer->fd, writer->file, err);
}

int64_t vb_engine_written_insert(struct vb_engine_transaction *transaction,
                                 const struct vb_engine_written *written)
{
    return vb_engine_row_insert_blob(transaction, written->kind, written->size, written->file, written->data);
}

void vb_engine_writer_free(struct vb_engine_writer *writer, bool keep_file)
{
    if (writer->fd >= 0) {
        if (!keep_file)
            vb_engine_blobs_remove(writer->engine->blobs, writer->file);
        close(writer->fd);
    }
    if (!writer->ended)
        vb_hash_release(&writer->hash);
    free(writer->buffer);
    free(writer);
}

void vb_engine_writer_abort(struct vb_engine_writer *writer)
{
    if (writer)
        vb_engine_writer_free(writer, false);
}

struct vb_engine *vb_engine_writer_engine(const struct vb_engine_writer *writer)
{
    return writer->engine;
}
