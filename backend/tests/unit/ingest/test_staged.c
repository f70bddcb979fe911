/* A file in staging, by its name: whose it is, and whether this server issued its ticket. */
#include "ingest/staged.h"
#include "keys_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define USER "0199c0de-0000-7000-8000-000000000001"

static struct vb_keys *keys;
static char upload_id[VB_TICKET_ID_SIZE], key[512];

static int setup(void **state)
{
    struct vb_ticket ticket = {.purpose = VB_UPLOAD_STORY_MEDIA, .type = VB_MEDIA_MP4, .length = 12};
    struct vb_strbuf text;

    (void)state;
    keys = keys_of(KEYS_SECRET, NULL);
    vb_ticket_issue(keys, USER, &ticket, upload_id);
    vb_strbuf_init(&text, sizeof(key) - 1);
    vb_ticket_staging_key(&ticket, USER, upload_id, &text);
    strcpy(key, text.data);
    vb_strbuf_release(&text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vb_keys_destroy(keys);
    return 0;
}

static void the_parts_and_the_key_alone_name_the_same_file(void **state)
{
    struct vb_staged_names names;
    struct vb_staged staged;

    (void)state;
    assert_int_equal(vb_staged_read(keys, USER, upload_id, key, &staged), 0);
    assert_int_equal(staged.ticket.length, 12);
    assert_int_equal(vb_staged_from_key(keys, key, &names, &staged), 0);
    assert_string_equal(staged.user_id, USER);
    assert_string_equal(staged.upload_id, upload_id);
    assert_int_equal(staged.ticket.purpose, VB_UPLOAD_STORY_MEDIA);
}

static void a_key_of_another_ticket_or_user_is_refused(void **state)
{
    struct vb_staged staged;
    char other[sizeof(key)];

    (void)state;
    snprintf(other, sizeof(other), "%s", key);
    other[strlen(other) - 1] = '5';
    assert_int_equal(vb_staged_read(keys, USER, upload_id, other, &staged), -EINVAL);
    assert_int_equal(vb_staged_read(keys, "another", upload_id, key, &staged), -EINVAL);
    assert_int_equal(vb_staged_read(keys, USER, "another", key, &staged), -EINVAL);
}

static void keys_that_no_ticket_of_ours_has_are_refused(void **state)
{
    struct vb_keys *other = keys_of(KEYS_OTHER, NULL), *rotated = keys_of(KEYS_OTHER, KEYS_SECRET);
    static const char *const foreign[] = {
        "",
        "user-uploads/",
        "user-uploads/x",
        "user-uploads/x/y.jpg",
        "profile-pictures/u/avatar-1.jpg",
        "user-uploads/u/AZnA3gAAcACAAAAAAAAAAQMBAAExLQAy8wyHztUJ6Y7MzCkkftyZ-1.jpg"};
    struct vb_staged_names names;
    struct vb_staged staged;

    (void)state;
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        assert_int_equal(vb_staged_from_key(keys, foreign[i], &names, &staged), -EINVAL);
    assert_int_equal(vb_staged_from_key(other, key, &names, &staged), -EINVAL);
    assert_int_equal(vb_staged_from_key(rotated, key, &names, &staged), 0);
    vb_keys_destroy(other);
    vb_keys_destroy(rotated);
}

/* A copy of the service that is older than the ticket's issuer. */
static void a_ticket_of_a_type_that_is_unknown_is_refused(void **state)
{
    struct vb_ticket ticket = {.purpose = VB_UPLOAD_STORY_MEDIA, .type = 99, .length = 12};
    struct vb_staged_names names;
    struct vb_staged staged;
    char id[VB_TICKET_ID_SIZE], later[sizeof(key)];

    (void)state;
    vb_ticket_issue(keys, USER, &ticket, id);
    snprintf(later, sizeof(later), VB_STAGED_PREFIX USER "/%s-1.new", id);
    assert_int_equal(vb_staged_read(keys, USER, id, later, &staged), -EINVAL);
    assert_int_equal(vb_staged_from_key(keys, later, &names, &staged), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_and_the_key_alone_name_the_same_file),
        cmocka_unit_test(a_key_of_another_ticket_or_user_is_refused),
        cmocka_unit_test(keys_that_no_ticket_of_ours_has_are_refused),
        cmocka_unit_test(a_ticket_of_a_type_that_is_unknown_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
