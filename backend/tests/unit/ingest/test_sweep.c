/*
 * The sweeper's judgement: what it counts and deletes after each outcome of a promotion. The file under test
 * is part of this one; promotion and storage are fakes that do as the test says.
 */
#define vb_promote             fake_promote
#define vb_promote_pending     fake_promote_pending
#define vb_ingest_delete       fake_delete
#define vb_ingest_delete_media fake_delete_media
#define vb_s3_multipart_abort  fake_abort
#include "ingest/sweep.c" /* NOLINT(bugprone-suspicious-include) */

#include "keys_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define USER "0199c0de-0000-7000-8000-000000000001"

static struct vb_ingest ingest;
static char key[512];
static enum vb_outcome outcome; /* of every promotion */
static int deletion;            /* what a deletion returns */
static unsigned deleted, aborted;

enum vb_outcome fake_promote(const struct vb_ingest *of, const struct vb_staged *staged,
                             struct vb_media *ret_media, struct vb_error *err)
{
    (void)of, (void)ret_media;
    assert_string_equal(staged->key, key);
    vb_error_set(err, EIO, "as the test says");
    return outcome;
}

enum vb_outcome fake_promote_pending(const struct vb_ingest *of, const char *upload_uuid,
                                     struct vb_error *err)
{
    (void)of, (void)upload_uuid;
    vb_error_set(err, EIO, "as the test says");
    return outcome;
}

int fake_delete(const struct vb_ingest *of, const char *object, struct vb_error *err)
{
    (void)of, (void)object, (void)err;
    deleted++;
    return deletion;
}

int fake_delete_media(const struct vb_ingest *of, const char *object, const char *poster,
                      struct vb_error *err)
{
    (void)of, (void)object, (void)err;
    deleted += poster ? 2 : 1;
    return deletion;
}

int fake_abort(struct vb_s3_client *s3, const char *object, const char *id, struct vb_error *err)
{
    (void)s3, (void)object, (void)id, (void)err;
    aborted++;
    return 0;
}

static int setup(void **state)
{
    struct vb_ticket ticket = {.purpose = VB_UPLOAD_STORY_MEDIA, .type = VB_MEDIA_MP4, .length = 12};
    struct vb_keys *keys = keys_of(KEYS_SECRET, NULL);
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_strbuf text;

    vb_ticket_issue(keys, USER, &ticket, upload_id);
    vb_strbuf_init(&text, sizeof(key) - 1);
    vb_ticket_staging_key(&ticket, USER, upload_id, &text);
    strcpy(key, text.data);
    vb_strbuf_release(&text);
    ingest.keys = keys;
    *state = keys;
    return 0;
}

static int teardown(void **state)
{
    vb_keys_destroy(*state);
    return 0;
}

struct situation {
    atomic_bool stop;
    struct vb_error err;
    struct vb_sweep sweep;
    struct run run;
};

static void begin(struct situation *s, enum vb_outcome promotion, int of_deletion)
{
    *s = (struct situation){.sweep = {.ingest = &ingest, .stop = &s->stop}};
    s->run = (struct run){.sweep = &s->sweep, .err = &s->err};
    outcome = promotion;
    deletion = of_deletion;
    deleted = aborted = 0;
}

/* That the run counted these and nothing else; VB_SWEEP_OUTCOMES: none. */
static void counted(const struct situation *s, enum vb_sweep_outcome a, enum vb_sweep_outcome b)
{
    for (int i = 0; i < VB_SWEEP_OUTCOMES; i++)
        assert_int_equal(s->sweep.counts[i], (uint64_t)(i == (int)a) + (i == (int)b));
    assert_string_equal(s->err.message,
                        s->sweep.counts[VB_SWEEP_FAILED] && deletion == 0 ? "as the test says" : "");
}

static const struct {
    enum vb_outcome outcome;
    enum vb_sweep_outcome counted;
    bool deleted, aborted; /* the staged object, and a multipart upload with the same key */
} staged_cases[] = {
    {VB_OUTCOME_DONE, VB_SWEEP_COMPLETED, false, true},
    {VB_OUTCOME_DONE_BEFORE, VB_SWEEP_TIDIED, true, true},
    {VB_OUTCOME_NOT_ARRIVED, VB_SWEEP_OUTCOMES, false, true},
    {VB_OUTCOME_INCOMPLETE, VB_SWEEP_OUTCOMES, false, true},
    {VB_OUTCOME_WRONG_LENGTH, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_WRONG_TYPE, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_UNKNOWN_TYPE, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_WRONG_TARGET, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_UNKNOWN_PURPOSE, VB_SWEEP_OUTCOMES, false, false},
    {VB_OUTCOME_BAD_MEDIA, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_DAMAGED, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_CANCELLED, VB_SWEEP_TIDIED, true, true},
    {VB_OUTCOME_NO_PLACE, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_FORBIDDEN, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_NO_OWNER, VB_SWEEP_REJECTED, true, true},
    {VB_OUTCOME_BUSY, VB_SWEEP_FAILED, false, false},
    {VB_OUTCOME_DATABASE, VB_SWEEP_FAILED, false, false},
    {VB_OUTCOME_STORAGE, VB_SWEEP_FAILED, false, false},
};

static void a_staged_object_is_deleted_only_if_no_promotion_can_publish_it(void **state)
{
    (void)state;
    assert_int_equal(sizeof(staged_cases) / sizeof(staged_cases[0]), VB_OUTCOMES - 1); /* not NOT_PENDING */
    for (size_t i = 0; i < sizeof(staged_cases) / sizeof(staged_cases[0]); i++) {
        struct situation s;

        begin(&s, staged_cases[i].outcome, 0);
        take_up_staged(&s.run, key, 1);
        assert_int_equal(deleted, staged_cases[i].deleted);
        counted(&s, staged_cases[i].counted, VB_SWEEP_OUTCOMES);
    }
}

static void a_multipart_upload_is_aborted_only_if_its_parts_are_useless(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(staged_cases) / sizeof(staged_cases[0]); i++) {
        const struct vb_s3_upload upload = {.key = key, .id = "u1"};
        struct situation s;

        begin(&s, staged_cases[i].outcome, 0);
        take_up_parts(&s.run, &upload, 1);
        assert_int_equal(aborted, staged_cases[i].aborted);
        counted(&s, staged_cases[i].counted, aborted ? VB_SWEEP_ABORTED : VB_SWEEP_OUTCOMES);
    }
}

static void a_deletion_that_fails_is_counted_and_nothing_follows_it(void **state)
{
    const struct vb_s3_upload upload = {.key = key, .id = "u1"};
    struct situation s;

    (void)state;
    begin(&s, VB_OUTCOME_BAD_MEDIA, -EIO);
    take_up_parts(&s.run, &upload, 1);
    assert_int_equal(aborted, 0);
    counted(&s, VB_SWEEP_FAILED, VB_SWEEP_OUTCOMES);
}

static void a_key_of_no_ticket_is_deleted_after_a_day(void **state)
{
    const struct vb_s3_upload upload = {.key = VB_STAGED_PREFIX "u/foreign.jpg", .id = "u1"};
    struct situation s;

    (void)state;
    begin(&s, VB_OUTCOME_STORAGE, 0);
    take_up_staged(&s.run, upload.key, FOREIGN_AFTER - 1);
    take_up_parts(&s.run, &upload, FOREIGN_AFTER - 1);
    assert_int_equal(deleted + aborted, 0);
    take_up_staged(&s.run, upload.key, FOREIGN_AFTER);
    take_up_parts(&s.run, &upload, FOREIGN_AFTER);
    assert_int_equal(deleted, 1);
    assert_int_equal(aborted, 1);
    counted(&s, VB_SWEEP_REJECTED, VB_SWEEP_ABORTED);
}

static void a_replaced_media_counts_once_for_each_object(void **state)
{
    const struct vb_media_object photo = {.key = "k"}, video = {.key = "k", .poster_key = "p"};
    struct situation s;

    (void)state;
    begin(&s, VB_OUTCOME_DONE, 0);
    assert_int_equal(visit_replaced(&s.run, &photo), 0);
    counted(&s, VB_SWEEP_DELETED, VB_SWEEP_OUTCOMES);
    begin(&s, VB_OUTCOME_DONE, 0);
    assert_int_equal(visit_replaced(&s.run, &video), 0);
    counted(&s, VB_SWEEP_DELETED, VB_SWEEP_DELETED);
    begin(&s, VB_OUTCOME_DONE, -EIO);
    assert_int_equal(visit_replaced(&s.run, &video), 0);
    counted(&s, VB_SWEEP_FAILED, VB_SWEEP_OUTCOMES);
}

static void every_end_of_a_pending_row_is_counted(void **state)
{
    static const struct {
        enum vb_outcome outcome;
        enum vb_sweep_outcome counted;
    } cases[] = {
        {VB_OUTCOME_DONE, VB_SWEEP_FINISHED},
        {VB_OUTCOME_NOT_ARRIVED, VB_SWEEP_ABANDONED},
        {VB_OUTCOME_NO_PLACE, VB_SWEEP_ABANDONED},
        {VB_OUTCOME_FORBIDDEN, VB_SWEEP_ABANDONED},
        {VB_OUTCOME_NO_OWNER, VB_SWEEP_ABANDONED},
        {VB_OUTCOME_NOT_PENDING, VB_SWEEP_OUTCOMES},
        {VB_OUTCOME_DONE_BEFORE, VB_SWEEP_OUTCOMES},
        {VB_OUTCOME_CANCELLED, VB_SWEEP_OUTCOMES},
        {VB_OUTCOME_UNKNOWN_PURPOSE, VB_SWEEP_OUTCOMES},
        {VB_OUTCOME_DATABASE, VB_SWEEP_FAILED},
        {VB_OUTCOME_STORAGE, VB_SWEEP_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct situation s;

        begin(&s, cases[i].outcome, 0);
        assert_int_equal(visit_pending(&s.run, "0199c0de-0000-7000-8000-000000000002"), 0);
        assert_int_equal(deleted, 0);
        counted(&s, cases[i].counted, VB_SWEEP_OUTCOMES);
    }
}

static void a_run_that_is_over_takes_nothing_up(void **state)
{
    struct vb_s3_listed object = {.key = key};
    struct situation s;

    (void)state;
    begin(&s, VB_OUTCOME_DONE, 0);
    s.sweep.counts[VB_SWEEP_FAILED] = FAILURES_MAX;
    assert_true(visit_staged(&s.run, &object) < 0);
    assert_true(visit_pending(&s.run, "0199c0de-0000-7000-8000-000000000002") < 0);
    begin(&s, VB_OUTCOME_DONE, 0);
    atomic_store(&s.stop, true);
    assert_true(visit_staged(&s.run, &object) < 0);
    counted(&s, VB_SWEEP_OUTCOMES, VB_SWEEP_OUTCOMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_staged_object_is_deleted_only_if_no_promotion_can_publish_it),
        cmocka_unit_test(a_multipart_upload_is_aborted_only_if_its_parts_are_useless),
        cmocka_unit_test(a_deletion_that_fails_is_counted_and_nothing_follows_it),
        cmocka_unit_test(a_key_of_no_ticket_is_deleted_after_a_day),
        cmocka_unit_test(a_replaced_media_counts_once_for_each_object),
        cmocka_unit_test(every_end_of_a_pending_row_is_counted),
        cmocka_unit_test(a_run_that_is_over_takes_nothing_up),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
