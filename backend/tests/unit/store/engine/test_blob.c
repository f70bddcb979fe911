/* The files of blobs, and the reaper that removes those that no row names. */
#include "fixture.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/stat.h>

#define OWNER 7

struct files {
    char directory[64];
    struct vb_engine_blobs *blobs;
    struct vb_engine_index_pool *pool;
};

static void open_blobs(struct files *files)
{
    assert_int_equal(vb_engine_blobs_open(files->directory, &files->blobs, NULL), 0);
    files->pool = vb_engine_index_pool_create(files->directory, 1);
}

static void close_blobs(struct files *files)
{
    vb_engine_blobs_close(files->blobs);
    vb_engine_index_pool_destroy(files->pool);
}

static int set_up(void **state)
{
    struct files *files = vb_xcalloc(1, sizeof(*files));
    struct vb_engine_index index;

    strcpy(files->directory, "/tmp/vibe-blob-XXXXXX");
    assert_non_null(mkdtemp(files->directory));
    assert_int_equal(vb_engine_index_open(files->directory, true, &index, NULL), 0);
    vb_engine_index_close(&index);
    open_blobs(files);
    *state = files;
    return 0;
}

static int tear_down(void **state)
{
    struct files *files = *state;

    close_blobs(files);
    remove_tree(files->directory);
    free(files);
    return 0;
}

/* A file of so many bytes, on disk. */
static void make_file(struct files *files, size_t size, char ret_file[VB_ENGINE_BLOB_NAME_SIZE])
{
    unsigned char *bytes = make_bytes(1, size);
    int fd VB_CLEANUP(vb_closep) = vb_engine_blobs_create(files->blobs, ret_file, NULL);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(vb_engine_blobs_sync(files->blobs, fd, ret_file, NULL), 0);
    free(bytes);
}

static void collect(struct files *files, const char *file, int64_t owner)
{
    struct vb_engine_garbage *garbage = vb_xcalloc(1, sizeof(*garbage));

    garbage->owner = owner;
    strcpy(garbage->file, file);
    vb_engine_blobs_collect(files->blobs, garbage);
}

static void wait_for_reaper(struct files *files)
{
    int64_t deadline = vb_clock_monotonic_ms() + 20000;

    while (!vb_engine_blobs_idle(files->blobs)) {
        assert_true(vb_clock_monotonic_ms() < deadline);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void start_reaper(struct files *files)
{
    assert_int_equal(vb_engine_blobs_start_reaper(files->blobs, files->pool, NULL), 0);
    wait_for_reaper(files);
}

static bool is_there(struct files *files, const char *file, int64_t size)
{
    int r = vb_engine_blobs_check_file(files->blobs, file, size, NULL);

    assert_true(r == 0 || r == -ENOENT);
    return r == 0;
}

static void a_new_file_is_opened_by_its_name(void **state)
{
    struct files *files = *state;
    char file[VB_ENGINE_BLOB_NAME_SIZE], byte;
    unsigned char *bytes = make_bytes(1, 1);
    int fd VB_CLEANUP(vb_closep) = -1;

    make_file(files, 1, file);
    fd = vb_engine_blobs_open_file(files->blobs, file, 1, NULL);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_memory_equal(&byte, bytes, 1);
    free(bytes);
}

static void a_name_tells_the_folder_and_the_session(void **state)
{
    struct files *files = *state;
    char a[VB_ENGINE_BLOB_NAME_SIZE], b[VB_ENGINE_BLOB_NAME_SIZE], c[VB_ENGINE_BLOB_NAME_SIZE];

    make_file(files, 1, a);
    make_file(files, 1, b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), VB_ENGINE_BLOB_NAME_SIZE - 1);
    assert_int_equal(strspn(a, "0123456789abcdef"), 2);
    assert_int_equal(a[2], '/');
    assert_int_equal(strcspn(a, "-"), 3 + 8);
    assert_memory_equal(a + 3, b + 3, 8);
    close_blobs(files);
    open_blobs(files);
    make_file(files, 1, c);
    assert_memory_not_equal(a + 3, c + 3, 8);
}

static void a_file_that_is_missing_is_told_from_one_that_is_damaged(void **state)
{
    struct files *files = *state;
    char file[VB_ENGINE_BLOB_NAME_SIZE];
    struct vb_error err = {0};

    make_file(files, 10, file);
    assert_int_equal(vb_engine_blobs_open_file(files->blobs, file, 11, &err), -EIO);
    assert_non_null(strstr(err.message, "it has 10 bytes where the index says 11"));
    assert_int_equal(vb_engine_blobs_check_file(files->blobs, file, 9, NULL), -EIO);
    vb_engine_blobs_remove(files->blobs, file);
    assert_int_equal(vb_engine_blobs_open_file(files->blobs, file, 10, NULL), -ENOENT);
    assert_int_equal(vb_engine_blobs_check_file(files->blobs, file, 10, NULL), -ENOENT);
}

static void the_reaper_removes_garbage(void **state)
{
    struct files *files = *state;
    char file[VB_ENGINE_BLOB_NAME_SIZE], other[VB_ENGINE_BLOB_NAME_SIZE];

    start_reaper(files);
    make_file(files, 1, file);
    make_file(files, 1, other);
    collect(files, file, OWNER);
    wait_for_reaper(files);
    assert_false(is_there(files, file, 1));
    assert_true(is_there(files, other, 1));
}

static void garbage_of_a_pinned_owner_stays_until_the_last_pin_is_gone(void **state)
{
    struct files *files = *state;
    char file[VB_ENGINE_BLOB_NAME_SIZE], other[VB_ENGINE_BLOB_NAME_SIZE];

    start_reaper(files);
    make_file(files, 1, file);
    make_file(files, 1, other);
    vb_engine_blobs_pin(files->blobs, OWNER);
    vb_engine_blobs_pin(files->blobs, OWNER);
    collect(files, file, OWNER);
    collect(files, other, OWNER + 1);
    wait_for_reaper(files);
    assert_true(is_there(files, file, 1));
    assert_false(is_there(files, other, 1));
    vb_engine_blobs_unpin(files->blobs, OWNER);
    wait_for_reaper(files);
    assert_true(is_there(files, file, 1));
    vb_engine_blobs_unpin(files->blobs, OWNER);
    wait_for_reaper(files);
    assert_false(is_there(files, file, 1));
}

static void closing_removes_the_garbage_that_is_queued(void **state)
{
    struct files *files = *state;
    char file[VB_ENGINE_BLOB_NAME_SIZE];

    start_reaper(files);
    make_file(files, 1, file);
    collect(files, file, OWNER);
    close_blobs(files);
    open_blobs(files);
    assert_false(is_there(files, file, 1));
}

/* What a process that was killed has left: files that no row names yet, or any more. */
static void the_orphans_of_an_earlier_session_are_removed(void **state)
{
    struct files *files = *state;
    char orphan[VB_ENGINE_BLOB_NAME_SIZE], named[VB_ENGINE_BLOB_NAME_SIZE], young[VB_ENGINE_BLOB_NAME_SIZE];
    struct vb_engine_index index;
    sqlite3_stmt *statement;

    make_file(files, 1, orphan);
    make_file(files, 1, named);
    assert_int_equal(vb_engine_index_open(files->directory, false, &index, NULL), 0);
    statement = vb_engine_index_statement(&index, VB_ENGINE_SQL_BLOB_INSERT);
    sqlite3_bind_int64(statement, 1, 1);
    sqlite3_bind_int(statement, 2, VB_ENGINE_BLOB_FILE);
    sqlite3_bind_int64(statement, 3, 1);
    vb_engine_index_bind_text(statement, 4, named);
    assert_int_equal(vb_engine_index_run(&index, statement), 0);
    vb_engine_index_close(&index);

    close_blobs(files);
    open_blobs(files);
    make_file(files, 1, young); /* its row is still to come */
    start_reaper(files);
    assert_false(is_there(files, orphan, 1));
    assert_true(is_there(files, named, 1));
    assert_true(is_there(files, young, 1));
}

static void a_file_whose_name_is_not_ours_is_left_alone(void **state)
{
    static const char *const names[] = {"00/README", "00/0123456789abcdef0123456789abcdefx",
                                        "00/0123456-0123456789abcdef0123456789"};
    struct files *files = *state;
    char path[160];

    for (size_t i = 0; i < VB_ARRAY_SIZE(names); i++) {
        FILE *file;

        snprintf(path, sizeof(path), "%s/blobs/%s", files->directory, names[i]);
        file = fopen(path, "w");
        assert_non_null(file);
        fclose(file);
    }
    start_reaper(files);
    for (size_t i = 0; i < VB_ARRAY_SIZE(names); i++)
        assert_true(is_there(files, names[i], 0));
}

/* An index that is not there cannot be opened; one without tables can, and then every statement fails. */
static void an_index_that_cannot_be_read_removes_no_file(void **state)
{
    struct files *files = *state;
    char file[VB_ENGINE_BLOB_NAME_SIZE], path[160];

    make_file(files, 1, file);
    snprintf(path, sizeof(path), "%s/index.db", files->directory);
    for (int empty = 0; empty <= 1; empty++) {
        close_blobs(files);
        if (empty)
            fclose(fopen(path, "w"));
        else
            assert_int_equal(unlink(path), 0);
        open_blobs(files);
        start_reaper(files);
        assert_true(is_there(files, file, 1));
    }
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FILES(a_new_file_is_opened_by_its_name),
        WITH_FILES(a_name_tells_the_folder_and_the_session),
        WITH_FILES(a_file_that_is_missing_is_told_from_one_that_is_damaged),
        WITH_FILES(the_reaper_removes_garbage),
        WITH_FILES(garbage_of_a_pinned_owner_stays_until_the_last_pin_is_gone),
        WITH_FILES(closing_removes_the_garbage_that_is_queued),
        WITH_FILES(the_orphans_of_an_earlier_session_are_removed),
        WITH_FILES(a_file_whose_name_is_not_ours_is_left_alone),
        WITH_FILES(an_index_that_cannot_be_read_removes_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
