/*
 * The media part of `./dev bench`: the same work in a bare loop without a jail, and through the pool of
 * jailed workers. Prints one number.
 *
 *   bench_media loop FILE SECONDS              renderings a second of a JPEG to 640 px WebP, bare libvips
 *   bench_media pool FILE SECONDS VIBE_MEDIA   the same by jailed workers, with as many callers
 *   bench_media ingest FILE ROUNDS             median ms from a picture to the canonical JPEG, bare
 */
#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "jail/image.h"
#include "media/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sched.h>
#include <unistd.h>
#include <vips/vips.h>

#define WIDTH       640
#define QUALITY     80
#define CALLERS_MAX 16
#define ROUNDS_MAX  100

struct work {
    struct vb_workers *workers;
    const struct vb_strbuf *file;
    int64_t end_ms;
    atomic_uint done, failed;
};

static bool render_bare(const struct vb_strbuf *file)
{
    VipsImage *scaled = NULL;
    void *webp = NULL;
    size_t size = 0;
    bool done =
        !vips_thumbnail_buffer(file->data, file->length, &scaled, WIDTH, "size", VIPS_SIZE_DOWN, NULL) &&
        !vips_webpsave_buffer(scaled, &webp, &size, "Q", QUALITY, "strip", TRUE, NULL);

    if (scaled)
        g_object_unref(scaled);
    g_free(webp);
    return done;
}

static int loop(const struct vb_strbuf *file, int seconds)
{
    int64_t start_ms, end_ms;
    unsigned done = 0;

    if (VIPS_INIT("bench_media"))
        return 1;
    vips_cache_set_max(0);
    start_ms = vb_clock_monotonic_ms();
    end_ms = start_ms + seconds * 1000;
    for (; vb_clock_monotonic_ms() < end_ms; done++)
        if (!render_bare(file))
            return 1;
    printf("%.3f\n", done * 1000.0 / (double)(vb_clock_monotonic_ms() - start_ms));
    return 0;
}

static void *call(void *argument)
{
    static const struct vb_media_job job = {
        .work = VB_WORK_VARIANT,
        .type = VB_MEDIA_JPEG,
        .variant = {.width = WIDTH, .format = VB_FORMAT_WEBP, .quality = QUALITY}};
    struct work *work = argument;
    int input = vb_media_memory_file("input"), output = vb_media_memory_file("output");

    vb_write_all(input, work->file->data, work->file->length);
    while (vb_clock_monotonic_ms() < work->end_ms) {
        struct vb_media_files files = {.input = input, .output = output, .poster = -1};
        struct vb_media_result result;

        if (vb_workers_run(work->workers, &job, &files, NULL, &result, NULL) == 0 &&
            result.status == VB_MEDIA_OK)
            atomic_fetch_add(&work->done, 1);
        else
            atomic_fetch_add(&work->failed, 1);
    }
    close(input);
    close(output);
    return NULL;
}

static int pool(const struct vb_strbuf *file, int seconds, const char *program)
{
    struct work work = {.file = file};
    struct vb_error err = {0};
    pthread_t callers[CALLERS_MAX];
    int64_t start_ms;
    cpu_set_t cores;
    int count;

    sched_getaffinity(0, sizeof(cores), &cores);
    count = CPU_COUNT(&cores) + 1 < CALLERS_MAX ? CPU_COUNT(&cores) + 1 : CALLERS_MAX;
    if (vb_workers_start(&(struct vb_workers_config){.program = program}, &work.workers, &err) < 0 ||
        vb_workers_wait(work.workers, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    start_ms = vb_clock_monotonic_ms();
    work.end_ms = start_ms + seconds * 1000;
    for (int i = 0; i < count; i++)
        pthread_create(&callers[i], NULL, call, &work);
    for (int i = 0; i < count; i++)
        pthread_join(callers[i], NULL);
    printf("%.3f\n", work.done * 1000.0 / (double)(vb_clock_monotonic_ms() - start_ms));
    vb_workers_stop(work.workers);
    return work.failed > 0;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static int ingest(const struct vb_strbuf *file, int rounds)
{
    enum vb_media_type type = vb_sniff(file->data, file->length);
    double times_ms[ROUNDS_MAX];

    if (rounds < 1 || rounds > ROUNDS_MAX || vb_image_prepare("bench_media") < 0)
        return 1;
    for (int i = 0; i < rounds; i++) {
        struct vb_media_result result = {0};
        int output = vb_media_memory_file("output");
        int64_t start_us = vb_clock_monotonic_us();

        vb_image_ingest(file->data, file->length, type, output, &result);
        times_ms[i] = (double)(vb_clock_monotonic_us() - start_us) / 1000;
        close(output);
        if (result.status != VB_MEDIA_OK) {
            fprintf(stderr, "%s\n", result.problem);
            return 1;
        }
    }
    qsort(times_ms, (size_t)rounds, sizeof(times_ms[0]), compare);
    printf("%.3f\n", times_ms[rounds / 2]);
    return 0;
}

int main(int argc, char **argv)
{
    struct vb_strbuf file VB_CLEANUP(vb_strbuf_release);
    struct vb_error err = {0};

    vb_strbuf_init(&file, (size_t)64 << 20);
    if (argc < 4 || vb_file_read(argv[2], &file, &err) < 0) {
        fprintf(stderr, "usage: bench_media loop|ingest FILE NUMBER, or pool FILE SECONDS VIBE_MEDIA\n%s\n",
                err.message);
        return 2;
    }
    if (strcmp(argv[1], "loop") == 0)
        return loop(&file, atoi(argv[3]));
    if (strcmp(argv[1], "ingest") == 0)
        return ingest(&file, atoi(argv[3]));
    return argc > 4 ? pool(&file, atoi(argv[3]), argv[4]) : 2;
}
