/*
 * The state machine of promotions: every transition of its table is taken once, in the situation that it is
 * for, and a transition that is not in the table ends the process. The file under test is part of this one,
 * for its table.
 */
#include "ingest_fixture.h"

#include "ingest/promote.c" /* NOLINT(bugprone-suspicious-include) */

#include <signal.h>
#include <sys/wait.h>

static struct vb_workers *workers;

static int setup(void **state)
{
    if (ingest_database_setup(state) < 0)
        return -1;
    workers = ingest_start_workers("VIBE_MEDIA", 20000);
    return 0;
}

static int teardown(void **state)
{
    vb_workers_stop(workers);
    return ingest_database_teardown(state);
}

/* ---- a table that records ---- */

static struct step recording[STATES];
static uint32_t taken[STATES];       /* of each step, those that followed it, in any test */
static char path[512];               /* of this test: the steps in their order */
static enum state present = LOOK_UP; /* the step that runs */

/* What happens elsewhere just before a step: somebody else's work, or a failure. */
static struct {
    enum state before;
    void (*run)(struct ingest_fixture *f);
    struct ingest_fixture *f;
} meanwhile;

static enum state record(struct work *work)
{
    enum state from = present;

    if (meanwhile.run && meanwhile.before == from) {
        meanwhile.run(meanwhile.f);
        meanwhile.run = NULL;
    }
    snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s%s", *path ? ", " : "", steps[from].name);
    present = steps[from].run(work);
    taken[from] |= TO(present);
    return present;
}

static void start_recording(void)
{
    for (int state = 0; state < END; state++) {
        recording[state] = steps[state];
        recording[state].run = record;
    }
    present = LOOK_UP;
    *path = '\0';
}

/* As vb_promote(), or (resumed) as vb_promote_pending(). */
static enum vb_outcome promote(struct ingest_fixture *f, bool resumed)
{
    struct vb_media row VB_CLEANUP(vb_media_release) = {0};
    struct work work = {.ingest = &f->ingest,
                        .staged = resumed ? NULL : &f->staged,
                        .uuid = f->staged.ticket.uuid,
                        .purpose = vb_purpose_of(f->staged.ticket.purpose),
                        .row = &row,
                        .original = -1,
                        .made = VB_MADE_NOTHING,
                        .err = &f->err};

    start_recording();
    meanwhile.f = f;
    return run(recording, &work, resumed ? RESUMED : FIRST);
}

/* ---- situations ---- */

#define WHOLE "look up, assemble, inspect, fetch, decode, reserve, look up, put, publish"

static void begin_of(struct ingest_fixture *f, const char *user_id, int64_t length)
{
    ingest_init(f, ingest_db, workers);
    ingest_stage(f, user_id, VB_UPLOAD_PROFILE_PICTURE, VB_MEDIA_GIF, length);
    meanwhile.run = NULL;
}

static void begin(struct ingest_fixture *f)
{
    begin_of(f, ingest_make_user(), GIF_SIZE);
}

/* S3 has the object for the inspection and for the fetch. */
static void answer_original(struct ingest_fixture *f)
{
    ingest_answer_object(f, GIF, GIF_SIZE, NULL);
    ingest_answer_object(f, GIF, GIF_SIZE, NULL);
}

static void before(enum state state, void (*run_meanwhile)(struct ingest_fixture *f))
{
    meanwhile.before = state;
    meanwhile.run = run_meanwhile;
}

/* A row that an earlier promotion left pending. */
static void leave_pending(struct ingest_fixture *f)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
             "INSERT INTO media (upload_id, user_id, purpose, key, content_type, status)\n"
             "VALUES ('%s', $1::uuid, 'profile-picture', 'profile-pictures/' || $1 || '/avatar-1.jpg', "
             "'image/jpeg',\n"
             "        'pending')",
             f->staged.ticket.uuid);
    ingest_sql(sql, f->user_id);
}

static void cancel(struct ingest_fixture *f)
{
    ingest_sql("UPDATE media SET status = 'deleting' WHERE upload_id = $1::uuid", f->staged.ticket.uuid);
}

static void publish_elsewhere(struct ingest_fixture *f)
{
    ingest_sql("UPDATE media SET status = 'ready', published_at = now() WHERE upload_id = $1::uuid",
               f->staged.ticket.uuid);
}

static void forget(struct ingest_fixture *f)
{
    ingest_sql("DELETE FROM media WHERE upload_id = $1::uuid", f->staged.ticket.uuid);
}

static void delete_user(struct ingest_fixture *f)
{
    ingest_sql("DELETE FROM users WHERE id = $1::uuid", f->user_id);
}

static void lose_database(struct ingest_fixture *f)
{
    f->ingest.db = ingest_db_away;
}

/* ---- transitions ---- */

static void a_file_goes_through_all_steps_and_the_original_goes_last(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_answer(&f, S3_PUT);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_DONE);
    assert_string_equal(path, WHOLE ", tidy");
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "ready");
    assert_non_null(strstr(ingest_request(&f, 3), f.key)); /* DELETE */
    assert_int_equal(promote(&f, false), VB_OUTCOME_DONE_BEFORE);
    assert_string_equal(path, "look up");
    ingest_release(&f);
}

static void a_file_that_did_not_arrive_is_waited_for(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    ingest_answer(&f, S3_MISSING);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_NOT_ARRIVED);
    assert_string_equal(path, "look up, assemble, inspect, look up");
    assert_non_null(strstr(f.err.message, "PUT it to the ticket's URL"));
    ingest_release(&f);
}

static void an_object_that_vanishes_while_it_is_fetched_was_published_by_somebody_else(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    ingest_answer(&f, S3_MISSING);
    ingest_begin(&f);
    before(FETCH, publish_elsewhere);
    assert_int_equal(promote(&f, false), VB_OUTCOME_DONE_BEFORE);
    assert_string_equal(path, "look up, inspect, fetch, look up");
    ingest_release(&f);
}

static void a_file_that_does_not_match_its_ticket_ends_at_the_inspection(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin_of(&f, NOBODY, GIF_SIZE + 1);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_WRONG_LENGTH);
    assert_string_equal(path, "look up, assemble, inspect");
    ingest_release(&f);
}

static void a_fetch_that_fails_ends_the_promotion(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    ingest_answer(&f, S3_AWAY);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_STORAGE);
    assert_string_equal(path, "look up, assemble, inspect, fetch");
    ingest_release(&f);
}

static void a_file_that_cannot_be_decoded_gets_no_row(void **state)
{
    static const char damaged[] = "\xff\xd8\xff\xe0 and no more";
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, ingest_db, workers);
    ingest_stage(&f, ingest_make_user(), VB_UPLOAD_PROFILE_PICTURE, VB_MEDIA_JPEG, sizeof(damaged));
    ingest_answer_object(&f, damaged, sizeof(damaged), NULL);
    ingest_answer_object(&f, damaged, sizeof(damaged), NULL);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_BAD_MEDIA);
    assert_string_equal(path, "look up, assemble, inspect, fetch, decode");
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "");
    ingest_release(&f);
}

static void a_user_who_is_gone_gets_no_row(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin_of(&f, NOBODY, GIF_SIZE);
    answer_original(&f);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_NO_OWNER);
    assert_string_equal(path, "look up, assemble, inspect, fetch, decode, reserve");
    ingest_release(&f);
}

static void a_row_that_was_left_pending_is_taken_over(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    answer_original(&f);
    ingest_answer(&f, S3_PUT);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_DONE);
    assert_string_equal(path, "look up, inspect, fetch, decode, reserve again, look up, put, publish, tidy");
    assert_non_null(strstr(ingest_request(&f, 2), "/avatar-1.jpg"));
    ingest_release(&f);
}

static void a_row_that_cannot_be_taken_over_now_stays_pending(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    answer_original(&f);
    ingest_begin(&f);
    before(RESERVE_AGAIN, lose_database);
    assert_int_equal(promote(&f, false), VB_OUTCOME_DATABASE);
    assert_string_equal(path, "look up, inspect, fetch, decode, reserve again");
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "pending");
    ingest_release(&f);
}

static void a_cancelled_upload_is_not_taken_up(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    cancel(&f);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_CANCELLED);
    assert_string_equal(path, "look up");
    assert_int_equal(script_requests(f.server), 0);
    ingest_release(&f);
}

static void an_upload_that_is_cancelled_before_its_object_is_put_leaves_none(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_begin(&f);
    leave_pending(&f);
    before(RESERVE_AGAIN, cancel);
    assert_int_equal(promote(&f, false), VB_OUTCOME_CANCELLED);
    assert_string_equal(path, "look up, inspect, fetch, decode, reserve again, look up");
    assert_int_equal(script_requests(f.server), 2);
    ingest_release(&f);
}

static void a_row_that_vanishes_means_that_its_owner_is_gone(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    answer_original(&f);
    ingest_begin(&f);
    before(RESERVE_AGAIN, forget);
    assert_int_equal(promote(&f, false), VB_OUTCOME_NO_OWNER);
    ingest_release(&f);
}

static void a_put_that_is_refused_leaves_the_row_pending(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_answer(&f, S3_REFUSED);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_STORAGE);
    assert_string_equal(path, "look up, assemble, inspect, fetch, decode, reserve, look up, put");
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "pending");
    ingest_release(&f);
}

static void a_copy_without_its_original_asks_the_row(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_answer(&f, S3_MISSING); /* as a copy answers; to a PUT, of a bucket that is gone */
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_NOT_ARRIVED);
    assert_string_equal(path, "look up, assemble, inspect, fetch, decode, reserve, look up, put, look up");
    ingest_release(&f);
}

static void an_upload_that_is_cancelled_before_it_is_published_is_withdrawn(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_answer(&f, S3_PUT);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    before(PUBLISH, cancel);
    assert_int_equal(promote(&f, false), VB_OUTCOME_CANCELLED);
    assert_string_equal(path, WHOLE ", look up, withdraw");
    assert_int_equal(f.deleted_count, 1);
    assert_non_null(strstr(f.deleted[0], "profile-pictures/"));
    ingest_release(&f);
}

static void a_row_that_is_forgotten_before_it_is_published_is_withdrawn(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_answer(&f, S3_PUT);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    before(PUBLISH, forget);
    assert_int_equal(promote(&f, false), VB_OUTCOME_NO_OWNER);
    assert_string_equal(path, WHOLE ", look up, withdraw");
    assert_int_equal(f.deleted_count, 1);
    ingest_release(&f);
}

static void two_at_once_publish_once_and_nothing_is_withdrawn(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_answer(&f, S3_PUT);
    ingest_begin(&f);
    before(PUBLISH, publish_elsewhere);
    assert_int_equal(promote(&f, false), VB_OUTCOME_DONE_BEFORE);
    assert_string_equal(path, WHOLE ", look up");
    assert_int_equal(f.deleted_count, 0);
    ingest_release(&f);
}

static void the_file_of_a_user_who_is_deleted_meanwhile_is_deleted_too(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    answer_original(&f);
    ingest_answer(&f, S3_PUT);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    before(PUBLISH, delete_user);
    assert_int_equal(promote(&f, false), VB_OUTCOME_NO_OWNER);
    assert_string_equal(path, WHOLE ", give up");
    assert_int_equal(f.deleted_count, 1);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "");
    ingest_release(&f);
}

static void a_database_that_goes_away_is_named_by_every_step_that_uses_it(void **state)
{
    static const struct {
        enum state before;
        bool resumed; /* an upload whose object is not there */
    } cases[] = {{LOOK_UP, false}, {RESERVE, false}, {PUBLISH, false}, {GIVE_UP, true}};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct ingest_fixture f;

        begin(&f);
        if (cases[i].resumed) {
            leave_pending(&f);
            ingest_answer(&f, S3_HEAD_MISSING);
        } else {
            answer_original(&f);
            ingest_answer(&f, S3_PUT);
        }
        ingest_begin(&f);
        before(cases[i].before, lose_database);
        assert_int_equal(promote(&f, cases[i].resumed), VB_OUTCOME_DATABASE);
        assert_int_equal(f.err.code, ENOTCONN);
        ingest_release(&f);
    }
}

/* ---- files in parts ---- */

#define XML_ANSWER(inside)                                                                                   \
    ((struct script_step){.answer =                                                                          \
                              "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n" CLOSING XML inside,     \
                          .end = SCRIPT_CLOSE})

static void begin_long(struct ingest_fixture *f)
{
    ingest_init(f, ingest_db, workers);
    ingest_stage(f, NOBODY, VB_UPLOAD_PROFILE_PICTURE, VB_MEDIA_GIF, VB_PARTS_ABOVE + 1);
}

static void a_multipart_upload_that_is_over_asks_the_row(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin_long(&f);
    ingest_answer(&f, XML_ANSWER("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>"
                                 "</ListMultipartUploadsResult>"));
    ingest_answer(&f, S3_HEAD_MISSING);
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_NOT_ARRIVED);
    assert_string_equal(path, "look up, assemble, look up");
    assert_string_equal(f.err.message,
                        "The file did not arrive in time, and this upload is over: ask for a new ticket");
    ingest_release(&f);
}

static void parts_that_are_missing_are_named(void **state)
{
    static char uploads[1024];
    struct ingest_fixture f;

    (void)state;
    begin_long(&f);
    snprintf(uploads, sizeof(uploads),
             "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n" CLOSING XML
             "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>%s</Key>"
             "<UploadId>u1</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"
             "</ListMultipartUploadsResult>",
             f.key);
    ingest_answer(&f, (struct script_step){.answer = uploads, .end = SCRIPT_CLOSE});
    ingest_answer(
        &f, XML_ANSWER("<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>2</PartNumber>"
                       "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"e\"</ETag>"
                       "<Size>8388608</Size></Part></ListPartsResult>"));
    ingest_begin(&f);
    assert_int_equal(promote(&f, false), VB_OUTCOME_INCOMPLETE);
    assert_string_equal(path, "look up, assemble");
    assert_string_equal(f.err.message,
                        "Parts 1, 3 of 3 have not arrived yet: send them, then complete the upload");
    ingest_release(&f);
}

/* ---- resumed: the row alone is known ---- */

static void a_pending_row_whose_object_is_there_is_published(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    ingest_answer(&f, S3_HEAD_FOUND);
    ingest_begin(&f);
    assert_int_equal(promote(&f, true), VB_OUTCOME_DONE);
    assert_string_equal(path, "look up, check, publish");
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "ready");
    ingest_release(&f);
}

static void a_pending_row_without_an_object_is_given_up(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    ingest_answer(&f, S3_HEAD_MISSING);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    assert_int_equal(promote(&f, true), VB_OUTCOME_NOT_ARRIVED);
    assert_string_equal(path, "look up, check, give up");
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "");
    ingest_release(&f);
}

static void a_pending_row_stays_while_the_storage_is_away(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    leave_pending(&f);
    ingest_answer(&f, S3_AWAY);
    ingest_begin(&f);
    assert_int_equal(promote(&f, true), VB_OUTCOME_STORAGE);
    assert_string_equal(path, "look up, check");
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "pending");
    ingest_release(&f);
}

static void a_row_that_is_not_pending_any_more_is_left_alone(void **state)
{
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    ingest_begin(&f);
    assert_int_equal(promote(&f, true), VB_OUTCOME_NOT_PENDING);
    leave_pending(&f);
    cancel(&f);
    assert_int_equal(promote(&f, true), VB_OUTCOME_NOT_PENDING);
    assert_string_equal(path, "look up");
    ingest_release(&f);
}

/* ---- the table ---- */

/* The last test: the ones before took every transition. */
static void every_transition_of_the_table_was_taken(void **state)
{
    (void)state;
    for (int from = 0; from < END; from++)
        for (int to = 0; to < STATES; to++)
            if ((steps[from].next & TO(to)) && !(taken[from] & TO(to)))
                fail_msg("no test goes from \"%s\" to %s", steps[from].name,
                         to == END ? "the end" : steps[to].name);
}

static enum state to_tidy(struct work *work)
{
    (void)work;
    return TIDY;
}

static enum state to_a_wrong_end(struct work *work)
{
    return end(work, VB_OUTCOME_WRONG_LENGTH);
}

static void a_transition_that_is_not_in_the_table_ends_the_process(void **state)
{
    enum state (*const wrong[])(struct work *) = {to_tidy, to_a_wrong_end};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(wrong); i++) {
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
            struct step table[STATES];
            struct work work = {.original = -1, .made = VB_MADE_NOTHING};

            memcpy(table, steps, sizeof(table));
            table[LOOK_UP].run = wrong[i];
            signal(SIGABRT, SIG_DFL);
            fclose(stderr);
            run(table, &work, FIRST);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void an_unknown_purpose_deletes_nothing(void **state)
{
    struct vb_media row VB_CLEANUP(vb_media_release) = {0};
    struct ingest_fixture f;

    (void)state;
    begin(&f);
    ingest_begin(&f);
    f.staged.ticket.purpose = 99;
    assert_int_equal(vb_promote(&f.ingest, &f.staged, &row, &f.err), VB_OUTCOME_UNKNOWN_PURPOSE);
    assert_non_null(strstr(f.err.message, "does not know the purpose"));
    leave_pending(&f);
    ingest_sql("UPDATE media SET purpose = 'later' WHERE upload_id = $1::uuid", f.staged.ticket.uuid);
    assert_int_equal(vb_promote_pending(&f.ingest, f.staged.ticket.uuid, &f.err), VB_OUTCOME_UNKNOWN_PURPOSE);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "pending");
    assert_int_equal(script_requests(f.server), 0);
    ingest_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_goes_through_all_steps_and_the_original_goes_last),
        cmocka_unit_test(a_file_that_did_not_arrive_is_waited_for),
        cmocka_unit_test(an_object_that_vanishes_while_it_is_fetched_was_published_by_somebody_else),
        cmocka_unit_test(a_file_that_does_not_match_its_ticket_ends_at_the_inspection),
        cmocka_unit_test(a_fetch_that_fails_ends_the_promotion),
        cmocka_unit_test(a_file_that_cannot_be_decoded_gets_no_row),
        cmocka_unit_test(a_user_who_is_gone_gets_no_row),
        cmocka_unit_test(a_row_that_was_left_pending_is_taken_over),
        cmocka_unit_test(a_row_that_cannot_be_taken_over_now_stays_pending),
        cmocka_unit_test(a_cancelled_upload_is_not_taken_up),
        cmocka_unit_test(an_upload_that_is_cancelled_before_its_object_is_put_leaves_none),
        cmocka_unit_test(a_row_that_vanishes_means_that_its_owner_is_gone),
        cmocka_unit_test(a_put_that_is_refused_leaves_the_row_pending),
        cmocka_unit_test(a_copy_without_its_original_asks_the_row),
        cmocka_unit_test(an_upload_that_is_cancelled_before_it_is_published_is_withdrawn),
        cmocka_unit_test(a_row_that_is_forgotten_before_it_is_published_is_withdrawn),
        cmocka_unit_test(two_at_once_publish_once_and_nothing_is_withdrawn),
        cmocka_unit_test(the_file_of_a_user_who_is_deleted_meanwhile_is_deleted_too),
        cmocka_unit_test(a_database_that_goes_away_is_named_by_every_step_that_uses_it),
        cmocka_unit_test(a_multipart_upload_that_is_over_asks_the_row),
        cmocka_unit_test(parts_that_are_missing_are_named),
        cmocka_unit_test(a_pending_row_whose_object_is_there_is_published),
        cmocka_unit_test(a_pending_row_without_an_object_is_given_up),
        cmocka_unit_test(a_pending_row_stays_while_the_storage_is_away),
        cmocka_unit_test(a_row_that_is_not_pending_any_more_is_left_alone),
        cmocka_unit_test(every_transition_of_the_table_was_taken),
        cmocka_unit_test(a_transition_that_is_not_in_the_table_ends_the_process),
        cmocka_unit_test(an_unknown_purpose_deletes_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
