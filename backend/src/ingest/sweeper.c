/* The sweeper's thread: see sweeper.h. */
#include "ingest/sweeper.h"

#include "ingest/sweep.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include "http/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define S3_TIMEOUT_MS     10000
#define BACKOFF_SHIFT_MAX 3 /* after failures: up to eight intervals */

struct vb_sweeper {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* on the monotonic clock */
    atomic_bool stop;    /* set with the lock held */
    unsigned interval_s;
    struct vb_http_client *http;
    struct vb_s3_client *s3;
    struct vb_sweep sweep;
    struct vb_counter *outcomes[VB_SWEEP_OUTCOMES], *runs_done, *runs_busy, *runs_failed;
};

/* Waits for the next run. Returns false when the sweeper is to end. */
static bool wait_for_turn(struct vb_sweeper *sweeper, unsigned failures)
{
    unsigned shift = failures < BACKOFF_SHIFT_MAX ? failures : BACKOFF_SHIFT_MAX;
    uint32_t jitter_ms = sweeper->interval_s * 200; /* a fifth: from 90 to 110 % of the interval */
    int64_t delay_ms = ((int64_t)sweeper->interval_s * 900 + vb_random_below(jitter_ms + 1)) << shift;
    int64_t until_ms = vb_clock_monotonic_ms() + delay_ms;
    const struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    int waited = 0;

    pthread_mutex_lock(&sweeper->lock);
    while (!sweeper->stop && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&sweeper->wake, &sweeper->lock, &until);
    pthread_mutex_unlock(&sweeper->lock);
    return !sweeper->stop;
}

/* One line for a run that did something, with what it did. */
static void report(struct vb_sweeper *sweeper, int r, const struct vb_error *err)
{
    struct vb_log_field fields[VB_SWEEP_OUTCOMES + 2] = {0};
    bool failed = r < 0 || sweeper->sweep.counts[VB_SWEEP_FAILED] > 0;
    size_t count = 0;

    for (int outcome = 0; outcome < VB_SWEEP_OUTCOMES; outcome++) {
        uint64_t amount = sweeper->sweep.counts[outcome];

        vb_counter_add(sweeper->outcomes[outcome], amount);
        if (amount > 0)
            fields[count++] = VB_LOG_INT(vb_sweep_outcome_name((enum vb_sweep_outcome)outcome), amount);
    }
    if (failed)
        fields[count++] = VB_LOG_STR("error", err->message);
    if (count > 0 && !(failed && sweeper->stop))
        vb_log_write(failed ? VB_LOG_WARN : VB_LOG_INFO, failed ? "sweep incomplete" : "swept", fields);
}

static void *run(void *context)
{
    struct vb_sweeper *sweeper = context;
    unsigned failures = 0;

    while (wait_for_turn(sweeper, failures)) {
        struct vb_error err = {0};
        int r = vb_sweep_run(&sweeper->sweep, &err);

        if (r == -EBUSY) {
            vb_counter_add(sweeper->runs_busy, 1);
            continue;
        }
        report(sweeper, r, &err);
        failures = r < 0 || sweeper->sweep.counts[VB_SWEEP_FAILED] > 0 ? failures + 1 : 0;
        vb_counter_add(failures ? sweeper->runs_failed : sweeper->runs_done, 1);
    }
    return NULL;
}

static struct vb_counter *runs_counter(const char *labels)
{
    return vb_metrics_counter("vibe_sweeper_runs_total", "Runs of the sweeper; busy: another copy's turn.",
                              labels);
}

static void find_counters(struct vb_sweeper *sweeper)
{
    for (int outcome = 0; outcome < VB_SWEEP_OUTCOMES; outcome++) {
        char labels[64];

        snprintf(labels, sizeof(labels), "outcome=\"%s\"",
                 vb_sweep_outcome_name((enum vb_sweep_outcome)outcome));
        sweeper->outcomes[outcome] = vb_metrics_counter(
            "vibe_sweeper_total", "What the sweeper has finished or removed, by outcome.", labels);
    }
    sweeper->runs_done = runs_counter("outcome=\"done\"");
    sweeper->runs_busy = runs_counter("outcome=\"busy\"");
    sweeper->runs_failed = runs_counter("outcome=\"failed\"");
}

struct vb_sweeper *vb_sweeper_start(const struct vb_sweeper_config *config)
{
    struct vb_sweeper *sweeper = vb_xcalloc(1, sizeof(*sweeper));
    struct vb_s3_config s3 = *config->s3;
    pthread_condattr_t attributes;

    sweeper->http = vb_http_client_create(&(struct vb_http_client_config){.connections_max = 1});
    s3.http = sweeper->http;
    s3.attempts = 2;
    s3.timeout_ms = S3_TIMEOUT_MS;
    sweeper->s3 = vb_s3_client_create(&s3);
    vb_assert(sweeper->s3); /* its addresses have been checked where they came in */
    sweeper->interval_s = config->interval_s;
    sweeper->sweep = (struct vb_sweep){.api = config->api,
                                       .s3 = sweeper->s3,
                                       .uploads_after_s = config->uploads_after_s,
                                       .replaced_after_s = config->replaced_after_s,
                                       .stop = &sweeper->stop};
    find_counters(sweeper);
    pthread_mutex_init(&sweeper->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sweeper->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    vb_assert(pthread_create(&sweeper->thread, NULL, run, sweeper) == 0);
    return sweeper;
}

void vb_sweeper_stop(struct vb_sweeper *sweeper)
{
    if (!sweeper)
        return;
    pthread_mutex_lock(&sweeper->lock);
    sweeper->stop = true;
    pthread_cond_signal(&sweeper->wake);
    pthread_mutex_unlock(&sweeper->lock);
    vb_http_client_cancel(sweeper->http);
    pthread_join(sweeper->thread, NULL);
    pthread_cond_destroy(&sweeper->wake);
    pthread_mutex_destroy(&sweeper->lock);
    vb_s3_client_destroy(sweeper->s3);
    vb_http_client_destroy(sweeper->http);
    free(sweeper);
}
