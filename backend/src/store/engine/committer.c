/*
 * Group commit: see committer.h.
 */
#include "store/engine/committer.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "base/wait.h"
#include "store/engine/checkpoint.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* The most inline data of one transaction, whatever the number of changes. */
#define BATCH_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define QUIET_MS        100 /* idle time before vacuuming */

struct vb_engine_committer {
    struct vb_engine_blobs *blobs;
    struct vb_engine_checkpointer *checkpointer;
    unsigned batch_max;
    pthread_t thread;
    /* for the thread */
    struct vb_engine_index index;
    struct vb_engine_transaction transaction;
    bool commit_tried; /* the current batch has reached COMMIT */
    int log_pages;
    struct vb_counter *commits_total, *changes_total;

    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t wake;
    bool stopping, asleep;
    struct vb_engine_change *first, **last;
    unsigned waiting;
    uint64_t commits, changes;
};

/* With the mutex held: waits for work or the end. Vacuums when nothing has come for a while. */
static void wait_for_work(struct vb_engine_committer *committer)
{
    bool vacuum = true, quiet = false;

    while (!committer->first && !committer->stopping) {
        if (quiet && vacuum) {
            pthread_mutex_unlock(&committer->mutex);
            vacuum = vb_engine_checkpointer_vacuum(committer->checkpointer, &committer->index);
            vb_engine_checkpointer_poll(committer->checkpointer, &committer->index, committer->log_pages);
            pthread_mutex_lock(&committer->mutex);
            continue;
        }
        committer->asleep = true;
        quiet = vb_cond_wait_until(&committer->wake, &committer->mutex,
                                   vacuum ? vb_deadline_after(QUIET_MS) : VB_NO_DEADLINE) == -ETIMEDOUT;
        committer->asleep = false;
    }
}

/* Waits for work. NULL: stopping, and nothing is left. */
static struct vb_engine_change *take_batch(struct vb_engine_committer *committer)
{
    struct vb_engine_change *batch, **end;
    unsigned count = 0;
    size_t bytes = 0;

    pthread_mutex_lock(&committer->mutex);
    wait_for_work(committer);
    if (!committer->stopping) {
        /* yields, so that more changes join this batch; costs nothing on an idle core */
        pthread_mutex_unlock(&committer->mutex);
        sched_yield();
        pthread_mutex_lock(&committer->mutex);
    }
    batch = committer->first;
    end = &committer->first;
    while (*end && count < committer->batch_max && bytes < BATCH_BYTES_MAX) {
        bytes += (*end)->bytes;
        end = &(*end)->next;
        count++;
    }
    committer->first = *end;
    if (!committer->first)
        committer->last = &committer->first;
    if (batch)
        *end = NULL;
    committer->waiting -= count;
    pthread_mutex_unlock(&committer->mutex);
    return batch;
}

static void free_garbage(struct vb_engine_garbage *garbage)
{
    while (garbage) {
        struct vb_engine_garbage *next = garbage->next;

        free(garbage);
        garbage = next;
    }
}

/* Returns 0 when the transaction is on disk; each change has its own result then. */
static int commit_batch(struct vb_engine_committer *committer, struct vb_engine_change *batch)
{
    struct vb_engine_index *index = &committer->index;

    vb_engine_index_clear(index);
    committer->transaction.garbage = NULL;
    vb_engine_index_run(index, vb_engine_index_statement(index, VB_ENGINE_SQL_BEGIN_WRITE));
    for (struct vb_engine_change *change = batch; change && !index->failure; change = change->next)
        change->result = change->apply(&committer->transaction, change);
    committer->commit_tried = !index->failure;
    return vb_engine_index_run(index, vb_engine_index_statement(index, VB_ENGINE_SQL_COMMIT));
}

/* Undoes the transaction. All its changes fail with the same error. */
static void fail_batch(struct vb_engine_committer *committer, struct vb_engine_change *batch)
{
    struct vb_engine_index *index = &committer->index;
    /* a write without room leaves no commit record in the log; after a failed fsync there may be one */
    bool uncertain = committer->commit_tried && (index->failure & 0xff) != SQLITE_FULL;

    for (struct vb_engine_change *change = batch; change; change = change->next) {
        change->result = vb_engine_index_error(index, change->err);
        change->uncertain = uncertain;
    }
    free_garbage(committer->transaction.garbage);
    if (!sqlite3_get_autocommit(index->handle))
        sqlite3_exec(index->handle, "ROLLBACK", NULL, NULL, NULL);
    vb_engine_checkpoint_all(index);
}

static void finish_batch(struct vb_engine_committer *committer, struct vb_engine_change *batch)
{
    while (batch) {
        struct vb_engine_change *next = batch->next; /* finished() gives the change away */

        batch->finished(batch);
        batch = next;
    }
    vb_engine_blobs_collect(committer->blobs, committer->transaction.garbage);
}

static void *run(void *context)
{
    struct vb_engine_committer *committer = context;
    struct vb_engine_change *batch;

    while ((batch = take_batch(committer))) {
        unsigned count = 0;

        for (struct vb_engine_change *change = batch; change; change = change->next)
            count++;
        if (commit_batch(committer, batch) < 0) {
            fail_batch(committer, batch);
            committer->transaction.garbage = NULL;
        }
        pthread_mutex_lock(&committer->mutex);
        committer->commits++;
        committer->changes += count;
        pthread_mutex_unlock(&committer->mutex);
        vb_counter_add(committer->commits_total, 1);
        vb_counter_add(committer->changes_total, count);
        finish_batch(committer, batch);
        vb_engine_checkpointer_poll(committer->checkpointer, &committer->index, committer->log_pages);
    }
    return NULL;
}

void vb_engine_committer_submit(struct vb_engine_committer *committer, struct vb_engine_change *change)
{
    bool asleep;

    change->next = NULL;
    change->uncertain = false;
    pthread_mutex_lock(&committer->mutex);
    *committer->last = change;
    committer->last = &change->next;
    committer->waiting++;
    asleep = committer->asleep;
    pthread_mutex_unlock(&committer->mutex);
    if (asleep) /* signalled without the lock, since the thread takes it first */
        pthread_cond_signal(&committer->wake);
}

static void wake_waiter(struct vb_engine_change *change)
{
    sem_post(&change->done);
}

int vb_engine_committer_run(struct vb_engine_committer *committer, struct vb_engine_change *change)
{
    sem_init(&change->done, 0, 0);
    change->finished = wake_waiter;
    vb_engine_committer_submit(committer, change);
    while (sem_wait(&change->done) < 0)
        vb_assert(errno == EINTR);
    sem_destroy(&change->done);
    return change->result;
}

static int note_log_pages(void *context, sqlite3 *handle, const char *database, int pages)
{
    struct vb_engine_committer *committer = context;

    (void)handle, (void)database;
    committer->log_pages = pages;
    return SQLITE_OK;
}

static int prepare(struct vb_engine_committer *committer, const char *directory, struct vb_error *err)
{
    struct vb_engine_index *index = &committer->index;
    sqlite3_stmt *statement;
    int r = vb_engine_index_open(directory, true, index, err);

    if (r < 0)
        return r;
    vb_engine_checkpoint_extend_log(directory, vb_engine_blobs_room_kept(committer->blobs), index);
    statement = vb_engine_index_statement(index, VB_ENGINE_SQL_BLOB_LAST_ID);
    if (vb_engine_index_step(index, statement))
        committer->transaction.next_blob_id = sqlite3_column_int64(statement, 0) + 1;
    sqlite3_reset(statement);
    committer->transaction.index = index;
    r = vb_engine_index_error(index, err);
    if (r == 0)
        r = vb_dir_sync(directory); /* the entries of the index and its log */
    if (r < 0 && err && err->code == 0)
        vb_error_set(err, -r, "folder %s cannot be synced: %s", directory, strerror(-r));
    if (r == 0)
        r = vb_engine_checkpointer_start(directory, vb_engine_blobs_room_kept(committer->blobs),
                                         &committer->checkpointer, err);
    if (r < 0)
        return r;
    sqlite3_wal_hook(index->handle, note_log_pages, committer);
    return 0;
}

int vb_engine_committer_start(const char *directory, struct vb_engine_blobs *blobs, unsigned batch_max,
                              struct vb_engine_committer **ret_committer, struct vb_error *err)
{
    struct vb_engine_committer *committer = vb_xcalloc(1, sizeof(*committer));
    int r;

    committer->blobs = blobs;
    committer->batch_max = batch_max;
    committer->commits_total = vb_metrics_counter("vibe_store_commits_total",
                                                  "Transactions of the store's index: one fsync each.", "");
    committer->changes_total =
        vb_metrics_counter("vibe_store_changes_total", "Changes that those transactions held.", "");
    committer->last = &committer->first;
    r = prepare(committer, directory, err);
    if (r == 0) {
        pthread_mutex_init(&committer->mutex, NULL);
        vb_cond_init(&committer->wake);
        r = vb_thread_start("store-commit", 0, run, committer, &committer->thread);
        if (r < 0)
            vb_error_set(err, -r, "the commit thread cannot be started: %s", strerror(-r));
    }
    if (r < 0) {
        vb_engine_checkpointer_stop(committer->checkpointer);
        vb_engine_index_close(&committer->index);
        free(committer);
        return r;
    }
    *ret_committer = committer;
    return 0;
}

void vb_engine_committer_stop(struct vb_engine_committer *committer)
{
    if (!committer)
        return;
    pthread_mutex_lock(&committer->mutex);
    committer->stopping = true;
    pthread_cond_signal(&committer->wake);
    pthread_mutex_unlock(&committer->mutex);
    pthread_join(committer->thread, NULL);
    vb_engine_checkpointer_stop(committer->checkpointer);
    vb_engine_index_close(&committer->index);
    pthread_cond_destroy(&committer->wake);
    pthread_mutex_destroy(&committer->mutex);
    free(committer);
}

void vb_engine_committer_stats(struct vb_engine_committer *committer, uint64_t *ret_commits,
                               uint64_t *ret_changes, unsigned *ret_waiting)
{
    pthread_mutex_lock(&committer->mutex);
    *ret_commits = committer->commits;
    *ret_changes = committer->changes;
    *ret_waiting = committer->waiting;
    pthread_mutex_unlock(&committer->mutex);
}
