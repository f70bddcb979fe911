/* The owner cancels an upload: against a scripted S3 and a real PostgreSQL. */
#include "ingest/cancel.h"
#include "ingest_fixture.h"

#include <errno.h>

static void begin(struct ingest_fixture *f, const char *user_id)
{
    ingest_init(f, ingest_db, NULL);
    ingest_stage(f, user_id, VB_UPLOAD_PROFILE_PICTURE, VB_MEDIA_GIF, GIF_SIZE);
}

/* The upload's row, as a promotion leaves it. */
static void make_row(struct ingest_fixture *f, const char *status, bool published)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
             "INSERT INTO media (upload_id, user_id, purpose, key, content_type, status, published_at)\n"
             "VALUES ('%s', $1::uuid, 'profile-picture', 'profile-pictures/' || $1 || '/avatar-1.jpg',\n"
             "        'image/jpeg', '%s', %s)",
             f->staged.ticket.uuid, status, published ? "now()" : "NULL");
    ingest_sql(sql, f->user_id);
}

static void an_upload_without_a_row_gets_one_that_forbids_it(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user());
    ingest_answer(&f, S3_DELETED);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_DONE);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "deleting");
    assert_string_equal(
        ingest_sql("SELECT keep_until > now() FROM media WHERE upload_id = $1::uuid", f.staged.ticket.uuid),
        "t");
    assert_non_null(strstr(ingest_request(&f, 0), f.key));
    assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_DONE);
    assert_int_equal(f.deleted_count, 0); /* the staged object is not public */
    ingest_release(&f);
}

static void a_half_way_published_upload_loses_its_public_object_too(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user());
    make_row(&f, "pending", false);
    ingest_answer(&f, S3_DELETED);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_DONE);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "deleting");
    assert_non_null(strstr(ingest_request(&f, 1), "/avatar-1.jpg"));
    assert_int_equal(f.deleted_count, 1);
    ingest_release(&f);
}

static void a_published_upload_stays(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user());
    make_row(&f, "ready", true);
    ingest_begin(&f);
    assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_DONE_BEFORE);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "ready");
    assert_int_equal(script_requests(f.server), 0);
    ingest_release(&f);
}

static void a_deleted_user_cancels_nothing(void **state)
{
    static const char *const users[] = {NOBODY, "no id at all"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ingest_fixture f;

        begin(&f, users[i]);
        ingest_begin(&f);
        assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_NO_OWNER);
        ingest_release(&f);
    }
}

static void a_dependency_that_is_away_is_named(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user());
    ingest_answer(&f, S3_REFUSED);
    ingest_begin(&f);
    f.ingest.db = ingest_db_away;
    assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_DATABASE);
    assert_int_equal(f.err.code, ENOTCONN);
    f.ingest.db = ingest_db;
    assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_STORAGE);
    assert_int_equal(f.err.code, EACCES);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "deleting"); /* nothing is published later */
    ingest_release(&f);
}

static void an_unknown_purpose_is_not_cancelled(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user());
    ingest_begin(&f);
    f.staged.ticket.purpose = 99;
    assert_int_equal(vb_cancel(&f.ingest, &f.staged, &f.err), VB_OUTCOME_UNKNOWN_PURPOSE);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "");
    assert_int_equal(script_requests(f.server), 0);
    ingest_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_without_a_row_gets_one_that_forbids_it),
        cmocka_unit_test(a_half_way_published_upload_loses_its_public_object_too),
        cmocka_unit_test(a_published_upload_stays),
        cmocka_unit_test(a_deleted_user_cancels_nothing),
        cmocka_unit_test(an_unknown_purpose_is_not_cancelled),
        cmocka_unit_test(a_dependency_that_is_away_is_named),
    };

    return cmocka_run_group_tests(tests, ingest_database_setup, ingest_database_teardown);
}
