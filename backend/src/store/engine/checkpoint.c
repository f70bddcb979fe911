/*
 * Checkpoints of the store's index: see checkpoint.h.
 */
#include "store/engine/checkpoint.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/thread.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE_BYTES      8192
#define FREE_PAGES_KEPT 64 /* too few to give back */

/* The log has the reserve of the disk to itself. A checkpoint begins when it takes a quarter of the reserve;
 * at three quarters commits wait. Its file has three eighths from the start, since commits go on while the
 * thread copies. */
static int pages_wanted(uint64_t room_kept)
{
    return (int)(room_kept / 4 / PAGE_BYTES);
}

static off_t log_bytes(uint64_t room_kept)
{
    return (off_t)(room_kept / 8 * 3);
}

enum state { IDLE, RUNNING, NEARLY, STOPPING };

struct vb_engine_checkpointer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum state state;
    int pages_wanted;
    struct vb_engine_index index; /* the thread's */
};

static void checkpoint(struct vb_engine_index *index, int mode)
{
    sqlite3_wal_checkpoint_v2(index->handle, "main", mode, NULL, NULL);
}

static void *run(void *context)
{
    struct vb_engine_checkpointer *checkpointer = context;

    pthread_mutex_lock(&checkpointer->mutex);
    while (checkpointer->state != STOPPING) {
        if (checkpointer->state != RUNNING) {
            pthread_cond_wait(&checkpointer->changed, &checkpointer->mutex);
            continue;
        }
        pthread_mutex_unlock(&checkpointer->mutex);
        checkpoint(&checkpointer->index, SQLITE_CHECKPOINT_PASSIVE);
        pthread_mutex_lock(&checkpointer->mutex);
        if (checkpointer->state == RUNNING)
            checkpointer->state = NEARLY;
        pthread_cond_broadcast(&checkpointer->changed);
    }
    pthread_mutex_unlock(&checkpointer->mutex);
    return NULL;
}

int vb_engine_checkpointer_start(const char *directory, uint64_t room_kept,
                                 struct vb_engine_checkpointer **ret_checkpointer, struct vb_error *err)
{
    struct vb_engine_checkpointer *checkpointer = vb_xcalloc(1, sizeof(*checkpointer));
    int r = vb_engine_index_open(directory, false, &checkpointer->index, err);

    if (r < 0) {
        free(checkpointer);
        return r;
    }
    checkpointer->pages_wanted = pages_wanted(room_kept);
    pthread_mutex_init(&checkpointer->mutex, NULL);
    pthread_cond_init(&checkpointer->changed, NULL);
    r = vb_thread_start("store-checkpt", 0, run, checkpointer, &checkpointer->thread);
    if (r < 0) {
        vb_engine_index_close(&checkpointer->index);
        free(checkpointer);
        return vb_error_set(err, -r, "the checkpoint thread cannot be started: %s", strerror(-r));
    }
    *ret_checkpointer = checkpointer;
    return 0;
}

void vb_engine_checkpointer_stop(struct vb_engine_checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->state = STOPPING;
    pthread_cond_broadcast(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->mutex);
    pthread_join(checkpointer->thread, NULL);
    vb_engine_index_close(&checkpointer->index);
    pthread_cond_destroy(&checkpointer->changed);
    pthread_mutex_destroy(&checkpointer->mutex);
    free(checkpointer);
}

void vb_engine_checkpointer_poll(struct vb_engine_checkpointer *checkpointer, struct vb_engine_index *index,
                                 int log_pages)
{
    bool finish;

    if (log_pages < checkpointer->pages_wanted)
        return;
    pthread_mutex_lock(&checkpointer->mutex);
    if (checkpointer->state == IDLE) {
        checkpointer->state = RUNNING;
        pthread_cond_signal(&checkpointer->changed);
    }
    while (checkpointer->state == RUNNING && log_pages / 3 >= checkpointer->pages_wanted)
        pthread_cond_wait(&checkpointer->changed, &checkpointer->mutex);
    finish = checkpointer->state == NEARLY;
    if (finish)
        checkpointer->state = IDLE;
    pthread_mutex_unlock(&checkpointer->mutex);
    /* RESTART waits for the readers of the log, so that the next commit can start it anew */
    if (finish)
        checkpoint(index, SQLITE_CHECKPOINT_RESTART);
}

/* Zeros are no valid frame: SQLite's recovery ends where they begin. */
static void append_zeros(int fd, off_t length)
{
    char *zeros VB_CLEANUP(vb_freep) = vb_xcalloc(1, 1024 * 1024);
    struct stat st;

    if (fstat(fd, &st) < 0)
        return;
    for (off_t at = st.st_size; at < length; at += 1024 * 1024) {
        if (vb_pwrite_all(fd, zeros, 1024 * 1024, at) < 0) {
            (void)!ftruncate(fd, st.st_size); /* the disk is full: give the room back */
            return;
        }
    }
    fdatasync(fd);
}

void vb_engine_checkpoint_extend_log(const char *directory, uint64_t room_kept, struct vb_engine_index *index)
{
    char *path VB_CLEANUP(vb_freep) = vb_xasprintf("%s/index.db-wal", directory);
    int fd VB_CLEANUP(vb_closep) = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    /* the write lock keeps other writers out, such as a person with the sqlite3 shell */
    if (vb_engine_index_run(index, vb_engine_index_statement(index, VB_ENGINE_SQL_BEGIN_WRITE)) == 0) {
        append_zeros(fd, log_bytes(room_kept));
        vb_engine_index_run(index, vb_engine_index_statement(index, VB_ENGINE_SQL_COMMIT));
    }
    vb_engine_index_clear(index);
}

static int64_t free_pages(struct vb_engine_index *index)
{
    sqlite3_stmt *statement VB_CLEANUP(vb_engine_index_resetp) =
        vb_engine_index_statement(index, VB_ENGINE_SQL_FREE_PAGES);

    return vb_engine_index_step(index, statement) ? sqlite3_column_int64(statement, 0) : 0;
}

bool vb_engine_checkpointer_vacuum(struct vb_engine_checkpointer *checkpointer, struct vb_engine_index *index)
{
    int64_t before, after;

    vb_engine_index_clear(index);
    before = free_pages(index);
    if (before <= FREE_PAGES_KEPT)
        return false;
    /* frees up to 256 pages, one for each step of the statement */
    sqlite3_exec(index->handle, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL);
    after = free_pages(index);
    if (after < before && after > FREE_PAGES_KEPT)
        return true;
    pthread_mutex_lock(&checkpointer->mutex);
    if (checkpointer->state == NEARLY)
        checkpointer->state = IDLE;
    pthread_mutex_unlock(&checkpointer->mutex);
    checkpoint(index, SQLITE_CHECKPOINT_RESTART);
    return false;
}

void vb_engine_checkpoint_all(struct vb_engine_index *index)
{
    checkpoint(index, SQLITE_CHECKPOINT_TRUNCATE);
}
