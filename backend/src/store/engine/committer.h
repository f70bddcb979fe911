/*
 * Group commit. One thread changes the index: it applies all queued changes in one transaction and commits
 * them together, so that they share one fsync.
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
    struct vb_engine_garbage *garbage; /* files to remove after the commit */
};

/*
 * A change. It is the first member of a struct that holds its input and output.
 *
 * apply runs on the committer's thread and returns 0 or -errno. It must refuse before it writes anything, so
 * that the other changes of the transaction stand. It need not handle failures of the index: they undo the
 * whole transaction.
 */
struct vb_engine_change {
    int (*apply)(struct vb_engine_transaction *transaction, struct vb_engine_change *change);
    struct vb_error *err;
    size_t bytes;   /* of inline data, which limits what goes into one transaction */
    bool uncertain; /* result is an error, but after a crash the change may turn out to be on disk */
    /* For changes that are submitted: called on the committer's thread when result is final. The change
     * belongs to the callee from then on. It must not block, since every other change waits meanwhile. */
    void (*finished)(struct vb_engine_change *change);
    int result; /* 0: on disk; -errno: refused or failed, described in err */
    /* for the committer */
    sem_t done;
    struct vb_engine_change *next;
};

struct vb_engine_committer;

/* blobs must outlive the result. batch_max: the most changes of one transaction. */
int vb_engine_committer_start(const char *directory, struct vb_engine_blobs *blobs, unsigned batch_max,
                              struct vb_engine_committer **ret_committer, struct vb_error *err);
/* Commits what is queued, then ends the thread. NULL is fine. */
void vb_engine_committer_stop(struct vb_engine_committer *committer);

/* Queues the change and returns. change->finished() is called when it is done. */
void vb_engine_committer_submit(struct vb_engine_committer *committer, struct vb_engine_change *change);
/* Queues the change and waits. change->finished is overwritten. Returns change->result. */
int vb_engine_committer_run(struct vb_engine_committer *committer, struct vb_engine_change *change);

void vb_engine_committer_stats(struct vb_engine_committer *committer, uint64_t *ret_commits,
                               uint64_t *ret_changes, unsigned *ret_waiting);

#endif
