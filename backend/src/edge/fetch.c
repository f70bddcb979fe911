/*
 * Objects, from the nearest place that has them: see fetch.h.
 */
#include "edge/fetch.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "edge/origin.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one ranged GET brings of a large object, and so what a slow reader holds in memory. */
#define PIECE_BYTES ((size_t)256 * 1024)
/* The largest variant, 2560 × 2560 at the best quality, stays below it. */
#define BODY_MAX         ((size_t)16 * 1024 * 1024)
#define DESCRIPTION_PART "@"
#define PICTURE_BYTES    ((int64_t)2 * 1024 * 1024) /* canonical pictures have less */

void vb_fetch_name(const char *key, const char *part, char name[VB_FETCH_NAME_SIZE])
{
    int length = snprintf(name, VB_FETCH_NAME_SIZE, "%s%c%s", key, VB_CACHE_PART, part);

    vb_assert(length < VB_FETCH_NAME_SIZE);
}

/* One who waits for the leader of its key. */
struct sleeper {
    struct vb_cache_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool done;
    struct vb_cache_outcome outcome;
};

static void wake(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry, enum vb_cache_source source,
                 int error)
{
    struct sleeper *sleeper = (struct sleeper *)waiter;

    pthread_mutex_lock(&sleeper->lock);
    sleeper->outcome = (struct vb_cache_outcome){.entry = entry, .source = source, .error = error};
    sleeper->done = true;
    pthread_cond_signal(&sleeper->woken);
    pthread_mutex_unlock(&sleeper->lock);
}

/* Returns true when the caller is to get it, and publish it; false with what memory has, or another got. */
static bool lead(struct vb_fetch *fetch, const char *name, struct vb_cache_outcome *ret_outcome)
{
    struct sleeper sleeper = {.waiter.wake = wake};
    struct vb_cache_outcome outcome = {0};
    enum vb_cache_claim claim;

    pthread_mutex_init(&sleeper.lock, NULL);
    pthread_cond_init(&sleeper.woken, NULL);
    claim = vb_cache_claim(fetch->cache, name, vb_clock_monotonic_ms(), &sleeper.waiter, &outcome.entry,
                           &outcome.source);
    if (claim == VB_CACHE_WAIT) {
        pthread_mutex_lock(&sleeper.lock);
        while (!sleeper.done)
            pthread_cond_wait(&sleeper.woken, &sleeper.lock);
        pthread_mutex_unlock(&sleeper.lock);
        outcome = sleeper.outcome;
    }
    pthread_cond_destroy(&sleeper.woken);
    pthread_mutex_destroy(&sleeper.lock);
    *ret_outcome = outcome;
    return claim == VB_CACHE_LEAD;
}

void vb_fetch_publish(struct vb_fetch *fetch, const char *key, const char *name,
                      const struct vb_cache_outcome *outcome)
{
    if (!vb_cache_publish(fetch->cache, name, outcome, vb_clock_monotonic_ms()) && fetch->disk)
        vb_disk_purge(fetch->disk, key);
}

static struct vb_cache_entry *load(struct vb_fetch *fetch, const char *key, const char *part)
{
    struct vb_cache_entry description;
    size_t size, size_max = vb_cache_has_room(fetch->cache, BODY_MAX) ? BODY_MAX : 0;
    char *body;

    if (!fetch->disk || vb_disk_load(fetch->disk, key, part, size_max, &description, &body, &size) < 0)
        return NULL;
    if (body)
        description.size = (int64_t)size;
    return vb_cache_entry_create(fetch->cache, &description, body);
}

static void store(struct vb_fetch *fetch, const char *key, const char *part,
                  const struct vb_cache_entry *entry)
{
    if (fetch->disk && !entry->missing && !entry->unfit && entry->etag[0])
        vb_disk_store(fetch->disk, key, part, entry, entry->body, entry->body ? (size_t)entry->size : 0);
}

struct vb_cache_entry *vb_fetch_recall(struct vb_fetch *fetch, const char *key, const char *part)
{
    char name[VB_FETCH_NAME_SIZE];
    struct vb_cache_entry *entry;

    if (strcmp(part, VB_DISK_OBJECT) == 0) {
        entry = vb_cache_peek(fetch->cache, key);
    } else {
        vb_fetch_name(key, part, name);
        entry = vb_cache_peek(fetch->cache, name);
    }
    return entry ? entry : load(fetch, key, part);
}

/* What is gone from the bucket goes with everything that was made of it. */
static void forget(struct vb_fetch *fetch, const char *key)
{
    vb_cache_purge(fetch->cache, key);
    if (fetch->disk)
        vb_disk_purge(fetch->disk, key);
}

static void note_failure(struct vb_fetch *fetch, const char *key, const struct vb_error *err)
{
    vb_counter_add(fetch->errors, 1);
    vb_log(VB_LOG_WARN, "an object could not be fetched from the bucket", VB_LOG_STR("key", key),
           VB_LOG_STR("error", err->message));
}

static bool is_same(const struct vb_cache_entry *one, const struct vb_cache_entry *other)
{
    return one->etag[0] && strcmp(one->etag, other->etag) == 0;
}

/* Whether the copy is what the bucket has: 1, 0, or an error. Of an object that is gone, *ret_entry says so. */
static int compare(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *copy,
                   struct vb_cache_entry **ret_entry, struct vb_error *err)
{
    struct vb_cache_entry *now;
    int r = vb_origin_describe(fetch->s3, fetch->cache, key, &now, err);

    if (r < 0)
        return r;
    if (now->missing) {
        *ret_entry = now;
        return 0;
    }
    r = is_same(copy, now);
    vb_cache_entry_release(now);
    return r;
}

/* The copy that is there, if the bucket still has it; otherwise what it has. Takes the copy's reference. */
static void get_object(struct vb_fetch *fetch, const char *key, struct vb_cache_entry *copy,
                       struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome outcome = {.source = VB_CACHE_SOURCE_MISS, .keep = true};
    struct vb_error err = {0};
    int r = 0;

    vb_counter_add(fetch->fetches, 1);
    if (copy)
        r = compare(fetch, key, copy, &outcome.entry, &err);
    if (r > 0) {
        outcome.source = VB_CACHE_SOURCE_HIT;
    } else if (r == 0 && !outcome.entry) {
        r = vb_origin_fetch(fetch->s3, fetch->cache, key, &outcome.entry, &outcome.keep, &err);
        if (r == 0)
            store(fetch, key, VB_DISK_OBJECT, outcome.entry);
    }
    if (r < 0) {
        note_failure(fetch, key, &err);
        outcome.source = VB_CACHE_SOURCE_STALE;
    }
    if (copy && r != 0) {
        outcome.entry = copy;
    } else {
        vb_cache_entry_release(copy);
        outcome.error = r;
    }
    if (copy && outcome.entry && outcome.entry->missing)
        forget(fetch, key);
    *ret_outcome = outcome;
}

void vb_fetch_object(struct vb_fetch *fetch, const char *key, struct vb_cache_outcome *ret_outcome)
{
    if (!lead(fetch, key, ret_outcome))
        return;
    get_object(fetch, key, vb_fetch_recall(fetch, key, VB_DISK_OBJECT), ret_outcome);
    vb_fetch_publish(fetch, key, key, ret_outcome);
}

/* By a HEAD. When the bucket does not answer, a description from earlier has to do. */
static void get_description(struct vb_fetch *fetch, const char *key, struct vb_cache_entry *known,
                            struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome outcome = {.source = VB_CACHE_SOURCE_MISS, .keep = true};
    struct vb_error err = {0};
    int r;

    vb_counter_add(fetch->fetches, 1);
    r = vb_origin_describe(fetch->s3, fetch->cache, key, &outcome.entry, &err);
    if (r < 0) {
        note_failure(fetch, key, &err);
        outcome.source = VB_CACHE_SOURCE_STALE;
    }
    if (r < 0 && known) {
        outcome.entry = known;
    } else {
        if (r == 0 && outcome.entry->missing && known)
            forget(fetch, key);
        vb_cache_entry_release(known);
        outcome.error = r;
    }
    *ret_outcome = outcome;
}

void vb_fetch_description(struct vb_fetch *fetch, const char *key, struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome outcome = {0};
    char name[VB_FETCH_NAME_SIZE];

    outcome.entry = vb_cache_lookup(fetch->cache, key, vb_clock_monotonic_ms(), &outcome.source);
    vb_fetch_name(key, DESCRIPTION_PART, name);
    if (outcome.entry || !lead(fetch, name, &outcome)) {
        *ret_outcome = outcome;
        return;
    }
    struct vb_cache_entry *known = vb_cache_peek(fetch->cache, name);
    if (!known)
        known = vb_fetch_recall(fetch, key, VB_DISK_OBJECT);
    get_description(fetch, key, known, ret_outcome);
    vb_fetch_publish(fetch, key, name, ret_outcome);
}

/* The piece of that number, of the very object that entry describes. */
static void get_piece(struct vb_fetch *fetch, const char *key, const char *part,
                      const struct vb_cache_entry *entry, uint64_t number,
                      struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome outcome = {.source = VB_CACHE_SOURCE_HIT};
    int64_t offset = (int64_t)(number * PIECE_BYTES), left = entry->size - offset;
    size_t size = left < (int64_t)PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    struct vb_error err = {0};

    vb_assert(left > 0);
    outcome.entry = load(fetch, key, part);
    if (outcome.entry && (!is_same(outcome.entry, entry) || outcome.entry->size != (int64_t)size)) {
        vb_cache_entry_release(outcome.entry);
        outcome.entry = NULL;
    }
    if (!outcome.entry) {
        outcome.source = VB_CACHE_SOURCE_MISS;
        outcome.error =
            vb_origin_piece(fetch->s3, fetch->cache, key, entry, offset, size, &outcome.entry, &err);
        if (outcome.error == 0)
            store(fetch, key, part, outcome.entry);
        else
            note_failure(fetch, key, &err);
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
    if (lead(fetch, name, &outcome)) {
        get_piece(fetch, key, part, entry, number, &outcome);
        vb_fetch_publish(fetch, key, name, &outcome);
    }
    *ret_error = outcome.error;
    /* who led may have wanted it of another object that had this key */
    if (outcome.entry && entry->etag[0] && !is_same(outcome.entry, entry)) {
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

/* As much of the piece as the buffer takes and the stream wants. */
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

/* In one request, and past the disk: what is that large is no picture of the media pipeline, and seldom wanted again. */
static int write_at_once(struct vb_fetch *fetch, const char *key, const struct vb_cache_entry *entry,
                         int file)
{
    struct vb_error err = {0};
    int r = vb_s3_get(fetch->s3, key, 0, entry->size, entry->etag[0] ? entry->etag : NULL, into_file, &file,
                      NULL, &err);

    if (r < 0)
        note_failure(fetch, key, &err);
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
    if (outcome.entry->missing || !is_same(outcome.entry, entry))
        r = outcome.entry->missing ? -ENOENT : -EKEYREJECTED;
    else if (outcome.entry->body)
        r = vb_write_all(file, outcome.entry->body, (size_t)outcome.entry->size);
    else
        r = write_pieces(fetch, key, outcome.entry, file);
    vb_cache_entry_release(outcome.entry);
    return r;
}
