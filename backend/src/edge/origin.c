/*
 * The edge's way to the bucket: see origin.h.
 */
#include "edge/origin.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one ranged GET brings of a large object, and so what a slow reader holds in memory. */
#define PIECE_BYTES ((size_t)256 * 1024)

static struct vb_cache_entry *describe(struct vb_cache *cache, const struct vb_s3_object *object, char *body)
{
    struct vb_cache_entry entry = {.size = object->size, .last_modified_s = object->last_modified_s};
    vb_clock_format_http_date(object->last_modified_s, entry.last_modified);
    /* S3's ETags are strong and quoted; from anything else none is made */
    if (object->etag[0] == '"')
        snprintf(entry.etag, sizeof(entry.etag), "%s", object->etag);
    snprintf(entry.content_type, sizeof(entry.content_type), "%s",
             vb_edge_content_type(object->content_type));
    return vb_cache_entry_create(cache, &entry, body);
}

/* One request brings a small object whole, and of a large one its description. */
static int fetch_body(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                      struct vb_strbuf *body, struct vb_s3_object *object, struct vb_error *err)
{
    int rc = vb_s3_get_data(s3, key, 0, (int64_t)vb_cache_body_max(cache), NULL, body, object, err);
    /* an object of no bytes has no range that could be satisfied */
    if (rc == -ENODATA)
        rc = vb_s3_head(s3, key, object, err);
    return rc;
}

int vb_origin_fetch(struct vb_s3_client *s3, struct vb_cache *cache, const char *key, bool want_body,
                    struct vb_cache_entry **ret_entry, bool *ret_keep, struct vb_error *err)
{
    struct vb_s3_object object = {0};
    struct vb_strbuf body VB_CLEANUP(vb_strbuf_release);
    bool has_room = vb_cache_has_room(cache, vb_cache_body_max(cache)), whole = false;
    int rc = 0;

    vb_strbuf_init(&body, vb_cache_body_max(cache));
    if (!want_body || !has_room)
        rc = vb_s3_head(s3, key, &object, err);
    if (rc == 0 && has_room && (want_body || object.size <= (int64_t)vb_cache_body_max(cache))) {
        rc = fetch_body(s3, cache, key, &body, &object, err);
        whole = rc == 0 && !vb_strbuf_failed(&body) && object.size == (int64_t)body.length;
    }
    struct vb_cache_entry missing = {.missing = true};
    if (rc == -ENOENT)
        *ret_entry = vb_cache_entry_create(cache, &missing, NULL);
    else if (rc < 0)
        return rc;
    else if (whole && object.size == 0)
        *ret_entry = describe(cache, &object, vb_xcalloc(1, 1));
    else
        *ret_entry = describe(cache, &object, whole ? vb_strbuf_detach(&body) : NULL);
    if (!*ret_entry)
        return vb_error_set(err, ENOMEM, "there is no memory for the object %s", key);
    *ret_keep = has_room;
    return 0;
}

struct stream {
    struct vb_s3_client *s3;
    int64_t offset; /* of the stream in the object */
    char *first;    /* the first piece, until it has been sent */
    size_t first_size;
    char etag[128];
    char key[];
};

struct target {
    char *buffer;
    size_t size, capacity;
};

static int into_target(void *context, const char *data, size_t size)
{
    struct target *target = context;
    if (size > target->capacity - target->size)
        return -EFBIG;
    memcpy(target->buffer + target->size, data, size);
    target->size += size;
    return 0;
}

/* Bytes from S3 in one ranged GET. Returns how many, or a negative error. */
static int64_t read_piece(struct stream *stream, int64_t offset, char *buffer, size_t capacity,
                          struct vb_error *err)
{
    struct target target = {.buffer = buffer, .capacity = capacity};
    int rc = vb_s3_get(stream->s3, stream->key, stream->offset + offset, (int64_t)capacity,
                       stream->etag[0] ? stream->etag : NULL, into_target, &target, NULL, err);
    if (rc < 0)
        return rc;
    return target.size == capacity ? (int64_t)capacity : -EIO;
}

static int64_t fill(void *context, int64_t offset, char *buffer, size_t capacity)
{
    struct stream *stream = context;
    if ((size_t)offset >= stream->first_size)
        return read_piece(stream, offset, buffer, capacity, NULL);
    size_t size = stream->first_size - (size_t)offset;
    if (size > capacity)
        size = capacity;
    memcpy(buffer, stream->first + offset, size);
    if ((size_t)offset + size == stream->first_size) {
        free(stream->first);
        stream->first = NULL;
    }
    return (int64_t)size;
}

static void release(void *context)
{
    struct stream *stream = context;
    free(stream->first);
    free(stream);
}

int vb_origin_stream(struct vb_s3_client *s3, const char *key, const struct vb_cache_entry *entry,
                     int64_t offset, int64_t size, struct vb_http_stream *ret_stream, struct vb_error *err)
{
    size_t key_size = strlen(key) + 1, first_size = size < (int64_t)PIECE_BYTES ? (size_t)size : PIECE_BYTES;
    struct stream *stream = calloc(1, sizeof(*stream) + key_size);
    char *first = malloc(first_size);
    vb_assert(size > 0);
    if (!stream || !first) {
        free(stream);
        free(first);
        return vb_error_set(err, ENOMEM, "there is no memory to send the object %s", key);
    }
    *stream = (struct stream){.s3 = s3, .offset = offset, .first = first, .first_size = first_size};
    memcpy(stream->etag, entry->etag, sizeof(stream->etag));
    memcpy(stream->key, key, key_size);
    int64_t got = read_piece(stream, 0, first, first_size, err);
    if (got < 0) {
        release(stream);
        return (int)got;
    }
    *ret_stream = (struct vb_http_stream){
        .fill = fill, .release = release, .context = stream, .size = size, .buffer_size = PIECE_BYTES};
    return 0;
}
