/* From staging to public: see promote.h for the drawing and the invariants. */
#include "ingest/promote.h"

#include "ingest/decode.h"
#include "ingest/inspect.h"
#include "ingest/parts.h"
#include "ingest/publish.h"
#include "ingest/purpose.h"
#include "ingest/reserve.h"
#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_SIZE 1025 /* S3's limit and a NUL */

enum state {
    LOOK_UP,
    ASSEMBLE,
    INSPECT,
    FETCH,
    DECODE,
    RESERVE,
    RESERVE_AGAIN,
    PUT,
    PUBLISH,
    TIDY,
    CHECK,
    GIVE_UP,
    WITHDRAW,
    END, /* with work->outcome */
    STATES
};

/* Why the row is looked up. */
enum reason { FIRST, GONE, HELD, LOST, RESUMED, REASONS };

struct work {
    const struct vb_ingest *ingest;
    const struct vb_staged *staged; /* NULL: only the row is known */
    const char *uuid;               /* of the upload */
    const struct vb_purpose *purpose;
    struct vb_error *err;

    enum reason reason;
    bool has_row;
    struct vb_media *row; /* as it was looked up last */
    struct vb_inspection inspection;
    int original; /* the fetched file; -1: none */
    struct vb_made made;
    char key[KEY_SIZE], poster_key[KEY_SIZE]; /* where our objects are; poster_key "": none */
    enum vb_outcome outcome;                  /* of the whole, from when it is known */
};

static enum state end(struct work *work, enum vb_outcome outcome)
{
    work->outcome = outcome;
    return END;
}

/* Goes on if the step did its work. If it found no object, the row shows whether another request has
 * published it. */
static enum state go_on(struct work *work, enum vb_outcome outcome, enum state next)
{
    if (outcome == VB_OUTCOME_NOT_ARRIVED) {
        work->reason = GONE;
        return LOOK_UP;
    }
    return outcome == VB_OUTCOME_DONE ? next : end(work, outcome);
}

/* ---- the row ---- */

/* The only look-up of the row. No row is no error. */
static int find_row(struct work *work, struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r;

    vb_media_release(work->row);
    r = vb_db_acquire(work->ingest->db, &db, err);
    if (r == 0)
        r = vb_media_find_by_upload(db, work->uuid, work->row, err);
    work->has_row = r == 0;
    return r == -ENOENT ? 0 : r;
}

/* Of a row that is not pending. A media that was published and replaced since is done all the same. */
static enum vb_outcome outcome_of_row(const struct vb_media *row)
{
    if (!row->user_id)
        return VB_OUTCOME_NO_OWNER;
    return row->published ? VB_OUTCOME_DONE_BEFORE : VB_OUTCOME_CANCELLED;
}

struct move {
    enum state next;
    enum vb_outcome outcome; /* of the whole; DONE: not known yet */
};

/* The table of promote.h. */
static struct move judge_row(const struct work *work)
{
    static const struct move without_row[REASONS] = {
        [FIRST] = {ASSEMBLE, VB_OUTCOME_DONE},     [GONE] = {END, VB_OUTCOME_NOT_ARRIVED},
        [HELD] = {END, VB_OUTCOME_NO_OWNER},       [LOST] = {WITHDRAW, VB_OUTCOME_NO_OWNER},
        [RESUMED] = {END, VB_OUTCOME_NOT_PENDING},
    };
    static const struct move when_pending[REASONS] = {
        [FIRST] = {INSPECT, VB_OUTCOME_DONE}, [GONE] = {END, VB_OUTCOME_NOT_ARRIVED},
        [HELD] = {PUT, VB_OUTCOME_DONE},      [LOST] = {WITHDRAW, VB_OUTCOME_NOT_ARRIVED},
        [RESUMED] = {CHECK, VB_OUTCOME_DONE},
    };
    struct move move = {END, VB_OUTCOME_NOT_PENDING};

    if (!work->has_row)
        return without_row[work->reason];
    if (strcmp(work->row->status, "pending") == 0)
        return when_pending[work->reason];
    if (work->reason == RESUMED)
        return move;
    move.outcome = outcome_of_row(work->row);
    if (work->reason == LOST && move.outcome != VB_OUTCOME_DONE_BEFORE)
        move.next = WITHDRAW;
    return move;
}

static enum state look_up(struct work *work)
{
    struct vb_error err = {0}; /* the step before may have said why there is no object */
    int r = find_row(work, &err);
    struct move move;

    if (r < 0) {
        *work->err = err;
        return end(work, vb_outcome_database(work->err, r));
    }
    move = judge_row(work);
    work->outcome = move.outcome;
    if (move.outcome == VB_OUTCOME_NOT_ARRIVED && work->reason == LOST)
        vb_outcome_not_arrived(work->err);
    return move.next;
}

/* ---- the steps ---- */

static enum state assemble(struct work *work)
{
    if (!vb_parts_wanted(work->staged->ticket.length))
        return INSPECT;
    return go_on(work, vb_parts_assemble(work->ingest->s3, work->staged, work->err), INSPECT);
}

static enum state inspect(struct work *work)
{
    return go_on(
        work, vb_inspect(work->ingest, work->staged, work->purpose->has_target, &work->inspection, work->err),
        FETCH);
}

static enum state fetch(struct work *work)
{
    return go_on(work,
                 vb_fetch(work->ingest, work->staged->key, &work->inspection, &work->original, work->err),
                 DECODE);
}

static enum state decode(struct work *work)
{
    const struct vb_original original = {.file = work->original,
                                         .size = work->inspection.size,
                                         .type = work->inspection.type,
                                         .owner = work->staged->user_id};
    enum vb_outcome outcome = vb_decode(work->ingest->workers, &original, &work->made, work->err);

    vb_closep(&work->original);
    work->original = -1;
    return go_on(work, outcome, work->has_row ? RESERVE_AGAIN : RESERVE);
}

static enum state reserve(struct work *work)
{
    const struct vb_reservation wanted = {.purpose = work->purpose,
                                          .upload_uuid = work->uuid,
                                          .user_id = work->staged->user_id,
                                          .target = &work->inspection.target,
                                          .type = work->inspection.type,
                                          .made = &work->made};

    work->reason = HELD;
    return go_on(work, vb_reserve(work->ingest, &wanted, work->err), LOOK_UP);
}

static enum state reserve_again(struct work *work)
{
    work->reason = HELD;
    return go_on(work, vb_reserve_again(work->ingest, work->row->id, &work->made, work->err), LOOK_UP);
}

/* Our objects are at the keys of the row as it is now. */
static void remember_keys(struct work *work)
{
    snprintf(work->key, sizeof(work->key), "%s", work->row->key);
    snprintf(work->poster_key, sizeof(work->poster_key), "%s",
             work->row->poster_key ? work->row->poster_key : "");
}

static enum state put(struct work *work)
{
    remember_keys(work);
    return go_on(work,
                 vb_publish_objects(work->ingest, &work->made, work->staged->key, work->inspection.etag,
                                    work->row->key, work->row->poster_key, work->err),
                 PUBLISH);
}

static enum state publish(struct work *work)
{
    enum vb_outcome outcome = vb_publish(work->ingest, work->purpose, work->row, work->err);

    switch (outcome) {
    case VB_OUTCOME_DONE:
        return work->staged ? TIDY : end(work, outcome);
    case VB_OUTCOME_NOT_PENDING:
        work->reason = LOST;
        return LOOK_UP;
    case VB_OUTCOME_DATABASE: /* it may come back: the row stays pending */
        return end(work, outcome);
    default:
        work->outcome = outcome;
        return GIVE_UP;
    }
}

static enum state tidy(struct work *work)
{
    vb_s3_delete(work->ingest->s3, work->staged->key, NULL); /* else the sweeper does it */
    return end(work, VB_OUTCOME_DONE);
}

static enum state check(struct work *work)
{
    struct vb_s3_object object;
    int r;

    work->purpose = vb_purpose_named(work->row->purpose);
    if (!work->purpose)
        return end(work, vb_outcome_unknown_purpose(work->err));
    r = vb_s3_head(work->ingest->s3, work->row->key, &object, work->err);
    if (r < 0 && r != -ENOENT)
        return end(work, vb_outcome_storage(work->err, r));
    if (r == 0) {
        remember_keys(work);
        return PUBLISH;
    }
    work->outcome = vb_outcome_not_arrived(work->err);
    return GIVE_UP;
}

static enum state give_up(struct work *work)
{
    struct vb_error err = {0};
    enum vb_outcome outcome = vb_publish_give_up(work->ingest, work->row, &err);

    if (outcome == VB_OUTCOME_DONE)
        return END;
    *work->err = err;
    return end(work, outcome);
}

static enum state withdraw(struct work *work)
{
    vb_publish_withdraw(work->ingest, work->key, *work->poster_key ? work->poster_key : NULL, NULL);
    return END;
}

/* ---- the machine ---- */

#define TO(state)   (UINT32_C(1) << (state))
#define IN(outcome) (UINT32_C(1) << VB_OUTCOME_##outcome)
#define OVER        (IN(DONE_BEFORE) | IN(CANCELLED) | IN(NO_OWNER)) /* of a row that is not pending */
#define OF_FILE     (IN(WRONG_LENGTH) | IN(WRONG_TYPE) | IN(UNKNOWN_TYPE) | IN(WRONG_TARGET))
#define UNPUBLISHED (IN(NO_OWNER) | IN(NO_PLACE) | IN(FORBIDDEN))

/* Each step with its function, the steps that may follow it, and the outcomes in which it may end the
 * whole. */
static const struct step {
    const char *name;
    enum state (*run)(struct work *work);
    uint32_t next, ends;
} steps[STATES] = {
    [LOOK_UP] = {"look up", look_up,
                 TO(ASSEMBLE) | TO(INSPECT) | TO(PUT) | TO(CHECK) | TO(WITHDRAW) | TO(END),
                 OVER | IN(NOT_PENDING) | IN(NOT_ARRIVED) | IN(DATABASE)},
    [ASSEMBLE] = {"assemble", assemble, TO(INSPECT) | TO(LOOK_UP) | TO(END),
                  IN(INCOMPLETE) | IN(DAMAGED) | IN(STORAGE)},
    [INSPECT] = {"inspect", inspect, TO(FETCH) | TO(LOOK_UP) | TO(END), OF_FILE | IN(STORAGE)},
    [FETCH] = {"fetch", fetch, TO(DECODE) | TO(LOOK_UP) | TO(END), IN(BUSY) | IN(STORAGE)},
    [DECODE] = {"decode", decode, TO(RESERVE) | TO(RESERVE_AGAIN) | TO(END), IN(BAD_MEDIA) | IN(BUSY)},
    [RESERVE] = {"reserve", reserve, TO(LOOK_UP) | TO(END), UNPUBLISHED | IN(DATABASE)},
    [RESERVE_AGAIN] = {"reserve again", reserve_again, TO(LOOK_UP) | TO(END), IN(DATABASE)},
    [PUT] = {"put", put, TO(PUBLISH) | TO(LOOK_UP) | TO(END), IN(STORAGE)},
    [PUBLISH] = {"publish", publish, TO(TIDY) | TO(GIVE_UP) | TO(LOOK_UP) | TO(END), IN(DONE) | IN(DATABASE)},
    [TIDY] = {"tidy", tidy, TO(END), IN(DONE)},
    [CHECK] = {"check", check, TO(PUBLISH) | TO(GIVE_UP) | TO(END), IN(STORAGE) | IN(UNKNOWN_PURPOSE)},
    [GIVE_UP] = {"give up", give_up, TO(END), UNPUBLISHED | IN(NOT_ARRIVED) | IN(DATABASE)},
    [WITHDRAW] = {"withdraw", withdraw, TO(END), IN(NO_OWNER) | IN(CANCELLED) | IN(NOT_ARRIVED)},
};

/* Whether a step may be followed by another; by END: with this outcome. */
static bool may_follow(const struct step *step, enum state next, enum vb_outcome outcome)
{
    return (step->next & TO(next)) && (next != END || (step->ends & UINT32_C(1) << outcome));
}

/* Runs the steps of a table from the first look-up to the end. */
static enum vb_outcome run(const struct step *table, struct work *work, enum reason reason)
{
    enum state state = LOOK_UP;

    _Static_assert(STATES <= 32 && VB_OUTCOMES <= 32, "they are bits");
    work->reason = reason;
    while (state != END) {
        enum state next = table[state].run(work);

        vb_assert(may_follow(&table[state], next, work->outcome));
        state = next;
    }
    vb_closep(&work->original);
    vb_made_release(&work->made);
    return work->outcome;
}

enum vb_outcome vb_promote(const struct vb_ingest *ingest, const struct vb_staged *staged,
                           struct vb_media *ret_media, struct vb_error *err)
{
    struct work work = {.ingest = ingest,
                        .staged = staged,
                        .uuid = staged->ticket.uuid,
                        .purpose = vb_purpose_of(staged->ticket.purpose),
                        .row = ret_media,
                        .original = -1,
                        .made = VB_MADE_NOTHING,
                        .err = err};

    if (!work.purpose)
        return vb_outcome_unknown_purpose(err);
    return run(steps, &work, FIRST);
}

enum vb_outcome vb_promote_pending(const struct vb_ingest *ingest, const char *upload_uuid,
                                   struct vb_error *err)
{
    struct vb_media row VB_CLEANUP(vb_media_release) = {0};
    struct work work = {.ingest = ingest,
                        .uuid = upload_uuid,
                        .row = &row,
                        .original = -1,
                        .made = VB_MADE_NOTHING,
                        .err = err};

    return run(steps, &work, RESUMED);
}
