/* Whether database and bucket answer: see readiness.h. */
#include "api/readiness.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

#define KEPT_MS 1000

struct vb_readiness {
    struct vb_db_pool *db;
    struct vb_s3_client *s3;
    pthread_mutex_t checking; /* held by the caller that asks database and bucket */
    pthread_mutex_t lock;     /* of what follows */
    int64_t checked_ms;       /* monotonic; 0: never */
    struct vb_readiness_answer last;
};

struct vb_readiness *vb_readiness_create(struct vb_db_pool *db, struct vb_s3_client *s3)
{
    struct vb_readiness *readiness = vb_xcalloc(1, sizeof(*readiness));

    readiness->db = db;
    readiness->s3 = s3;
    pthread_mutex_init(&readiness->checking, NULL);
    pthread_mutex_init(&readiness->lock, NULL);
    return readiness;
}

void vb_readiness_destroy(struct vb_readiness *readiness)
{
    if (!readiness)
        return;
    pthread_mutex_destroy(&readiness->checking);
    pthread_mutex_destroy(&readiness->lock);
    free(readiness);
}

static bool database_answers(struct vb_db_pool *pool)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;

    return vb_db_acquire(pool, &db, NULL) == 0 && vb_db_execute(db, "SELECT 1", 0, NULL, NULL, NULL) == 0;
}

static struct vb_readiness_answer last_answer(struct vb_readiness *readiness, int64_t *ret_checked_ms)
{
    struct vb_readiness_answer last;

    pthread_mutex_lock(&readiness->lock);
    last = readiness->last;
    *ret_checked_ms = readiness->checked_ms;
    pthread_mutex_unlock(&readiness->lock);
    return last;
}

/* With checking held. */
static void check(struct vb_readiness *readiness)
{
    const struct vb_readiness_answer now = {.database = database_answers(readiness->db),
                                            .bucket = vb_s3_head_bucket(readiness->s3, NULL) == 0};

    pthread_mutex_lock(&readiness->lock);
    readiness->last = now;
    readiness->checked_ms = vb_clock_monotonic_ms();
    pthread_mutex_unlock(&readiness->lock);
}

struct vb_readiness_answer vb_readiness_check(struct vb_readiness *readiness)
{
    int64_t checked_ms;
    struct vb_readiness_answer last = last_answer(readiness, &checked_ms);

    if (checked_ms == 0)
        pthread_mutex_lock(&readiness->checking);
    else if (pthread_mutex_trylock(&readiness->checking) != 0)
        return last;
    last_answer(readiness, &checked_ms);
    if (checked_ms == 0 || vb_clock_monotonic_ms() - checked_ms >= KEPT_MS)
        check(readiness);
    pthread_mutex_unlock(&readiness->checking);
    return last_answer(readiness, &checked_ms);
}
