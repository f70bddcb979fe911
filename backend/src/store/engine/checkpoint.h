/*
 * Checkpoints: moving the content of the write-ahead log into the database file, mostly while commits go on.
 *
 *   IDLE ──log is long──▶ RUNNING (own thread, commits go on) ──▶ NEARLY ──committer copies the rest──▶ IDLE
 *
 * SQLite can start the log anew only when all of it has been copied. Commits that arrive while the thread
 * copies lengthen the log, so the thread alone would never reach its end. The committer copies the short rest
 * itself.
 */
#ifndef VB_STORE_ENGINE_CHECKPOINT_H
#define VB_STORE_ENGINE_CHECKPOINT_H

#include "store/engine/index.h"

struct vb_engine_checkpointer;

/* Gives the log file its full length at once. Commits then overwrite blocks that exist, and the file system
 * writes no metadata of its own: an fsync is several times faster. index: the committer's connection, before
 * any other is open. On failure the log merely stays short. */
void vb_engine_checkpoint_extend_log(const char *directory, uint64_t room_kept,
                                     struct vb_engine_index *index);

/* room_kept: the reserve of the disk, in bytes. The log never outgrows it, so that a checkpoint finds
 * room. */
int vb_engine_checkpointer_start(const char *directory, uint64_t room_kept,
                                 struct vb_engine_checkpointer **ret_checkpointer, struct vb_error *err);
void vb_engine_checkpointer_stop(struct vb_engine_checkpointer *checkpointer);

/* Starts, awaits or ends a checkpoint, as the length of the log demands. The committer calls it between
 * transactions, with its own connection. */
void vb_engine_checkpointer_poll(struct vb_engine_checkpointer *checkpointer, struct vb_engine_index *index,
                                 int log_pages);

/* Gives some freed pages back to the disk. The committer calls it while it is idle. Returns true when there
 * are more; the file shrinks with the last step. */
bool vb_engine_checkpointer_vacuum(struct vb_engine_checkpointer *checkpointer,
                                   struct vb_engine_index *index);

/* Empties the log if it can. After a failed commit that gives room back to a full disk. */
void vb_engine_checkpoint_all(struct vb_engine_index *index);

#endif
