/* Garbage collection of the bucket: see gc.h. */
#include "ops/gc.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "db/garbage.h"
#include "db/sweep.h"
#include "db/text_array.h"
#include "media/keys.h"
#include "s3/multipart.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH            500 /* keys in one query */
#define KEYS_BYTES_MAX   ((size_t)BATCH * 2200)
#define REPLACED_AFTER_S 60 /* as the service's sweeper has it */
#define SUSPICIOUS_MIN   20 /* objects without a row; fewer are never suspicious */

struct object {
    char *key;
    int64_t size, age_s;
    char reason[48]; /* "": it stays */
    bool without_row;
};

struct objects {
    struct object *all;
    size_t count, room;
};

struct gc {
    const struct vb_gc_config *config;
    struct vb_error *err;
    int64_t now_s;
    struct objects batch, garbage;
    struct vb_gc_counts counts;
    int result; /* of the last call that ended a listing */
};

static void objects_add(struct objects *objects, struct object object)
{
    if (objects->count == objects->room) {
        objects->room = objects->room ? 2 * objects->room : 64;
        objects->all = vb_xrealloc(objects->all, objects->room * sizeof(*objects->all));
    }
    objects->all[objects->count++] = object;
}

static void objects_clear(struct objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        free(objects->all[i].key);
    objects->count = 0;
}

static void objects_release(struct objects *objects)
{
    objects_clear(objects);
    free(objects->all);
}

/* ---- what the database says of a batch ---- */

static void add_keys(const struct objects *objects, size_t from, size_t to, struct vb_strbuf *out)
{
    vb_strbuf_init(out, KEYS_BYTES_MAX);
    vb_text_array_begin(out);
    for (size_t i = from; i < to; i++)
        vb_text_array_add(out, objects->all[i].key);
    vb_text_array_end(out);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct object *)a)->key, ((const struct object *)b)->key);
}

static void sort(struct objects *objects)
{
    if (objects->count) /* none: all may be NULL */
        qsort(objects->all, objects->count, sizeof(*objects->all), compare_keys);
}

/* Within [from, to), which are sorted by key. */
static struct object *find_object(const struct objects *objects, size_t from, size_t to, const char *key)
{
    const struct object wanted = {.key = (char *)key};

    return bsearch(&wanted, objects->all + from, to - from, sizeof(wanted), compare_keys);
}

/* The part of some objects that the database is asked about. */
struct asked {
    const struct objects *objects;
    size_t from, to;
};

static int note_unneeded(void *context, const struct vb_unneeded *unneeded)
{
    const struct asked *asked = context;
    struct object *object = find_object(asked->objects, asked->from, asked->to, unneeded->key);

    if (object) {
        snprintf(object->reason, sizeof(object->reason), "%s", unneeded->why);
        object->without_row = unneeded->without_row;
    }
    return 0;
}

/* Fills the reasons of what the table media does not need. */
static int judge(struct gc *gc, struct objects *objects, size_t from, size_t to)
{
    struct vb_strbuf keys VB_CLEANUP(vb_strbuf_release);
    struct asked asked = {objects, from, to};

    add_keys(objects, from, to, &keys);
    for (size_t i = from; i < to; i++)
        objects->all[i].reason[0] = '\0';
    return vb_garbage_find(gc->config->db, keys.data, REPLACED_AFTER_S, note_unneeded, &asked, gc->err);
}

static int note_named(void *context, const char *key)
{
    const struct asked *asked = context;
    struct object *object = find_object(asked->objects, asked->from, asked->to, key);

    if (object)
        object->reason[0] = '\0';
    return 0;
}

/* Takes the reasons back of what a user, an activity or a story names. */
static int spare_named(struct gc *gc, struct objects *objects, size_t from, size_t to)
{
    struct vb_strbuf keys VB_CLEANUP(vb_strbuf_release);
    struct asked asked = {objects, from, to};

    add_keys(objects, from, to, &keys);
    return vb_garbage_named(gc->config->db, keys.data, note_named, &asked, gc->err);
}

static bool is_young(const struct gc *gc, const struct object *object)
{
    return object->without_row && object->age_s < (int64_t)gc->config->options.min_age_hours * 3600;
}

/* ---- looking for garbage ---- */

/* What may be garbage goes from the batch to the garbage. */
static int sift(struct gc *gc)
{
    struct objects *batch = &gc->batch;
    int r;

    sort(batch);
    r = batch->count ? judge(gc, batch, 0, batch->count) : 0;
    for (size_t i = 0; r == 0 && i < batch->count; i++)
        if (batch->all[i].reason[0] && !is_young(gc, &batch->all[i])) {
            objects_add(&gc->garbage, batch->all[i]);
            batch->all[i].key = NULL;
        }
    objects_clear(batch);
    return r;
}

static int visit_object(void *context, const struct vb_s3_listed *listed)
{
    struct gc *gc = context;

    gc->counts.looked_at++;
    objects_add(&gc->batch, (struct object){.key = vb_xstrdup(listed->key),
                                            .size = listed->size,
                                            .age_s = gc->now_s - listed->last_modified_s});
    gc->result = gc->batch.count == BATCH ? sift(gc) : 0;
    return gc->result;
}

/* Goes through the garbage in batches that are sorted by key: it was found prefix by prefix. */
static int each_batch(struct gc *gc, int (*visit)(struct gc *gc, size_t from, size_t to))
{
    size_t count = gc->garbage.count;
    int r = 0;

    for (size_t from = 0; r == 0 && from < count; from += BATCH)
        r = visit(gc, from, from + BATCH < count ? from + BATCH : count);
    return r;
}

static int spare_batch(struct gc *gc, size_t from, size_t to)
{
    return spare_named(gc, &gc->garbage, from, to);
}

static int find_garbage(struct gc *gc)
{
    int r = 0;

    for (const char *const *prefix = vb_media_public_prefixes; r == 0 && *prefix; prefix++) {
        r = vb_s3_list(gc->config->s3, *prefix, visit_object, gc, gc->err);
        if (r == -ECANCELED)
            r = gc->result;
        if (r == 0)
            r = sift(gc);
    }
    sort(&gc->garbage);
    if (r == 0)
        r = each_batch(gc, spare_batch);
    for (size_t i = 0; i < gc->garbage.count; i++)
        gc->counts.without_row += gc->garbage.all[i].reason[0] && gc->garbage.all[i].without_row;
    return r;
}

int vb_gc_check_plausible(const struct vb_gc_counts *counts, const char *bucket, struct vb_error *err)
{
    if (counts->without_row < SUSPICIOUS_MIN || 2 * counts->without_row < counts->looked_at)
        return 0;
    return vb_error_set(err, EXDEV,
                        "no row of the database names %" PRIu64 " of the %" PRIu64 " media in bucket %s",
                        counts->without_row, counts->looked_at, bucket);
}

/* ---- what becomes of it ---- */

static void report(const struct gc *gc, const struct vb_gc_item *item)
{
    gc->config->report(gc->config->context, item);
}

static void count_garbage(struct gc *gc, const struct object *object, enum vb_gc_event event)
{
    gc->counts.garbage++;
    gc->counts.garbage_bytes += object->size;
    report(gc, &(struct vb_gc_item){
                   .event = event, .key = object->key, .size_bytes = object->size, .reason = object->reason});
}

static int list_batch(struct gc *gc, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (gc->garbage.all[i].reason[0])
            count_garbage(gc, &gc->garbage.all[i], VB_GC_FOUND);
    return 0;
}

static void remove_object(struct gc *gc, const struct object *object)
{
    struct vb_error error = {0};

    if (vb_s3_delete(gc->config->s3, object->key, &error) == 0) {
        count_garbage(gc, object, VB_GC_REMOVED);
        return;
    }
    gc->counts.failed++;
    report(gc, &(struct vb_gc_item){.event = VB_GC_FAILED,
                                    .key = object->key,
                                    .size_bytes = object->size,
                                    .reason = object->reason,
                                    .error = &error});
}

/* Asks the database once more: an object that a row names by now stays. */
static int remove_batch(struct gc *gc, size_t from, size_t to)
{
    int r = judge(gc, &gc->garbage, from, to);

    if (r == 0)
        r = spare_named(gc, &gc->garbage, from, to);
    for (size_t i = from; r == 0 && i < to; i++)
        if (gc->garbage.all[i].reason[0])
            remove_object(gc, &gc->garbage.all[i]);
    return r;
}

/* Their media are then garbage. */
static int end_stories(struct gc *gc)
{
    int64_t ended = VB_SWEEP_BATCH;
    int r = 0;

    while (r == 0 && ended == VB_SWEEP_BATCH)
        r = vb_sweep_stories(gc->config->db, &ended, gc->err);
    return r;
}

static void note_staged(struct gc *gc, const char *key, int64_t size)
{
    gc->counts.staged++;
    report(gc, &(struct vb_gc_item){.event = VB_GC_STAGED, .key = key, .size_bytes = size});
}

static int visit_staged(void *context, const struct vb_s3_listed *listed)
{
    struct gc *gc = context;

    note_staged(gc, listed->key, listed->size);
    return 0;
}

static int visit_parts(void *context, const struct vb_s3_upload *upload)
{
    struct gc *gc = context;

    note_staged(gc, upload->key, -1);
    return 0;
}

static int list_staged(struct gc *gc)
{
    int r = vb_s3_list(gc->config->s3, VB_STAGED_PREFIX, visit_staged, gc, gc->err);

    return r < 0 ? r : vb_s3_multipart_list(gc->config->s3, VB_STAGED_PREFIX, visit_parts, gc, gc->err);
}

static int look(struct gc *gc)
{
    int r = find_garbage(gc);

    if (r == 0)
        r = each_batch(gc, list_batch);
    return r < 0 ? r : list_staged(gc);
}

static int collect(struct gc *gc)
{
    int r = end_stories(gc);

    if (r == 0)
        r = find_garbage(gc);
    if (r == 0 && !gc->config->options.force)
        r = vb_gc_check_plausible(&gc->counts, gc->config->bucket, gc->err);
    return r < 0 ? r : each_batch(gc, remove_batch);
}

int vb_gc_run(const struct vb_gc_config *config, struct vb_gc_counts *ret_counts, struct vb_error *err)
{
    struct gc gc = {.config = config, .err = err, .now_s = vb_clock_realtime_s()};
    int r = config->options.dry_run ? look(&gc) : collect(&gc);

    objects_release(&gc.batch);
    objects_release(&gc.garbage);
    if (r == 0)
        *ret_counts = gc.counts;
    return r;
}
