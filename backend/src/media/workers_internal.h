/*
 * The pool of media workers, as its own two files share it: workers.c makes the calls, keeper.c takes in
 * workers and hears of their end.
 */
#ifndef VB_MEDIA_WORKERS_INTERNAL_H
#define VB_MEDIA_WORKERS_INTERNAL_H

#include "media/nursery.h"
#include "media/queue.h"
#include "media/workers.h"

#include <pthread.h>

struct vb_worker {
    struct vb_worker *next;
    int socket;
    pid_t pid;
    unsigned jobs; /* done */
};

/* A call of vb_workers_run(): it waits for a worker, or has one. */
struct vb_worker_call {
    struct vb_media_call queued; /* first: the queue holds a pointer to it */
    pthread_cond_t given;        /* worker is set */
    struct vb_worker *worker;
    pid_t pid;  /* the worker's, also when the worker is gone */
    bool ended; /* the nursery has said so */
    int signal; /* that ended the worker; 0: none did */
};

struct vb_workers {
    struct vb_workers_config config;
    char *program;
    pthread_mutex_t lock;   /* guards all that follows, but for the counters and the thread */
    pthread_cond_t changed; /* jail, stopping, or ended of a call */
    struct vb_worker *idle; /* the last used one first: its memory is warm */
    struct vb_media_queue queue;
    struct vb_nursery nursery;
    int jail; /* of the first worker; 0: none has come yet; negative: none may run */
    bool stopping;
    pthread_t keeper;
    bool keeper_runs;
    struct vb_counter *done, *refused, *timeouts, *deaths;
};

/* workers.c: an idle worker is there, which is the pool's from now on. */
void vb_workers_offer(struct vb_workers *workers, struct vb_worker *worker);
/* workers.c: closes its socket, at which the process ends. */
void vb_worker_free(struct vb_worker *worker);

/* keeper.c: starts the nursery, and the thread that keeps it. Returns 0 or an error; then nothing runs. */
int vb_keeper_start(struct vb_workers *workers, struct vb_error *err);
/* keeper.c: ends both. Nothing happens if vb_keeper_start() failed. */
void vb_keeper_stop(struct vb_workers *workers);

#endif
