/*
 * A bounded pool of worker threads for work that blocks. When its queue is full it refuses, and the caller
 * answers 503 with Retry-After. Thread-safe.
 */
#ifndef VB_BASE_POOL_H
#define VB_BASE_POOL_H

#include <stddef.h>

struct vb_pool;

/* One unit of work, embedded in the struct it works on; the submitter owns it and keeps it alive until run
 * returns or hands it on. */
struct vb_job {
    void (*run)(struct vb_job *job);
    struct vb_job *next; /* the pool's */
};

/* name: at most 15 letters and '-', shown by ps, gdb and as a label of the gauges vibe_pool_running and vibe_pool_queued. threads: how many at the most (started as needed, then
 * kept). queue_max: jobs waiting beyond those running. */
struct vb_pool *vb_pool_create(const char *name, unsigned threads, unsigned queue_max);
/* Runs what is queued, waits for it and frees the pool. No submit may follow. */
void vb_pool_destroy(struct vb_pool *pool);

/* Returns 0, or -EAGAIN when the queue is full, or when not one thread could be started. */
int vb_pool_submit(struct vb_pool *pool, struct vb_job *job);

struct vb_pool_stats {
    unsigned threads, running, queued;
};
void vb_pool_stats(struct vb_pool *pool, struct vb_pool_stats *ret_stats);

#endif
