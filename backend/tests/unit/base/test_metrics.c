/* Metrics: every line of the exposition is parsed by its grammar; histograms add up; nothing is lost between
 * threads. */
#include "base/metrics.h"

#include "base/cleanup.h"
#include "support.h"

#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES_MAX = 2000 };

/* One sample line, taken apart. */
struct sample {
    char name[100], labels[300];
    double value;
};

static struct sample samples[SAMPLES_MAX];
static int sample_count;

static const char *skip_name(const char *at, bool colon)
{
    if (!isalpha((unsigned char)*at) && *at != '_' && !(colon && *at == ':'))
        fail_msg("not a name: %s", at);
    while (isalnum((unsigned char)*at) || *at == '_' || (colon && *at == ':'))
        at++;
    return at;
}

/* {name="value",…}: returns what follows */
static const char *skip_labels(const char *at)
{
    assert_int_equal(*at, '{');
    do {
        at = skip_name(at + 1, false);
        assert_memory_equal(at, "=\"", 2);
        for (at += 2; *at != '"'; at++) {
            assert_true(*at && *at != '\n');
            if (*at == '\\') {
                at++;
                assert_true(*at == '\\' || *at == '"' || *at == 'n');
            }
        }
        at++;
    } while (*at == ',');
    assert_int_equal(*at, '}');
    return at + 1;
}

static void parse_sample(const char *line, const char *family)
{
    struct sample *sample = &samples[sample_count];
    const char *end = skip_name(line, true), *after;
    size_t family_length = strlen(family);
    char *number_end;

    assert_true(sample_count < SAMPLES_MAX);
    snprintf(sample->name, sizeof(sample->name), "%.*s", (int)(end - line), line);
    if (strncmp(sample->name, family, family_length) != 0)
        fail_msg("%s stands under the TYPE of %s", sample->name, family);
    sample->labels[0] = '\0';
    after = end;
    if (*end == '{') {
        after = skip_labels(end);
        snprintf(sample->labels, sizeof(sample->labels), "%.*s", (int)(after - end), end);
    }
    assert_int_equal(*after, ' ');
    sample->value = strtod(after + 1, &number_end);
    assert_true(number_end > after + 1);
    assert_int_equal(*number_end, '\0');
    if (!isfinite(sample->value)) /* only these spellings */
        assert_true(strcmp(after, " NaN") == 0 || strcmp(after, " +Inf") == 0 || strcmp(after, " -Inf") == 0);
    for (int i = 0; i < sample_count; i++)
        if (strcmp(samples[i].name, sample->name) == 0 && strcmp(samples[i].labels, sample->labels) == 0)
            fail_msg("%s%s stands there twice", sample->name, sample->labels);
    sample_count++;
}

/* Renders everything and parses it, line by line, into samples[]. */
static void scrape(void)
{
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);
    char family[100] = "", seen[20000] = " ", *line, *rest;
    bool has_help = false;

    vb_strbuf_init(&out, 1 << 20);
    vb_metrics_render(&out);
    assert_false(vb_strbuf_failed(&out));
    assert_int_equal(out.data[out.length - 1], '\n');
    sample_count = 0;
    for (line = strtok_r(out.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char type[20];

        if (strncmp(line, "# HELP ", 7) == 0) {
            const char *end = skip_name(line + 7, true);

            snprintf(family, sizeof(family), "%.*s ", (int)(end - line - 7), line + 7);
            assert_int_equal(*end, ' ');
            assert_true(strlen(end + 1) > 0);
            if (strstr(seen, family)) /* approximately: no name of these tests ends like another */
                fail_msg("%s is described twice", family);
            strcat(seen, family);
            family[strlen(family) - 1] = '\0';
            has_help = true;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_true(has_help);
            assert_memory_equal(line + 7, family, strlen(family));
            assert_int_equal(sscanf(line + 7 + strlen(family), " %19s", type), 1);
            assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
                        strcmp(type, "histogram") == 0);
            has_help = false;
        } else {
            assert_false(has_help);
            assert_true(family[0]);
            parse_sample(line, family);
        }
    }
}

static const struct sample *find(const char *name, const char *labels)
{
    for (int i = 0; i < sample_count; i++)
        if (strcmp(samples[i].name, name) == 0 && strcmp(samples[i].labels, labels) == 0)
            return &samples[i];
    return NULL;
}

static double value_of(const char *name, const char *labels)
{
    const struct sample *sample = find(name, labels);

    if (!sample)
        fail_msg("%s%s is missing", name, labels);
    return sample->value;
}

static void counters_count_and_the_same_name_is_the_same_counter(void **state)
{
    struct vb_counter *plain = vb_metrics_counter("test_requests_total", "Requests.", "");
    struct vb_counter *get =
        vb_metrics_counter("test_requests_total", "Requests.", "route=\"/a\",method=\"GET\"");
    struct vb_counter *other = vb_metrics_counter("test_another_total", "Others.", "");

    (void)state;
    assert_ptr_not_equal(plain, get);
    assert_ptr_equal(vb_metrics_counter("test_requests_total", "Requests.", ""), plain);
    vb_counter_add(plain, 3);
    vb_counter_add(plain, 4);
    vb_counter_add(get, 1ULL << 40);
    assert_int_equal(vb_counter_value(plain), 7);
    assert_int_equal(vb_counter_value(other), 0);
    scrape();
    assert_true(value_of("test_requests_total", "") == 7);
    assert_true(value_of("test_requests_total", "{route=\"/a\",method=\"GET\"}") == 1099511627776.0);
    assert_true(value_of("test_another_total", "") == 0);
}

static void samples_of_one_name_stand_together_in_any_order_of_creation(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        char labels[40], name[40];

        snprintf(labels, sizeof(labels), "n=\"%d\"", i);
        snprintf(name, sizeof(name), "test_family%d_total", i % 3);
        vb_metrics_counter(name, "A family.", labels);
    }
    scrape(); /* fails if a name is described twice or stands under another's */
    assert_non_null(find("test_family2_total", "{n=\"29\"}"));
}

static void label_values_with_escapes_stay_one_line(void **state)
{
    vb_metrics_counter("test_escaped_total", "Escaped.", "path=\"a\\\\b\\\"c\\nd\"");
    (void)state;
    scrape();
    assert_non_null(find("test_escaped_total", "{path=\"a\\\\b\\\"c\\nd\"}"));
}

/* Buckets rise in limit and never fall in count, end in +Inf, and that is the count. */
static void assert_histogram(const char *name, const char *labels, double count, double sum)
{
    double last_limit = -1, last_count = 0;
    char full[120], prefix[300], closed[300];
    int buckets = 0;

    snprintf(full, sizeof(full), "%s_bucket", name);
    snprintf(prefix, sizeof(prefix), "{%s%sle=\"", labels, *labels ? "," : "");
    for (int i = 0; i < sample_count; i++) {
        double limit;

        if (strcmp(samples[i].name, full) != 0 || strncmp(samples[i].labels, prefix, strlen(prefix)) != 0)
            continue;
        limit = strtod(samples[i].labels + strlen(prefix), NULL);
        assert_true(limit > last_limit);
        assert_true(samples[i].value >= last_count);
        last_limit = limit;
        last_count = samples[i].value;
        buckets++;
    }
    assert_true(buckets >= 10);
    assert_true(isinf(last_limit));
    assert_true(last_count == count);
    snprintf(closed, sizeof(closed), *labels ? "{%s}" : "%s", labels);
    snprintf(full, sizeof(full), "%s_count", name);
    assert_true(value_of(full, closed) == count);
    snprintf(full, sizeof(full), "%s_sum", name);
    assert_true(fabs(value_of(full, closed) - sum) < 1e-6);
}

static void histograms_are_consistent_with_and_without_labels(void **state)
{
    static const int64_t durations_us[] = {0, -5, 1, 100, 101, 60000000, 60000001, 3600000000};
    struct vb_histogram *plain = vb_metrics_histogram("test_plain_seconds", "Plain.", "");
    struct vb_histogram *labelled =
        vb_metrics_histogram("test_labelled_seconds", "Labelled.", "route=\"/a\"");

    (void)state;
    scrape();
    assert_histogram("test_plain_seconds", "", 0, 0);
    for (size_t i = 0; i < sizeof(durations_us) / sizeof(durations_us[0]); i++) {
        vb_histogram_observe_us(plain, durations_us[i]);
        vb_histogram_observe_us(labelled, durations_us[i]);
    }
    scrape();
    assert_histogram("test_plain_seconds", "", 8, 3720.000203);
    assert_histogram("test_labelled_seconds", "route=\"/a\"", 8, 3720.000203);
    /* a limit is part of its bucket */
    assert_true(value_of("test_plain_seconds_bucket", "{le=\"0.0001\"}") == 4);
    assert_true(value_of("test_plain_seconds_bucket", "{le=\"0.0005\"}") == 5);
    assert_true(value_of("test_plain_seconds_bucket", "{le=\"60\"}") == 6);
    assert_true(value_of("test_plain_seconds_bucket", "{le=\"+Inf\"}") == 8);
}

static double read_gauge(void *context)
{
    return *(double *)context;
}

static void gauges_are_exact_and_know_infinity(void **state)
{
    static const double values[] = {0,    0.5,      -3,       123456789, 4294967297, 900719925474099,
                                    1e-7, INFINITY, -INFINITY};
    double value;

    (void)state;
    vb_metrics_gauge("test_gauge", "A gauge.", "kind=\"x\"", read_gauge, &value);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        value = values[i];
        scrape();
        assert_true(value_of("test_gauge", "{kind=\"x\"}") == value);
    }
    value = -NAN;
    scrape();
    assert_true(isnan(value_of("test_gauge", "{kind=\"x\"}")));
    vb_metrics_gauge("test_gauge", "A gauge.", "kind=\"x\"", NULL, NULL);
}

static void a_gauge_can_be_replaced_and_removed(void **state)
{
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);
    double first = 1, second = 2;

    (void)state;
    vb_metrics_gauge("test_swapped", "Swapped.", "", read_gauge, &first);
    vb_metrics_gauge("test_swapped", "Swapped.", "", read_gauge, &second);
    scrape();
    assert_true(value_of("test_swapped", "") == 2);
    vb_metrics_gauge("test_swapped", "Swapped.", "", NULL, NULL);
    vb_strbuf_init(&out, 1 << 20);
    vb_metrics_render(&out);
    assert_null(strstr(out.data, "test_swapped"));
}

static void the_process_reports_its_memory_cpu_and_descriptors(void **state)
{
    double fds, start, now = (double)time(NULL), cpu;
    int extra;

    (void)state;
    scrape();
    fds = value_of("process_open_fds", "");
    cpu = value_of("process_cpu_seconds_total", "");
    assert_true(value_of("process_resident_memory_bytes", "") > 100000);
    start = value_of("process_start_time_seconds", "");
    assert_true(start > now - 3600 && start < now + 2);
    extra = open("/dev/null", O_RDONLY);
    scrape();
    assert_true(value_of("process_open_fds", "") == fds + 1);
    assert_true(value_of("process_cpu_seconds_total", "") >= cpu);
    assert_true(fabs(value_of("process_start_time_seconds", "") - start) < 1);
    close(extra);
}

static void a_report_past_the_maximum_fails_its_builder(void **state)
{
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);

    (void)state;
    vb_metrics_counter("test_cut_total", "Cut.", "");
    vb_strbuf_init(&out, 100);
    vb_metrics_render(&out);
    assert_true(vb_strbuf_failed(&out));
}

enum { THREADS = 4, TIMES = 20000 };

static void *update(void *argument)
{
    struct vb_counter *counter = vb_metrics_counter("test_shared_total", "Shared.", "");
    struct vb_histogram *histogram = vb_metrics_histogram("test_shared_seconds", "Shared.", "");

    (void)argument;
    for (int i = 0; i < TIMES; i++) {
        vb_counter_add(counter, 1);
        vb_histogram_observe_us(histogram, i);
    }
    return NULL;
}

static void threads_lose_no_update_and_may_be_watched(void **state)
{
    pthread_t thread[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, update, NULL), 0);
    for (int i = 0; i < 20; i++)
        scrape(); /* consistent in the middle of it */
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    scrape();
    assert_true(value_of("test_shared_total", "") == THREADS * TIMES);
    assert_histogram("test_shared_seconds", "", THREADS * TIMES, THREADS * (TIMES - 1.0) * TIMES / 2 / 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_count_and_the_same_name_is_the_same_counter),
        cmocka_unit_test(samples_of_one_name_stand_together_in_any_order_of_creation),
        cmocka_unit_test(label_values_with_escapes_stay_one_line),
        cmocka_unit_test(histograms_are_consistent_with_and_without_labels),
        cmocka_unit_test(gauges_are_exact_and_know_infinity),
        cmocka_unit_test(a_gauge_can_be_replaced_and_removed),
        cmocka_unit_test(the_process_reports_its_memory_cpu_and_descriptors),
        cmocka_unit_test(a_report_past_the_maximum_fails_its_builder),
        cmocka_unit_test(threads_lose_no_update_and_may_be_watched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
