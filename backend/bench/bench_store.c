/*
 * Durable small puts a second: the store's engine beside what the same disk gives to one fsync per put.
 *
 *   bench_store [DIRECTORY] [THREADS=32] [BYTES=20480] [SECONDS=3] [engine|file|pwrite]
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/engine/engine.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct bench {
    char directory[256];
    unsigned threads, seconds;
    size_t size;
    struct vb_engine *engine;
    unsigned char *bytes;
    int64_t end_us;
    _Atomic uint64_t puts, latency_us;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void count_put(struct bench *bench, int64_t begin_us)
{
    atomic_fetch_add(&bench->puts, 1);
    atomic_fetch_add(&bench->latency_us, (uint64_t)(vb_clock_monotonic_us() - begin_us));
}

/* Keys as the app makes them: random users, so that the index is written all over. */
static void *put_objects(void *context)
{
    struct bench *bench = context;
    int64_t begin_us;

    while ((begin_us = vb_clock_monotonic_us()) < bench->end_us) {
        struct vb_engine_meta meta = {.content_type = (char *)"image/jpeg"};
        struct vb_engine_writer *writer;
        struct vb_error err = {0};
        unsigned char random[16];
        char user[33], key[100];

        vb_random_bytes(random, sizeof(random));
        vb_hex_encode(random, sizeof(random), user);
        snprintf(key, sizeof(key), "profile-pictures/%s/avatar-%lld.jpg", user, (long long)begin_us);
        if (vb_engine_writer_open(bench->engine, (int64_t)bench->size, &writer, &err) < 0 ||
            vb_engine_writer_write(writer, bench->bytes, bench->size, &err) < 0 ||
            vb_engine_put(writer, "bench", key, &meta, NULL, &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        count_put(bench, begin_us);
    }
    return NULL;
}

/* What a store without group commit does for each put. */
static void *put_files(void *context)
{
    struct bench *bench = context;
    int64_t begin_us;

    while ((begin_us = vb_clock_monotonic_us()) < bench->end_us) {
        char id[VB_UUID_SIZE], path[400];

        vb_random_uuid(id);
        snprintf(path, sizeof(path), "%s/files/%s", bench->directory, id);
        if (vb_file_write_durable(path, bench->bytes, bench->size, 0600, NULL) < 0)
            die(path);
        count_put(bench, begin_us);
    }
    return NULL;
}

/* The disk's own rate: the least that one fsync per put can cost. One file a thread, written in place. */
static void *put_in_place(void *context)
{
    struct bench *bench = context;
    char id[VB_UUID_SIZE], path[400];
    int64_t begin_us;
    int fd;

    vb_random_uuid(id);
    snprintf(path, sizeof(path), "%s/files/%s", bench->directory, id);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || vb_pwrite_all(fd, bench->bytes, bench->size, 0) < 0 || fsync(fd) < 0)
        die(path);
    while ((begin_us = vb_clock_monotonic_us()) < bench->end_us) {
        if (vb_pwrite_all(fd, bench->bytes, bench->size, 0) < 0 || fdatasync(fd) < 0)
            die(path);
        count_put(bench, begin_us);
    }
    close(fd);
    return NULL;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure(struct bench *bench, const char *name, void *(*run)(void *), unsigned count)
{
    pthread_t *threads VB_CLEANUP(vb_freep) = vb_xcalloc(count, sizeof(*threads));
    int64_t begin_us = vb_clock_monotonic_us();
    double seconds, cpu = cpu_seconds();
    uint64_t puts;

    bench->end_us = begin_us + (int64_t)bench->seconds * 1000000;
    atomic_store(&bench->puts, 0);
    atomic_store(&bench->latency_us, 0);
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, bench) != 0)
            die("thread");
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    seconds = (double)(vb_clock_monotonic_us() - begin_us) / 1e6;
    puts = atomic_load(&bench->puts);
    printf("%-34s %3u threads %9.0f puts/s %8.0f us each %6.1f us CPU/put\n", name, count,
           (double)puts / seconds, (double)atomic_load(&bench->latency_us) / (double)puts,
           (cpu_seconds() - cpu) * 1e6 / (double)puts);
    fflush(stdout);
}

static void measure_engine(struct bench *bench, unsigned count)
{
    struct vb_engine_stats before, after;

    vb_engine_stats(bench->engine, &before);
    measure(bench, "engine, group commit", put_objects, count);
    vb_engine_stats(bench->engine, &after);
    printf("%34s %.1f puts per commit\n", "",
           (double)(after.changes - before.changes) / (double)(after.commits - before.commits));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    struct bench bench = {.threads = argc > 2 ? (unsigned)atoi(argv[2]) : 32,
                          .size = argc > 3 ? (size_t)atol(argv[3]) : 20480,
                          .seconds = argc > 4 ? (unsigned)atoi(argv[4]) : 3};
    const char *only = argc > 5 ? argv[5] : "";
    struct vb_error err = {0};
    char files[300];

    snprintf(bench.directory, sizeof(bench.directory), "%s/bench-store-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(bench.directory))
        die(bench.directory);
    snprintf(files, sizeof(files), "%s/files", bench.directory);
    bench.bytes = vb_xmalloc(bench.size + 1);
    vb_random_bytes(bench.bytes, bench.size);
    if (vb_mkdir_parents(files, 0700, &err) < 0 ||
        vb_engine_open(&(struct vb_engine_config){.directory = bench.directory}, &bench.engine, &err) < 0 ||
        vb_engine_bucket_create(bench.engine, "bench", &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (!*only || strcmp(only, "engine") == 0) {
        measure_engine(&bench, 1);
        measure_engine(&bench, bench.threads);
    }
    if (!*only || strcmp(only, "file") == 0) {
        measure(&bench, "file: write, fsync, rename, fsync", put_files, 1);
        measure(&bench, "file: write, fsync, rename, fsync", put_files, bench.threads);
    }
    if (!*only || strcmp(only, "pwrite") == 0) {
        measure(&bench, "in place: pwrite, fdatasync", put_in_place, 1);
        measure(&bench, "in place: pwrite, fdatasync", put_in_place, bench.threads);
    }
    vb_engine_close(bench.engine);
    free(bench.bytes);
    nftw(bench.directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
