/*
 * Moving what the write-ahead log holds into the database file, mostly beside the commits and not between
 * them.
 *
 *   IDLE ──log is long──▶ RUNNING (own thread, commits go on) ──▶ NEARLY ──committer copies the rest──▶ IDLE
 *
 * Commits that arrive while the thread copies lengthen the log, so it alone would never reach the log's end,
 * where SQLite can start the log anew; the committer does that last and short part itself.
 */
#ifndef VB_STORE_ENGINE_CHECKPOINT_H
#define VB_STORE_ENGINE_CHECKPOINT_H

#include "store/engine/index.h"

struct vb_engine_checkpointer;

/* Gives the log file the length that it has between checkpoints, so that a commit overwrites blocks and the
 * file system has nothing of its own to write with it: an fsync is then several times as quick. To be called
 * with the committer's connection before any other is open. Needs no success. */
void vb_engine_checkpoint_extend_log(const char *directory, uint64_t room_kept,
                                     struct vb_engine_index *index);

/* room_kept: bytes of the disk that no object takes. The log never grows beyond that, so that a checkpoint
 * finds room. */
int vb_engine_checkpointer_start(const char *directory, uint64_t room_kept,
                                 struct vb_engine_checkpointer **ret_checkpointer, struct vb_error *err);
void vb_engine_checkpointer_stop(struct vb_engine_checkpointer *checkpointer);

/* Called by the committer between transactions, with its own connection and the length of the log. */
void vb_engine_checkpointer_poll(struct vb_engine_checkpointer *checkpointer, struct vb_engine_index *index,
                                 int log_pages);

/* One small step of giving freed pages back to the disk, to be called while there is nothing else to do. The
 * file shrinks with the last one. Returns true when there is more to do. */
bool vb_engine_checkpointer_vacuum(struct vb_engine_checkpointer *checkpointer,
                                   struct vb_engine_index *index);

/* After a failed commit: empties the log if it can, which gives its room back to a full disk. */
void vb_engine_checkpoint_all(struct vb_engine_index *index);

#endif
