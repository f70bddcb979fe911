/*
 * A pool of jailed processes that decode and encode pictures and videos: job.h says what they do,
 * jail/sandbox.h how they are jailed. Thread-safe.
 *
 *   service ──▶ nursery (vibe-media: libraries loaded, touches no stranger's byte) ──fork──▶ workers
 *
 * The service itself never loads a decoder. A worker ends after one upload, so that one user's file never
 * meets another's; a worker that makes variants of our own canonical files lives longer. A worker that dies,
 * hangs or exceeds its limits is replaced, and its job fails.
 */
#ifndef VB_MEDIA_WORKERS_H
#define VB_MEDIA_WORKERS_H

#include "base/error.h"
#include "media/job.h"

struct vb_workers;

struct vb_workers_config {
    const char *program; /* of the nursery; NULL: "vibe-media" beside this program */
    unsigned processes;  /* 0: two more than the cores this process may use; at most VB_WIRE_PROCESSES_MAX */
    unsigned queue_max;  /* calls that wait for a worker; 0: 512 */
    unsigned timeout_ms; /* for one job, once a worker has it; 0: 30000 */
};

/* Starts the nursery and returns at once, so that a service can begin to listen: calls wait for the first
 * worker. Returns 0, or an error if the program cannot be started. */
int vb_workers_start(const struct vb_workers_config *config, struct vb_workers **ret_workers,
                     struct vb_error *err);
/* Waits until the first worker is in its jail. Returns 0, or after 10 s at most an error that says what is
 * missing: then the service must not go on. */
int vb_workers_wait(struct vb_workers *workers, struct vb_error *err);
/* No call may be in flight. NULL does nothing. */
void vb_workers_stop(struct vb_workers *workers);

/* The descriptors of a job; -1: none. The caller keeps them. */
struct vb_media_files {
    int input;          /* regular file or memfd, open for reading */
    int output, poster; /* empty, open for reading and writing */
};

/*
 * Runs a job. Blocks until a worker has answered. Who is served first is in media/queue.h: uploads go before
 * variants, owners take turns, and no more heavy jobs run at a time than memory allows.
 *
 * owner: any text that identifies the owner of the upload. NULL: none.
 *
 * Returns 0 with ret, whose status may still be VB_MEDIA_BAD, or
 *   -EBUSY      too many calls wait, or the system killed two workers, the second one alone: 503, Retry-After
 *   -ETIMEDOUT  the job took too long, and its worker was killed
 *   -EPIPE      two workers died of this file
 *   -EPROTO     the worker's answer is invalid
 */
int vb_workers_run(struct vb_workers *workers, const struct vb_media_job *job,
                   const struct vb_media_files *files, const char *owner, struct vb_media_result *ret,
                   struct vb_error *err);

/* Returns an empty file in memory, for a job's input or output, or a negative errno. */
int vb_media_memory_file(const char *name);

#endif
