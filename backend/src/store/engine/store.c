/*
 * Opening and closing a store.
 */
#include "store/engine/engine.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

#define READ_CONNECTIONS  4
#define BATCH_MAX_DEFAULT 256

/* The entry of the folder itself in the one above. */
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

int vb_store_open(const struct vb_store_config *config, struct vb_store **ret_store, struct vb_error *err)
{
    unsigned batch_max = config->commit_batch_max ? config->commit_batch_max : BATCH_MAX_DEFAULT;
    struct vb_store *store;
    int rc = vb_mkdir_parents(config->directory, 0700, err);

    if (rc < 0)
        return rc;
    store = vb_xcalloc(1, sizeof(*store));
    store->lock_fd = -1;
    store->readers = vb_index_pool_create(config->directory, READ_CONNECTIONS);
    rc = lock_directory(config->directory, &store->lock_fd, err);
    if (rc == 0)
        rc = vb_blobs_open(config->directory, &store->blobs, err);
    if (rc == 0)
        rc = vb_committer_start(config->directory, store->blobs, batch_max, &store->committer, err);
    if (rc == 0)
        rc = vb_blobs_start_reaper(store->blobs, store->readers, err);
    if (rc == 0 && sync_parent(config->directory) < 0)
        rc = vb_error_set(err, EIO, "the folder that holds %s cannot be synced", config->directory);
    if (rc < 0) {
        vb_store_close(store);
        return rc;
    }
    *ret_store = store;
    return 0;
}

void vb_store_close(struct vb_store *store)
{
    if (!store)
        return;
    vb_committer_stop(store->committer);
    vb_blobs_close(store->blobs);
    vb_index_pool_destroy(store->readers);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    free(store);
}

void vb_store_stats(struct vb_store *store, struct vb_store_stats *ret_stats)
{
    vb_committer_stats(store->committer, &ret_stats->commits, &ret_stats->changes, &ret_stats->waiting);
}
