/*
 * A bounded pool of worker threads for work that blocks. A full queue refuses, and the caller answers 503
 * with Retry-After. The queue is fair: it serves owners round robin. Thread-safe.
 */
#ifndef VB_BASE_POOL_H
#define VB_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct vb_pool;

/* One unit of work, embedded in the struct it works on; the submitter owns it and keeps it alive until run
 * returns or hands it on. */
struct vb_job {
    void (*run)(struct vb_job *job);
    uint64_t owner;      /* vb_job_owner(); 0: none, and the job counts as the first of its owner */
    struct vb_job *next; /* the pool's, like rank */
    unsigned rank;       /* its round: how many jobs of the same owner were queued before it */
};

/* The owner of a job, from any text that tells owners apart; "" or NULL: none. Two texts rarely give the same
 * owner. */
uint64_t vb_job_owner(const char *text);

/* name: at most 15 letters and '-'; ps, gdb and the gauges vibe_pool_running and vibe_pool_queued show it.
 * threads: the most there will be; they are started as needed and then kept. queue_max: queued jobs beyond
 * the running ones. */
struct vb_pool *vb_pool_create(const char *name, unsigned threads, unsigned queue_max);
/* Runs the queued jobs, waits for them and frees the pool. No submit may follow. */
void vb_pool_destroy(struct vb_pool *pool);

/* Returns 0, or -EAGAIN when the queue is full or no thread could be started. */
int vb_pool_submit(struct vb_pool *pool, struct vb_job *job);

struct vb_pool_stats {
    unsigned threads, running, queued;
};
void vb_pool_stats(struct vb_pool *pool, struct vb_pool_stats *ret_stats);

#endif
