/* The edge's disk: a stored part comes back whole or not at all, within the bound of the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "edge/disk.h"

#define KEY     "profile-pictures/u/avatar-1.jpg"
#define PART    "w=640&fm=webp&q=80"
#define BODY    "0123456789"
#define SIZE    10
#define ALL     ((size_t)1024 * 1024)
#define WAIT_MS 10000

struct fixture {
    char folder[64];
    struct vb_disk *disk;
};

static const struct vb_cache_entry description = {.size = SIZE,
                                                  .last_modified_s = 1700000000,
                                                  .etag = "\"abc\"",
                                                  .content_type = "image/webp",
                                                  .source_etag = "\"source\""};

static void open_disk(struct fixture *fixture, int64_t bytes_max)
{
    struct vb_error err;
    if (vb_disk_open(&(struct vb_disk_config){.directory = fixture->folder, .bytes_max = bytes_max},
                     &fixture->disk, &err) < 0)
        fail_msg("%s", err.message);
}

static int set_up(void **state)
{
    struct fixture *fixture = vb_xcalloc(1, sizeof(*fixture));
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/vibe-test-disk-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    open_disk(fixture, 0);
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    vb_disk_close(fixture->disk);
    nftw(fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

/* Where the only file of a part is. */
static char found[4096];
static int files;

static int note_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    if (type == FTW_F && strcmp(path + where->base, "lock") != 0) {
        files++;
        snprintf(found, sizeof(found), "%s", path);
    }
    return 0;
}

static int count_files(const struct fixture *fixture)
{
    files = 0;
    nftw(fixture->folder, note_file, 16, FTW_PHYS);
    return files;
}

static bool is_there(struct fixture *fixture, const char *key, const char *part)
{
    struct vb_cache_entry entry;
    char *body = NULL;
    size_t size;
    int r = vb_disk_load(fixture->disk, key, part, ALL, &entry, &body, &size);
    if (r == 0)
        free(body);
    return r == 0;
}

static void check_whole(struct fixture *fixture)
{
    struct vb_cache_entry entry;
    char *body;
    size_t size;
    assert_int_equal(vb_disk_load(fixture->disk, KEY, PART, ALL, &entry, &body, &size), 0);
    assert_int_equal(size, SIZE);
    assert_memory_equal(body, BODY, SIZE);
    assert_int_equal(entry.size, SIZE);
    assert_int_equal(entry.last_modified_s, 1700000000);
    assert_string_equal(entry.last_modified, "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_string_equal(entry.etag, "\"abc\"");
    assert_string_equal(entry.content_type, "image/webp");
    assert_string_equal(entry.source_etag, "\"source\"");
    free(body);
}

static void a_stored_part_survives_a_restart(void **state)
{
    struct fixture *fixture = *state;
    assert_false(vb_disk_has(fixture->disk, KEY, PART));
    vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
    assert_true(vb_disk_has(fixture->disk, KEY, PART));
    check_whole(fixture);
    vb_disk_close(fixture->disk);
    open_disk(fixture, 0);
    check_whole(fixture);
    assert_false(is_there(fixture, KEY, "w=320&fm=webp&q=80"));
    assert_false(is_there(fixture, "profile-pictures/u/avatar-2.jpg", PART));
}

static void a_description_is_stored_without_a_body(void **state)
{
    struct fixture *fixture = *state;
    struct vb_cache_entry entry, large = description;
    char *body = (char *)"";
    size_t size;
    large.size = 50000000;
    vb_disk_store(fixture->disk, KEY, VB_DISK_OBJECT, &large, NULL, 0);
    assert_int_equal(vb_disk_load(fixture->disk, KEY, VB_DISK_OBJECT, 0, &entry, &body, &size), 0);
    assert_null(body);
    assert_int_equal(entry.size, 50000000);
}

static void a_body_larger_than_asked_for_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct vb_cache_entry entry;
    char *body;
    size_t size;
    vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
    assert_int_equal(vb_disk_load(fixture->disk, KEY, PART, SIZE - 1, &entry, &body, &size), -EFBIG);
    check_whole(fixture);
}

/* Every byte of the file wrong, one at a time, and every length: the header, the key and the body. */
static void a_damaged_file_is_a_miss_and_is_removed(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
    assert_int_equal(count_files(fixture), 1);
    assert_int_equal(stat(found, &status), 0);
    for (off_t at = 0; at < 2 * status.st_size; at++) {
        char byte;
        vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
        if (at < status.st_size) {
            int file = open(found, O_RDWR);
            assert_int_equal(pread(file, &byte, 1, at), 1);
            byte ^= 0x40;
            assert_int_equal(pwrite(file, &byte, 1, at), 1);
            close(file);
        } else {
            assert_int_equal(truncate(found, at - status.st_size), 0);
        }
        if (is_there(fixture, KEY, PART))
            fail_msg("a file that was damaged at %lld was believed", (long long)at);
        assert_int_equal(access(found, F_OK), -1);
    }
}

static void a_purge_removes_the_object_with_its_variants(void **state)
{
    struct fixture *fixture = *state;
    vb_disk_store(fixture->disk, KEY, VB_DISK_OBJECT, &description, BODY, SIZE);
    vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
    vb_disk_store(fixture->disk, "vibe-stories/images/b.jpg", PART, &description, BODY, SIZE);
    vb_disk_purge(fixture->disk, KEY);
    vb_disk_purge(fixture->disk, KEY);
    assert_false(is_there(fixture, KEY, VB_DISK_OBJECT) || is_there(fixture, KEY, PART));
    assert_true(is_there(fixture, "vibe-stories/images/b.jpg", PART));
    assert_int_equal(count_files(fixture), 1);
    assert_int_equal(vb_disk_bytes(fixture->disk), 4096);
}

static void wait_until_below(struct fixture *fixture, int64_t bytes)
{
    int64_t end_ms = vb_clock_monotonic_ms() + WAIT_MS;
    while (vb_disk_bytes(fixture->disk) > bytes && vb_clock_monotonic_ms() < end_ms)
        sched_yield();
    assert_in_range(vb_disk_bytes(fixture->disk), 1, bytes);
}

/* Stores a part as if it had been read that long ago. */
static void store_old(struct fixture *fixture, const char *key, int64_t age_s)
{
    const struct timespec then = {.tv_sec = vb_clock_realtime_s() - age_s};
    char hex[2 * VB_SHA256_SIZE + 1], path[4200];
    vb_disk_store(fixture->disk, key, PART, &description, BODY, SIZE);
    vb_sha256_hex(key, strlen(key), hex);
    snprintf(path, sizeof(path), "%s/%.2s/%s/" PART, fixture->folder, hex, hex + 2);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){then, then}, 0), 0);
}

static void the_least_recently_read_file_is_evicted_first(void **state)
{
    struct fixture *fixture = *state;
    char key[64];
    vb_disk_close(fixture->disk);
    open_disk(fixture, 100 * 4096);
    store_old(fixture, "oldest", 1000000);
    store_old(fixture, "older-but-read", 2000000);
    assert_true(is_there(fixture, "older-but-read", PART));
    for (int i = 0; i < 99; i++) {
        snprintf(key, sizeof(key), "object-%d", i);
        store_old(fixture, key, 5000 - i);
    }
    wait_until_below(fixture, 90 * 4096);
    assert_true(is_there(fixture, "older-but-read", PART) && is_there(fixture, "object-98", PART));
    assert_false(is_there(fixture, "oldest", PART) || is_there(fixture, "object-0", PART));
}

/* The clock of files goes in steps: waits for the next step, in which the next process starts. */
static void wait_for_tick(const char *path)
{
    struct timespec now;
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    do
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    while (now.tv_sec == status.st_ctim.tv_sec && now.tv_nsec <= status.st_ctim.tv_nsec);
}

static void unfinished_files_of_an_earlier_process_are_removed(void **state)
{
    struct fixture *fixture = *state;
    char path[4200];
    int64_t end_ms = vb_clock_monotonic_ms() + WAIT_MS;
    vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
    assert_int_equal(count_files(fixture), 1);
    snprintf(path, sizeof(path), "%.*s/.new-0123456789abcdef", (int)(strrchr(found, '/') - found), found);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(access(path, F_OK), 0);
    vb_disk_close(fixture->disk);
    wait_for_tick(path);
    open_disk(fixture, 0);
    while (access(path, F_OK) == 0 && vb_clock_monotonic_ms() < end_ms)
        sched_yield();
    assert_int_equal(access(path, F_OK), -1);
    check_whole(fixture);
}

static void two_processes_cannot_share_a_folder(void **state)
{
    struct fixture *fixture = *state;
    struct vb_disk *second = NULL;
    struct vb_error err;
    assert_true(vb_disk_open(&(struct vb_disk_config){.directory = fixture->folder}, &second, &err) < 0);
    assert_null(second);
}

/* Nothing can be written to this folder, not even by root. */
static void a_broken_disk_is_a_miss(void **state)
{
    struct fixture *fixture = *state;
    char path[4200];
    vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
    assert_int_equal(count_files(fixture), 1);
    vb_disk_purge(fixture->disk, KEY);
    snprintf(path, sizeof(path), "%.*s", (int)(strrchr(found, '/') - found), found);
    close(open(path, O_CREAT | O_WRONLY, 0600)); /* a file where its folder should be */
    vb_disk_store(fixture->disk, KEY, PART, &description, BODY, SIZE);
    assert_false(is_there(fixture, KEY, PART));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stored_part_survives_a_restart),
        TEST(a_description_is_stored_without_a_body),
        TEST(a_body_larger_than_asked_for_is_not_read),
        TEST(a_damaged_file_is_a_miss_and_is_removed),
        TEST(a_purge_removes_the_object_with_its_variants),
        TEST(the_least_recently_read_file_is_evicted_first),
        TEST(unfinished_files_of_an_earlier_process_are_removed),
        TEST(two_processes_cannot_share_a_folder),
        TEST(a_broken_disk_is_a_miss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
