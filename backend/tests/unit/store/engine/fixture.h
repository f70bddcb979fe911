/*
 * What the engine's tests share: an engine in a folder of its own, and objects made in one line.
 */
#ifndef VB_TESTS_STORE_FIXTURE_H
#define VB_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "store/engine/internal.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct fixture {
    char directory[64];
    struct vb_engine *engine;
};

static inline struct vb_engine *open_engine(const char *directory)
{
    struct vb_engine_config config = {.directory = directory};
    struct vb_engine *engine = NULL;
    struct vb_error err = {0};

    if (vb_engine_open(&config, &engine, &err) < 0)
        fail_msg("%s", err.message);
    return engine;
}

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = vb_xcalloc(1, sizeof(*fixture));

    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/vibe-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->engine = open_engine(fixture->directory);
    assert_int_equal(vb_engine_bucket_create(fixture->engine, "photos", NULL), 0);
    *state = fixture;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;

    vb_engine_close(fixture->engine);
    remove_tree(fixture->directory);
    free(fixture);
    return 0;
}

/* Closes the engine and opens it again. */
static inline void reopen(struct fixture *fixture)
{
    vb_engine_close(fixture->engine);
    fixture->engine = open_engine(fixture->directory);
}

/* Pseudo-random bytes, which differ with the seed. */
static inline unsigned char *make_bytes(uint64_t seed, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

    vb_assert(bytes);
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        bytes[i] = (unsigned char)(x >> 24);
    }
    return bytes;
}

static inline struct vb_engine_writer *write_bytes(struct vb_engine *engine, const void *bytes, size_t size)
{
    struct vb_engine_writer *writer = NULL;

    assert_int_equal(vb_engine_writer_open(engine, (int64_t)size, &writer, NULL), 0);
    assert_int_equal(vb_engine_writer_write(writer, bytes, size, NULL), 0);
    return writer;
}

static inline int put_bytes(struct vb_engine *engine, const char *key, const void *bytes, size_t size)
{
    struct vb_engine_writer *writer = NULL;
    struct vb_engine_meta meta = {0};
    int r;

    assert_int_equal(vb_engine_writer_open(engine, -1, &writer, NULL), 0);
    r = vb_engine_writer_write(writer, bytes, size, NULL);
    if (r < 0)
        vb_engine_writer_abort(writer);
    else
        r = vb_engine_put(writer, "photos", key, &meta, NULL, NULL);
    return r;
}

/* Puts make_bytes(seed, size). */
static inline void put_made(struct vb_engine *engine, const char *key, uint64_t seed, size_t size)
{
    unsigned char *bytes = make_bytes(seed, size);

    assert_int_equal(put_bytes(engine, key, bytes, size), 0);
    free(bytes);
}

static inline void assert_reader_gives(struct vb_engine_reader *reader, const unsigned char *bytes,
                                       size_t size)
{
    unsigned char *got = malloc(size + 1);
    size_t have = 0;

    vb_assert(got);
    for (;;) {
        int64_t n = vb_engine_reader_read(reader, (int64_t)have, got + have, size + 1 - have);

        assert_true(n >= 0);
        if (n == 0)
            break;
        have += (size_t)n;
        assert_true(have <= size);
    }
    assert_int_equal(have, size);
    assert_memory_equal(got, bytes, size);
    free(got);
}

static inline void assert_object_is(struct vb_engine *engine, const char *key, uint64_t seed, size_t size)
{
    unsigned char *bytes = make_bytes(seed, size);
    struct vb_engine_reader *reader = NULL;
    struct vb_engine_meta meta = {0};

    assert_int_equal(vb_engine_get(engine, "photos", key, &meta, &reader, NULL), 0);
    assert_int_equal(meta.size, size);
    assert_reader_gives(reader, bytes, size);
    vb_engine_reader_close(reader);
    vb_engine_meta_release(&meta);
    free(bytes);
}

static inline int get_result(struct vb_engine *engine, const char *key, struct vb_error *err)
{
    struct vb_engine_reader *reader = NULL;
    int r = vb_engine_get(engine, "photos", key, NULL, &reader, err);

    vb_engine_reader_close(reader);
    return r;
}

static unsigned counted; /* files under blobs/ */

static inline int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path, (void)st, (void)ftw;
    counted += type == FTW_F;
    return 0;
}

static inline unsigned count_blob_files(const char *directory)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/blobs", directory);
    counted = 0;
    nftw(path, count_file, 16, FTW_PHYS);
    return counted;
}

/* Waits until there are so many: the reaper removes files in the background. */
static inline void assert_blob_files(const char *directory, unsigned expected)
{
    int64_t deadline = vb_clock_monotonic_ms() + 10000;

    while (count_blob_files(directory) != expected) {
        if (vb_clock_monotonic_ms() > deadline)
            fail_msg("%u blob files where %u should be", counted, expected);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

#define LARGE ((size_t)VB_ENGINE_INLINE_MAX + 12345)
#define MIB   ((size_t)1024 * 1024)

#endif
