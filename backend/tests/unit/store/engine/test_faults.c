/*
 * Full disks and failing disks. Faults are injected between the engine and the system: wrappers of SQLite's
 * file methods, and of the writes and fdatasync of blob files (--wrap, see meson.build), fail on demand.
 */
#include "fixture.h"

#include "base/file.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>

/* The operation of that number fails. persistent: so do all later ones. */
static struct {
    atomic_bool on, persistent;
    atomic_int countdown;
    int sqlite_code; /* of writes; syncs fail with SQLITE_IOERR_FSYNC unless the disk is full */
    int system_errno;
    atomic_uint hits;
    atomic_int log_dirty, blob_dirty; /* written since the last sync */
} faults;

/* SQLite has several tables of file methods, for databases and for files without locks. They share the
 * methods that are replaced here. */
static struct {
    const sqlite3_io_methods *real;
    sqlite3_io_methods failing;
} kinds[4];
static pthread_mutex_t kinds_mutex = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_io_methods real_methods;
static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static sqlite3_file *_Atomic log_file;

static bool fault(void)
{
    if (!atomic_load(&faults.on))
        return false;
    if (atomic_fetch_sub(&faults.countdown, 1) > 0)
        return false;
    if (!atomic_load(&faults.persistent))
        atomic_store(&faults.on, false);
    atomic_fetch_add(&faults.hits, 1);
    return true;
}

static void set_fault(int countdown, bool persistent, bool full)
{
    faults.sqlite_code = full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    faults.system_errno = full ? ENOSPC : EIO;
    atomic_store(&faults.hits, 0);
    atomic_store(&faults.persistent, persistent);
    atomic_store(&faults.countdown, countdown);
    atomic_store(&faults.on, true);
}

static void clear_fault(void)
{
    atomic_store(&faults.on, false);
}

static int failing_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    if (fault())
        return faults.sqlite_code;
    if (file == log_file)
        atomic_store(&faults.log_dirty, 1);
    return real_methods.xWrite(file, data, size, offset);
}

static int failing_sync(sqlite3_file *file, int flags)
{
    if (fault())
        return faults.sqlite_code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
    if (file == log_file)
        atomic_store(&faults.log_dirty, 0);
    return real_methods.xSync(file, flags);
}

static int failing_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return fault() ? SQLITE_IOERR_TRUNCATE : real_methods.xTruncate(file, size);
}

static const sqlite3_io_methods *methods_for(const sqlite3_io_methods *real)
{
    size_t i = 0;

    pthread_mutex_lock(&kinds_mutex);
    while (kinds[i].real && kinds[i].real != real)
        vb_assert(++i < VB_ARRAY_SIZE(kinds));
    if (!kinds[i].real) {
        vb_assert(!real_methods.xWrite || real_methods.xWrite == real->xWrite);
        real_methods = kinds[i].failing = *real;
        kinds[i].failing.xWrite = failing_write;
        kinds[i].failing.xSync = failing_sync;
        kinds[i].failing.xTruncate = failing_truncate;
        kinds[i].real = real;
    }
    pthread_mutex_unlock(&kinds_mutex);
    return &kinds[i].failing;
}

static int open_with_faults(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    int r = real_open(vfs, name, file, flags, ret_flags);

    if (r != SQLITE_OK || !file->pMethods)
        return r;
    file->pMethods = methods_for(file->pMethods);
    if ((flags & SQLITE_OPEN_WAL) && !log_file) /* the first to be opened: the committer's */
        log_file = file;
    return r;
}

int __real_vb_write_all(int fd, const void *data, size_t size);
int __wrap_vb_write_all(int fd, const void *data, size_t size);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_vb_write_all(int fd, const void *data, size_t size)
{
    if (fault()) {
        __real_vb_write_all(fd, data, size / 2); /* a disk becomes full in the middle of a write */
        return -faults.system_errno;
    }
    atomic_store(&faults.blob_dirty, 1);
    return __real_vb_write_all(fd, data, size);
}

int __wrap_fdatasync(int fd)
{
    if (fault()) {
        errno = faults.system_errno;
        return -1;
    }
    atomic_store(&faults.blob_dirty, 0);
    return __real_fdatasync(fd);
}

static int setup(void **state)
{
    log_file = NULL;
    return fixture_setup(state);
}

static void a_put_is_synced_before_it_is_acknowledged(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < 20; i++) {
        put_made(fixture->engine, "k", i, i % 2 ? LARGE : 1000);
        assert_int_equal(atomic_load(&faults.log_dirty), 0);
        assert_int_equal(atomic_load(&faults.blob_dirty), 0);
        assert_int_equal(vb_engine_delete(fixture->engine, "photos", "k", NULL, NULL, NULL), 0);
        assert_int_equal(atomic_load(&faults.log_dirty), 0);
    }
}

static void a_full_disk_changes_nothing_and_writes_resume_when_there_is_room(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    unsigned char *bytes = make_bytes(2, LARGE);
    struct vb_engine_meta meta = {0};
    struct vb_error err = {0};

    put_made(engine, "small", 1, 1000);
    put_made(engine, "large", 1, LARGE);
    for (int round = 0; round < 3; round++) {
        set_fault(0, true, true);
        assert_int_equal(put_bytes(engine, "small", bytes, 2000), -ENOSPC);
        assert_int_equal(put_bytes(engine, "new", bytes, 2000), -ENOSPC);
        assert_int_equal(vb_engine_put(write_bytes(engine, bytes, 10), "photos", "new", &meta, NULL, &err),
                         -ENOSPC);
        assert_non_null(strstr(err.message, "full"));
        assert_int_equal(vb_engine_delete(engine, "photos", "large", NULL, NULL, NULL), -ENOSPC);
        assert_int_equal(put_bytes(engine, "large", bytes, LARGE), -ENOSPC);
        assert_object_is(engine, "small", 1, 1000);
        assert_object_is(engine, "large", 1, LARGE);
        assert_int_equal(get_result(engine, "new", NULL), -ENOENT);
        clear_fault();
        put_made(engine, "after", (uint64_t)round, 3000);
        assert_object_is(engine, "after", (uint64_t)round, 3000);
    }
    assert_blob_files(fixture->directory, 1);
    free(bytes);
}

/* What a key may hold: seeds, or 0 for nothing. After an error it may hold the old or the new bytes. */
struct key_state {
    const char *key;
    uint64_t may_be[8];
    unsigned count;
};

static void tried(struct key_state *state, int r, uint64_t now)
{
    if (r == 0)
        state->count = 0;
    state->may_be[state->count++] = now;
}

static size_t size_for(uint64_t seed)
{
    return seed % 2 ? LARGE : 3000;
}

static int try_put(struct fixture *fixture, struct key_state *state, uint64_t seed)
{
    unsigned char *bytes = make_bytes(seed, size_for(seed));
    int r = put_bytes(fixture->engine, state->key, bytes, size_for(seed));

    free(bytes);
    tried(state, r, seed);
    return r;
}

static void assert_state(struct fixture *fixture, struct key_state *state)
{
    struct vb_engine_meta meta = {0};
    int r = vb_engine_stat(fixture->engine, "photos", state->key, &meta, NULL);

    if (r == -ENOENT) {
        bool may_be_gone = false;

        for (unsigned i = 0; i < state->count; i++)
            may_be_gone |= state->may_be[i] == 0;
        assert_true(may_be_gone);
        return;
    }
    assert_int_equal(r, 0);
    for (unsigned i = 0; i < state->count; i++) {
        unsigned char *bytes = make_bytes(state->may_be[i], size_for(state->may_be[i])), md5[16];
        char hex[33];

        vb_hash_data(VB_HASH_MD5, bytes, size_for(state->may_be[i]), md5);
        vb_hex_encode(md5, sizeof(md5), hex);
        free(bytes);
        if (state->may_be[i] && strcmp(hex, meta.etag) == 0) {
            assert_object_is(fixture->engine, state->key, state->may_be[i], size_for(state->may_be[i]));
            vb_engine_meta_release(&meta);
            return;
        }
    }
    fail_msg("%s holds what nobody has put", state->key);
}

/* Returns whether the fault was hit. */
static bool survive(struct fixture *fixture, int countdown, bool persistent, bool full)
{
    struct key_state a = {.key = "a"}, b = {.key = "b"};
    bool met;
    int r;

    assert_int_equal(try_put(fixture, &a, 2), 0);
    assert_int_equal(try_put(fixture, &b, 1), 0);
    set_fault(countdown, persistent, full);
    try_put(fixture, &a, 4);
    try_put(fixture, &a, 3);
    try_put(fixture, &b, 5);
    r = vb_engine_delete(fixture->engine, "photos", "b", NULL, NULL, NULL);
    tried(&b, r, 0);
    met = atomic_load(&faults.hits) > 0;
    clear_fault();

    assert_state(fixture, &a);
    assert_state(fixture, &b);
    assert_int_equal(try_put(fixture, &b, 7), 0);
    assert_state(fixture, &a);
    assert_state(fixture, &b);
    return met;
}

static void any_single_failure_leaves_the_old_or_the_new_object(void **state)
{
    struct fixture *fixture = *state;

    for (int kind = 0; kind < 4; kind++) {
        bool persistent = kind & 1, full = kind & 2;
        int countdown = 0;

        while (survive(fixture, countdown, persistent, full))
            countdown++;
        assert_true(countdown > 20);
        log_file = NULL;
        reopen(fixture);
        assert_blob_files(fixture->directory, 2); /* those of a and b, and none of a failed put */
    }
}

static void assert_put_succeeds_soon(struct vb_engine *engine, const char *key, const void *bytes,
                                     size_t size)
{
    int64_t deadline = vb_clock_monotonic_ms() + 10000;
    int r;

    while ((r = put_bytes(engine, key, bytes, size)) == -ENOSPC && vb_clock_monotonic_ms() < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_equal(r, 0);
}

/* On a real file system of 16 MB, if the test may mount one. */
static void deleting_makes_room_on_a_real_full_disk(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine;
    unsigned char *bytes = make_bytes(1, MIB);
    static const size_t sizes[] = {20000, 300000};
    char key[32];

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        free(bytes);
        skip();
    }
    vb_engine_close(fixture->engine);
    assert_int_equal(mount("tmpfs", fixture->directory, "tmpfs", 0, "size=16m"), 0);
    log_file = NULL;
    fixture->engine = engine = open_engine(fixture->directory);
    assert_int_equal(vb_engine_bucket_create(engine, "photos", NULL), 0);
    for (size_t s = 0; s < 2 * VB_ARRAY_SIZE(sizes); s++) {
        size_t size = sizes[s % VB_ARRAY_SIZE(sizes)];
        unsigned count = 0;
        int r = 0;

        /* the room of objects deleted in the round before comes back gradually */
        snprintf(key, sizeof(key), "%zu/0", s);
        assert_put_succeeds_soon(engine, key, bytes, size);
        while (r == 0) {
            snprintf(key, sizeof(key), "%zu/%u", s, count);
            r = put_bytes(engine, key, bytes, size);
            count += r == 0;
        }
        assert_int_equal(r, -ENOSPC);
        assert_true(count > 5);
        for (unsigned i = 0; i < count; i++) {
            snprintf(key, sizeof(key), "%zu/%u", s, i);
            assert_int_equal(get_result(engine, key, NULL), 0);
        }
        for (unsigned i = 0; i < count; i++) {
            snprintf(key, sizeof(key), "%zu/%u", s, i);
            assert_int_equal(vb_engine_delete(engine, "photos", key, NULL, NULL, NULL), 0);
        }
        assert_blob_files(fixture->directory, 0);
    }
    assert_put_succeeds_soon(engine, "after", bytes, LARGE);
    assert_int_equal(get_result(engine, "after", NULL), 0);
    vb_engine_close(engine);
    assert_int_equal(umount(fixture->directory), 0);
    log_file = NULL;
    fixture->engine = open_engine(fixture->directory);
    free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_put_is_synced_before_it_is_acknowledged),
        TEST(a_full_disk_changes_nothing_and_writes_resume_when_there_is_room),
        TEST(any_single_failure_leaves_the_old_or_the_new_object),
        TEST(deleting_makes_room_on_a_real_full_disk),
    };
    sqlite3_vfs *vfs;

    sqlite3_initialize();
    vfs = sqlite3_vfs_find(NULL);
    real_open = vfs->xOpen;
    vfs->xOpen = open_with_faults;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
