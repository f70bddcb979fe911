/*
 * The one thread that changes the index. Callers queue changes and wait; the thread applies all that have
 * gathered in one transaction and commits it, so that they share one fsync.
 */
#ifndef VB_STORE_ENGINE_COMMITTER_H
#define VB_STORE_ENGINE_COMMITTER_H

#include "store/engine/blob.h"
#include "store/engine/index.h"

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a change works with while it is applied. */
struct vb_engine_transaction {
    struct vb_engine_index *index;
    int64_t next_blob_id;              /* never given twice in one session, even after a rollback */
    struct vb_engine_garbage *garbage; /* files to be removed once this is committed */
};

/*
 * A change, embedded at the start of the struct that holds its input and output. apply runs on the
 * committer's thread and returns 0 or -errno; it refuses only before it has written anything, so that a
 * refusal leaves the others of its transaction alone. A failure of the index itself it need not handle: that
 * undoes the whole transaction.
 */
struct vb_engine_change {
    int (*apply)(struct vb_engine_transaction *transaction, struct vb_engine_change *change);
    struct vb_error *err;
    size_t bytes;   /* about as much will be written to the index */
    bool uncertain; /* the result is an error, yet the change may be found made after a crash */
    /* Called on the committer's thread once result is final, for changes that are submitted. The change is the
     * callee's then. Must not block: all others wait. */
    void (*finished)(struct vb_engine_change *change);
    int result; /* 0: on disk; -errno: not to be, with err described */
    /* the committer's */
    sem_t done;
    struct vb_engine_change *next;
};

struct vb_engine_committer;

/* blobs must outlive the result; batch_max: changes a transaction. */
int vb_engine_committer_start(const char *directory, struct vb_engine_blobs *blobs, unsigned batch_max,
                              struct vb_engine_committer **ret_committer, struct vb_error *err);
/* Applies what is queued, then ends. No vb_engine_committer_run() may follow. */
void vb_engine_committer_stop(struct vb_engine_committer *committer);

/* Queues the change and returns; its finished() tells the rest. */
void vb_engine_committer_submit(struct vb_engine_committer *committer, struct vb_engine_change *change);
/* The same for those who can wait; finished is its own. Returns when the change is on disk (0) or is not to be
 * (-errno, with change->err described). */
int vb_engine_committer_run(struct vb_engine_committer *committer, struct vb_engine_change *change);

void vb_engine_committer_stats(struct vb_engine_committer *committer, uint64_t *ret_commits,
                               uint64_t *ret_changes, unsigned *ret_waiting);

#endif
