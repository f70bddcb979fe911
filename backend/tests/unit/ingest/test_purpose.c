/* The purposes of uploads: their names, and the public keys of their files. */
#include "ingest/purpose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define USER "0199c0de-0000-7000-8000-000000000001"
#define ID   "0199c0de-0000-7000-8000-000000000002"

static const struct {
    enum vb_upload_purpose number;
    struct vb_place place;
    int64_t time_ms;
    const char *extension, *key;
} cases[] = {
    {VB_UPLOAD_PROFILE_PICTURE, {{0}}, 1001, "jpg", "profile-pictures/" USER "/avatar-1001.jpg"},
    {VB_UPLOAD_ACTIVITY_IMAGE,
     {.activity_id = ID, .slot = "hero"},
     1001,
     "jpg",
     "activity-images/" ID "/hero-1001.jpg"},
    {VB_UPLOAD_ACTIVITY_IMAGE,
     {.activity_id = ID, .slot = "gallery", .index = 9},
     1001,
     "jpg",
     "activity-images/" ID "/gallery-9-1001.jpg"},
    {VB_UPLOAD_STORY_MEDIA,
     {.story_id = ID, .slot = "image"},
     1000,
     "jpg",
     "vibe-stories/images/" ID "-1000.jpg"},
    {VB_UPLOAD_STORY_MEDIA,
     {.story_id = ID, .slot = "image"},
     1001,
     "jpg",
     "vibe-stories/images/" ID "-1000.jpg"},
    {VB_UPLOAD_STORY_MEDIA,
     {.story_id = ID, .slot = "video"},
     1001,
     "mp4",
     "vibe-stories/videos/" ID "-1000.mp4"},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void every_key_has_the_form_of_its_purpose(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        char key[256];

        assert_true(
            vb_purpose_of(cases[i].number)
                ->write_key(&cases[i].place, USER, cases[i].time_ms, cases[i].extension, key, sizeof(key)));
        assert_string_equal(key, cases[i].key);
    }
}

static void a_key_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        size_t size = strlen(cases[i].key) + 1;
        char key[256];

        assert_true(vb_purpose_of(cases[i].number)
                        ->write_key(&cases[i].place, USER, cases[i].time_ms, cases[i].extension, key, size));
        assert_false(
            vb_purpose_of(cases[i].number)
                ->write_key(&cases[i].place, USER, cases[i].time_ms, cases[i].extension, key, size - 1));
    }
}

static void no_poster_has_the_key_of_a_photo(void **state)
{
    const struct vb_purpose *story = vb_purpose_of(VB_UPLOAD_STORY_MEDIA);
    const struct vb_place photo = {.story_id = ID, .slot = "image"},
                          video = {.story_id = ID, .slot = "video"};

    (void)state;
    for (int64_t time_ms = 1000; time_ms < 1004; time_ms++) {
        char key[256], poster[256];

        assert_true(story->write_key(&photo, USER, time_ms, "jpg", key, sizeof(key)));
        for (int64_t other_ms = 1000; other_ms < 1004; other_ms++) {
            assert_true(story->write_poster_key(&video, other_ms, poster, sizeof(poster)));
            assert_string_not_equal(key, poster);
        }
    }
    assert_true(story->write_poster_key(&video, 1000, (char[256]){0}, 256));
    assert_false(story->write_poster_key(&video, 1000, (char[16]){0}, 16));
}

static void a_purpose_is_found_by_its_number_and_its_name(void **state)
{
    static const enum vb_upload_purpose numbers[] = {VB_UPLOAD_PROFILE_PICTURE, VB_UPLOAD_ACTIVITY_IMAGE,
                                                     VB_UPLOAD_STORY_MEDIA};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const struct vb_purpose *purpose = vb_purpose_of(numbers[i]);

        assert_int_equal(purpose->number, numbers[i]);
        assert_ptr_equal(vb_purpose_named(vb_upload_purpose_name(numbers[i])), purpose);
    }
    assert_null(vb_purpose_of(0));
    assert_null(vb_purpose_of(99));
    assert_null(vb_purpose_named("later"));
    assert_null(vb_purpose_named(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_has_the_form_of_its_purpose),
        cmocka_unit_test(a_key_that_does_not_fit_is_refused),
        cmocka_unit_test(no_poster_has_the_key_of_a_photo),
        cmocka_unit_test(a_purpose_is_found_by_its_number_and_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
