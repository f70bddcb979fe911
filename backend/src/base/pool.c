/* Worker threads: see pool.h. */
#include "base/pool.h"

#include "base/memory.h"
#include "base/metrics.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKER_STACK_BYTES (512 * 1024)

struct vb_pool {
    char name[16];
    pthread_mutex_t lock;
    pthread_cond_t work;  /* a job was queued, or stopping was set */
    struct vb_job *first; /* sorted by rank, then by arrival */
    unsigned queued, queue_max;
    unsigned running;
    unsigned threads, threads_max;
    pthread_t *thread_ids;
    bool stopping;
};

static void *work(void *argument)
{
    struct vb_pool *pool = argument;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct vb_job *job;

        while (!pool->first && !pool->stopping)
            pthread_cond_wait(&pool->work, &pool->lock);
        job = pool->first;
        if (!job)
            break;
        pool->first = job->next;
        pool->queued--;
        pool->running++;
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
        pool->running--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static double read_running(void *context)
{
    struct vb_pool_stats stats;

    vb_pool_stats(context, &stats);
    return stats.running;
}

static double read_queued(void *context)
{
    struct vb_pool_stats stats;

    vb_pool_stats(context, &stats);
    return stats.queued;
}

static void set_gauges(struct vb_pool *pool, bool present)
{
    char labels[32];

    snprintf(labels, sizeof(labels), "pool=\"%s\"", pool->name);
    vb_metrics_gauge("vibe_pool_running", "Workers that are busy.", labels, present ? read_running : NULL,
                     pool);
    vb_metrics_gauge("vibe_pool_queued", "Jobs that wait for a worker.", labels, present ? read_queued : NULL,
                     pool);
}

struct vb_pool *vb_pool_create(const char *name, unsigned threads, unsigned queue_max)
{
    struct vb_pool *pool = vb_xcalloc(1, sizeof(*pool));

    vb_assert(threads > 0);
    snprintf(pool->name, sizeof(pool->name), "%s", name);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->queue_max = queue_max;
    pool->threads_max = threads;
    pool->thread_ids = vb_xcalloc(threads, sizeof(*pool->thread_ids));
    set_gauges(pool, true);
    return pool;
}

/* Starts one more worker, if the system can. The lock is held. */
static void start_worker(struct vb_pool *pool)
{
    if (vb_thread_start(pool->name, WORKER_STACK_BYTES, work, pool, &pool->thread_ids[pool->threads]) == 0)
        pool->threads++;
}

/* FNV-1a, 64 bits. */
uint64_t vb_job_owner(const char *text)
{
    uint64_t hash = 14695981039346656037ULL;

    if (!text || !*text)
        return 0;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
    return hash ? hash : 1;
}

/* Walks the queue: it is long only under overload, when this cost does not matter. The lock is held. */
static void enqueue(struct vb_pool *pool, struct vb_job *job)
{
    struct vb_job **at;

    job->rank = 0;
    for (const struct vb_job *other = pool->first; other && job->owner; other = other->next)
        job->rank += other->owner == job->owner;
    for (at = &pool->first; *at && (*at)->rank <= job->rank; at = &(*at)->next)
        ;
    job->next = *at;
    *at = job;
    pool->queued++;
}

int vb_pool_submit(struct vb_pool *pool, struct vb_job *job)
{
    unsigned long accepted; /* running and queued */
    int r = 0;

    pthread_mutex_lock(&pool->lock);
    vb_assert(!pool->stopping);
    accepted = (unsigned long)pool->running + pool->queued;
    if (accepted >= pool->threads && pool->threads < pool->threads_max)
        start_worker(pool);
    if (pool->threads == 0 || accepted >= (unsigned long)pool->threads + pool->queue_max) {
        r = -EAGAIN;
    } else {
        enqueue(pool, job);
    }
    pthread_mutex_unlock(&pool->lock);
    if (r == 0) /* without the lock: on a busy core the woken worker runs at once and would block on it */
        pthread_cond_signal(&pool->work);
    return r;
}

void vb_pool_stats(struct vb_pool *pool, struct vb_pool_stats *ret_stats)
{
    pthread_mutex_lock(&pool->lock);
    *ret_stats = (struct vb_pool_stats){pool->threads, pool->running, pool->queued};
    pthread_mutex_unlock(&pool->lock);
}

void vb_pool_destroy(struct vb_pool *pool)
{
    if (!pool)
        return;
    set_gauges(pool, false);
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread_ids[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->thread_ids);
    free(pool);
}
