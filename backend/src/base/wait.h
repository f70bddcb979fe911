/*
 * Waiting: the only place that sleeps or waits with a timeout. All of it runs on the monotonic clock, so a
 * wall clock that is set neither stalls nor hurries anything.
 *
 * A deadline is a time of vb_clock_monotonic_ms(). Each wait here ends at a deadline or is interrupted; which
 * one to use:
 *
 *   a condition variable, until a deadline      vb_cond_init, vb_cond_wait_until
 *   a semaphore, until a deadline               vb_sem_wait_until
 *   something that can only be asked            struct vb_poll
 *   for a while, unless the owner stops         struct vb_stop
 *   for a while, and nobody interrupts          vb_sleep_ms, vb_sleep_us
 *   again and again, on a thread of its own     struct vb_periodic
 */
#ifndef VB_BASE_WAIT_H
#define VB_BASE_WAIT_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VB_NO_DEADLINE INT64_MAX

/* The deadline that is ms from now. A negative ms has passed; more than the clock can count is
 * VB_NO_DEADLINE. */
int64_t vb_deadline_after(int64_t ms);
/* How long until the deadline; 0 once it has passed. */
int64_t vb_deadline_left_ms(int64_t deadline_ms);
bool vb_deadline_passed(int64_t deadline_ms);

/* A condition variable for vb_cond_wait_until. pthread_cond_destroy() releases it. */
void vb_cond_init(pthread_cond_t *condition);
/* Waits with the mutex held. Returns 0 when woken, which may be for no reason, or -ETIMEDOUT at the deadline.
 * Hence the form:  while (!come && r == 0) r = vb_cond_wait_until(…);  */
int vb_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ms);

/* Takes one from the semaphore. Returns 0, or -ETIMEDOUT at the deadline. Signals do not interrupt it. */
int vb_sem_wait_until(sem_t *semaphore, int64_t deadline_ms);

/* Sleeps for the whole time; signals do not shorten it. Negative: returns at once. */
void vb_sleep_ms(int64_t ms);
void vb_sleep_us(int64_t us);

/* Back-off. failures: how many in a row, from 1. The first wait is first_ms. The wait doubles with each
 * further failure, up to max_ms. */
int64_t vb_backoff_ms(int64_t first_ms, int64_t max_ms, unsigned failures);
/* A random time within percent (100 at the most) of ms, so that copies that started together drift apart. */
int64_t vb_jitter_ms(int64_t ms, unsigned percent);

/*
 * Polling with back-off, for what cannot wake us:
 *
 *   struct vb_poll poll = vb_poll_start(deadline_ms, 500, 20000);
 *
 *   while (!has_ended(child))
 *       if (!vb_poll_pause(&poll))
 *           return -ETIMEDOUT;
 */
struct vb_poll {
    int64_t deadline_ms, pause_us, pause_max_us;
};

/* The first pause, and the longest: each is twice as long as the one before. */
struct vb_poll vb_poll_start(int64_t deadline_ms, int64_t pause_us, int64_t pause_max_us);
/* Sleeps until it is time to ask again and returns true; returns false when the deadline has passed. It asks
 * once more at the deadline: no pause goes beyond it. */
bool vb_poll_pause(struct vb_poll *poll);

/*
 * A request to stop that sleepers notice at once. It stays requested. Thread-safe.
 */
struct vb_stop {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool requested; /* set with the lock held; read by anybody, to break off long work */
};

void vb_stop_init(struct vb_stop *stop);
void vb_stop_release(struct vb_stop *stop);
void vb_stop_request(struct vb_stop *stop);
bool vb_stop_requested(const struct vb_stop *stop);
/* Sleeps. Returns true after ms; false, at once, when the stop is requested. */
bool vb_stop_sleep_ms(struct vb_stop *stop, int64_t ms);

/*
 * A thread that does its work again and again, and waits in between. It lives in the struct that owns it; a
 * zeroed one is not running, and stopping it does nothing.
 */
struct vb_periodic {
    int64_t (*run)(void *context);
    void *context;
    int64_t next_ms; /* the deadline of the next run; the thread's own */
    struct vb_stop stop;
    bool awake; /* vb_periodic_wake was called; guarded by stop.lock */
    bool running;
    pthread_t thread;
};

struct vb_periodic_config {
    const char *name; /* of the thread, 15 characters at most */
    int64_t first_ms; /* before the first run; 0: at once */
    /* One run. Returns for how many milliseconds to wait before the next; VB_NO_DEADLINE: until woken.
     * vb_backoff_ms and vb_jitter_ms help to compute it. Long work asks vb_periodic_stopping() at times. */
    int64_t (*run)(void *context);
    void *context;
};

/* Returns 0, or a negative errno when the thread cannot be started. The thread receives no signals. */
int vb_periodic_start(struct vb_periodic *periodic, const struct vb_periodic_config *config);
/* Runs now instead of at the end of the present wait; while a run is in progress, once more after it.
 * Only between start and stop. */
void vb_periodic_wake(struct vb_periodic *periodic);
/* Asks the thread to end, without waiting for that. Only between start and stop. */
void vb_periodic_request_stop(struct vb_periodic *periodic);
/* For the work itself, on any thread: whether to break off. */
bool vb_periodic_stopping(const struct vb_periodic *periodic);
/* The same as a flag, for work that knows nothing of the thread. It lives in the struct. */
const atomic_bool *vb_periodic_stop_flag(const struct vb_periodic *periodic);
/* Ends the thread: a wait at once, a run when it returns. Not to be called by the work itself. */
void vb_periodic_stop(struct vb_periodic *periodic);

#endif
