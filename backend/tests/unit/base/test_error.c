/* Error descriptions: what they hold, that they are cut rather than overrun, and that they may be left out.
 */
#include "base/error.h"

#include "support.h"

#include <errno.h>
#include <string.h>

static void set_describes_and_returns_the_negative_code(void **state)
{
    struct vb_error err = {.hint = "old"};

    (void)state;
    assert_int_equal(vb_error_set(&err, EINVAL, "bucket %s has %d faults", "b", 2), -EINVAL);
    assert_int_equal(err.code, EINVAL);
    assert_string_equal(err.message, "bucket b has 2 faults");
    assert_string_equal(err.hint, "");
    assert_int_equal(vb_error_hint(&err, "try %s", "again"), -EINVAL);
    assert_string_equal(err.hint, "try again");
    assert_string_equal(err.message, "bucket b has 2 faults");
}

static void prefix_puts_the_context_first_and_keeps_the_rest(void **state)
{
    struct vb_error err;

    (void)state;
    vb_error_set(&err, ENOENT, "no such file");
    vb_error_hint(&err, "make it");
    assert_int_equal(vb_error_prefix(&err, "step %d", 1), -ENOENT);
    assert_int_equal(vb_error_prefix(&err, "start"), -ENOENT);
    assert_string_equal(err.message, "start: step 1: no such file");
    assert_string_equal(err.hint, "make it");
}

static void the_error_may_be_left_out(void **state)
{
    (void)state;
    assert_int_equal(vb_error_set(NULL, ENOSPC, "%s", "x"), -ENOSPC);
    assert_int_equal(vb_error_hint(NULL, "%s", "x"), -EIO);
    assert_int_equal(vb_error_prefix(NULL, "%s", "x"), -EIO);
}

static void over_long_texts_are_cut(void **state)
{
    struct {
        struct vb_error err;
        char guard[16];
    } box;
    char longer[3 * VB_ERROR_MESSAGE_MAX];

    (void)state;
    memset(&box, 0x5a, sizeof(box));
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    vb_error_set(&box.err, EIO, "%s", longer);
    vb_error_hint(&box.err, "%s", longer);
    assert_int_equal(strlen(box.err.message), VB_ERROR_MESSAGE_MAX - 1);
    assert_int_equal(strlen(box.err.hint), VB_ERROR_HINT_MAX - 1);
    vb_error_prefix(&box.err, "short");
    assert_int_equal(strlen(box.err.message), VB_ERROR_MESSAGE_MAX - 1);
    assert_memory_equal(box.err.message, "short: xxx", 10);
    vb_error_prefix(&box.err, "%s", longer);
    assert_int_equal(strlen(box.err.message), VB_ERROR_MESSAGE_MAX - 1);
    for (size_t i = 0; i < sizeof(box.guard); i++)
        assert_int_equal(box.guard[i], 0x5a);
}

static void arguments_may_be_the_old_texts(void **state)
{
    struct vb_error err;

    (void)state;
    vb_error_set(&err, EIO, "disk is gone");
    vb_error_set(&err, EAGAIN, "try again, for %s", err.message);
    assert_string_equal(err.message, "try again, for disk is gone");
    vb_error_hint(&err, "wait");
    vb_error_hint(&err, "first %s", err.hint);
    assert_string_equal(err.hint, "first wait");
    vb_error_prefix(&err, "%s", err.message);
    assert_string_equal(err.message, "try again, for disk is gone: try again, for disk is gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_describes_and_returns_the_negative_code),
        cmocka_unit_test(prefix_puts_the_context_first_and_keeps_the_rest),
        cmocka_unit_test(the_error_may_be_left_out),
        cmocka_unit_test(over_long_texts_are_cut),
        cmocka_unit_test(arguments_may_be_the_old_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
