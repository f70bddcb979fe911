/* Transactions that are retried: see transaction.h. */
#include "db/transaction.h"

#include "base/random.h"
#include "base/wait.h"

#include <errno.h>

#define ATTEMPTS_MAX  5
#define WAIT_FIRST_US 2000U

static int attempt(struct vb_db *db, int (*work)(struct vb_db *, void *, struct vb_error *), void *context,
                   struct vb_error *err)
{
    int r = vb_db_begin(db, err);

    if (r == 0)
        r = work(db, context, err);
    if (r == 0)
        r = vb_db_commit(db, err);
    if (r < 0)
        vb_db_rollback(db);
    return r;
}

/* Exponential back-off with jitter, so that transactions that collided do not collide again. */
static void wait_a_little(unsigned attempts)
{
    unsigned most_us = WAIT_FIRST_US << attempts, random;

    vb_random_bytes(&random, sizeof(random));
    vb_sleep_us(most_us / 2 + random % (most_us / 2));
}

int vb_db_transact(struct vb_db *db, int (*work)(struct vb_db *db, void *context, struct vb_error *err),
                   void *context, struct vb_error *err)
{
    for (unsigned attempts = 1;; attempts++) {
        int r = attempt(db, work, context, err);

        if (r != -EAGAIN || attempts == ATTEMPTS_MAX)
            return r;
        wait_a_little(attempts);
    }
}
