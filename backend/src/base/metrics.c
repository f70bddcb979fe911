/* Metrics registry and its exposition: see metrics.h. */
#include "base/metrics.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define BUCKETS 15

static const int64_t bucket_limits_us[BUCKETS] = {100,    500,     1000,    2500,     5000,
                                                  10000,  25000,   50000,   100000,   250000,
                                                  500000, 1000000, 5000000, 15000000, 60000000};

enum metric_kind { COUNTER, HISTOGRAM, GAUGE };

struct vb_counter {
    atomic_uint_fast64_t value;
};

struct vb_histogram {
    atomic_uint_fast64_t buckets[BUCKETS + 1]; /* the last is +Inf */
    atomic_uint_fast64_t sum_us;
};

struct metric {
    struct metric *next;
    enum metric_kind kind;
    const char *name, *help, *labels;
    struct vb_counter counter;
    struct vb_histogram histogram;
    double (*read)(void *context);
    void *context;
};

/* Sorted by name, then by order of creation, so that the samples of one name stand together. */
static struct {
    pthread_mutex_t lock;
    struct metric *first;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The lock is held. */
static struct metric *find_or_add(enum metric_kind kind, const char *name, const char *help,
                                  const char *labels)
{
    struct metric **at = &registry.first, *metric;

    for (; *at && strcmp((*at)->name, name) <= 0; at = &(*at)->next) {
        if (strcmp((*at)->name, name) != 0)
            continue;
        vb_assert((*at)->kind == kind); /* one name is of one kind, with whatever labels */
        if (strcmp((*at)->labels, labels) == 0)
            return *at;
    }
    metric = vb_xcalloc(1, sizeof(*metric));
    metric->kind = kind;
    metric->name = vb_xstrdup(name);
    metric->help = vb_xstrdup(help);
    metric->labels = vb_xstrdup(labels);
    metric->next = *at;
    *at = metric;
    return metric;
}

struct vb_counter *vb_metrics_counter(const char *name, const char *help, const char *labels)
{
    struct metric *metric;

    pthread_mutex_lock(&registry.lock);
    metric = find_or_add(COUNTER, name, help, labels);
    pthread_mutex_unlock(&registry.lock);
    return &metric->counter;
}

struct vb_histogram *vb_metrics_histogram(const char *name, const char *help, const char *labels)
{
    struct metric *metric;

    pthread_mutex_lock(&registry.lock);
    metric = find_or_add(HISTOGRAM, name, help, labels);
    pthread_mutex_unlock(&registry.lock);
    return &metric->histogram;
}

void vb_metrics_gauge(const char *name, const char *help, const char *labels, double (*read)(void *context),
                      void *context)
{
    struct metric *metric;

    pthread_mutex_lock(&registry.lock);
    metric = find_or_add(GAUGE, name, help, labels);
    metric->read = read;
    metric->context = context;
    pthread_mutex_unlock(&registry.lock);
}

void vb_counter_add(struct vb_counter *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

uint64_t vb_counter_value(const struct vb_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

void vb_histogram_observe_us(struct vb_histogram *histogram, int64_t duration_us)
{
    int bucket = 0;

    while (bucket < BUCKETS && duration_us > bucket_limits_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)(duration_us > 0 ? duration_us : 0),
                              memory_order_relaxed);
}

static void render_histogram(struct vb_strbuf *out, struct metric *metric)
{
    const char *comma = *metric->labels ? "," : "";
    const char *open = *metric->labels ? "{" : "", *close = *metric->labels ? "}" : "";
    uint64_t count = 0;

    for (int i = 0; i <= BUCKETS; i++) {
        count += atomic_load_explicit(&metric->histogram.buckets[i], memory_order_relaxed);
        vb_strbuf_addf(out, "%s_bucket{%s%sle=\"", metric->name, metric->labels, comma);
        if (i < BUCKETS)
            vb_strbuf_addf(out, "%g", (double)bucket_limits_us[i] / 1e6);
        else
            vb_strbuf_adds(out, "+Inf");
        vb_strbuf_addf(out, "\"} %llu\n", (unsigned long long)count);
    }
    vb_strbuf_addf(out, "%s_sum%s%s%s %.6f\n%s_count%s%s%s %llu\n", metric->name, open, metric->labels, close,
                   (double)atomic_load_explicit(&metric->histogram.sum_us, memory_order_relaxed) / 1e6,
                   metric->name, open, metric->labels, close, (unsigned long long)count);
}

/* As Prometheus reads it: NaN and infinities have names of their own, and whole numbers stay exact (up to
 * 10^15). */
static void add_double(struct vb_strbuf *out, double value)
{
    if (isnan(value))
        vb_strbuf_adds(out, "NaN");
    else if (isinf(value))
        vb_strbuf_adds(out, value > 0 ? "+Inf" : "-Inf");
    else
        vb_strbuf_addf(out, "%.15g", value);
}

static void render_metric(struct vb_strbuf *out, struct metric *metric)
{
    const char *open = *metric->labels ? "{" : "", *close = *metric->labels ? "}" : "";

    if (metric->kind == HISTOGRAM)
        render_histogram(out, metric);
    else if (metric->kind == COUNTER)
        vb_strbuf_addf(out, "%s%s%s%s %llu\n", metric->name, open, metric->labels, close,
                       (unsigned long long)vb_counter_value(&metric->counter));
    else {
        vb_strbuf_addf(out, "%s%s%s%s ", metric->name, open, metric->labels, close);
        add_double(out, metric->read(metric->context));
        vb_strbuf_addc(out, '\n');
    }
}

static long resident_pages(void)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    long total, resident = 0;

    if (!statm)
        return 0;
    if (fscanf(statm, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    fclose(statm);
    return resident;
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3; /* ".", ".." and the descriptor that reads */
}

/* Seconds since 1970, or 0. The kernel counts from its own start: proc(5), field 22 of stat. */
static double start_time_s(void)
{
    struct vb_strbuf stat VB_CLEANUP(vb_strbuf_release);
    uint64_t ticks;
    struct timespec since_boot;
    const char *field;

    vb_strbuf_init(&stat, 4096);
    if (vb_file_read("/proc/self/stat", &stat, NULL) < 0)
        return 0;
    field = strrchr(stat.data, ')'); /* the name of the program may hold blanks and parentheses */
    for (int i = 2; field && i < 22; i++)
        field = strchr(field + 1, ' ');
    if (!field || vb_uint_parse(field + 1, vb_digits_length(field + 1, SIZE_MAX), UINT64_MAX, &ticks) < 0)
        return 0;
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return (double)vb_clock_realtime_ms() / 1e3 - (double)since_boot.tv_sec -
           (double)since_boot.tv_nsec / 1e9 + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void render_process(struct vb_strbuf *out)
{
    struct rusage usage;
    double cpu_s;

    getrusage(RUSAGE_SELF, &usage);
    cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    vb_strbuf_addf(
        out,
        "# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
        "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %lld\n"
        "# HELP process_cpu_seconds_total User and system CPU time in seconds.\n"
        "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.2f\n"
        "# HELP process_open_fds Open file descriptors.\n"
        "# TYPE process_open_fds gauge\nprocess_open_fds %d\n"
        "# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.\n"
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.2f\n",
        (long long)resident_pages() * sysconf(_SC_PAGESIZE), cpu_s, open_descriptors(), start_time_s());
}

void vb_metrics_render(struct vb_strbuf *out)
{
    static const char *const kinds[] = {"counter", "histogram", "gauge"};
    const char *last = "";

    pthread_mutex_lock(&registry.lock);
    for (struct metric *metric = registry.first; metric; metric = metric->next) {
        if (metric->kind == GAUGE && !metric->read) /* removed */
            continue;
        if (strcmp(metric->name, last) != 0)
            vb_strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                           kinds[metric->kind]);
        last = metric->name;
        render_metric(out, metric);
    }
    pthread_mutex_unlock(&registry.lock);
    render_process(out);
}
