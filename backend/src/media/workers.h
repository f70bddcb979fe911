/*
 * A pool of jailed processes that decode and encode pictures and videos (see job.h for what they do, sandbox.h for
 * their jail). Thread-safe.
 *
 *   service ──▶ nursery (vibe-media: libraries loaded, touches no stranger's byte) ──fork──▶ workers
 *
 * The service itself never loads a decoder. A worker ends after one upload, so that nothing of one user's file meets
 * another's; those that make variants of our own canonical files live longer. A worker that dies, hangs or
 * exceeds its limits is replaced, and its job answered.
 */
#ifndef VB_MEDIA_WORKERS_H
#define VB_MEDIA_WORKERS_H

#include "base/error.h"
#include "media/job.h"

struct vb_workers;

struct vb_workers_config {
    const char *program; /* of the nursery; NULL: "vibe-media" beside this program */
    unsigned processes;  /* 0: two more than the cores this process may use; at most VB_WIRE_PROCESSES_MAX */
    unsigned queue_max;  /* calls waiting for a process; 0: 512 */
    unsigned timeout_ms; /* of one job, from when a process has it; 0: 30000 */
};

/* Starts the nursery and returns at once, so that a service can listen meanwhile: calls wait for the first worker. An
 * error if there is no such program. */
int vb_workers_start(const struct vb_workers_config *config, struct vb_workers **ret_workers,
                     struct vb_error *err);
/* Returns when the first worker is in its jail: 0, or after 10 s at the most an error that says what is missing. A
 * service that gets one must not go on. */
int vb_workers_wait(struct vb_workers *workers, struct vb_error *err);
/* No call may be under way. NULL is fine. */
void vb_workers_stop(struct vb_workers *workers);

/* The descriptors of a job; -1: none. They stay the caller's. */
struct vb_media_files {
    int input;          /* regular file or memfd, open for reading */
    int output, poster; /* empty, open for reading and writing */
};

/*
 * Runs a job. Blocks until there is a process for it and it has answered. Nobody's files keep others waiting:
 * - uploads go before variants, and everybody's first upload before anybody's second;
 * - uploads and AVIF, which take long, leave one process for the other variants, which do not;
 * - an owner leaves one of the processes for uploads to others; AVIF has half of all at the most;
 * - no more uploads and AVIF run at a time than this machine's memory is enough for.
 *
 * owner: whose upload it is, any text that tells one from another; NULL: nobody's.
 *
 * Returns 0 with ret (whose status may still be VB_MEDIA_BAD), -EBUSY (too many wait, or workers were
 * killed, also one that had the memory for itself: 503 with Retry-After), -ETIMEDOUT (it took too long and was ended), -EPIPE
 * (the worker died of this file), -EPROTO (it answered nonsense), -EIO.
 */
int vb_workers_run(struct vb_workers *workers, const struct vb_media_job *job,
                   const struct vb_media_files *files, const char *owner, struct vb_media_result *ret,
                   struct vb_error *err);

/* An empty file in memory of at most size_max bytes, for a job's input or output; or a negative errno. */
int vb_media_memory_file(const char *name);

#endif
