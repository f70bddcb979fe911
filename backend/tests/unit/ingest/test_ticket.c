/* Upload tickets: the id says what was agreed, belongs to one user, and cannot be changed. */
#include "ingest/ticket.h"
#include "keys_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define USER "0199c0de-0000-7000-8000-000000000001"

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

static struct vb_ticket issue(char upload_id[VB_TICKET_ID_SIZE])
{
    struct vb_ticket ticket = {
        .purpose = VB_UPLOAD_PROFILE_PICTURE, .type = VB_MEDIA_HEIC, .length = 15728640};

    vb_ticket_issue(keys, USER, &ticket, upload_id);
    return ticket;
}

static void a_ticket_is_read_as_it_was_issued(void **state)
{
    int64_t before_ms = vb_clock_realtime_ms();
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_ticket issued = issue(upload_id), read = {0};

    (void)state;
    assert_int_equal(strlen(upload_id), VB_TICKET_ID_SIZE - 1);
    assert_int_equal(strspn(upload_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     strlen(upload_id));
    assert_int_equal(vb_ticket_read(keys, USER, upload_id, &read), 0);
    assert_int_equal(read.purpose, VB_UPLOAD_PROFILE_PICTURE);
    assert_int_equal(read.type, VB_MEDIA_HEIC);
    assert_int_equal(read.length, 15728640);
    assert_string_equal(read.uuid, issued.uuid);
    assert_int_equal(read.time_ms, issued.time_ms);
    assert_in_range(read.time_ms, before_ms, vb_clock_realtime_ms());
}

static void the_longest_length_survives(void **state)
{
    struct vb_ticket ticket = {
        .purpose = VB_UPLOAD_PROFILE_PICTURE, .type = VB_MEDIA_JPEG, .length = VB_TICKET_LENGTH_MAX};
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_ticket read;

    (void)state;
    vb_ticket_issue(keys, USER, &ticket, upload_id);
    assert_int_equal(vb_ticket_read(keys, USER, upload_id, &read), 0);
    assert_int_equal(read.length, VB_TICKET_LENGTH_MAX);
}

static void no_two_tickets_are_the_same(void **state)
{
    char a[VB_TICKET_ID_SIZE], b[VB_TICKET_ID_SIZE];

    (void)state;
    issue(a);
    issue(b);
    assert_string_not_equal(a, b);
}

static void the_ticket_of_another_user_is_refused(void **state)
{
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_ticket read;

    (void)state;
    issue(upload_id);
    assert_int_equal(vb_ticket_read(keys, "0199c0de-0000-7000-8000-000000000002", upload_id, &read), -EINVAL);
    assert_int_equal(vb_ticket_read(keys, "", upload_id, &read), -EINVAL);
}

static void the_ticket_of_another_secret_is_refused(void **state)
{
    struct vb_keys *other = keys_of(KEYS_OTHER, NULL);
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_ticket read;

    (void)state;
    issue(upload_id);
    assert_int_equal(vb_ticket_read(other, USER, upload_id, &read), -EINVAL);
    vb_keys_destroy(other);
}

static void the_ticket_of_a_previous_secret_is_read(void **state)
{
    struct vb_keys *rotated = keys_of(KEYS_OTHER, KEYS_SECRET);
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_ticket issued = issue(upload_id), read = {0};

    (void)state;
    assert_int_equal(vb_ticket_read(rotated, USER, upload_id, &read), 0);
    assert_string_equal(read.uuid, issued.uuid);
    vb_keys_destroy(rotated);
}

/* What an earlier version of the program issued. */
static void a_ticket_that_is_in_use_stays_good(void **state)
{
    struct vb_ticket read = {0};

    (void)state;
    assert_int_equal(
        vb_ticket_read(keys, USER, "AZnA3gAAcACAAAAAAAAAAQMBAAExLQAy8wyHztUJ6Y7MzCkkftyZ", &read), 0);
    assert_string_equal(read.uuid, USER);
    assert_int_equal(read.purpose, VB_UPLOAD_STORY_MEDIA);
    assert_int_equal(read.type, VB_MEDIA_JPEG);
    assert_int_equal(read.length, 20000000);
}

static void every_changed_character_is_noticed(void **state)
{
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_ticket read;

    (void)state;
    issue(upload_id);
    for (size_t i = 0; upload_id[i]; i++) {
        char kept = upload_id[i];

        upload_id[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(vb_ticket_read(keys, USER, upload_id, &read), -EINVAL);
        upload_id[i] = kept;
    }
    assert_int_equal(vb_ticket_read(keys, USER, upload_id, &read), 0);
}

static void text_that_is_no_ticket_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "../../etc/passwd",
                                        "profile-picture",
                                        "0199c0de-0000-7000-8000-000000000001",
                                        "????????????????????????????????????????????????????"};
    char upload_id[VB_TICKET_ID_SIZE + 1];
    struct vb_ticket read;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(vb_ticket_read(keys, USER, texts[i], &read), -EINVAL);
    issue(upload_id);
    strcat(upload_id, "A");
    assert_int_equal(vb_ticket_read(keys, USER, upload_id, &read), -EINVAL);
}

static void the_staging_key_has_the_form_of_the_contract(void **state)
{
    char upload_id[VB_TICKET_ID_SIZE], expected[256];
    struct vb_ticket ticket = issue(upload_id);
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1024);
    vb_ticket_staging_key(&ticket, USER, upload_id, &out);
    snprintf(expected, sizeof(expected), "user-uploads/" USER "/%s-%lld.heic", upload_id,
             (long long)ticket.time_ms);
    assert_string_equal(out.data, expected);
    vb_strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_read_as_it_was_issued),
        cmocka_unit_test(the_longest_length_survives),
        cmocka_unit_test(no_two_tickets_are_the_same),
        cmocka_unit_test(the_ticket_of_another_user_is_refused),
        cmocka_unit_test(the_ticket_of_another_secret_is_refused),
        cmocka_unit_test(the_ticket_of_a_previous_secret_is_read),
        cmocka_unit_test(a_ticket_that_is_in_use_stays_good),
        cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(text_that_is_no_ticket_is_refused),
        cmocka_unit_test(the_staging_key_has_the_form_of_the_contract),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
