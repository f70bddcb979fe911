/*
 * Objects, from the nearest place that has them: see fetch.h.
 */
#include "edge/fetch.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "edge/fetch_internal.h"
#include "edge/origin.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTION_PART "@"

void vb_fetch_name(const char *key, const char *part, char name[VB_FETCH_NAME_SIZE])
{
    int length = snprintf(name, VB_FETCH_NAME_SIZE, "%s%c%s", key, VB_CACHE_PART, part);

    vb_assert(length < VB_FETCH_NAME_SIZE);
}

/* A thread that waits for the leader of its key. */
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

bool vb_fetch_lead(struct vb_fetch *fetch, const char *name, struct vb_cache_outcome *ret_outcome)
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

struct vb_cache_entry *vb_fetch_load(struct vb_fetch *fetch, const char *key, const char *part)
{
    struct vb_cache_entry description;
    size_t size, size_max = vb_cache_has_room(fetch->cache, VB_FETCH_BODY_MAX) ? VB_FETCH_BODY_MAX : 0;
    char *body;

    if (!fetch->disk || vb_disk_load(fetch->disk, key, part, size_max, &description, &body, &size) < 0)
        return NULL;
    if (body)
        description.size = (int64_t)size;
    return vb_cache_entry_create(fetch->cache, &description, body);
}

void vb_fetch_store(struct vb_fetch *fetch, const char *key, const char *part,
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
    return entry ? entry : vb_fetch_load(fetch, key, part);
}

/* An object that is gone from the origin goes with its pieces and variants. */
static void forget(struct vb_fetch *fetch, const char *key)
{
    vb_cache_purge(fetch->cache, key);
    if (fetch->disk)
        vb_disk_purge(fetch->disk, key);
}

void vb_fetch_note_failure(struct vb_fetch *fetch, const char *key, const struct vb_error *err)
{
    vb_counter_add(fetch->errors, 1);
    vb_log(VB_LOG_WARN, "an object could not be fetched from the bucket", VB_LOG_STR("key", key),
           VB_LOG_STR("error", err->message));
}

bool vb_fetch_is_same(const struct vb_cache_entry *one, const struct vb_cache_entry *other)
{
    return one->etag[0] && strcmp(one->etag, other->etag) == 0;
}

/* Returns 1 if the origin still has the object of the copy, 0 if not, or an error. If the key has no object
 * any more, *ret_entry is a missing entry. */
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
    r = vb_fetch_is_same(copy, now);
    vb_cache_entry_release(now);
    return r;
}

/* Revalidates the copy, or fetches the object anew. copy: NULL if there is none; its reference is taken. */
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
            vb_fetch_store(fetch, key, VB_DISK_OBJECT, outcome.entry);
    }
    if (r < 0) {
        vb_fetch_note_failure(fetch, key, &err);
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
    if (!vb_fetch_lead(fetch, key, ret_outcome))
        return;
    get_object(fetch, key, vb_fetch_recall(fetch, key, VB_DISK_OBJECT), ret_outcome);
    vb_fetch_publish(fetch, key, key, ret_outcome);
}

/* By a HEAD. When the origin fails, an earlier description is used as stale. known: NULL if there is none;
 * its reference is taken. */
static void get_description(struct vb_fetch *fetch, const char *key, struct vb_cache_entry *known,
                            struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome outcome = {.source = VB_CACHE_SOURCE_MISS, .keep = true};
    struct vb_error err = {0};
    int r;

    vb_counter_add(fetch->fetches, 1);
    r = vb_origin_describe(fetch->s3, fetch->cache, key, &outcome.entry, &err);
    if (r < 0) {
        vb_fetch_note_failure(fetch, key, &err);
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
    if (outcome.entry || !vb_fetch_lead(fetch, name, &outcome)) {
        *ret_outcome = outcome;
        return;
    }
    struct vb_cache_entry *known = vb_cache_peek(fetch->cache, name);
    if (!known)
        known = vb_fetch_recall(fetch, key, VB_DISK_OBJECT);
    get_description(fetch, key, known, ret_outcome);
    vb_fetch_publish(fetch, key, name, ret_outcome);
}
