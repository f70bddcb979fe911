/* The connection pool: see pool.h. Statements on a borrowed connection are in query.c. */
#include "db/connect.h"
#include "db/internal.h"
#include "db/pool_gauges.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 *       go_away(): a connection cannot be opened, or an answer does not come in time
 *     ┌──────────────────────────────────────────────────────────────────────────────┐
 *     │                                                                              ▼
 *  healthy                                                                          away
 *     ▲                                                                              │
 *     └──────────────────────────────────────────────────────────────────────────────┘
 *       come_back(): an attempt succeeds, or a borrowed connection proves to work
 *
 * away: idle connections are closed, and waiters get -ENOTCONN. From next_attempt_ms on, one borrower at a
 * time attempts to connect; all others get -ENOTCONN at once.
 */
#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS   500

struct vb_db_pool {
    char *url;
    unsigned connections_max, statement_timeout_ms, acquire_timeout_ms;

    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a connection came back, room for one appeared, or the database went away */
    struct vb_db *idle;     /* last in, first out: the rest grows old */
    unsigned open, in_use, waiting;
    bool away, attempting;
    int64_t away_since_ms, next_attempt_ms, retry_ms;
};

struct vb_db_pool *vb_db_pool_create(const struct vb_db_config *config)
{
    struct vb_db_pool *pool = vb_xcalloc(1, sizeof(*pool));

    pool->url = vb_xstrdup(config->url);
    pool->connections_max = config->connections_max ? config->connections_max : 16;
    pool->statement_timeout_ms = config->statement_timeout_ms ? config->statement_timeout_ms : 5000;
    pool->acquire_timeout_ms = config->acquire_timeout_ms ? config->acquire_timeout_ms : 2000;
    pool->retry_ms = RETRY_FIRST_MS;
    pthread_mutex_init(&pool->mutex, NULL);
    vb_cond_init(&pool->changed);
    vb_db_pool_gauges_add(pool);
    return pool;
}

static void close_connection(struct vb_db *db)
{
    if (!db)
        return;
    PQfinish(db->connection);
    free(db);
}

static void close_list(struct vb_db *list)
{
    while (list) {
        struct vb_db *next = list->next;

        close_connection(list);
        list = next;
    }
}

void vb_db_pool_destroy(struct vb_db_pool *pool)
{
    if (!pool)
        return;
    vb_db_pool_gauges_remove();
    vb_assert(pool->in_use == 0 && pool->waiting == 0);
    close_list(pool->idle);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    explicit_bzero(pool->url, strlen(pool->url)); /* it holds the password */
    free(pool->url);
    free(pool);
}

/* With the mutex held. Returns the idle connections, to be closed without it. */
static struct vb_db *go_away(struct vb_db_pool *pool, int64_t retry_ms)
{
    struct vb_db *idle = pool->idle;
    int64_t now_ms = vb_clock_monotonic_ms();

    for (struct vb_db *db = idle; db; db = db->next)
        pool->open--;
    pool->idle = NULL;
    if (!pool->away)
        pool->away_since_ms = now_ms;
    pool->away = true;
    pool->next_attempt_ms = now_ms + retry_ms;
    pthread_cond_broadcast(&pool->changed);
    return idle;
}

/* With the mutex held. */
static void come_back(struct vb_db_pool *pool)
{
    pool->away = false;
    pool->retry_ms = RETRY_FIRST_MS;
}

/* Opens a connection, whose place is already counted in pool->open and pool->in_use. Without the mutex. */
static int open_connection(struct vb_db_pool *pool, bool is_attempt, struct vb_db **ret_db,
                           struct vb_error *err)
{
    struct vb_db *db = NULL, *outdated = NULL;
    PGconn *connection = NULL;
    int r = vb_db_connect(pool->url, pool->statement_timeout_ms, &connection, err);

    if (r == 0) {
        db = vb_xcalloc(1, sizeof(*db));
        db->pool = pool;
        db->connection = connection;
        db->answer_timeout_ms = (int)pool->statement_timeout_ms + 1000;
        /* Never block in a send: the deadline is kept in query.c by waiting for the socket. */
        PQsetnonblocking(connection, 1);
    }

    pthread_mutex_lock(&pool->mutex);
    if (is_attempt)
        pool->attempting = false;
    if (r == 0) {
        come_back(pool);
    } else {
        pool->open--;
        pool->in_use--;
        outdated = go_away(pool, pool->retry_ms);
        pool->retry_ms = pool->retry_ms * 2 < RETRY_MAX_MS ? pool->retry_ms * 2 : RETRY_MAX_MS;
    }
    pthread_mutex_unlock(&pool->mutex);
    close_list(outdated);
    if (r == 0) {
        *ret_db = db;
        return 0;
    }
    if (err)
        err->code = ENOTCONN; /* also for a malformed URL: a borrower cannot tell */
    return -ENOTCONN;
}

/* A server that restarted has closed its end of idle connections. The socket shows that without a query. */
static bool is_stale(struct vb_db *db)
{
    struct pollfd socket = {.fd = PQsocket(db->connection), .events = POLLIN};

    for (int reads = 0; poll(&socket, 1, 0) > 0; reads++)
        if (reads == 8 || !PQconsumeInput(db->connection) || PQisBusy(db->connection) ||
            PQstatus(db->connection) != CONNECTION_OK)
            return true;
    return false;
}

/* With the mutex held. Returns 0 when the state may have changed, -EBUSY at the deadline. */
static int wait_for_place(struct vb_db_pool *pool, int64_t deadline_ms)
{
    int r;

    pool->waiting++;
    r = vb_cond_wait_until(&pool->changed, &pool->mutex, deadline_ms);
    pool->waiting--;
    return r == -ETIMEDOUT ? -EBUSY : 0;
}

/* Takes an idle connection, or a place for a new one (then *ret_db is NULL, and *ret_attempt says whether the
 * database is unreachable). */
static int take_place(struct vb_db_pool *pool, int64_t deadline_ms, struct vb_db **ret_db, bool *ret_attempt)
{
    int r = 0;

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        if (pool->idle) {
            *ret_db = pool->idle;
            pool->idle = pool->idle->next;
            pool->in_use++;
            break;
        }
        if (pool->away && (pool->attempting || pool->open >= pool->connections_max ||
                           vb_clock_monotonic_ms() < pool->next_attempt_ms)) {
            r = -ENOTCONN;
            break;
        }
        if (pool->open < pool->connections_max) {
            pool->open++;
            pool->in_use++;
            *ret_db = NULL;
            *ret_attempt = pool->away;
            pool->attempting = pool->attempting || pool->away;
            break;
        }
        r = wait_for_place(pool, deadline_ms);
        if (r < 0 && !pool->idle && pool->open >= pool->connections_max)
            break;
        r = 0;
    }
    pthread_mutex_unlock(&pool->mutex);
    return r;
}

/* Gives up the connection and its place. */
static void discard(struct vb_db_pool *pool, struct vb_db *db)
{
    close_connection(db);
    pthread_mutex_lock(&pool->mutex);
    pool->open--;
    pool->in_use--;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
}

int vb_db_acquire(struct vb_db_pool *pool, struct vb_db **ret_db, struct vb_error *err)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + pool->acquire_timeout_ms;

    for (;;) {
        struct vb_db *db = NULL;
        bool is_attempt = false;
        int r = take_place(pool, deadline_ms, &db, &is_attempt);

        if (r == -EBUSY)
            return vb_error_set(err, EBUSY, "all %u database connections are in use", pool->connections_max);
        if (r < 0)
            return vb_error_set(err, ENOTCONN,
                                "the database cannot be reached; the service retries every %d ms",
                                RETRY_MAX_MS);
        if (!db)
            return open_connection(pool, is_attempt, ret_db, err);
        if (!is_stale(db)) {
            *ret_db = db;
            return 0;
        }
        discard(pool, db);
    }
}

void vb_db_release(struct vb_db *db)
{
    struct vb_db_pool *pool;
    struct vb_db *outdated = NULL;

    if (!db)
        return;
    pool = db->pool;
    if (!db->broken && PQtransactionStatus(db->connection) != PQTRANS_IDLE)
        vb_db_rollback(db);
    if (PQtransactionStatus(db->connection) != PQTRANS_IDLE)
        db->broken = true;

    pthread_mutex_lock(&pool->mutex);
    if (db->silent)
        outdated = go_away(pool, 0); /* the next borrower finds out at once whether it answers again */
    else if (!db->broken && pool->away && db->answered_ms > pool->away_since_ms)
        come_back(pool);
    if (db->broken || pool->away) {
        pool->open--;
        db->next = outdated;
        outdated = db;
    } else {
        db->next = pool->idle;
        pool->idle = db;
    }
    pool->in_use--;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
    close_list(outdated);
}

void vb_db_pool_stats(struct vb_db_pool *pool, struct vb_db_stats *ret_stats)
{
    pthread_mutex_lock(&pool->mutex);
    *ret_stats = (struct vb_db_stats){
        .open = pool->open, .in_use = pool->in_use, .waiting = pool->waiting, .away = pool->away};
    pthread_mutex_unlock(&pool->mutex);
}
