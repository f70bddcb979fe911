/* What arrived in staging, and whether it is what the ticket says. */
#include "ingest/inspect.h"
#include "ingest_fixture.h"

#include <errno.h>

static enum vb_outcome inspect(struct ingest_fixture *f, bool has_target, struct vb_inspection *ret)
{
    enum vb_outcome outcome;

    ingest_begin(f);
    outcome = vb_inspect(&f->ingest, &f->staged, has_target, ret, &f->err);
    assert_int_equal(script_requests(f->server), 1);
    return outcome;
}

static void begin(struct ingest_fixture *f, enum vb_media_type type, int64_t length)
{
    ingest_init(f, NULL, NULL);
    ingest_stage(f, NOBODY, VB_UPLOAD_PROFILE_PICTURE, type, length);
}

static void a_file_that_matches_its_ticket_passes(void **state)
{
    struct vb_inspection found = {0};
    struct ingest_fixture f;

    (void)state;
    begin(&f, VB_MEDIA_GIF, GIF_SIZE);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    assert_int_equal(inspect(&f, false, &found), VB_OUTCOME_DONE);
    assert_int_equal(found.type, VB_MEDIA_GIF);
    assert_int_equal(found.size, GIF_SIZE);
    assert_string_equal(found.etag, ETAG);
    assert_non_null(strstr(ingest_request(&f, 0), f.key));
    ingest_release(&f);
}

static void a_missing_object_has_not_arrived(void **state)
{
    struct vb_inspection found;
    struct ingest_fixture f;

    (void)state;
    begin(&f, VB_MEDIA_GIF, GIF_SIZE);
    ingest_answer(&f, S3_MISSING);
    assert_int_equal(inspect(&f, false, &found), VB_OUTCOME_NOT_ARRIVED);
    assert_string_equal(f.err.message,
                        "The file has not arrived yet: PUT it to the ticket's URL, then complete the upload");
    ingest_release(&f);
}

static void a_wrong_length_is_named(void **state)
{
    struct vb_inspection found;
    struct ingest_fixture f;

    (void)state;
    begin(&f, VB_MEDIA_GIF, GIF_SIZE + 1);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    assert_int_equal(inspect(&f, false, &found), VB_OUTCOME_WRONG_LENGTH);
    assert_string_equal(f.err.message, "The file has 43 bytes, but its ticket is for 44");
    ingest_release(&f);
}

static void an_empty_object_has_the_wrong_length(void **state)
{
    struct vb_inspection found;
    struct ingest_fixture f;

    (void)state;
    begin(&f, VB_MEDIA_GIF, GIF_SIZE);
    ingest_answer(&f, (struct script_step)ERROR("416 Range Not Satisfiable", "InvalidRange", "empty"));
    assert_int_equal(inspect(&f, false, &found), VB_OUTCOME_WRONG_LENGTH);
    ingest_release(&f);
}

static void a_wrong_type_is_named(void **state)
{
    struct vb_inspection found;
    struct ingest_fixture f;

    (void)state;
    begin(&f, VB_MEDIA_JPEG, GIF_SIZE);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    assert_int_equal(inspect(&f, false, &found), VB_OUTCOME_WRONG_TYPE);
    assert_string_equal(f.err.message, "The file is image/gif, but its ticket is for image/jpeg");
    ingest_release(&f);
}

static void an_unknown_type_is_refused(void **state)
{
    struct vb_inspection found;
    struct ingest_fixture f;

    (void)state;
    begin(&f, VB_MEDIA_JPEG, 6);
    ingest_answer_object(&f, "<html>", 6, NULL);
    assert_int_equal(inspect(&f, false, &found), VB_OUTCOME_UNKNOWN_TYPE);
    ingest_release(&f);
}

/* Who sealed the target, for which upload, and whether it is believed. */
static void a_target_must_be_sealed_for_this_upload_with_one_of_the_keys(void **state)
{
    static const struct vb_target target = {.activity = "42", .slot = "hero"};
    struct vb_keys *rotated = keys_of(KEYS_OTHER, KEYS_SECRET), *other = keys_of(KEYS_OTHER, NULL);
    static const struct {
        bool own_upload, rotated_keys, other_keys;
        enum vb_outcome outcome;
    } cases[] = {{true, false, false, VB_OUTCOME_DONE},
                 {true, true, false, VB_OUTCOME_DONE},
                 {false, false, false, VB_OUTCOME_WRONG_TARGET},
                 {true, false, true, VB_OUTCOME_WRONG_TARGET}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vb_inspection found = {0};
        struct ingest_fixture f;

        begin(&f, VB_MEDIA_GIF, GIF_SIZE);
        ingest_answer_object(
            &f, GIF, GIF_SIZE,
            ingest_target_headers(f.keys, cases[i].own_upload ? f.upload_id : "another upload", &target));
        if (cases[i].rotated_keys || cases[i].other_keys)
            f.ingest.keys = cases[i].rotated_keys ? rotated : other;
        assert_int_equal(inspect(&f, true, &found), cases[i].outcome);
        assert_string_equal(found.target.activity, cases[i].outcome == VB_OUTCOME_DONE ? "42" : "");
        ingest_release(&f);
    }
    vb_keys_destroy(rotated);
    vb_keys_destroy(other);
}

static void an_object_without_a_seal_is_refused(void **state)
{
    struct vb_inspection found;
    struct ingest_fixture f;

    (void)state;
    begin(&f, VB_MEDIA_GIF, GIF_SIZE);
    ingest_answer_object(&f, GIF, GIF_SIZE, "x-amz-meta-vibe-activity: 42\r\n");
    assert_int_equal(inspect(&f, true, &found), VB_OUTCOME_WRONG_TARGET);
    assert_string_equal(f.err.message, "The file was not sent with the headers of its ticket");
    ingest_release(&f);
}

static void a_failed_storage_is_not_blamed_on_the_file(void **state)
{
    static const struct {
        struct script_step step;
        int code;
    } cases[] = {{ERROR("503 Slow Down", "SlowDown", "slow down"), EBUSY},
                 {ERROR("403 Forbidden", "AccessDenied", "denied"), EACCES}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vb_inspection found;
        struct ingest_fixture f;

        begin(&f, VB_MEDIA_GIF, GIF_SIZE);
        ingest_answer(&f, cases[i].step);
        assert_int_equal(inspect(&f, false, &found), VB_OUTCOME_STORAGE);
        assert_int_equal(f.err.code, cases[i].code);
        assert_true(*f.err.message);
        ingest_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_matches_its_ticket_passes),
        cmocka_unit_test(a_missing_object_has_not_arrived),
        cmocka_unit_test(a_wrong_length_is_named),
        cmocka_unit_test(an_empty_object_has_the_wrong_length),
        cmocka_unit_test(a_wrong_type_is_named),
        cmocka_unit_test(an_unknown_type_is_refused),
        cmocka_unit_test(a_target_must_be_sealed_for_this_upload_with_one_of_the_keys),
        cmocka_unit_test(an_object_without_a_seal_is_refused),
        cmocka_unit_test(a_failed_storage_is_not_blamed_on_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
