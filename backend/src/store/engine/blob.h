/*
 * The files of blobs that are too large for the index: creating, syncing and opening them, and removing them
 * when no row names them any more (the reaper).
 *
 * A file's name is random and never used again: "7f/5e1d33c0-8ab0…" is a subfolder, the session that made the
 * file (one opening of the engine is one session), and random digits.
 */
#ifndef VB_STORE_ENGINE_BLOB_H
#define VB_STORE_ENGINE_BLOB_H

#include "base/error.h"
#include "store/engine/index.h"

#include <stdbool.h>
#include <stdint.h>

#define VB_ENGINE_BLOB_NAME_SIZE 37

/* A file that no row names any more. Readers of the blob owner may still need it. */
struct vb_engine_garbage {
    struct vb_engine_garbage *next;
    int64_t owner;
    char file[VB_ENGINE_BLOB_NAME_SIZE];
};

struct vb_engine_blobs;

/* Creates directory/blobs. */
int vb_engine_blobs_open(const char *directory, struct vb_engine_blobs **ret_blobs, struct vb_error *err);
/* Starts the reaper. It first removes the orphans that a killed process left: files of earlier sessions that
 * no row names. The index must be open; pool must outlive the blobs. */
int vb_engine_blobs_start_reaper(struct vb_engine_blobs *blobs, struct vb_engine_index_pool *pool,
                                 struct vb_error *err);
/* Removes the files that are queued. Those of pinned owners stay until the next opening. NULL is fine. */
void vb_engine_blobs_close(struct vb_engine_blobs *blobs);

/* The engine keeps a reserve of the disk for deletions and checkpoints: without it, a full disk could not be
 * emptied. Returns 0, or -ENOSPC (described) when only the reserve is left. */
int vb_engine_blobs_check_room(struct vb_engine_blobs *blobs, struct vb_error *err);

/* The reserve in bytes. */
uint64_t vb_engine_blobs_room_kept(struct vb_engine_blobs *blobs);

/* A new, empty file. Returns its descriptor or -errno. */
int vb_engine_blobs_create(struct vb_engine_blobs *blobs, char ret_file[VB_ENGINE_BLOB_NAME_SIZE],
                           struct vb_error *err);
/* Puts the file's data and its folder entry on disk. Returns 0 or -errno. */
int vb_engine_blobs_sync(struct vb_engine_blobs *blobs, int fd, const char *file, struct vb_error *err);
/* Opens for reading. Returns the descriptor, -ENOENT, or -EIO when the file has another size. */
int vb_engine_blobs_open_file(struct vb_engine_blobs *blobs, const char *file, int64_t size,
                              struct vb_error *err);
/* Returns 0, -ENOENT, or -EIO when the file has another size. */
int vb_engine_blobs_check_file(struct vb_engine_blobs *blobs, const char *file, int64_t size,
                               struct vb_error *err);
/* Removes a file. No row may name it, not even after a crash. */
void vb_engine_blobs_remove(struct vb_engine_blobs *blobs, const char *file);

/* Hands a list to the reaper, which removes the files and frees the list. Waits while its queue is full. */
void vb_engine_blobs_collect(struct vb_engine_blobs *blobs, struct vb_engine_garbage *list);

/* The files of a pinned owner stay. Pins are counted. To read an owner's files by name, pin the owner first
 * and then find its rows: if the rows are there, the files stay until the owner is unpinned. */
void vb_engine_blobs_pin(struct vb_engine_blobs *blobs, int64_t owner);
void vb_engine_blobs_unpin(struct vb_engine_blobs *blobs, int64_t owner);

/* True when the reaper has nothing to do. For tests. */
bool vb_engine_blobs_idle(struct vb_engine_blobs *blobs);

#endif
