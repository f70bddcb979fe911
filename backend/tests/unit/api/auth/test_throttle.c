/* Slow guessing: for one account, for one client, and not for those who know the password. */
#include "api/auth/throttle.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int guess(struct vb_throttle *throttle, const char *account, const char *client)
{
    return vb_throttle_begin(throttle, account, client, NULL);
}

static void an_account_has_ten_wrong_passwords_from_wherever_they_come(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();
    unsigned retry_after_s = 0;
    char client[32];

    (void)state;
    for (int i = 0; i < VB_THROTTLE_ACCOUNT_WRONG; i++) {
        snprintf(client, sizeof(client), "192.0.2.%d", i);
        assert_int_equal(guess(throttle, i % 2 ? "anna@example.com" : "ANNA@example.com", client), 0);
    }
    assert_int_equal(vb_throttle_begin(throttle, "anna@example.com", "198.51.100.1", &retry_after_s),
                     -EAGAIN);
    assert_in_range(retry_after_s, 1, VB_THROTTLE_ACCOUNT_S);
    assert_int_equal(guess(throttle, "bert@example.com", "192.0.2.1"), 0);
    vb_throttle_destroy(throttle);
}

static void a_client_has_so_many_for_all_accounts_together(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();
    unsigned retry_after_s = 0;
    char account[32];

    (void)state;
    for (int i = 0; i < VB_THROTTLE_CLIENT_WRONG; i++) {
        snprintf(account, sizeof(account), "user-%d@example.com", i);
        assert_int_equal(guess(throttle, account, "192.0.2.1"), 0);
    }
    assert_int_equal(vb_throttle_begin(throttle, "one-more@example.com", "192.0.2.1", &retry_after_s),
                     -EAGAIN);
    assert_in_range(retry_after_s, 1, VB_THROTTLE_CLIENT_S);
    assert_int_equal(guess(throttle, "one-more@example.com", "192.0.2.2"), 0);
    vb_throttle_destroy(throttle);
}

static void a_right_password_counts_for_nobody(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();

    (void)state;
    for (int i = 0; i < 3 * VB_THROTTLE_CLIENT_WRONG; i++) {
        assert_int_equal(guess(throttle, "anna@example.com", "192.0.2.1"), 0);
        vb_throttle_succeeded(throttle, "Anna@example.com", "192.0.2.1");
    }
    vb_throttle_destroy(throttle);
}

static void a_right_password_forgives_the_accounts_wrong_ones(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();

    (void)state;
    for (int i = 0; i < VB_THROTTLE_ACCOUNT_WRONG; i++)
        assert_int_equal(guess(throttle, "anna@example.com", "192.0.2.1"), 0);
    vb_throttle_succeeded(throttle, "anna@example.com", "192.0.2.1");
    for (int i = 0; i < VB_THROTTLE_ACCOUNT_WRONG; i++)
        assert_int_equal(guess(throttle, "anna@example.com", "192.0.2.1"), 0);
    assert_int_equal(guess(throttle, "anna@example.com", "192.0.2.1"), -EAGAIN);
    vb_throttle_destroy(throttle);
}

static void what_was_not_looked_at_does_not_count(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();

    (void)state;
    for (int i = 0; i < 3 * VB_THROTTLE_CLIENT_WRONG; i++) {
        assert_int_equal(guess(throttle, "anna@example.com", "192.0.2.1"), 0);
        vb_throttle_abandon(throttle, "anna@example.com", "192.0.2.1");
    }
    vb_throttle_destroy(throttle);
}

static void a_throttled_account_costs_the_client_nothing(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();

    (void)state;
    for (int i = 0; i < 3 * VB_THROTTLE_CLIENT_WRONG; i++)
        guess(throttle, "anna@example.com", "192.0.2.1");
    assert_int_equal(guess(throttle, "bert@example.com", "192.0.2.1"), 0);
    vb_throttle_destroy(throttle);
}

static void a_client_may_ask_for_so_many_mails(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();
    unsigned retry_after_s = 0;

    (void)state;
    for (int i = 0; i < VB_THROTTLE_MAIL_BURST; i++)
        assert_int_equal(vb_throttle_mail(throttle, "192.0.2.1", NULL), 0);
    assert_int_equal(vb_throttle_mail(throttle, "192.0.2.1", &retry_after_s), -EAGAIN);
    assert_in_range(retry_after_s, 1, VB_THROTTLE_MAIL_S);
    assert_int_equal(vb_throttle_mail(throttle, "192.0.2.2", NULL), 0);
    vb_throttle_destroy(throttle);
}

static void a_client_may_make_so_many_accounts(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();
    unsigned retry_after_s = 0;

    (void)state;
    for (int i = 0; i < VB_THROTTLE_SIGN_UP_BURST; i++)
        assert_int_equal(vb_throttle_sign_up(throttle, "192.0.2.1", NULL), 0);
    assert_int_equal(vb_throttle_sign_up(throttle, "192.0.2.1", &retry_after_s), -EAGAIN);
    assert_in_range(retry_after_s, 1, VB_THROTTLE_SIGN_UP_S);
    assert_int_equal(vb_throttle_sign_up(throttle, "192.0.2.2", NULL), 0);
    assert_int_equal(vb_throttle_mail(throttle, "192.0.2.1", NULL), 0);
    vb_throttle_destroy(throttle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_has_ten_wrong_passwords_from_wherever_they_come),
        cmocka_unit_test(a_client_has_so_many_for_all_accounts_together),
        cmocka_unit_test(a_right_password_counts_for_nobody),
        cmocka_unit_test(a_right_password_forgives_the_accounts_wrong_ones),
        cmocka_unit_test(what_was_not_looked_at_does_not_count),
        cmocka_unit_test(a_throttled_account_costs_the_client_nothing),
        cmocka_unit_test(a_client_may_ask_for_so_many_mails),
        cmocka_unit_test(a_client_may_make_so_many_accounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
