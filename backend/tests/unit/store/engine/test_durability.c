/*
 * After a kill at any instant, the engine opens with every acknowledged object whole, no partial object
 * visible, and no file left over.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS    12
#define THREADS   8
#define KEYS_MAX  100000
#define ROUND_MAX 400 /* the longest life of a child, in ms */

/* The put number of a thread in a round. */
struct acknowledged {
    unsigned round, thread, number;
};

/* Sizes of all kinds: empty, in the index, in a file. */
static size_t size_of(const struct acknowledged *put)
{
    static const size_t sizes[] = {0, 100, 20480, 60000, LARGE, 9000, 300000, 1};

    return sizes[(put->number + put->thread) % VB_ARRAY_SIZE(sizes)];
}

static uint64_t seed_of(const struct acknowledged *put)
{
    return put->round * 1000003u + put->thread * 100003u + put->number;
}

static void key_of(const struct acknowledged *put, char key[64])
{
    snprintf(key, 64, "r%u/t%u/%u", put->round, put->thread, put->number);
}

struct child_thread {
    struct vb_engine *engine;
    unsigned round, thread;
    int pipe;
};

/* Puts objects until the process is killed, and reports each acknowledged put. After every fourth, it also
 * replaces and deletes a key that it does not report, so that the reaper always has files to remove. */
static void *put_and_report(void *context)
{
    struct child_thread *child = context;

    for (unsigned number = 0;; number++) {
        struct acknowledged put = {child->round, child->thread, number};
        unsigned char *bytes = make_bytes(seed_of(&put), size_of(&put));
        char key[64];

        key_of(&put, key);
        if (put_bytes(child->engine, key, bytes, size_of(&put)) == 0 &&
            write(child->pipe, &put, sizeof(put)) != (ssize_t)sizeof(put))
            _exit(1);
        free(bytes);
        if (number % 4 == 0) {
            bytes = make_bytes(number, LARGE);
            snprintf(key, sizeof(key), "churn/%u", number % 3);
            put_bytes(child->engine, key, bytes, LARGE);
            vb_engine_delete(child->engine, "photos", key, NULL, NULL, NULL);
            free(bytes);
        }
    }
    return NULL;
}

static void run_child(const char *directory, unsigned round, int pipe)
{
    struct vb_engine_config config = {.directory = directory};
    struct child_thread children[THREADS];
    struct vb_engine *engine;
    pthread_t thread;

    if (vb_engine_open(&config, &engine, NULL) < 0)
        _exit(2);
    for (unsigned i = 0; i < THREADS; i++) {
        children[i] = (struct child_thread){engine, round, i, pipe};
        if (pthread_create(&thread, NULL, put_and_report, &children[i]) != 0)
            _exit(3);
    }
    pthread_join(thread, NULL);
    _exit(4);
}

/* Starts a child, kills it after a random time, and adds the puts that it acknowledged. In every other round
 * the time begins with the first of them: on a busy machine, a child may take longer to open its store. */
static size_t run_and_kill(const char *directory, unsigned round, struct acknowledged *acknowledged,
                           size_t count)
{
    int64_t life_ms = 30 + rand() % (ROUND_MAX - 30), begin_ms = vb_clock_monotonic_ms();
    bool counts = round % 2;
    int ends[2], status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        run_child(directory, round, ends[1]);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (bool killed = false;;) {
        ssize_t n = read(ends[0], &acknowledged[count], sizeof(acknowledged[0]));

        if (n == 0)
            break;
        if (n == (ssize_t)sizeof(acknowledged[0])) {
            assert_true(++count < KEYS_MAX);
            if (!counts)
                begin_ms = vb_clock_monotonic_ms();
            counts = true;
        }
        if (!killed && counts && vb_clock_monotonic_ms() >= begin_ms + life_ms) {
            kill(pid, SIGKILL);
            killed = true;
        }
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return count;
}

struct check {
    struct vb_engine *engine;
    char keys[1000][64];
    unsigned count;
};

static int collect(void *context, const struct vb_engine_entry *entry)
{
    struct check *check = context;

    snprintf(check->keys[check->count++], sizeof(check->keys[0]), "%s", entry->key);
    return 0;
}

/* The bytes have the MD5 that the ETag says and the size that the row says. */
static void assert_whole(struct vb_engine *engine, const char *key)
{
    struct vb_engine_meta meta = {0};
    struct vb_engine_reader *reader = NULL;
    struct vb_error err = {0};
    unsigned char md5[16];
    char hex[33];

    if (vb_engine_get(engine, "photos", key, &meta, &reader, &err) < 0)
        fail_msg("%s: %s", key, err.message);
    unsigned char *bytes = malloc((size_t)meta.size + 1);
    for (int64_t at = 0; at < meta.size;) {
        int64_t n = vb_engine_reader_read(reader, at, bytes + at, (size_t)(meta.size - at));

        assert_true(n > 0);
        at += n;
    }
    vb_hash_data(VB_HASH_MD5, bytes, (size_t)meta.size, md5);
    vb_hex_encode(md5, sizeof(md5), hex);
    assert_string_equal(hex, meta.etag);
    free(bytes);
    vb_engine_reader_close(reader);
    vb_engine_meta_release(&meta);
}

/* Returns the number of objects that have files. */
static unsigned assert_all_visible_whole(struct vb_engine *engine, const char *prefix)
{
    struct check *check = vb_xcalloc(1, sizeof(*check));
    char next[VB_ENGINE_KEY_MAX + 1] = "";
    bool truncated = true;
    unsigned files = 0;

    while (truncated) {
        struct vb_engine_list request = {prefix, "", next, 1000};
        char after[VB_ENGINE_KEY_MAX + 1];

        memcpy(after, next, sizeof(after));
        request.start_after = after;
        check->count = 0;
        assert_int_equal(vb_engine_list(engine, "photos", &request, collect, check, &truncated, next, NULL),
                         0);
        for (unsigned i = 0; i < check->count; i++) {
            struct vb_engine_meta meta = {0};

            assert_whole(engine, check->keys[i]);
            assert_int_equal(vb_engine_stat(engine, "photos", check->keys[i], &meta, NULL), 0);
            files += meta.size > VB_ENGINE_INLINE_MAX;
            vb_engine_meta_release(&meta);
        }
    }
    free(check);
    return files;
}

static void a_kill_at_any_instant_loses_no_acknowledged_object(void **state)
{
    struct fixture *fixture = *state;
    struct acknowledged *acknowledged = vb_xcalloc(KEYS_MAX, sizeof(*acknowledged));
    size_t count = 0;

    srand((unsigned)getpid());
    vb_engine_close(fixture->engine);
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t before = count;
        char prefix[16];

        count = run_and_kill(fixture->directory, round, acknowledged, count);
        fixture->engine = open_engine(fixture->directory);
        for (size_t i = before; i < count; i++) {
            char key[64];

            key_of(&acknowledged[i], key);
            assert_object_is(fixture->engine, key, seed_of(&acknowledged[i]), size_of(&acknowledged[i]));
        }
        snprintf(prefix, sizeof(prefix), "r%u/", round);
        assert_all_visible_whole(fixture->engine, prefix);
        vb_engine_close(fixture->engine);
    }
    assert_true(count >= ROUNDS / 2);
    fixture->engine = open_engine(fixture->directory);
    for (size_t i = 0; i < count; i++) {
        struct vb_engine_meta meta = {0};
        char key[64];

        key_of(&acknowledged[i], key);
        assert_int_equal(vb_engine_stat(fixture->engine, "photos", key, &meta, NULL), 0);
        assert_int_equal(meta.size, size_of(&acknowledged[i]));
        vb_engine_meta_release(&meta);
    }
    /* there is no file but those of the objects */
    assert_blob_files(fixture->directory, assert_all_visible_whole(fixture->engine, ""));
    print_message("%zu puts acknowledged in %d rounds\n", count, ROUNDS);
    free(acknowledged);
}

static void write_file(const char *directory, const char *name)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/blobs/%s", directory, name);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void orphans_are_removed_and_foreign_files_are_not(void **state)
{
    struct fixture *fixture = *state;

    put_made(fixture->engine, "k", 1, LARGE);
    vb_engine_close(fixture->engine);
    write_file(fixture->directory, "ab/01234567-0123456789abcdef01234567");
    write_file(fixture->directory, "00/89abcdef-0123456789abcdef01234567");
    write_file(fixture->directory, "00/README");
    fixture->engine = open_engine(fixture->directory);
    assert_blob_files(fixture->directory, 2);
    assert_object_is(fixture->engine, "k", 1, LARGE);
}

/* The path of the only blob file. */
static char only_file[256];

static int find_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    if (type == FTW_F && strstr(path, "/blobs/"))
        snprintf(only_file, sizeof(only_file), "%s", path);
    return 0;
}

static void a_damaged_file_is_an_error_and_never_served_in_part(void **state)
{
    struct fixture *fixture = *state;
    struct vb_error err = {0};

    put_made(fixture->engine, "k", 1, LARGE);
    nftw(fixture->directory, find_file, 16, FTW_PHYS);
    assert_int_equal(truncate(only_file, (off_t)LARGE - 1), 0);
    assert_int_equal(get_result(fixture->engine, "k", &err), -EIO);
    assert_non_null(strstr(err.message, "is damaged: it has 77880 bytes where the index says 77881"));
    assert_int_equal(unlink(only_file), 0);
    assert_int_equal(get_result(fixture->engine, "k", &err), -EIO);
    assert_non_null(strstr(err.message, "missing"));
    /* the key can be put again */
    put_made(fixture->engine, "k", 2, LARGE);
    assert_object_is(fixture->engine, "k", 2, LARGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_kill_at_any_instant_loses_no_acknowledged_object),
        TEST(orphans_are_removed_and_foreign_files_are_not),
        TEST(a_damaged_file_is_an_error_and_never_served_in_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
