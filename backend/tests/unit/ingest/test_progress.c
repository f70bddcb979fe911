/* How far an upload has come, against a scripted S3 and a real PostgreSQL. */
#include "ingest/progress.h"
#include "ingest_fixture.h"

#define LONG ((int64_t)20 * 1024 * 1024) /* goes in three parts */
#define LIST(inside)                                                                                         \
    ((struct script_step){.answer =                                                                          \
                              "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n" CLOSING XML inside,     \
                          .end = SCRIPT_CLOSE})
#define NO_UPLOADS                                                                                           \
    LIST("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")

static enum vb_progress_status read_status(struct ingest_fixture *f, enum vb_media_type type, int64_t length)
{
    struct vb_upload_progress progress;

    ingest_begin(f);
    ingest_stage(f, NOBODY, VB_UPLOAD_STORY_MEDIA, type, length);
    assert_int_equal(vb_progress_read(&f->ingest, &f->staged, &progress, &f->err), VB_OUTCOME_DONE);
    assert_false(progress.in_parts);
    return progress.status;
}

static void a_file_that_was_assembled_and_not_completed_has_arrived(void **state)
{
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_answer(&f, NO_UPLOADS);
    ingest_answer(&f, S3_HEAD_FOUND);
    assert_int_equal(read_status(&f, VB_MEDIA_MP4, LONG), VB_PROGRESS_ARRIVED);
    ingest_release(&f);
}

static void a_file_in_parts_without_upload_and_object_has_expired(void **state)
{
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_answer(&f, NO_UPLOADS);
    ingest_answer(&f, S3_HEAD_MISSING);
    assert_int_equal(read_status(&f, VB_MEDIA_MP4, LONG), VB_PROGRESS_EXPIRED);
    ingest_release(&f);
}

static void a_small_file_is_waited_for_until_it_is_there(void **state)
{
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_answer(&f, S3_HEAD_MISSING);
    assert_int_equal(read_status(&f, VB_MEDIA_JPEG, 1000), VB_PROGRESS_WAITING);
    ingest_release(&f);
    ingest_init(&f, ingest_db, NULL);
    ingest_answer(&f, S3_HEAD_FOUND);
    assert_int_equal(read_status(&f, VB_MEDIA_JPEG, 1000), VB_PROGRESS_ARRIVED);
    ingest_release(&f);
}

static void a_dependency_that_is_away_is_named(void **state)
{
    struct vb_upload_progress progress;
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, ingest_db_away, NULL);
    ingest_answer(&f, S3_AWAY);
    ingest_begin(&f);
    ingest_stage(&f, NOBODY, VB_UPLOAD_STORY_MEDIA, VB_MEDIA_MP4, LONG);
    assert_int_equal(vb_progress_read(&f.ingest, &f.staged, &progress, &f.err), VB_OUTCOME_DATABASE);
    f.ingest.db = ingest_db;
    assert_int_equal(vb_progress_read(&f.ingest, &f.staged, &progress, &f.err), VB_OUTCOME_STORAGE);
    ingest_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_was_assembled_and_not_completed_has_arrived),
        cmocka_unit_test(a_file_in_parts_without_upload_and_object_has_expired),
        cmocka_unit_test(a_small_file_is_waited_for_until_it_is_there),
        cmocka_unit_test(a_dependency_that_is_away_is_named),
    };

    return cmocka_run_group_tests(tests, ingest_database_setup, ingest_database_teardown);
}
