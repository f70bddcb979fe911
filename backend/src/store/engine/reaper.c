/*
 * The reaper: a thread that removes the files that no row names. They belonged to deleted objects, or a
 * killed process left them.
 */
#include "store/engine/blob_internal.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Removing a large file takes a while. Callers that delete faster wait. */
#define QUEUE_MAX 4096

static struct vb_engine_pin *find_pin(struct vb_engine_blobs *blobs, int64_t owner)
{
    struct vb_engine_pin *pin = blobs->pins;

    while (pin && pin->owner != owner)
        pin = pin->next;
    return pin;
}

void vb_engine_blobs_pin(struct vb_engine_blobs *blobs, int64_t owner)
{
    struct vb_engine_pin *pin;

    pthread_mutex_lock(&blobs->mutex);
    pin = find_pin(blobs, owner);
    if (!pin) {
        pin = vb_xcalloc(1, sizeof(*pin));
        pin->owner = owner;
        pin->next = blobs->pins;
        blobs->pins = pin;
    }
    pin->count++;
    pthread_mutex_unlock(&blobs->mutex);
}

void vb_engine_blobs_unpin(struct vb_engine_blobs *blobs, int64_t owner)
{
    pthread_mutex_lock(&blobs->mutex);
    for (struct vb_engine_pin **link = &blobs->pins; *link; link = &(*link)->next) {
        struct vb_engine_pin *pin = *link;

        if (pin->owner != owner)
            continue;
        if (--pin->count == 0) {
            *link = pin->next;
            free(pin);
            /* queue all held files: remove_next() holds those again whose owners are still pinned */
            while (blobs->held) {
                struct vb_engine_garbage *garbage = blobs->held;

                blobs->held = garbage->next;
                garbage->next = blobs->queue;
                blobs->queue = garbage;
                blobs->queued++;
            }
            pthread_cond_signal(&blobs->wake);
        }
        break;
    }
    pthread_mutex_unlock(&blobs->mutex);
}

void vb_engine_blobs_collect(struct vb_engine_blobs *blobs, struct vb_engine_garbage *list)
{
    if (!list)
        return;
    pthread_mutex_lock(&blobs->mutex);
    while (blobs->queued >= QUEUE_MAX)
        pthread_cond_wait(&blobs->done, &blobs->mutex);
    while (list) {
        struct vb_engine_garbage *next = list->next;

        list->next = blobs->queue;
        blobs->queue = list;
        blobs->queued++;
        list = next;
    }
    pthread_cond_signal(&blobs->wake);
    pthread_mutex_unlock(&blobs->mutex);
}

bool vb_engine_blobs_idle(struct vb_engine_blobs *blobs)
{
    bool idle;

    pthread_mutex_lock(&blobs->mutex);
    idle = !blobs->busy && !blobs->queue;
    pthread_mutex_unlock(&blobs->mutex);
    return idle;
}

/* With the mutex held, but not while the file is removed. */
static void remove_next(struct vb_engine_blobs *blobs)
{
    struct vb_engine_garbage *garbage = blobs->queue;

    blobs->queue = garbage->next;
    blobs->queued--;
    if (blobs->queued == QUEUE_MAX - 1)
        pthread_cond_broadcast(&blobs->done);
    if (find_pin(blobs, garbage->owner)) {
        garbage->next = blobs->held;
        blobs->held = garbage;
        return;
    }
    pthread_mutex_unlock(&blobs->mutex);
    vb_engine_blobs_remove(blobs, garbage->file);
    free(garbage);
    pthread_mutex_lock(&blobs->mutex);
}

/* Whether a row names the file. True if the index cannot be read. */
static bool row_names(struct vb_engine_blobs *blobs, const char *file)
{
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    sqlite3_stmt *row VB_CLEANUP(vb_engine_index_resetp) = NULL;

    if (vb_engine_index_pool_borrow(blobs->pool, &index, NULL) < 0)
        return true;
    row = vb_engine_index_statement(index, VB_ENGINE_SQL_BLOB_FILE_KNOWN);
    vb_engine_index_bind_text(row, 1, file);
    return vb_engine_index_step(index, row) || vb_engine_index_result(index) < 0;
}

/*
 * A file of an earlier session that no row names is an orphan: new rows name files of the current session
 * only. It may also be the file of an object that was deleted just now. A reader may have that one pinned, so
 * nothing is removed while there are pins.
 */
static void remove_if_orphan(struct vb_engine_blobs *blobs, const char *file)
{
    bool pinned;

    if (row_names(blobs, file))
        return;
    pthread_mutex_lock(&blobs->mutex);
    pinned = blobs->pins != NULL;
    pthread_mutex_unlock(&blobs->mutex);
    if (!pinned)
        vb_engine_blobs_remove(blobs, file);
}

static void closedirp(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static bool stopping(struct vb_engine_blobs *blobs)
{
    bool is;

    pthread_mutex_lock(&blobs->mutex);
    is = blobs->stopping;
    pthread_mutex_unlock(&blobs->mutex);
    return is;
}

static void sweep_folder(struct vb_engine_blobs *blobs, const char *folder)
{
    int fd VB_CLEANUP(vb_closep) = openat(blobs->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory VB_CLEANUP(closedirp) = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!directory)
        return;
    (void)VB_TAKE_FD(fd); /* closedir() closes it */
    while (!stopping(blobs) && (entry = readdir(directory))) {
        char file[VB_ENGINE_BLOB_NAME_SIZE];
        int length = snprintf(file, sizeof(file), "%s/%s", folder, entry->d_name);

        /* not one of our names: not ours to remove */
        if (length != VB_ENGINE_BLOB_NAME_SIZE - 1 || entry->d_name[VB_ENGINE_BLOB_SESSION_DIGITS] != '-')
            continue;
        if (strncmp(entry->d_name, blobs->session, VB_ENGINE_BLOB_SESSION_DIGITS) != 0)
            remove_if_orphan(blobs, file);
    }
}

static void *reap(void *context)
{
    struct vb_engine_blobs *blobs = context;
    char folder[3];

    for (unsigned i = 0; i < 256 && !stopping(blobs); i++) {
        snprintf(folder, sizeof(folder), "%02x", i);
        sweep_folder(blobs, folder);
        pthread_mutex_lock(&blobs->mutex);
        while (blobs->queue)
            remove_next(blobs);
        pthread_mutex_unlock(&blobs->mutex);
    }

    pthread_mutex_lock(&blobs->mutex);
    while (!blobs->stopping || blobs->queue) {
        while (blobs->queue)
            remove_next(blobs);
        blobs->busy = false;
        if (!blobs->stopping)
            pthread_cond_wait(&blobs->wake, &blobs->mutex);
        blobs->busy = true;
    }
    pthread_mutex_unlock(&blobs->mutex);
    return NULL;
}

void vb_engine_reaper_init(struct vb_engine_blobs *blobs)
{
    pthread_mutex_init(&blobs->mutex, NULL);
    pthread_cond_init(&blobs->wake, NULL);
    pthread_cond_init(&blobs->done, NULL);
}

int vb_engine_blobs_start_reaper(struct vb_engine_blobs *blobs, struct vb_engine_index_pool *pool,
                                 struct vb_error *err)
{
    int r;

    blobs->pool = pool;
    blobs->busy = true;
    r = vb_thread_start("store-reaper", 0, reap, blobs, &blobs->reaper);
    if (r < 0)
        return vb_error_set(err, -r, "the reaper thread cannot be started: %s", strerror(-r));
    blobs->started = true;
    return 0;
}

void vb_engine_reaper_stop(struct vb_engine_blobs *blobs)
{
    pthread_mutex_lock(&blobs->mutex);
    blobs->stopping = true;
    pthread_cond_signal(&blobs->wake);
    pthread_mutex_unlock(&blobs->mutex);
    if (blobs->started)
        pthread_join(blobs->reaper, NULL);

    while (blobs->held) { /* still pinned: the next opening removes these files as orphans */
        struct vb_engine_garbage *garbage = blobs->held;

        blobs->held = garbage->next;
        free(garbage);
    }
    pthread_cond_destroy(&blobs->wake);
    pthread_cond_destroy(&blobs->done);
    pthread_mutex_destroy(&blobs->mutex);
}
