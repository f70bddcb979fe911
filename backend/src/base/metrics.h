/*
 * Counters, gauges and latency histograms, in the text form of Prometheus (exposition format 0.0.4).
 *
 * The registry is one of the two global states of the program (the log is the other). A metric is looked up
 * once, where its user starts, and its handle kept: updating it is one atomic addition. Handles live as long
 * as the process. Everything here is thread-safe.
 */
#ifndef VB_BASE_METRICS_H
#define VB_BASE_METRICS_H

#include "base/strbuf.h"

#include <stdint.h>

struct vb_counter;
struct vb_histogram;

/* name and help as Prometheus wants them; labels: `route="/api/health",method="GET"` or "". The same name and
 * labels give the same handle. */
struct vb_counter *vb_metrics_counter(const char *name, const char *help, const char *labels);
/* Latency with fixed buckets from 0.1 ms to 60 s. */
struct vb_histogram *vb_metrics_histogram(const char *name, const char *help, const char *labels);
/* A value asked for when metrics are read. read must be thread-safe and quick. A second call with the same
 * name and labels replaces read and context. read must not call this interface. read NULL removes the gauge
 * (before its context goes away). */
void vb_metrics_gauge(const char *name, const char *help, const char *labels, double (*read)(void *context),
                      void *context);

void vb_counter_add(struct vb_counter *counter, uint64_t amount);
uint64_t vb_counter_value(const struct vb_counter *counter);
void vb_histogram_observe_us(struct vb_histogram *histogram, int64_t duration_us);

/* Appends all metrics, and the process's own (resident memory, CPU seconds, open descriptors, start time). */
void vb_metrics_render(struct vb_strbuf *out);

#endif
