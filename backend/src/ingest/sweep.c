/* One run of the sweeper: see sweep.h. */
#include "ingest/sweep.h"

#include "ingest/promote.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "db/idempotency.h"
#include "db/sweep.h"
#include "s3/multipart.h"

#include <errno.h>
#include <stdio.h>

#define FAILURES_MAX   5              /* then the run ends: a dependency is unreachable */
#define FOREIGN_AFTER  (24 * 60 * 60) /* s; keys in staging that belong to no ticket of this server */
#define OLD_KEYS_BATCH 1000

struct run {
    struct vb_sweep *sweep;
    struct vb_db *db; /* holds the sweeper's lock */
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

/* Deletes an object and counts that, or the failure. */
static void delete_object(const struct run *run, const char *key, enum vb_sweep_outcome outcome)
{
    int r = vb_ingest_delete(run->sweep->ingest, key, run->err);

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

static int visit_replaced(void *context, const struct vb_media_object *object)
{
    const struct run *run = context;
    int r;

    if (is_over(run))
        return -ECANCELED;
    r = vb_ingest_delete_media(run->sweep->ingest, object->key, object->poster_key, run->err);
    if (r < 0)
        count(run, VB_SWEEP_FAILED, 1);
    else
        count(run, VB_SWEEP_DELETED, object->poster_key ? 2 : 1);
    return 0;
}

static int delete_replaced(struct run *run)
{
    int r = vb_sweep_deleting(run->db, run->sweep->replaced_after_s, visit_replaced, run, run->err);

    return r == -ECANCELED ? 0 : r;
}

/* What follows from an outcome of vb_promote(): which count it adds to, and what is deleted. SKIPPED: it adds
 * to none. */
#define SKIPPED VB_SWEEP_OUTCOMES
enum useless { NOTHING, PARTS, ALL }; /* PARTS: those that no object was made of; ALL: the object too */
static const struct {
    enum vb_sweep_outcome counted;
    enum useless useless;
} judgement[VB_OUTCOMES] = {
    [VB_OUTCOME_DONE] = {VB_SWEEP_COMPLETED, PARTS}, /* the promotion deleted it */
    [VB_OUTCOME_DONE_BEFORE] = {VB_SWEEP_TIDIED, ALL},
    [VB_OUTCOME_NOT_ARRIVED] = {SKIPPED, PARTS},
    [VB_OUTCOME_INCOMPLETE] = {SKIPPED, PARTS},
    [VB_OUTCOME_WRONG_LENGTH] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_WRONG_TYPE] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_UNKNOWN_TYPE] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_WRONG_TARGET] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_UNKNOWN_PURPOSE] = {SKIPPED, NOTHING}, /* a copy that knows it takes it up */
    [VB_OUTCOME_BAD_MEDIA] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_DAMAGED] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_NOT_PENDING] = {SKIPPED, NOTHING}, /* no promotion ends so */
    [VB_OUTCOME_CANCELLED] = {VB_SWEEP_TIDIED, ALL},
    [VB_OUTCOME_NO_PLACE] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_FORBIDDEN] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_NO_OWNER] = {VB_SWEEP_REJECTED, ALL},
    [VB_OUTCOME_BUSY] = {VB_SWEEP_FAILED, NOTHING},
    [VB_OUTCOME_DATABASE] = {VB_SWEEP_FAILED, NOTHING},
    [VB_OUTCOME_STORAGE] = {VB_SWEEP_FAILED, NOTHING},
};

/* Counts a promotion. The run reports its last failure. */
static void count_promotion(const struct run *run, enum vb_sweep_outcome counted, const struct vb_error *err)
{
    if (counted == VB_SWEEP_FAILED)
        *run->err = *err;
    if (counted != SKIPPED)
        count(run, counted, 1);
}

/* Whether parts with this key are useless now. */
static bool take_up_staged(const struct run *run, const char *key, int64_t age_s)
{
    const struct vb_ingest *ingest = run->sweep->ingest;
    struct vb_media media VB_CLEANUP(vb_media_release) = {0};
    struct vb_staged_names names;
    struct vb_error err = {0};
    struct vb_staged staged;
    enum vb_outcome outcome;
    uint64_t failed = run->sweep->counts[VB_SWEEP_FAILED];

    if (vb_staged_from_key(ingest->keys, key, &names, &staged) < 0) {
        if (age_s >= FOREIGN_AFTER)
            delete_object(run, key, VB_SWEEP_REJECTED);
        return false;
    }
    outcome = vb_promote(ingest, &staged, &media, &err);
    if (judgement[outcome].useless == ALL) /* delete_object() counts */
        delete_object(run, key, judgement[outcome].counted);
    else
        count_promotion(run, judgement[outcome].counted, &err);
    return judgement[outcome].useless != NOTHING && failed == run->sweep->counts[VB_SWEEP_FAILED];
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

/* How long ago its last part arrived: an upload that a phone still sends is young. -ENOENT: it is over. */
static int find_age(const struct run *run, const struct vb_s3_upload *upload, int64_t *ret_age_s)
{
    int64_t last_s = upload->initiated_s;
    int r = 0;

    if (run->now_s - last_s >= (int64_t)run->sweep->uploads_after_s)
        r = vb_s3_multipart_parts(run->sweep->ingest->s3, upload->key, upload->id, visit_part, &last_s,
                                  run->err);
    *ret_age_s = run->now_s - last_s;
    return r;
}

/* The promotion makes an object of the parts if all are there. Else the upload is aborted. */
static void take_up_parts(const struct run *run, const struct vb_s3_upload *upload, int64_t age_s)
{
    struct vb_sweep *sweep = run->sweep;
    struct vb_staged_names names;
    struct vb_staged staged;
    bool ours = vb_staged_from_key(sweep->ingest->keys, upload->key, &names, &staged) == 0;
    int r;

    if (!ours && age_s < FOREIGN_AFTER)
        return;
    if (ours && !take_up_staged(run, upload->key, age_s))
        return;
    r = vb_s3_multipart_abort(sweep->ingest->s3, upload->key, upload->id, run->err);
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

/* The same for vb_promote_pending(), which deletes by itself. */
static const struct {
    bool possible; /* a promotion of a pending row ends so */
    enum vb_sweep_outcome counted;
} counted_pending[VB_OUTCOMES] = {
    [VB_OUTCOME_DONE] = {true, VB_SWEEP_FINISHED},
    [VB_OUTCOME_DONE_BEFORE] = {true, SKIPPED},
    [VB_OUTCOME_NOT_ARRIVED] = {true, VB_SWEEP_ABANDONED},
    [VB_OUTCOME_UNKNOWN_PURPOSE] = {true, SKIPPED},
    [VB_OUTCOME_NOT_PENDING] = {true, SKIPPED},
    [VB_OUTCOME_CANCELLED] = {true, SKIPPED},
    [VB_OUTCOME_NO_PLACE] = {true, VB_SWEEP_ABANDONED},
    [VB_OUTCOME_FORBIDDEN] = {true, VB_SWEEP_ABANDONED},
    [VB_OUTCOME_NO_OWNER] = {true, VB_SWEEP_ABANDONED},
    [VB_OUTCOME_DATABASE] = {true, VB_SWEEP_FAILED},
    [VB_OUTCOME_STORAGE] = {true, VB_SWEEP_FAILED},
};

static int visit_pending(void *context, const char *uuid)
{
    const struct run *run = context;
    struct vb_error err = {0};
    enum vb_outcome outcome;

    if (is_over(run))
        return -ECANCELED;
    outcome = vb_promote_pending(run->sweep->ingest, uuid, &err);
    vb_assert(counted_pending[outcome].possible);
    count_promotion(run, counted_pending[outcome].counted, &err);
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
    r = vb_s3_multipart_list(run->sweep->ingest->s3, VB_STAGED_PREFIX, visit_upload, run, run->err);
    if (r == 0)
        r = vb_s3_list(run->sweep->ingest->s3, VB_STAGED_PREFIX, visit_staged, run, run->err);
    if (r < 0) {
        if (r != -ECANCELED)
            count(run, VB_SWEEP_FAILED, 1);
        return 0;
    }
    /* A pending row has no staged object only if this run has looked at all of them. */
    return run->sweep->counts[VB_SWEEP_FAILED] == 0 ? finish_pending(run) : 0;
}

int vb_sweep_run(struct vb_sweep *sweep, struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct run run = {.sweep = sweep, .err = err, .now_s = vb_clock_realtime_s()};
    int r;

    for (int outcome = 0; outcome < VB_SWEEP_OUTCOMES; outcome++)
        sweep->counts[outcome] = 0;
    r = vb_db_acquire(sweep->ingest->db, &db, err);
    if (r == 0)
        r = vb_sweep_lock(db, err);
    if (r < 0)
        return r;
    run.db = db;
    r = sweep_all(&run);
    vb_sweep_unlock(db);
    return r;
}
