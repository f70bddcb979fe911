/*
 * A bounded pool of worker threads for work that blocks. When its queue is full it refuses, and the caller
 * answers 503 with Retry-After. Its queue is fair: everybody's first job goes before anybody's second. Thread-safe.
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
    uint64_t owner;      /* vb_job_owner(); 0: nobody's, which waits for none of its like */
    struct vb_job *next; /* the pool's, as what follows */
    unsigned rank;       /* how many of the same owner were waiting when it came */
};

/* Whose a job is, by any text that tells one from another; "" or NULL: nobody's. Two may be taken for one, rarely. */
uint64_t vb_job_owner(const char *text);

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
