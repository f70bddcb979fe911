/* vibe media gc: see gc.h. */
#include "ops/gc.h"

#include "app/bucket.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "db/garbage.h"
#include "db/sweep.h"
#include "db/text_array.h"
#include "edge/key.h"
#include "s3/multipart.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGED_PREFIX       "user-uploads/"
#define BATCH               500 /* keys that the database is asked about at once */
#define KEYS_BYTES_MAX      ((size_t)BATCH * 2200)
#define REPLACED_AFTER_S    60 /* as the service's sweeper has it */
#define SUSPICIOUS_MIN      20 /* objects without a row that may be most of the bucket */
#define GC_QUERY_TIMEOUT_MS 120000

static const char no_row[] = "no row names it"; /* as vb_garbage_find() says */

struct object {
    char *key;
    int64_t size, age_s;
    char reason[48]; /* "": it stays */
};

struct objects {
    struct object *all;
    size_t count, room;
};

struct gc {
    const struct vb_gc_options *options;
    struct vb_bucket bucket;
    struct vb_db_pool *pool;
    struct vb_db *db;
    struct vb_error *err;
    int64_t now_s;
    struct objects batch, garbage;
    uint64_t looked_at, without_row, staged, failed, removed;
    int64_t removed_bytes;
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

/* 12 to 999 bytes, kB, MB or GB: seven columns. */
static const char *size_text(int64_t bytes, char text[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    double amount = (double)bytes;
    size_t unit = 0;

    while (amount >= 999.5 && unit + 1 < VB_ARRAY_SIZE(units)) {
        amount /= 1000;
        unit++;
    }
    snprintf(text, 32, unit && amount < 9.95 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
    return text;
}

static void print_line(const char *what, int64_t size, const char *reason, const char *key)
{
    char text[32];

    printf("%-12s  %7s  %-30s  %s\n", what, size < 0 ? "" : size_text(size, text), reason, key);
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

/* Fills the reasons of what the table media does not need. */
static int judge(struct gc *gc, struct objects *objects, size_t from, size_t to)
{
    struct vb_strbuf keys VB_CLEANUP(vb_strbuf_release);
    PGresult *found VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    add_keys(objects, from, to, &keys);
    r = vb_garbage_find(gc->db, keys.data, REPLACED_AFTER_S, &found, gc->err);
    for (size_t i = from; i < to; i++)
        objects->all[i].reason[0] = '\0';
    for (int row = 0; r == 0 && row < PQntuples(found); row++) {
        struct object *object = find_object(objects, from, to, PQgetvalue(found, row, 0));

        if (object)
            snprintf(object->reason, sizeof(object->reason), "%s", PQgetvalue(found, row, 1));
    }
    return r;
}

/* Takes the reasons back of what a user, an activity or a story names. */
static int spare_named(struct gc *gc, struct objects *objects, size_t from, size_t to)
{
    struct vb_strbuf keys VB_CLEANUP(vb_strbuf_release);
    PGresult *named VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    add_keys(objects, from, to, &keys);
    r = vb_garbage_named(gc->db, keys.data, &named, gc->err);
    for (int row = 0; r == 0 && row < PQntuples(named); row++) {
        struct object *object = find_object(objects, from, to, PQgetvalue(named, row, 0));

        if (object)
            object->reason[0] = '\0';
    }
    return r;
}

static bool is_young(const struct gc *gc, const struct object *object)
{
    return strcmp(object->reason, no_row) == 0 && object->age_s < (int64_t)gc->options->min_age_hours * 3600;
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

    gc->looked_at++;
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

    for (const char *const *prefix = vb_edge_public_prefixes; r == 0 && *prefix; prefix++) {
        r = vb_s3_list(gc->bucket.s3, *prefix, visit_object, gc, gc->err);
        if (r == -ECANCELED)
            r = gc->result;
        if (r == 0)
            r = sift(gc);
    }
    sort(&gc->garbage);
    if (r == 0)
        r = each_batch(gc, spare_batch);
    for (size_t i = 0; i < gc->garbage.count; i++)
        gc->without_row += strcmp(gc->garbage.all[i].reason, no_row) == 0;
    return r;
}

/* A bucket of which the database hardly knows anything is another one's, or the database is. */
static int check_plausible(const struct gc *gc)
{
    if (gc->options->force || gc->without_row < SUSPICIOUS_MIN || 2 * gc->without_row < gc->looked_at)
        return 0;
    vb_error_set(gc->err, EINVAL,
                 "no row of the database names %" PRIu64 " of the %" PRIu64 " media in bucket %s",
                 gc->without_row, gc->looked_at, gc->bucket.name);
    return vb_error_hint(gc->err, "is it the right database? If it is, say --force; --dry-run lists them");
}

/* ---- what is found ---- */

static int list_batch(struct gc *gc, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct object *object = &gc->garbage.all[i];

        if (!object->reason[0])
            continue;
        print_line("would remove", object->size, object->reason, object->key);
        gc->removed++;
        gc->removed_bytes += object->size;
    }
    return 0;
}

static void remove_object(struct gc *gc, const struct object *object)
{
    if (vb_s3_delete(gc->bucket.s3, object->key, gc->err) < 0) {
        gc->failed++;
        fprintf(stderr, "vibe: %s could not be removed: %s\n", object->key, gc->err->message);
        return;
    }
    print_line("removed", object->size, object->reason, object->key);
    gc->removed++;
    gc->removed_bytes += object->size;
}

/* The database is asked once more: what has been given a name meanwhile stays. */
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
        r = vb_sweep_stories(gc->db, &ended, gc->err);
    return r;
}

static void note_staged(struct gc *gc, const char *key, int64_t size)
{
    gc->staged++;
    print_line("left", size, "not completed yet", key);
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
    int r = vb_s3_list(gc->bucket.s3, STAGED_PREFIX, visit_staged, gc, gc->err);

    return r < 0 ? r : vb_s3_multipart_list(gc->bucket.s3, STAGED_PREFIX, visit_parts, gc, gc->err);
}

static void print_sum(const struct gc *gc)
{
    char text[32];

    printf("%s%" PRIu64 " of %" PRIu64 " objects, %s, %s\n", gc->removed || gc->staged ? "\n" : "",
           gc->removed, gc->looked_at, size_text(gc->removed_bytes, text),
           gc->options->dry_run ? "would be removed" : "removed; the CDN forgets them within a minute");
    if (gc->staged)
        printf(
            "%" PRIu64
            " uploads that were never completed are left to the service, which completes or removes them\n",
            gc->staged);
}

static int collect(struct gc *gc)
{
    bool dry_run = gc->options->dry_run;
    int r = dry_run ? 0 : end_stories(gc);

    if (r == 0)
        r = find_garbage(gc);
    if (r == 0 && !dry_run)
        r = check_plausible(gc);
    if (r == 0)
        r = each_batch(gc, dry_run ? list_batch : remove_batch);
    if (r == 0 && dry_run)
        r = list_staged(gc);
    if (r == 0)
        print_sum(gc);
    if (r == 0 && dry_run)
        r = check_plausible(gc);
    if (r == 0 && gc->failed)
        r = vb_error_set(gc->err, EIO, "%" PRIu64 " objects could not be removed: run this again",
                         gc->failed);
    return r;
}

int vb_media_gc(const struct vb_gc_options *options, struct vb_error *err)
{
    struct gc gc = {.options = options, .err = err, .now_s = vb_clock_realtime_s()};
    int r = vb_bucket_open(&gc.bucket, true, err);

    if (r == 0) {
        gc.pool = vb_db_pool_create(&(struct vb_db_config){.url = gc.bucket.database_url,
                                                           .connections_max = 1,
                                                           .statement_timeout_ms = GC_QUERY_TIMEOUT_MS});
        r = vb_db_acquire(gc.pool, &gc.db, err);
    }
    if (r == 0)
        r = collect(&gc);
    vb_db_release(gc.db);
    vb_db_pool_destroy(gc.pool);
    vb_bucket_close(&gc.bucket);
    objects_release(&gc.batch);
    objects_release(&gc.garbage);
    return r;
}
