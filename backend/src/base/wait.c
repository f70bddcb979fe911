/* Waiting on the monotonic clock: see wait.h. */
#include "base/wait.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/thread.h"

#include <errno.h>
#include <time.h>

/* Far enough for every purpose, and a time_t of any platform can hold it: about 68 years. */
#define FAR_MS ((int64_t)INT32_MAX * 1000)

static struct timespec timespec_of_us(int64_t us)
{
    return (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000 * 1000)};
}

static struct timespec timespec_of_deadline(int64_t deadline_ms)
{
    if (deadline_ms < 0)
        deadline_ms = 0;
    return timespec_of_us((deadline_ms < FAR_MS ? deadline_ms : FAR_MS) * 1000);
}

int64_t vb_deadline_after(int64_t ms)
{
    int64_t deadline_ms;

    return __builtin_add_overflow(vb_clock_monotonic_ms(), ms, &deadline_ms) ? VB_NO_DEADLINE : deadline_ms;
}

int64_t vb_deadline_left_ms(int64_t deadline_ms)
{
    int64_t now_ms = vb_clock_monotonic_ms();

    return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

bool vb_deadline_passed(int64_t deadline_ms)
{
    return vb_clock_monotonic_ms() >= deadline_ms;
}

void vb_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    vb_assert(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

int vb_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ms)
{
    struct timespec until = timespec_of_deadline(deadline_ms);

    if (deadline_ms == VB_NO_DEADLINE)
        return -pthread_cond_wait(condition, mutex);
    return -pthread_cond_timedwait(condition, mutex, &until);
}

int vb_sem_wait_until(sem_t *semaphore, int64_t deadline_ms)
{
    struct timespec until = timespec_of_deadline(deadline_ms);

    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

void vb_sleep_us(int64_t us)
{
    struct timespec left = timespec_of_us(us);

    if (us > 0)
        while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
            ;
}

void vb_sleep_ms(int64_t ms)
{
    if (ms > 0)
        vb_sleep_us((ms < FAR_MS ? ms : FAR_MS) * 1000);
}

int64_t vb_backoff_ms(int64_t first_ms, int64_t max_ms, unsigned failures)
{
    int64_t ms = first_ms;

    while (failures-- > 1 && ms < max_ms)
        ms = ms < max_ms / 2 ? ms * 2 : max_ms;
    return ms < max_ms ? ms : max_ms;
}

int64_t vb_jitter_ms(int64_t ms, unsigned percent)
{
    int64_t most_ms, result_ms;
    uint64_t random;

    vb_assert(percent <= 100);
    most_ms = ms / 100 * percent + ms % 100 * percent / 100;
    if (most_ms <= 0)
        return ms;
    vb_random_bytes(&random, sizeof(random));
    random %= 2 * (uint64_t)most_ms + 1;
    return __builtin_add_overflow(ms - most_ms, random, &result_ms) ? VB_NO_DEADLINE : result_ms;
}

struct vb_poll vb_poll_start(int64_t deadline_ms, int64_t pause_us, int64_t pause_max_us)
{
    return (struct vb_poll){deadline_ms, pause_us, pause_max_us};
}

bool vb_poll_pause(struct vb_poll *poll)
{
    int64_t left_ms = vb_deadline_left_ms(poll->deadline_ms);

    if (left_ms == 0)
        return false;
    vb_sleep_us(left_ms < poll->pause_us / 1000 ? left_ms * 1000 : poll->pause_us);
    poll->pause_us = poll->pause_us * 2 < poll->pause_max_us ? poll->pause_us * 2 : poll->pause_max_us;
    return true;
}

void vb_stop_init(struct vb_stop *stop)
{
    pthread_mutex_init(&stop->lock, NULL);
    vb_cond_init(&stop->changed);
    atomic_init(&stop->requested, false);
}

void vb_stop_release(struct vb_stop *stop)
{
    pthread_cond_destroy(&stop->changed);
    pthread_mutex_destroy(&stop->lock);
}

void vb_stop_request(struct vb_stop *stop)
{
    pthread_mutex_lock(&stop->lock);
    atomic_store(&stop->requested, true);
    pthread_cond_broadcast(&stop->changed);
    pthread_mutex_unlock(&stop->lock);
}

bool vb_stop_requested(const struct vb_stop *stop)
{
    return atomic_load(&stop->requested);
}

bool vb_stop_sleep_ms(struct vb_stop *stop, int64_t ms)
{
    int64_t deadline_ms = vb_deadline_after(ms);
    int r = 0;

    pthread_mutex_lock(&stop->lock);
    while (!vb_stop_requested(stop) && r == 0)
        r = vb_cond_wait_until(&stop->changed, &stop->lock, deadline_ms);
    pthread_mutex_unlock(&stop->lock);
    return !vb_stop_requested(stop);
}

/* Waits for the next run. Returns false when the thread is to end. */
static bool wait_for_turn(struct vb_periodic *periodic)
{
    int r = 0;

    pthread_mutex_lock(&periodic->stop.lock);
    while (!vb_stop_requested(&periodic->stop) && !periodic->awake && r == 0)
        r = vb_cond_wait_until(&periodic->stop.changed, &periodic->stop.lock, periodic->next_ms);
    periodic->awake = false;
    pthread_mutex_unlock(&periodic->stop.lock);
    return !vb_stop_requested(&periodic->stop);
}

static void *run_again_and_again(void *context)
{
    struct vb_periodic *periodic = context;

    while (wait_for_turn(periodic))
        periodic->next_ms = vb_deadline_after(periodic->run(periodic->context));
    return NULL;
}

int vb_periodic_start(struct vb_periodic *periodic, const struct vb_periodic_config *config)
{
    int r;

    vb_assert(!periodic->running);
    periodic->run = config->run;
    periodic->context = config->context;
    periodic->next_ms = vb_deadline_after(config->first_ms);
    periodic->awake = false;
    vb_stop_init(&periodic->stop);
    r = vb_thread_start(config->name, 0, run_again_and_again, periodic, &periodic->thread);
    if (r < 0)
        vb_stop_release(&periodic->stop);
    periodic->running = r == 0;
    return r;
}

void vb_periodic_wake(struct vb_periodic *periodic)
{
    pthread_mutex_lock(&periodic->stop.lock);
    periodic->awake = true;
    pthread_cond_broadcast(&periodic->stop.changed);
    pthread_mutex_unlock(&periodic->stop.lock);
}

void vb_periodic_request_stop(struct vb_periodic *periodic)
{
    vb_stop_request(&periodic->stop);
}

bool vb_periodic_stopping(const struct vb_periodic *periodic)
{
    return vb_stop_requested(&periodic->stop);
}

const atomic_bool *vb_periodic_stop_flag(const struct vb_periodic *periodic)
{
    return &periodic->stop.requested;
}

void vb_periodic_stop(struct vb_periodic *periodic)
{
    if (!periodic->running)
        return;
    vb_stop_request(&periodic->stop);
    pthread_join(periodic->thread, NULL);
    vb_stop_release(&periodic->stop);
    periodic->running = false;
}
