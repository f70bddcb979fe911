/*
 * The files of blobs too large for the index: making them durable, opening them, and removing them once no
 * row names them (the reaper). A file's name is random and never used again: "7f/5e1d33c0-8ab0…", a subfolder
 * and, before the dash, the session (one opening of the store) that made it.
 */
#ifndef VB_STORE_ENGINE_BLOB_H
#define VB_STORE_ENGINE_BLOB_H

#include "base/error.h"
#include "store/engine/index.h"

#include <stdbool.h>
#include <stdint.h>

#define VB_ENGINE_BLOB_NAME_SIZE 37

/* A file whose last row is gone. owner: the blob whose readers may still need it. */
struct vb_engine_garbage {
    struct vb_engine_garbage *next;
    int64_t owner;
    char file[VB_ENGINE_BLOB_NAME_SIZE];
};

struct vb_engine_blobs;

/* Makes directory/blobs. */
int vb_engine_blobs_open(const char *directory, struct vb_engine_blobs **ret_blobs, struct vb_error *err);
/* Starts the reaper, which first looks for files that no row names: those that a killed process left. To be
 * called once the index is open; pool must outlive the blobs. */
int vb_engine_blobs_start_reaper(struct vb_engine_blobs *blobs, struct vb_engine_index_pool *pool,
                                 struct vb_error *err);
/* Removes what is to be removed, but does not wait for pins. */
void vb_engine_blobs_close(struct vb_engine_blobs *blobs);

/* The last room on the disk is kept for deleting and for checkpoints, without which a full store could not be
 * emptied. Returns 0, or -ENOSPC (described) when no more than that is left. */
int vb_engine_blobs_check_room(struct vb_engine_blobs *blobs, struct vb_error *err);

/* So many bytes are kept. */
uint64_t vb_engine_blobs_room_kept(struct vb_engine_blobs *blobs);

/* A new, empty file. Returns its descriptor or -errno. */
int vb_engine_blobs_create(struct vb_engine_blobs *blobs, char ret_file[VB_ENGINE_BLOB_NAME_SIZE],
                           struct vb_error *err);
/* Puts the file's data and its folder entry on disk. Returns 0 or -errno. */
int vb_engine_blobs_sync(struct vb_engine_blobs *blobs, int fd, const char *file, struct vb_error *err);
/* Opens for reading. Returns the descriptor, -ENOENT, or -EIO when the file is not of that size. */
int vb_engine_blobs_open_file(struct vb_engine_blobs *blobs, const char *file, int64_t size,
                              struct vb_error *err);
/* -ENOENT, or -EIO when the file is not of that size; 0. */
int vb_engine_blobs_check_file(struct vb_engine_blobs *blobs, const char *file, int64_t size,
                               struct vb_error *err);
/* Removes a file that no row has named or could name after a crash. */
void vb_engine_blobs_remove(struct vb_engine_blobs *blobs, const char *file);

/* Hands a list on to the reaper, which removes the files and frees the list. */
void vb_engine_blobs_collect(struct vb_engine_blobs *blobs, struct vb_engine_garbage *list);

/* While an owner is pinned, its files stay. Pins count. To read an owner's files by name: pin it, then find
 * its rows; if they are there, so are the files until it is unpinned. */
void vb_engine_blobs_pin(struct vb_engine_blobs *blobs, int64_t owner);
void vb_engine_blobs_unpin(struct vb_engine_blobs *blobs, int64_t owner);

/* True when the reaper has nothing left to do; for tests. */
bool vb_engine_blobs_idle(struct vb_engine_blobs *blobs);

#endif
