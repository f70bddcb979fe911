/*
 * The bytes of an object, piece by piece: see fetch.h.
 */
#include "edge/fetch_internal.h"

#include "base/file.h"
#include "base/memory.h"
#include "edge/origin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one ranged GET fetches of a large object, and so what a slow reader holds in memory. */
#define PIECE_BYTES   ((size_t)256 * 1024)
#define PICTURE_BYTES ((int64_t)2 * 1024 * 1024) /* canonical pictures have less */

/* Gets the piece of that number from disk or origin, if the key still has the object that entry describes. */
static void get_piece(struct vb_fetch *fetch, const char *key, const char *part,
                      const struct vb_cache_entry *entry, uint64_t number,
                      struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome outcome = {.source = VB_CACHE_SOURCE_HIT};
    int64_t offset = (int64_t)(number * PIECE_BYTES), left = entry->size - offset;
    size_t size = left < (int64_t)PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    struct vb_error err = {0};

    vb_assert(left > 0);
    outcome.entry = vb_fetch_load(fetch, key, part);
    if (outcome.entry && (!vb_fetch_is_same(outcome.entry, entry) || outcome.entry->size != (int64_t)size)) {
        vb_cache_entry_release(outcome.entry);
        outcome.entry = NULL;
    }
    if (!outcome.entry) {
        outcome.source = VB_CACHE_SOURCE_MISS;
        outcome.error =
            vb_origin_piece(fetch->s3, fetch->cache, key, entry, offset, size, &outcome.entry, &err);
        if (outcome.error == 0)
            vb_fetch_store(fetch, key, part, outcome.entry);
        else
            vb_fetch_note_failure(fetch, key, &err);
    }
    *ret_outcome = outcome;
}

/* Returns the piece, or NULL with a negative error. */
static struct vb_cache_entry *fetch_piece(struct vb_fetch *fetch, const char *key,
                                          const struct vb_cache_entry *entry, uint64_t number, int *ret_error)
{
    struct vb_cache_outcome outcome;
    char part[32], name[VB_FETCH_NAME_SIZE];

    snprintf(part, sizeof(part), "piece-%" PRIu64, number);
    vb_fetch_name(key, part, name);
    if (vb_fetch_lead(fetch, name, &outcome)) {
        get_piece(fetch, key, part, entry, number, &outcome);
        vb_fetch_publish(fetch, key, name, &outcome);
    }
    *ret_error = outcome.error;
    /* the leader may have fetched it of an earlier object of this key */
    if (outcome.entry && entry->etag[0] && !vb_fetch_is_same(outcome.entry, entry)) {
        vb_cache_entry_release(outcome.entry);
        outcome.entry = NULL;
        *ret_error = -EKEYREJECTED;
    }
    return outcome.entry;
}

struct stream {
    struct vb_fetch *fetch;
    struct vb_cache_entry description; /* its body is not used */
    int64_t offset;                    /* of the stream in the object */
    int64_t size;                      /* of the stream */
    struct vb_cache_entry *first;      /* the first piece, until it has been sent */
    char key[];
};

/* Copies as much of the piece as the buffer takes and the stream wants. */
static int64_t copy_piece(const struct stream *stream, const struct vb_cache_entry *piece, int64_t offset,
                          char *buffer, size_t capacity)
{
    int64_t at = (stream->offset + offset) % (int64_t)PIECE_BYTES, size = piece->size - at;

    if (size > (int64_t)capacity)
        size = (int64_t)capacity;
    if (size > stream->size - offset)
        size = stream->size - offset;
    if (size <= 0)
        return -EIO;
    memcpy(buffer, piece->body + at, (size_t)size);
    return size;
}

static int64_t fill(void *context, int64_t offset, char *buffer, size_t capacity)
{
    struct stream *stream = context;
    struct vb_cache_entry *piece = stream->first;
    uint64_t number = (uint64_t)(stream->offset + offset) / PIECE_BYTES;

    stream->first = NULL;
    if (piece && number != (uint64_t)stream->offset / PIECE_BYTES) {
        vb_cache_entry_release(piece);
        piece = NULL;
    }
    if (!piece) {
        int error;

        piece = fetch_piece(stream->fetch, stream->key, &stream->description, number, &error);
        if (!piece)
            return error;
    }
    int64_t size = copy_piece(stream, piece, offset, buffer, capacity);
    vb_cache_entry_release(piece);
    return size;
}

static void release(void *context)
{
    struct stream *stream = context;

    vb_cache_entry_release(stream->first);
    free(stream);
}

int vb_fetch_stream(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry,
                    int64_t offset, int64_t size, struct vb_http_stream *ret_stream)
{
    size_t key_size = strlen(key) + 1;
    struct stream *stream = calloc(1, sizeof(*stream) + key_size);
    int error;

    vb_assert(size > 0 && offset >= 0 && offset + size <= entry->size);
    if (!stream)
        return -ENOMEM;
    *stream = (struct stream){.fetch = fetch, .description = *entry, .offset = offset, .size = size};
    memcpy(stream->key, key, key_size);
    stream->first = fetch_piece(fetch, key, entry, (uint64_t)offset / PIECE_BYTES, &error);
    if (!stream->first) {
        free(stream);
        return error;
    }
    *ret_stream = (struct vb_http_stream){
        .fill = fill, .release = release, .context = stream, .size = size, .buffer_size = PIECE_BYTES};
    return 0;
}

static int into_file(void *context, const char *data, size_t size)
{
    return vb_write_all(*(const int *)context, data, size);
}

/* In one request, and not onto the disk: so large an object is no picture of the media pipeline, and seldom
 * asked for again. */
static int write_at_once(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry,
                         int file)
{
    struct vb_error err = {0};
    int r = vb_s3_get(fetch->s3, key, 0, entry->size, entry->etag[0] ? entry->etag : NULL, into_file, &file,
                      NULL, &err);

    if (r < 0)
        vb_fetch_note_failure(fetch, key, &err);
    return r;
}

static int write_pieces(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry, int file)
{
    int r = 0;

    if (entry->size > PICTURE_BYTES && !(fetch->disk && vb_disk_has(fetch->disk, key, "piece-0")))
        return write_at_once(fetch, key, entry, file);
    for (int64_t at = 0; at < entry->size && r == 0; at += (int64_t)PIECE_BYTES) {
        struct vb_cache_entry *piece = fetch_piece(fetch, key, entry, (uint64_t)at / PIECE_BYTES, &r);
        if (piece) {
            r = vb_write_all(file, piece->body, (size_t)piece->size);
            vb_cache_entry_release(piece);
        }
    }
    return r;
}

int vb_fetch_file(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry, int file)
{
    struct vb_cache_outcome outcome = {0};
    int r;

    if (entry->body)
        return vb_write_all(file, entry->body, (size_t)entry->size);
    if (entry->size > (int64_t)vb_cache_body_max(fetch->cache))
        return write_pieces(fetch, key, entry, file);
    vb_fetch_object(fetch, key, &outcome);
    if (!outcome.entry)
        return outcome.error;
    if (outcome.entry->missing || !vb_fetch_is_same(outcome.entry, entry))
        r = outcome.entry->missing ? -ENOENT : -EKEYREJECTED;
    else if (outcome.entry->body)
        r = vb_write_all(file, outcome.entry->body, (size_t)outcome.entry->size);
    else
        r = write_pieces(fetch, key, outcome.entry, file);
    vb_cache_entry_release(outcome.entry);
    return r;
}
