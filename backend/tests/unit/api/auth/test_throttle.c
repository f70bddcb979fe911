/* Guessing is slow for one account and for one client, and costs nobody who knows the password. */
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

static void an_account_is_throttled_after_ten_wrong_passwords_from_any_clients(void **state)
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

static void a_client_is_throttled_after_wrong_passwords_for_any_accounts(void **state)
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

static void a_right_password_counts_for_neither_account_nor_client(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();

    (void)state;
    for (int i = 0; i < 3 * VB_THROTTLE_CLIENT_WRONG; i++) {
        assert_int_equal(guess(throttle, "anna@example.com", "192.0.2.1"), 0);
        vb_throttle_succeeded(throttle, "Anna@example.com", "192.0.2.1");
    }
    vb_throttle_destroy(throttle);
}

static void a_right_password_resets_the_accounts_count(void **state)
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

static void an_abandoned_check_does_not_count(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();

    (void)state;
    for (int i = 0; i < 3 * VB_THROTTLE_CLIENT_WRONG; i++) {
        assert_int_equal(guess(throttle, "anna@example.com", "192.0.2.1"), 0);
        vb_throttle_abandon(throttle, "anna@example.com", "192.0.2.1");
    }
    vb_throttle_destroy(throttle);
}

static void a_check_refused_for_the_account_does_not_count_for_the_client(void **state)
{
    struct vb_throttle *throttle = vb_throttle_create();

    (void)state;
    for (int i = 0; i < 3 * VB_THROTTLE_CLIENT_WRONG; i++)
        guess(throttle, "anna@example.com", "192.0.2.1");
    assert_int_equal(guess(throttle, "bert@example.com", "192.0.2.1"), 0);
    vb_throttle_destroy(throttle);
}

static void a_client_is_throttled_after_too_many_mails(void **state)
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

static void a_client_is_throttled_after_too_many_accounts(void **state)
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
        cmocka_unit_test(an_account_is_throttled_after_ten_wrong_passwords_from_any_clients),
        cmocka_unit_test(a_client_is_throttled_after_wrong_passwords_for_any_accounts),
        cmocka_unit_test(a_right_password_counts_for_neither_account_nor_client),
        cmocka_unit_test(a_right_password_resets_the_accounts_count),
        cmocka_unit_test(an_abandoned_check_does_not_count),
        cmocka_unit_test(a_check_refused_for_the_account_does_not_count_for_the_client),
        cmocka_unit_test(a_client_is_throttled_after_too_many_mails),
        cmocka_unit_test(a_client_is_throttled_after_too_many_accounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
