/* The sweeper's thread: see sweeper.h. */
#include "ingest/sweeper.h"

#include "ingest/sweep.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/wait.h"
#include "http/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S3_TIMEOUT_MS  10000
#define BACKOFF_MAX    8 /* intervals: the longest wait after failures */
#define JITTER_PERCENT 10

struct vb_sweeper {
    struct vb_periodic periodic;
    unsigned interval_s, failures; /* in a row */
    struct vb_http_client *http;
    struct vb_ingest ingest;
    struct vb_sweep sweep;
    struct vb_counter *outcomes[VB_SWEEP_OUTCOMES], *runs_done, *runs_busy, *runs_failed;
};

static int64_t next_run_ms(const struct vb_sweeper *sweeper)
{
    int64_t interval_ms = (int64_t)sweeper->interval_s * 1000;

    return vb_jitter_ms(vb_backoff_ms(interval_ms, BACKOFF_MAX * interval_ms, sweeper->failures + 1),
                        JITTER_PERCENT);
}

/* Logs one line for a run that did something. */
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
    if (count > 0 && !(failed && vb_periodic_stopping(&sweeper->periodic)))
        vb_log_write(failed ? VB_LOG_WARN : VB_LOG_INFO, failed ? "sweep incomplete" : "swept", fields);
}

/* Returns how long to wait before the next run. */
static int64_t run(void *context)
{
    struct vb_sweeper *sweeper = context;
    struct vb_error err = {0};
    int r = vb_sweep_run(&sweeper->sweep, &err);

    if (r == -EBUSY) {
        vb_counter_add(sweeper->runs_busy, 1);
        return next_run_ms(sweeper);
    }
    report(sweeper, r, &err);
    if (r < 0 || sweeper->sweep.counts[VB_SWEEP_FAILED] > 0)
        sweeper->failures++;
    else
        sweeper->failures = 0;
    vb_counter_add(sweeper->failures ? sweeper->runs_failed : sweeper->runs_done, 1);
    return next_run_ms(sweeper);
}

static struct vb_counter *runs_counter(const char *labels)
{
    return vb_metrics_counter(
        "vibe_sweeper_runs_total",
        "Runs of the sweeper, by outcome; busy: another copy of the service was sweeping.", labels);
}

static void find_counters(struct vb_sweeper *sweeper)
{
    for (int outcome = 0; outcome < VB_SWEEP_OUTCOMES; outcome++) {
        char labels[64];

        snprintf(labels, sizeof(labels), "outcome=\"%s\"",
                 vb_sweep_outcome_name((enum vb_sweep_outcome)outcome));
        sweeper->outcomes[outcome] = vb_metrics_counter(
            "vibe_sweeper_total",
            "Uploads, media, stories and keys that the sweeper finished or removed, by outcome.", labels);
    }
    sweeper->runs_done = runs_counter("outcome=\"done\"");
    sweeper->runs_busy = runs_counter("outcome=\"busy\"");
    sweeper->runs_failed = runs_counter("outcome=\"failed\"");
}

static void release(struct vb_sweeper *sweeper)
{
    vb_s3_client_destroy(sweeper->ingest.s3);
    vb_http_client_destroy(sweeper->http);
    free(sweeper);
}

int vb_sweeper_start(const struct vb_sweeper_config *config, struct vb_sweeper **ret_sweeper,
                     struct vb_error *err)
{
    struct vb_sweeper *sweeper = vb_xcalloc(1, sizeof(*sweeper));
    struct vb_s3_config s3 = *config->s3;
    int r;

    sweeper->http = vb_http_client_create(&(struct vb_http_client_config){.connections_max = 1});
    s3.http = sweeper->http;
    s3.attempts = 2;
    s3.timeout_ms = S3_TIMEOUT_MS;
    sweeper->ingest = *config->ingest;
    sweeper->ingest.s3 = vb_s3_client_create(&s3);
    vb_assert(sweeper->ingest.s3); /* the settings checked its addresses */
    sweeper->interval_s = config->interval_s;
    sweeper->sweep = (struct vb_sweep){.ingest = &sweeper->ingest,
                                       .uploads_after_s = config->uploads_after_s,
                                       .replaced_after_s = config->replaced_after_s,
                                       .stop = vb_periodic_stop_flag(&sweeper->periodic)};
    find_counters(sweeper);
    r = vb_periodic_start(&sweeper->periodic, &(struct vb_periodic_config){.name = "sweeper",
                                                                           .first_ms = next_run_ms(sweeper),
                                                                           .run = run,
                                                                           .context = sweeper});
    if (r < 0) {
        release(sweeper);
        return vb_error_set(err, -r, "the sweeper's thread cannot be started: %s", strerror(-r));
    }
    *ret_sweeper = sweeper;
    return 0;
}

void vb_sweeper_stop(struct vb_sweeper *sweeper)
{
    if (!sweeper)
        return;
    vb_periodic_request_stop(&sweeper->periodic);
    vb_http_client_cancel(sweeper->http);
    vb_periodic_stop(&sweeper->periodic);
    release(sweeper);
}
