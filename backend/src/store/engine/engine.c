/*
 * Opening and closing the engine.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

#define READ_CONNECTIONS  4
#define BATCH_MAX_DEFAULT 256

/* Makes the folder's own entry durable. */
static int sync_parent(const char *directory)
{
    char *parent VB_CLEANUP(vb_freep) = vb_xasprintf("%s/..", directory);

    return vb_dir_sync(parent);
}

static int lock_directory(const char *directory, int *ret_fd, struct vb_error *err)
{
    char *path VB_CLEANUP(vb_freep) = vb_xasprintf("%s/lock", directory);
    int fd = vb_file_lock(path, err);

    if (fd == -EWOULDBLOCK) {
        vb_error_set(err, EWOULDBLOCK, "the object store in %s is in use by another process", directory);
        vb_error_hint(err, "stop the other one, or choose another folder");
    }
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

int vb_engine_open(const struct vb_engine_config *config, struct vb_engine **ret_engine, struct vb_error *err)
{
    unsigned batch_max = config->commit_batch_max ? config->commit_batch_max : BATCH_MAX_DEFAULT;
    struct vb_engine *engine;
    int r = vb_mkdir_parents(config->directory, 0700, err);

    if (r < 0)
        return r;
    engine = vb_xcalloc(1, sizeof(*engine));
    engine->lock_fd = -1;
    engine->readers = vb_engine_index_pool_create(config->directory, READ_CONNECTIONS);
    r = lock_directory(config->directory, &engine->lock_fd, err);
    if (r == 0)
        r = vb_engine_blobs_open(config->directory, &engine->blobs, err);
    if (r == 0)
        r = vb_engine_committer_start(config->directory, engine->blobs, batch_max, &engine->committer, err);
    if (r == 0)
        r = vb_engine_blobs_start_reaper(engine->blobs, engine->readers, err);
    if (r == 0 && sync_parent(config->directory) < 0)
        r = vb_error_set(err, EIO, "the folder that holds %s cannot be synced", config->directory);
    if (r < 0) {
        vb_engine_close(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

void vb_engine_close(struct vb_engine *engine)
{
    if (!engine)
        return;
    vb_engine_committer_stop(engine->committer);
    vb_engine_blobs_close(engine->blobs);
    vb_engine_index_pool_destroy(engine->readers);
    if (engine->lock_fd >= 0)
        close(engine->lock_fd);
    free(engine);
}

void vb_engine_stats(struct vb_engine *engine, struct vb_engine_stats *ret_stats)
{
    vb_engine_committer_stats(engine->committer, &ret_stats->commits, &ret_stats->changes,
                              &ret_stats->waiting);
}
