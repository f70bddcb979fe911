/*
 * The origin of the edge: see origin.h.
 */
#include "edge/origin.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vb_cache_entry *describe(struct vb_cache *cache, const struct vb_s3_object *object, char *body)
{
    struct vb_cache_entry entry = {.size = object->size, .last_modified_s = object->last_modified_s};

    vb_clock_format_http_date(object->last_modified_s, entry.last_modified);
    /* S3's ETags are strong and quoted; anything else is dropped */
    if (object->etag[0] == '"')
        snprintf(entry.etag, sizeof(entry.etag), "%s", object->etag);
    snprintf(entry.content_type, sizeof(entry.content_type), "%s",
             vb_edge_content_type(object->content_type));
    return vb_cache_entry_create(cache, &entry, body);
}

static int answer(struct vb_cache *cache, int r, const struct vb_s3_object *object, char *body,
                  struct vb_cache_entry **ret_entry, struct vb_error *err)
{
    static const struct vb_cache_entry missing = {.missing = true};

    if (r < 0 && r != -ENOENT)
        return r;
    struct vb_cache_entry *entry =
        r == 0 ? describe(cache, object, body) : vb_cache_entry_create(cache, &missing, NULL);
    if (!entry)
        return vb_error_set(err, ENOMEM, "out of memory for an object");
    *ret_entry = entry;
    return 0;
}

int vb_origin_describe(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                       struct vb_cache_entry **ret_entry, struct vb_error *err)
{
    struct vb_s3_object object = {0};
    int r = vb_s3_head(s3, key, &object, err);

    return answer(cache, r, &object, NULL, ret_entry, err);
}

int vb_origin_fetch(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                    struct vb_cache_entry **ret_entry, bool *ret_keep, struct vb_error *err)
{
    struct vb_s3_object object = {0};
    struct vb_strbuf body VB_CLEANUP(vb_strbuf_release) = {0};
    char *whole = NULL;

    *ret_keep = vb_cache_has_room(cache, vb_cache_body_max(cache));
    if (!*ret_keep)
        return vb_origin_describe(s3, cache, key, ret_entry, err);
    vb_strbuf_init(&body, vb_cache_body_max(cache));
    int r = vb_s3_get_data(s3, key, 0, (int64_t)vb_cache_body_max(cache), NULL, &body, &object, err);
    /* an object of no bytes has no range that could be satisfied */
    if (r == -ENODATA)
        r = vb_s3_head(s3, key, &object, err);
    if (r == 0 && object.size == 0)
        whole = vb_xcalloc(1, 1);
    else if (r == 0 && !vb_strbuf_failed(&body) && object.size == (int64_t)body.length)
        whole = vb_strbuf_detach(&body);
    return answer(cache, r, &object, whole, ret_entry, err);
}

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

int vb_origin_piece(struct vb_s3_client *s3, struct vb_cache *cache, const char *key,
                    const struct vb_cache_entry *entry, int64_t offset, size_t size,
                    struct vb_cache_entry **ret_entry, struct vb_error *err)
{
    struct vb_cache_entry description = *entry;
    struct target target = {.buffer = malloc(size), .capacity = size};
    int r;

    if (!target.buffer)
        return vb_error_set(err, ENOMEM, "out of memory for a piece of the object %s", key);
    r = vb_s3_get(s3, key, offset, (int64_t)size, entry->etag[0] ? entry->etag : NULL, into_target, &target,
                  NULL, err);
    if (r == 0 && target.size != size)
        r = vb_error_set(err, EIO, "the bucket sent fewer bytes of the object %s than were asked for", key);
    if (r < 0) {
        free(target.buffer);
        return r;
    }
    description.size = (int64_t)size;
    *ret_entry = vb_cache_entry_create(cache, &description, target.buffer);
    return *ret_entry ? 0 : vb_error_set(err, ENOMEM, "out of memory for a piece of the object %s", key);
}
