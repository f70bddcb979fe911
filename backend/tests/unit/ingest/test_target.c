/* The target of an upload: written as headers, sealed, and read back from an object. */
#include "ingest/target.h"
#include "keys_fixture.h"

#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define UPLOAD "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4"
#define OTHER  "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc5"

static struct vb_keys *keys;

static int setup(void **state)
{
    (void)state;
    keys = keys_of(KEYS_SECRET, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vb_keys_destroy(keys);
    return 0;
}

/* The object that S3 would have after a PUT with these headers. */
static struct vb_s3_object written(const struct vb_target *target)
{
    struct vb_s3_object object = {0};
    struct vb_target_headers headers;

    vb_target_write(keys, UPLOAD, target, &headers);
    for (size_t i = 0; i < headers.count; i++) {
        size_t length = strlen(object.metadata);

        assert_memory_equal(headers.list[i].name, "x-amz-meta-", 11);
        snprintf(object.metadata + length, sizeof(object.metadata) - length, "%s: %s\n",
                 headers.list[i].name + 11, headers.list[i].value);
    }
    return object;
}

static const struct vb_target targets[] = {
    {.activity = "0199c0de-0000-7000-8000-000000000001", .slot = "hero"},
    {.activity = "42", .slot = "gallery", .index = 0},
    {.activity = "a:b.c_d-E", .slot = "gallery", .index = 9},
    {.story = "1234567890123456789012345678901234567890123456789012345678901234"},
    {.index = 0},
};

static void a_target_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(targets); i++) {
        struct vb_s3_object object = written(&targets[i]);
        struct vb_target read = {0};

        assert_int_equal(vb_target_read(keys, UPLOAD, &object, &read), 0);
        assert_string_equal(read.activity, targets[i].activity);
        assert_string_equal(read.story, targets[i].story);
        assert_string_equal(read.slot, targets[i].slot);
        assert_int_equal(read.index, targets[i].index);
    }
}

static void the_target_of_another_upload_or_secret_is_refused(void **state)
{
    struct vb_keys *other = keys_of(KEYS_OTHER, NULL);
    struct vb_target read;

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(targets); i++) {
        struct vb_s3_object object = written(&targets[i]);

        assert_int_equal(vb_target_read(keys, OTHER, &object, &read), -EINVAL);
        assert_int_equal(vb_target_read(other, UPLOAD, &object, &read), -EINVAL);
    }
    vb_keys_destroy(other);
}

static void the_target_sealed_with_a_previous_secret_is_read(void **state)
{
    struct vb_keys *rotated = keys_of(KEYS_OTHER, KEYS_SECRET);

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(targets); i++) {
        struct vb_s3_object object = written(&targets[i]);
        struct vb_target read = {0};

        assert_int_equal(vb_target_read(rotated, UPLOAD, &object, &read), 0);
        assert_string_equal(read.activity, targets[i].activity);
    }
    vb_keys_destroy(rotated);
}

/* What an earlier version of the program sealed. */
static void a_seal_that_is_in_use_stays_good(void **state)
{
    struct vb_s3_object object = {.metadata = "vibe-activity: 42\nvibe-slot: gallery\nvibe-index: 7\n"
                                              "vibe-seal: P_hzhtv_r3OJf1pjZ5H5Cw\n"};
    struct vb_target read = {0};

    (void)state;
    assert_int_equal(vb_target_read(keys, UPLOAD, &object, &read), 0);
    assert_string_equal(read.activity, "42");
    assert_int_equal(read.index, 7);
}

static void every_change_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(targets); i++) {
        struct vb_s3_object object = written(&targets[i]);

        for (char *at = object.metadata; *at; at++) {
            struct vb_target read;
            char kept = *at;

            if (kept == '\n' || kept == ' ' || kept == ':')
                continue;
            *at = kept == '7' ? '8' : '7';
            assert_int_equal(vb_target_read(keys, UPLOAD, &object, &read), -EINVAL);
            *at = kept;
        }
    }
}

static void an_object_without_a_seal_has_no_target(void **state)
{
    struct vb_s3_object object = {0};
    struct vb_target read;

    (void)state;
    assert_int_equal(vb_target_read(keys, UPLOAD, &object, &read), -EINVAL);
    strcpy(object.metadata, "vibe-seal: \n");
    assert_int_equal(vb_target_read(keys, UPLOAD, &object, &read), -EINVAL);
}

static void ids_are_short_and_plain(void **state)
{
    static const char *const good[] = {
        "1",         "0199c0de-0000-7000-8000-000000000001",
        "a_b.c:d-E", "...",
        ".a",        "1234567890123456789012345678901234567890123456789012345678901234"};
    static const char *const bad[] = {
        "",         ".",
        "..",       "a/b",
        "a b",      "a\n",
        "\xc3\xa9", "x'; DROP --",
        "%41",      "12345678901234567890123456789012345678901234567890123456789012345"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(good); i++)
        assert_true(vb_target_is_id(good[i]));
    for (size_t i = 0; i < VB_ARRAY_SIZE(bad); i++)
        assert_false(vb_target_is_id(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_read_as_it_was_written),
        cmocka_unit_test(the_target_of_another_upload_or_secret_is_refused),
        cmocka_unit_test(the_target_sealed_with_a_previous_secret_is_read),
        cmocka_unit_test(a_seal_that_is_in_use_stays_good),
        cmocka_unit_test(every_change_is_noticed),
        cmocka_unit_test(an_object_without_a_seal_has_no_target),
        cmocka_unit_test(ids_are_short_and_plain),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
