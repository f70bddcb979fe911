/* The upload's row and its public key, against a real PostgreSQL. The wall clock is the test's. */
#include "ingest/reserve.h"
#include "ingest_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>

#define NOW_MS INT64_C(1790000000000)

int64_t __wrap_vb_clock_realtime_ms(void);

int64_t __wrap_vb_clock_realtime_ms(void)
{
    return NOW_MS;
}

static const struct vb_made picture = {.result = {.width = 640, .height = 480},
                                       .output = 0,
                                       .poster = -1,
                                       .bytes = 1234,
                                       .sha256 =
                                           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                       .thumbhash = "AAAA",
                                       .color = "#ffffff",
                                       .type = VB_MEDIA_JPEG};

static struct vb_reservation wanted_by(struct ingest_fixture *f, const struct vb_target *target)
{
    return (struct vb_reservation){.purpose = vb_purpose_of(f->staged.ticket.purpose),
                                   .upload_uuid = f->staged.ticket.uuid,
                                   .user_id = f->user_id,
                                   .target = target,
                                   .type = VB_MEDIA_GIF,
                                   .made = &picture};
}

static enum vb_outcome reserve(struct ingest_fixture *f, const struct vb_target *target)
{
    const struct vb_reservation wanted = wanted_by(f, target);

    return vb_reserve(&f->ingest, &wanted, &f->err);
}

static void begin(struct ingest_fixture *f, const char *user_id, enum vb_upload_purpose purpose)
{
    ingest_init(f, ingest_db, NULL);
    ingest_begin(f);
    ingest_stage(f, user_id, purpose, VB_MEDIA_GIF, GIF_SIZE);
}

static const char *key_of(const char *uuid)
{
    return ingest_sql("SELECT key FROM media WHERE upload_id = $1::uuid", uuid);
}

static void a_row_is_pending_and_describes_what_was_made(void **state)
{
    static const struct vb_target none;
    struct ingest_fixture f;
    char key[256];

    (void)state;
    begin(&f, ingest_make_user(), VB_UPLOAD_PROFILE_PICTURE);
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DONE);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "pending");
    snprintf(key, sizeof(key), "profile-pictures/%s/avatar-%" PRId64 ".jpg", f.user_id, NOW_MS);
    assert_string_equal(key_of(f.staged.ticket.uuid), key);
    assert_string_equal(
        ingest_sql("SELECT concat_ws(' ', bytes, width, height, content_type, thumbhash, dominant_color)\n"
                   "FROM media WHERE upload_id = $1::uuid",
                   f.staged.ticket.uuid),
        "1234 640 480 image/jpeg AAAA #ffffff");
    ingest_release(&f);
}

/* The keys of the next `count` milliseconds, as media of other uploads have them. */
static void take_keys(const char *user_id, int count)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
             "INSERT INTO media (upload_id, user_id, purpose, key, content_type, status)\n"
             "SELECT gen_random_uuid(), $1::uuid, 'profile-picture',\n"
             "       'profile-pictures/' || $1 || '/avatar-' || (%" PRId64
             " + i) || '.jpg', 'image/jpeg', 'ready'\n"
             "FROM generate_series(0, %d) AS i",
             NOW_MS, count - 1);
    ingest_sql(sql, user_id);
}

static void a_key_that_is_taken_is_that_of_the_next_millisecond(void **state)
{
    static const struct vb_target none;
    static const int taken[] = {1, 2, 63};

    (void)state;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        struct ingest_fixture f;
        char key[256];

        begin(&f, ingest_make_user(), VB_UPLOAD_PROFILE_PICTURE);
        take_keys(f.user_id, taken[i]);
        assert_int_equal(reserve(&f, &none), VB_OUTCOME_DONE);
        snprintf(key, sizeof(key), "profile-pictures/%s/avatar-%" PRId64 ".jpg", f.user_id,
                 NOW_MS + taken[i]);
        assert_string_equal(key_of(f.staged.ticket.uuid), key);
        ingest_release(&f);
    }
}

static void sixty_four_keys_that_are_taken_are_a_failure(void **state)
{
    static const struct vb_target none;
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user(), VB_UPLOAD_PROFILE_PICTURE);
    take_keys(f.user_id, 64);
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DATABASE);
    assert_int_equal(f.err.code, EEXIST);
    assert_string_equal(ingest_status(f.staged.ticket.uuid), "");
    ingest_release(&f);
}

static void an_upload_that_has_a_row_keeps_it(void **state)
{
    static const struct vb_target none;
    struct ingest_fixture f;
    char id[64];

    (void)state;
    begin(&f, ingest_make_user(), VB_UPLOAD_PROFILE_PICTURE);
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DONE);
    snprintf(id, sizeof(id), "%s",
             ingest_sql("SELECT id FROM media WHERE upload_id = $1::uuid", f.staged.ticket.uuid));
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DONE);
    assert_string_equal(ingest_sql("SELECT string_agg(id::text, ' ') FROM media WHERE upload_id = $1::uuid",
                                   f.staged.ticket.uuid),
                        id);
    ingest_release(&f);
}

static void a_user_who_is_gone_gets_no_row(void **state)
{
    static const char *const users[] = {NOBODY, "no id at all"};
    static const struct vb_target none;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ingest_fixture f;

        begin(&f, users[i], VB_UPLOAD_PROFILE_PICTURE);
        assert_int_equal(reserve(&f, &none), VB_OUTCOME_NO_OWNER);
        assert_string_equal(ingest_status(f.staged.ticket.uuid), "");
        ingest_release(&f);
    }
}

static void an_activity_must_exist_and_be_the_users(void **state)
{
    struct vb_target target = {.slot = "hero"};
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user(), VB_UPLOAD_ACTIVITY_IMAGE);
    strcpy(target.activity, NOBODY);
    assert_int_equal(reserve(&f, &target), VB_OUTCOME_NO_PLACE);
    strcpy(target.activity,
           ingest_sql("INSERT INTO activities (user_id) VALUES ($1::uuid) RETURNING id", ingest_make_user()));
    assert_int_equal(reserve(&f, &target), VB_OUTCOME_FORBIDDEN);
    strcpy(target.activity,
           ingest_sql("INSERT INTO activities (user_id) VALUES ($1::uuid) RETURNING id", f.user_id));
    assert_int_equal(reserve(&f, &target), VB_OUTCOME_DONE);
    ingest_release(&f);
}

/* Each attempt makes a story; those of the failed attempts must not stay. */
static void a_new_story_is_made_once_however_many_keys_are_taken(void **state)
{
    static const struct vb_target none;
    struct ingest_fixture f;

    (void)state;
    begin(&f, ingest_make_user(), VB_UPLOAD_STORY_MEDIA);
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DONE);
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DONE);
    assert_string_equal(ingest_sql("SELECT count(*) FROM vibe_stories WHERE user_id = $1::uuid", f.user_id),
                        "1");
    ingest_release(&f);
}

static void a_database_that_is_away_is_a_failure(void **state)
{
    static const struct vb_target none;
    struct ingest_fixture f;

    (void)state;
    begin(&f, NOBODY, VB_UPLOAD_PROFILE_PICTURE);
    f.ingest.db = ingest_db_away;
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DATABASE);
    assert_int_equal(f.err.code, ENOTCONN);
    assert_int_equal(vb_reserve_again(&f.ingest, "1", &picture, &f.err), VB_OUTCOME_DATABASE);
    ingest_release(&f);
}

static void a_pending_row_describes_what_is_made_now_and_no_other_row_does(void **state)
{
    static const struct vb_target none;
    struct vb_made smaller = picture;
    struct ingest_fixture f;
    char id[64];

    (void)state;
    smaller.bytes = 7;
    begin(&f, ingest_make_user(), VB_UPLOAD_PROFILE_PICTURE);
    assert_int_equal(reserve(&f, &none), VB_OUTCOME_DONE);
    snprintf(id, sizeof(id), "%s",
             ingest_sql("SELECT id FROM media WHERE upload_id = $1::uuid", f.staged.ticket.uuid));
    assert_int_equal(vb_reserve_again(&f.ingest, id, &smaller, &f.err), VB_OUTCOME_DONE);
    assert_string_equal(ingest_sql("SELECT bytes FROM media WHERE id::text = $1", id), "7");
    ingest_sql("UPDATE media SET status = 'ready' WHERE id::text = $1", id);
    assert_int_equal(vb_reserve_again(&f.ingest, id, &picture, &f.err), VB_OUTCOME_DONE);
    assert_string_equal(ingest_sql("SELECT bytes FROM media WHERE id::text = $1", id), "7");
    ingest_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_pending_and_describes_what_was_made),
        cmocka_unit_test(a_key_that_is_taken_is_that_of_the_next_millisecond),
        cmocka_unit_test(sixty_four_keys_that_are_taken_are_a_failure),
        cmocka_unit_test(an_upload_that_has_a_row_keeps_it),
        cmocka_unit_test(a_user_who_is_gone_gets_no_row),
        cmocka_unit_test(an_activity_must_exist_and_be_the_users),
        cmocka_unit_test(a_new_story_is_made_once_however_many_keys_are_taken),
        cmocka_unit_test(a_database_that_is_away_is_a_failure),
        cmocka_unit_test(a_pending_row_describes_what_is_made_now_and_no_other_row_does),
    };

    return cmocka_run_group_tests(tests, ingest_database_setup, ingest_database_teardown);
}
