/* Group commit: what shares a transaction, what is refused alone, and what fails together. */
#include "fixture.h"

#include <errno.h>
#include <semaphore.h>

#define CHANGES 6

struct fix {
    char directory[64];
    struct vb_engine_blobs *blobs;
    struct vb_engine_committer *committer;
};

/* A change that makes a bucket. */
struct bucket_change {
    struct vb_engine_change base;
    const char *name;
    int refusal;             /* the result of apply, before it has written anything */
    int64_t blob_id;         /* one that the change has taken */
    sem_t *entered, *resume; /* not NULL: apply says that it runs, and waits */
    sem_t finished;
    struct vb_error err;
};

static void start(struct fix *fix, unsigned batch_max)
{
    assert_int_equal(vb_engine_committer_start(fix->directory, fix->blobs, batch_max, &fix->committer, NULL),
                     0);
}

static int set_up(void **state)
{
    struct fix *fix = vb_xcalloc(1, sizeof(*fix));

    strcpy(fix->directory, "/tmp/vibe-commit-XXXXXX");
    assert_non_null(mkdtemp(fix->directory));
    assert_int_equal(vb_engine_blobs_open(fix->directory, &fix->blobs, NULL), 0);
    start(fix, 100);
    *state = fix;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *fix = *state;

    vb_engine_committer_stop(fix->committer);
    vb_engine_blobs_close(fix->blobs);
    remove_tree(fix->directory);
    free(fix);
    return 0;
}

static int apply(struct vb_engine_transaction *transaction, struct vb_engine_change *base)
{
    struct bucket_change *change = (struct bucket_change *)base;
    sqlite3_stmt *statement;

    if (change->entered) {
        sem_post(change->entered);
        sem_wait(change->resume);
    }
    if (change->refusal)
        return vb_error_set(base->err, -change->refusal, "refused");
    change->blob_id = transaction->next_blob_id++;
    statement = vb_engine_index_statement(transaction->index, VB_ENGINE_SQL_BUCKET_INSERT);
    vb_engine_index_bind_text(statement, 1, change->name);
    sqlite3_bind_int64(statement, 2, 0);
    return vb_engine_index_run(transaction->index, statement);
}

static void finished(struct vb_engine_change *base)
{
    sem_post(&((struct bucket_change *)base)->finished);
}

static void init(struct bucket_change *change, const char *name)
{
    *change = (struct bucket_change){.base = {.apply = apply, .finished = finished}, .name = name};
    change->base.err = &change->err;
    sem_init(&change->finished, 0, 0);
}

static int run(struct fix *fix, const char *name)
{
    struct bucket_change change;

    init(&change, name);
    return vb_engine_committer_run(fix->committer, &change.base);
}

/* Queues all changes while the committer is busy with another one, so that they come to it together. */
static void run_together(struct fix *fix, struct bucket_change *changes, size_t count)
{
    struct bucket_change first;
    sem_t entered, resume;

    sem_init(&entered, 0, 0);
    sem_init(&resume, 0, 0);
    init(&first, "first");
    first.entered = &entered;
    first.resume = &resume;
    vb_engine_committer_submit(fix->committer, &first.base);
    sem_wait(&entered);
    for (size_t i = 0; i < count; i++)
        vb_engine_committer_submit(fix->committer, &changes[i].base);
    sem_post(&resume);
    sem_wait(&first.finished);
    assert_int_equal(first.base.result, 0);
    for (size_t i = 0; i < count; i++)
        sem_wait(&changes[i].finished);
}

static void make_changes(struct bucket_change *changes)
{
    static const char *const names[CHANGES] = {"a", "b", "c", "d", "e", "f"};

    for (int i = 0; i < CHANGES; i++)
        init(&changes[i], names[i]);
}

/* Buckets in the index. */
static int64_t count_buckets(struct fix *fix)
{
    struct vb_engine_index index;
    sqlite3_stmt *statement = NULL;
    int64_t count;

    assert_int_equal(vb_engine_index_open(fix->directory, false, &index, NULL), 0);
    assert_int_equal(sqlite3_prepare_v2(index.handle, "SELECT count(*) FROM buckets", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    vb_engine_index_close(&index);
    return count;
}

static void assert_stats(struct fix *fix, uint64_t expected_commits, uint64_t expected_changes)
{
    uint64_t commits, changes;
    unsigned waiting;

    vb_engine_committer_stats(fix->committer, &commits, &changes, &waiting);
    assert_int_equal(commits, expected_commits);
    assert_int_equal(changes, expected_changes);
    assert_int_equal(waiting, 0);
}

static void changes_that_wait_together_share_one_commit(void **state)
{
    struct fix *fix = *state;
    struct bucket_change changes[CHANGES];

    make_changes(changes);
    run_together(fix, changes, CHANGES);
    for (int i = 0; i < CHANGES; i++)
        assert_int_equal(changes[i].base.result, 0);
    assert_stats(fix, 2, CHANGES + 1);
    assert_int_equal(count_buckets(fix), CHANGES + 1);
}

static void a_commit_takes_no_more_changes_than_it_may(void **state)
{
    struct fix *fix = *state;
    struct bucket_change changes[CHANGES];

    vb_engine_committer_stop(fix->committer);
    start(fix, 4);
    make_changes(changes);
    run_together(fix, changes, CHANGES);
    assert_stats(fix, 3, CHANGES + 1);
}

static void a_commit_takes_no_more_bytes_than_it_may(void **state)
{
    struct fix *fix = *state;
    struct bucket_change changes[CHANGES];

    make_changes(changes);
    for (int i = 0; i < CHANGES; i++)
        changes[i].base.bytes = (size_t)4 * 1024 * 1024; /* two of them are 8 MiB */
    run_together(fix, changes, CHANGES);
    assert_stats(fix, 1 + CHANGES / 2, CHANGES + 1);
}

static void a_refused_change_leaves_the_others_of_its_commit_alone(void **state)
{
    struct fix *fix = *state;
    struct bucket_change changes[CHANGES];

    make_changes(changes);
    changes[2].refusal = -EEXIST;
    run_together(fix, changes, CHANGES);
    for (int i = 0; i < CHANGES; i++)
        assert_int_equal(changes[i].base.result, i == 2 ? -EEXIST : 0);
    assert_string_equal(changes[2].err.message, "refused");
    assert_false(changes[2].base.uncertain);
    assert_int_equal(count_buckets(fix), CHANGES);
}

static void a_statement_that_fails_undoes_its_whole_commit(void **state)
{
    struct fix *fix = *state;
    struct bucket_change changes[CHANGES];

    make_changes(changes);
    changes[3].name = "a"; /* taken already: a constraint of the index */
    run_together(fix, changes, CHANGES);
    for (int i = 0; i < CHANGES; i++) {
        assert_int_equal(changes[i].base.result, -EIO);
        assert_non_null(strstr(changes[i].err.message, "the object store failed"));
        assert_false(changes[i].base.uncertain); /* no COMMIT was tried */
    }
    assert_int_equal(count_buckets(fix), 1);
    assert_int_equal(run(fix, "after"), 0);
}

static void a_blob_id_is_not_given_twice_after_a_rollback(void **state)
{
    struct fix *fix = *state;
    struct bucket_change changes[CHANGES], after;

    make_changes(changes);
    changes[CHANGES - 1].name = "a";
    run_together(fix, changes, CHANGES);
    init(&after, "after");
    assert_int_equal(vb_engine_committer_run(fix->committer, &after.base), 0);
    for (int i = 0; i < CHANGES; i++)
        assert_true(after.blob_id > changes[i].blob_id);
}

static void stopping_applies_what_is_queued(void **state)
{
    struct fix *fix = *state;
    struct bucket_change changes[CHANGES];

    make_changes(changes);
    for (int i = 0; i < CHANGES; i++)
        vb_engine_committer_submit(fix->committer, &changes[i].base);
    vb_engine_committer_stop(fix->committer);
    fix->committer = NULL;
    for (int i = 0; i < CHANGES; i++) {
        assert_int_equal(sem_trywait(&changes[i].finished), 0);
        assert_int_equal(changes[i].base.result, 0);
    }
    assert_int_equal(count_buckets(fix), CHANGES);
}

static void a_committed_change_is_read_after_a_restart(void **state)
{
    struct fix *fix = *state;

    assert_int_equal(run(fix, "kept"), 0);
    vb_engine_committer_stop(fix->committer);
    start(fix, 1);
    assert_int_equal(count_buckets(fix), 1);
}

int main(void)
{
#define WITH_COMMITTER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_COMMITTER(changes_that_wait_together_share_one_commit),
        WITH_COMMITTER(a_commit_takes_no_more_changes_than_it_may),
        WITH_COMMITTER(a_commit_takes_no_more_bytes_than_it_may),
        WITH_COMMITTER(a_refused_change_leaves_the_others_of_its_commit_alone),
        WITH_COMMITTER(a_statement_that_fails_undoes_its_whole_commit),
        WITH_COMMITTER(a_blob_id_is_not_given_twice_after_a_rollback),
        WITH_COMMITTER(stopping_applies_what_is_queued),
        WITH_COMMITTER(a_committed_change_is_read_after_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
