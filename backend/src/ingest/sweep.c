/* One run of the sweeper: see sweep.h. */
#include "ingest/sweep.h"

#include "ingest/staged.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "db/idempotency.h"
#include "db/sweep.h"
#include "s3/multipart.h"

#include <errno.h>
#include <stdio.h>

#define FAILURES_MAX   5              /* then the run ends: something is away */
#define FOREIGN_AFTER  (24 * 60 * 60) /* s; keys in staging that are not of this server's tickets */
#define OLD_KEYS_BATCH 1000

struct run {
    struct vb_sweep *sweep;
    struct vb_db *db; /* holds the right to sweep */
    struct vb_error *err;
    int64_t now_s;
};

const char *vb_sweep_outcome_name(enum vb_sweep_outcome outcome)
{
    static const char *const names[VB_SWEEP_OUTCOMES] = {
        "story_ended", "deleted", "key_forgotten", "completed", "rejected",
        "aborted",     "tidied",  "finished",      "abandoned", "failed"};

    return names[outcome];
}

static void count(const struct run *run, enum vb_sweep_outcome outcome, int64_t amount)
{
    run->sweep->counts[outcome] += (uint64_t)amount;
}

static bool is_over(const struct run *run)
{
    return atomic_load(run->sweep->stop) || run->sweep->counts[VB_SWEEP_FAILED] >= FAILURES_MAX;
}

/* Counts an object as gone that way, or the failure. */
static void delete_object(const struct run *run, const char *key, enum vb_sweep_outcome outcome)
{
    int r = vb_api_delete_object(run->sweep->api, run->sweep->s3, key, run->err);

    count(run, r == 0 ? outcome : VB_SWEEP_FAILED, 1);
}

static int end_stories(const struct run *run)
{
    int64_t removed = VB_SWEEP_BATCH;
    int r = 0;

    while (r == 0 && removed == VB_SWEEP_BATCH && !is_over(run)) {
        removed = 0;
        r = vb_sweep_stories(run->db, &removed, run->err);
        count(run, VB_SWEEP_STORY_ENDED, removed);
    }
    return r;
}

static int forget_old_keys(const struct run *run)
{
    int64_t removed = OLD_KEYS_BATCH;
    int r = 0;

    while (r == 0 && removed == OLD_KEYS_BATCH && !is_over(run)) {
        removed = 0;
        r = vb_idempotency_forget_old(run->db, &removed, run->err);
        count(run, VB_SWEEP_KEY_FORGOTTEN, removed);
    }
    return r;
}

/* The object first, then its row: whoever is killed in between finds the row again. */
static int visit_replaced(void *context, const struct vb_media_object *object)
{
    const struct run *run = context;
    uint64_t failed = run->sweep->counts[VB_SWEEP_FAILED];

    if (is_over(run))
        return -ECANCELED;
    if (object->poster_key)
        delete_object(run, object->poster_key, VB_SWEEP_DELETED);
    delete_object(run, object->key, VB_SWEEP_DELETED);
    return failed == run->sweep->counts[VB_SWEEP_FAILED] ? vb_media_forget(run->db, object->key, run->err)
                                                         : 0;
}

static int delete_replaced(struct run *run)
{
    int r = vb_sweep_deleting(run->db, run->sweep->replaced_after_s, visit_replaced, run, run->err);

    return r == -ECANCELED ? 0 : r;
}

/* What became of an upload that was taken up again; true if its staged object is of no more use. */
static bool count_promotion(const struct run *run, enum vb_promotion_result result,
                            enum vb_sweep_outcome done, enum vb_sweep_outcome *ret_useless)
{
    switch (result) {
    case VB_PROMOTION_DONE:
        count(run, done, 1);
        return false; /* it went with that */
    case VB_PROMOTION_NOT_ARRIVED:
        return false; /* somebody else has just finished with it */
    case VB_PROMOTION_DONE_BEFORE:
    case VB_PROMOTION_CANCELLED:
        *ret_useless = VB_SWEEP_TIDIED;
        return true;
    case VB_PROMOTION_WRONG_LENGTH:
    case VB_PROMOTION_WRONG_TYPE:
    case VB_PROMOTION_UNKNOWN_TYPE:
    case VB_PROMOTION_BAD_MEDIA:
    case VB_PROMOTION_WRONG_TARGET:
    case VB_PROMOTION_DAMAGED:
    case VB_PROMOTION_NO_PLACE:
    case VB_PROMOTION_FORBIDDEN:
    case VB_PROMOTION_NO_OWNER:
        *ret_useless = VB_SWEEP_REJECTED;
        return true;
    case VB_PROMOTION_DATABASE:
    case VB_PROMOTION_STORAGE:
    case VB_PROMOTION_BUSY:
        count(run, VB_SWEEP_FAILED, 1);
        return false;
    }
    return false;
}

static void take_up_staged(const struct run *run, const char *key, int64_t age_s)
{
    struct vb_sweep *sweep = run->sweep;
    struct vb_promotion promotion = {.s3 = sweep->s3};
    struct vb_media media VB_CLEANUP(vb_media_release) = {0};
    enum vb_sweep_outcome useless = VB_SWEEP_REJECTED;
    enum vb_promotion_result result;
    struct vb_staged_names names;
    int error = 0;

    if (vb_staged_from_key(sweep->api, key, &names, &promotion) < 0) {
        if (age_s >= FOREIGN_AFTER)
            delete_object(run, key, VB_SWEEP_REJECTED);
        return;
    }
    result = vb_promote(sweep->api, &promotion, &media, &error, run->err);
    if (count_promotion(run, result, VB_SWEEP_COMPLETED, &useless))
        delete_object(run, key, useless);
}

static int visit_staged(void *context, const struct vb_s3_listed *object)
{
    const struct run *run = context;
    int64_t age_s = run->now_s - object->last_modified_s;

    if (is_over(run))
        return -1;
    if (age_s >= (int64_t)run->sweep->uploads_after_s)
        take_up_staged(run, object->key, age_s);
    return 0;
}

static int visit_part(void *context, const struct vb_s3_part *part)
{
    int64_t *last_s = context;

    if (part->last_modified_s > *last_s)
        *last_s = part->last_modified_s;
    return 0;
}

/* How long nothing has happened to it, which is no reason to end it while a phone still sends. Returns 0,
 * -ENOENT if it is over, or a negative errno. */
static int find_age(const struct run *run, const struct vb_s3_upload *upload, int64_t *ret_age_s)
{
    int64_t last_s = upload->initiated_s;
    int r = 0;

    if (run->now_s - last_s >= (int64_t)run->sweep->uploads_after_s)
        r = vb_s3_multipart_parts(run->sweep->s3, upload->key, upload->id, visit_part, &last_s, run->err);
    *ret_age_s = run->now_s - last_s;
    return r;
}

/* The promotion makes an object of it if it can; what is left then, nothing will come of. */
static void take_up_parts(const struct run *run, const struct vb_s3_upload *upload, int64_t age_s)
{
    struct vb_sweep *sweep = run->sweep;
    uint64_t failed = sweep->counts[VB_SWEEP_FAILED];
    struct vb_promotion promotion = {0};
    struct vb_staged_names names;
    bool ours = vb_staged_from_key(sweep->api, upload->key, &names, &promotion) == 0;
    int r;

    if (!ours && age_s < FOREIGN_AFTER)
        return;
    if (ours)
        take_up_staged(run, upload->key, age_s);
    if (failed != sweep->counts[VB_SWEEP_FAILED])
        return;
    r = vb_s3_multipart_abort(sweep->s3, upload->key, upload->id, run->err);
    if (r != -ENOENT)
        count(run, r == 0 ? VB_SWEEP_ABORTED : VB_SWEEP_FAILED, 1);
}

static int visit_upload(void *context, const struct vb_s3_upload *upload)
{
    const struct run *run = context;
    int64_t age_s = 0;
    int r;

    if (is_over(run))
        return -1;
    r = find_age(run, upload, &age_s);
    if (r < 0 && r != -ENOENT)
        count(run, VB_SWEEP_FAILED, 1);
    else if (r == 0 && age_s >= (int64_t)run->sweep->uploads_after_s)
        take_up_parts(run, upload, age_s);
    return 0;
}

static int visit_pending(void *context, const char *uuid)
{
    const struct run *run = context;
    enum vb_sweep_outcome useless; /* there is no staged object to ask about */
    enum vb_promotion_result result;
    int error = 0;

    if (is_over(run))
        return -ECANCELED;
    result = vb_promote_pending(run->sweep->api, run->sweep->s3, uuid, &error, run->err);
    if (result == VB_PROMOTION_DONE || result == VB_PROMOTION_DATABASE || result == VB_PROMOTION_STORAGE)
        (void)count_promotion(run, result, VB_SWEEP_FINISHED, &useless);
    else if (result != VB_PROMOTION_DONE_BEFORE && result != VB_PROMOTION_CANCELLED)
        count(run, VB_SWEEP_ABANDONED, 1);
    return 0;
}

static int finish_pending(struct run *run)
{
    int r = vb_sweep_pending(run->db, run->sweep->uploads_after_s, visit_pending, run, run->err);

    return r == -ECANCELED ? 0 : r;
}

static int sweep_all(struct run *run)
{
    int r = end_stories(run);

    if (r == 0)
        r = forget_old_keys(run);
    if (r == 0 && !is_over(run))
        r = delete_replaced(run);
    if (r < 0 || is_over(run))
        return r;
    r = vb_s3_multipart_list(run->sweep->s3, VB_STAGED_PREFIX, visit_upload, run, run->err);
    if (r == 0)
        r = vb_s3_list(run->sweep->s3, VB_STAGED_PREFIX, visit_staged, run, run->err);
    if (r < 0) {
        if (r != -ECANCELED)
            count(run, VB_SWEEP_FAILED, 1);
        return 0;
    }
    /* Only when every staged object has been looked at is a pending row one that has none. */
    return run->sweep->counts[VB_SWEEP_FAILED] == 0 ? finish_pending(run) : 0;
}

int vb_sweep_run(struct vb_sweep *sweep, struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct run run = {.sweep = sweep, .err = err, .now_s = vb_clock_realtime_s()};
    int r;

    for (int outcome = 0; outcome < VB_SWEEP_OUTCOMES; outcome++)
        sweep->counts[outcome] = 0;
    r = vb_db_acquire(sweep->api->db, &db, err);
    if (r == 0)
        r = vb_sweep_lock(db, err);
    if (r < 0)
        return r;
    run.db = db;
    r = sweep_all(&run);
    vb_sweep_unlock(db);
    return r;
}
