/* Checkpoints: the log has its length from the start, begins anew before it grows beyond that, and pages that
 * were freed go back to the disk. */
#include "fixture.h"

#include "store/engine/checkpoint.h"

#include <sys/stat.h>

#define PAGE_BYTES   8192
#define PAGES_WANTED 64
#define ROOM_KEPT    ((uint64_t)4 * PAGES_WANTED * PAGE_BYTES) /* a checkpoint begins at a quarter of it */

struct fix {
    char directory[64];
    struct vb_engine_index index; /* the committer's */
    struct vb_engine_checkpointer *checkpointer;
    int log_pages, longest; /* now, and ever */
    int64_t next_id;
};

static int note_log_pages(void *context, sqlite3 *handle, const char *database, int pages)
{
    struct fix *fix = context;

    (void)handle, (void)database;
    fix->log_pages = pages;
    fix->longest = pages > fix->longest ? pages : fix->longest;
    return SQLITE_OK;
}

static int set_up(void **state)
{
    struct fix *fix = vb_xcalloc(1, sizeof(*fix));

    strcpy(fix->directory, "/tmp/vibe-checkpoint-XXXXXX");
    assert_non_null(mkdtemp(fix->directory));
    assert_int_equal(vb_engine_index_open(fix->directory, true, &fix->index, NULL), 0);
    vb_engine_checkpoint_extend_log(fix->directory, ROOM_KEPT, &fix->index);
    assert_int_equal(vb_engine_checkpointer_start(fix->directory, ROOM_KEPT, &fix->checkpointer, NULL), 0);
    sqlite3_wal_hook(fix->index.handle, note_log_pages, fix);
    *state = fix;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *fix = *state;

    vb_engine_checkpointer_stop(fix->checkpointer);
    vb_engine_index_close(&fix->index);
    remove_tree(fix->directory);
    free(fix);
    return 0;
}

static int64_t size_of(const struct fix *fix, const char *name)
{
    struct stat st;
    char path[100];

    snprintf(path, sizeof(path), "%s/%s", fix->directory, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

/* One commit of about so many pages. */
static void write_pages(struct fix *fix, size_t pages)
{
    unsigned char *bytes = make_bytes(1, PAGE_BYTES);

    vb_engine_index_run(&fix->index, vb_engine_index_statement(&fix->index, VB_ENGINE_SQL_BEGIN_WRITE));
    for (size_t i = 0; i < pages; i++) {
        sqlite3_stmt *statement = vb_engine_index_statement(&fix->index, VB_ENGINE_SQL_BLOB_INSERT);

        sqlite3_bind_int64(statement, 1, ++fix->next_id);
        sqlite3_bind_int(statement, 2, VB_ENGINE_BLOB_INLINE);
        sqlite3_bind_int64(statement, 3, PAGE_BYTES);
        sqlite3_bind_null(statement, 4);
        sqlite3_bind_blob(statement, 5, bytes, PAGE_BYTES, SQLITE_STATIC);
        vb_engine_index_run(&fix->index, statement);
    }
    assert_int_equal(
        vb_engine_index_run(&fix->index, vb_engine_index_statement(&fix->index, VB_ENGINE_SQL_COMMIT)), 0);
    free(bytes);
}

static void delete_all(struct fix *fix)
{
    assert_int_equal(sqlite3_exec(fix->index.handle, "DELETE FROM blobs", NULL, NULL, NULL), SQLITE_OK);
}

static int64_t count_blobs(const char *directory)
{
    struct vb_engine_index index;
    sqlite3_stmt *statement = NULL;
    int64_t count;

    assert_int_equal(vb_engine_index_open(directory, false, &index, NULL), 0);
    assert_int_equal(sqlite3_prepare_v2(index.handle, "SELECT count(*) FROM blobs", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    vb_engine_index_close(&index);
    return count;
}

static void the_log_has_its_length_from_the_start(void **state)
{
    struct fix *fix = *state;
    int64_t length = size_of(fix, "index.db-wal");

    assert_true(length >= (int64_t)ROOM_KEPT / 8 * 3);
    write_pages(fix, PAGES_WANTED / 2);
    assert_int_equal(size_of(fix, "index.db-wal"), length);
}

static void extending_a_log_keeps_what_it_holds(void **state)
{
    struct fix *fix = *state;

    write_pages(fix, 3);
    vb_engine_checkpoint_extend_log(fix->directory, 2 * ROOM_KEPT, &fix->index);
    assert_true(size_of(fix, "index.db-wal") >= (int64_t)ROOM_KEPT / 4 * 3);
    assert_int_equal(count_blobs(fix->directory), 3);
    write_pages(fix, 3);
    assert_int_equal(count_blobs(fix->directory), 6);
}

static void a_short_log_is_left_alone(void **state)
{
    struct fix *fix = *state;

    write_pages(fix, 3);
    vb_engine_checkpointer_poll(fix->checkpointer, &fix->index, fix->log_pages);
    write_pages(fix, 3);
    assert_true(fix->log_pages > 3); /* it goes on where it was */
}

static void the_log_begins_anew_before_it_outgrows_its_room(void **state)
{
    struct fix *fix = *state;

    for (int i = 0; i < 400; i++) {
        write_pages(fix, 8);
        vb_engine_checkpointer_poll(fix->checkpointer, &fix->index, fix->log_pages);
    }
    /* at three quarters of the room commits wait; one more commit may have gone before that */
    assert_true(fix->longest < 3 * PAGES_WANTED + 64);
    assert_true(size_of(fix, "index.db-wal") <= (int64_t)ROOM_KEPT);
    assert_int_equal(count_blobs(fix->directory), 400 * 8);
}

static void freed_pages_go_back_to_the_disk(void **state)
{
    struct fix *fix = *state;
    int steps = 0;

    for (int i = 0; i < 64; i++)
        write_pages(fix, 16);
    vb_engine_checkpoint_all(&fix->index);
    assert_true(size_of(fix, "index.db") > (int64_t)1000 * PAGE_BYTES);
    delete_all(fix);
    while (vb_engine_checkpointer_vacuum(fix->checkpointer, &fix->index))
        assert_true(++steps < 100);
    vb_engine_checkpoint_all(&fix->index);
    assert_true(steps > 1); /* in small steps */
    assert_true(size_of(fix, "index.db") < (int64_t)100 * PAGE_BYTES);
}

static void a_few_freed_pages_are_kept_for_what_comes_next(void **state)
{
    struct fix *fix = *state;

    write_pages(fix, 16);
    delete_all(fix);
    assert_false(vb_engine_checkpointer_vacuum(fix->checkpointer, &fix->index));
}

static void emptying_the_log_gives_its_room_back(void **state)
{
    struct fix *fix = *state;

    write_pages(fix, 3);
    vb_engine_checkpoint_all(&fix->index);
    assert_int_equal(size_of(fix, "index.db-wal"), 0);
    assert_int_equal(count_blobs(fix->directory), 3);
}

int main(void)
{
#define WITH_INDEX(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_INDEX(the_log_has_its_length_from_the_start),
        WITH_INDEX(extending_a_log_keeps_what_it_holds),
        WITH_INDEX(a_short_log_is_left_alone),
        WITH_INDEX(the_log_begins_anew_before_it_outgrows_its_room),
        WITH_INDEX(freed_pages_go_back_to_the_disk),
        WITH_INDEX(a_few_freed_pages_are_kept_for_what_comes_next),
        WITH_INDEX(emptying_the_log_gives_its_room_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
