/*
 * The pool of connections that read the index: see index.h.
 */
#include "store/engine/index.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct slot {
    struct vb_engine_index index; /* first: a borrowed index is its slot */
    struct vb_engine_index_pool *pool;
    struct slot *next;
    bool open;
};

struct vb_engine_index_pool {
    char *directory;
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    struct slot *free; /* last returned first: open connections are used before another one is opened */
    struct slot slots[];
};

struct vb_engine_index_pool *vb_engine_index_pool_create(const char *directory, unsigned connections)
{
    struct vb_engine_index_pool *pool = vb_xcalloc(1, sizeof(*pool) + connections * sizeof(pool->slots[0]));

    pool->directory = vb_xstrdup(directory);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->returned, NULL);
    for (unsigned i = connections; i > 0; i--) {
        pool->slots[i - 1].pool = pool;
        pool->slots[i - 1].next = pool->free;
        pool->free = &pool->slots[i - 1];
    }
    return pool;
}

void vb_engine_index_pool_destroy(struct vb_engine_index_pool *pool)
{
    if (!pool)
        return;
    for (struct slot *slot = pool->free; slot; slot = slot->next)
        if (slot->open)
            vb_engine_index_close(&slot->index);
    pthread_cond_destroy(&pool->returned);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->directory);
    free(pool);
}

int vb_engine_index_pool_borrow(struct vb_engine_index_pool *pool, struct vb_engine_index **ret_index,
                                struct vb_error *err)
{
    struct slot *slot;
    int r;

    pthread_mutex_lock(&pool->mutex);
    while (!pool->free)
        pthread_cond_wait(&pool->returned, &pool->mutex);
    slot = pool->free;
    pool->free = slot->next;
    pthread_mutex_unlock(&pool->mutex);

    if (!slot->open) {
        r = vb_engine_index_open(pool->directory, false, &slot->index, err);
        if (r < 0) {
            vb_engine_index_pool_return(&slot->index);
            return r;
        }
        slot->open = true;
    }
    vb_engine_index_clear(&slot->index);
    *ret_index = &slot->index;
    return 0;
}

void vb_engine_index_pool_return(struct vb_engine_index *index)
{
    struct slot *slot = (struct slot *)index;

    if (!slot)
        return;
    pthread_mutex_lock(&slot->pool->mutex);
    slot->next = slot->pool->free;
    slot->pool->free = slot;
    pthread_cond_signal(&slot->pool->returned);
    pthread_mutex_unlock(&slot->pool->mutex);
}
