/* Token buckets, with a clock of the test's own. */
#include "http/ratelimit.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define START_MS 1000000

static int take(struct vb_ratelimit *limiter, const char *key, int64_t now_ms)
{
    return vb_ratelimit_take(limiter, key, now_ms, NULL, NULL);
}

static void the_setting_is_off_a_rate_or_rate_and_burst(void **state)
{
    static const char *const wrong[] = {"",
                                        "on",
                                        "0",
                                        "-1",
                                        "100/",
                                        "/100",
                                        "100/0",
                                        "1.5",
                                        "100 ",
                                        " 100",
                                        "100/200/",
                                        "10a",
                                        "1000001",
                                        "OFF",
                                        "1/2/3",
                                        "+5",
                                        "99999999999999999999",
                                        "1/99999999999999999999"};
    unsigned rate = 7, burst = 7;

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(wrong); i++) {
        assert_int_equal(vb_ratelimit_parse(wrong[i], &rate, &burst), -EINVAL);
        assert_int_equal(rate, 7);
        assert_int_equal(burst, 7);
    }
    assert_int_equal(vb_ratelimit_parse("100", &rate, &burst), 0);
    assert_int_equal(rate, 100);
    assert_int_equal(burst, 200);
    assert_int_equal(vb_ratelimit_parse("100/350", &rate, &burst), 0);
    assert_int_equal(rate, 100);
    assert_int_equal(burst, 350);
    assert_int_equal(vb_ratelimit_parse("5/1", &rate, &burst), 0);
    assert_int_equal(burst, 1);
    assert_int_equal(vb_ratelimit_parse("off", &rate, &burst), 0);
    assert_int_equal(rate, 0);
}

static void the_burst_passes_and_the_next_waits(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create(10, 5);
    unsigned retry_after_s = 99, remaining = 99;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(vb_ratelimit_take(limiter, "192.0.2.1", START_MS, &retry_after_s, &remaining), 0);
        assert_int_equal(remaining, 4 - i);
        assert_int_equal(retry_after_s, 0);
    }
    assert_int_equal(vb_ratelimit_take(limiter, "192.0.2.1", START_MS, &retry_after_s, &remaining), -EAGAIN);
    assert_int_equal(remaining, 0);
    assert_int_equal(retry_after_s, 1);
    assert_int_equal(take(limiter, "192.0.2.2", START_MS), 0); /* another client is not held up */
    vb_ratelimit_destroy(limiter);
}

static void tokens_come_back_at_the_rate_and_no_faster(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create(10, 5);
    unsigned passed = 0;

    (void)state;
    /* Ten seconds of asking every millisecond: the burst, then ten a second. */
    for (int64_t ms = 0; ms < 10000; ms++)
        passed += take(limiter, "192.0.2.1", START_MS + ms) == 0;
    assert_int_equal(passed, 5 + 99);
    /* Asking without a token costs none, and a long rest brings the burst back, but not more. */
    passed = 0;
    for (int i = 0; i < 20; i++)
        passed += take(limiter, "192.0.2.1", START_MS + 3600000) == 0;
    assert_int_equal(passed, 5);
    vb_ratelimit_destroy(limiter);
}

static void waiting_as_long_as_retry_after_says_is_enough(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create(1, 3);
    unsigned retry_after_s = 0;
    int64_t now_ms = START_MS;

    (void)state;
    for (int i = 0; i < 50; i++) {
        if (vb_ratelimit_take(limiter, "a", now_ms, &retry_after_s, NULL) == 0) {
            now_ms += 130;
            continue;
        }
        assert_true(retry_after_s >= 1);
        assert_int_equal(take(limiter, "a", now_ms + retry_after_s * 1000), 0);
        now_ms += retry_after_s * 1000;
    }
    vb_ratelimit_destroy(limiter);
}

static void a_clock_that_steps_back_does_no_harm(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create(10, 3);

    (void)state;
    assert_int_equal(take(limiter, "a", START_MS), 0);
    assert_int_equal(take(limiter, "a", START_MS - 50), 0); /* threads read the clock in another order */
    assert_int_equal(take(limiter, "a", START_MS), 0);
    assert_int_equal(take(limiter, "a", START_MS), -EAGAIN);
    assert_int_equal(take(limiter, "a", START_MS + 100), 0);
    vb_ratelimit_destroy(limiter);
}

static void an_ipv6_subscriber_has_one_bucket(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create(1, 1);

    (void)state;
    assert_int_equal(take(limiter, "2001:db8:1:2::1", START_MS), 0);
    assert_int_equal(take(limiter, "2001:db8:1:2:ffff:1:2:3", START_MS), -EAGAIN);
    assert_int_equal(take(limiter, "2001:0DB8:0001:0002::1", START_MS), -EAGAIN);
    assert_int_equal(take(limiter, "2001:db8:1:3::1", START_MS), 0);
    assert_int_equal(take(limiter, "192.0.2.1", START_MS), 0);
    assert_int_equal(take(limiter, "::ffff:192.0.2.1", START_MS), -EAGAIN); /* the same IPv4 address */
    assert_int_equal(take(limiter, "::ffff:192.0.2.2", START_MS), 0);
    assert_int_equal(take(limiter, "login:eve@example.com", START_MS), 0);
    assert_int_equal(take(limiter, "login:eve@example.com", START_MS), -EAGAIN);
    vb_ratelimit_destroy(limiter);
}

static void a_flood_of_addresses_does_not_free_the_abuser(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create(1, 100);
    char key[32];

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(take(limiter, "198.51.100.7", START_MS), 0);
    assert_int_equal(take(limiter, "198.51.100.7", START_MS), -EAGAIN);
    /* Five times as many clients as there is room for, one request each: they push out each other. */
    for (unsigned i = 0; i < 5 * VB_RATELIMIT_CLIENTS; i++) {
        snprintf(key, sizeof(key), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_int_equal(take(limiter, key, START_MS), 0);
    }
    assert_int_equal(take(limiter, "198.51.100.7", START_MS), -EAGAIN);
    vb_ratelimit_destroy(limiter);
}

static void tokens_given_back_or_refilled_can_be_taken_again(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create_slow(60, 3);
    unsigned retry_after_s = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(limiter, "a", START_MS), 0);
    assert_int_equal(vb_ratelimit_take(limiter, "a", START_MS, &retry_after_s, NULL), -EAGAIN);
    assert_int_equal(retry_after_s, 60);
    vb_ratelimit_give_back(limiter, "a");
    vb_ratelimit_give_back(limiter, "nobody");
    assert_int_equal(take(limiter, "a", START_MS), 0);
    assert_int_equal(take(limiter, "a", START_MS), -EAGAIN);
    assert_int_equal(take(limiter, "a", START_MS + 60000), 0);
    vb_ratelimit_refill(limiter, "a");
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(limiter, "a", START_MS + 60000), 0);
    assert_int_equal(take(limiter, "a", START_MS + 60000), -EAGAIN);
    vb_ratelimit_destroy(limiter);
}

static void no_limiter_lets_everything_pass(void **state)
{
    unsigned retry_after_s = 9, remaining = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(vb_ratelimit_take(NULL, "a", START_MS, &retry_after_s, &remaining), 0);
    assert_int_equal(retry_after_s, 0);
    assert_true(remaining > 0);
    vb_ratelimit_destroy(NULL);
}

struct crowd {
    struct vb_ratelimit *limiter;
    atomic_uint passed;
};

static void *crowd_in(void *context)
{
    struct crowd *crowd = context;

    for (int i = 0; i < 10000; i++) {
        if (take(crowd->limiter, "192.0.2.1", START_MS) == 0)
            atomic_fetch_add(&crowd->passed, 1);
    }
    return NULL;
}

static void threads_together_get_the_burst_and_no_more(void **state)
{
    struct crowd crowd = {.limiter = vb_ratelimit_create(10, 5000)};
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, crowd_in, &crowd);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.passed), 5000);
    vb_ratelimit_destroy(crowd.limiter);
}

static void the_policy_and_the_time_to_a_full_bucket_are_reported(void **state)
{
    struct vb_ratelimit *limiter = vb_ratelimit_create(100, 400), *slow = vb_ratelimit_create(2, 5);

    (void)state;
    assert_string_equal(vb_ratelimit_policy(limiter), "q=400;w=4");
    assert_string_equal(vb_ratelimit_policy(slow), "q=5;w=3"); /* two and a half seconds */
    assert_int_equal(vb_ratelimit_reset_s(slow, 5), 0);
    assert_int_equal(vb_ratelimit_reset_s(slow, 4), 1);
    assert_int_equal(vb_ratelimit_reset_s(slow, 1), 2);
    assert_int_equal(vb_ratelimit_reset_s(slow, UINT32_MAX), 0);
    vb_ratelimit_destroy(limiter);
    vb_ratelimit_destroy(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_is_off_a_rate_or_rate_and_burst),
        cmocka_unit_test(the_burst_passes_and_the_next_waits),
        cmocka_unit_test(tokens_come_back_at_the_rate_and_no_faster),
        cmocka_unit_test(waiting_as_long_as_retry_after_says_is_enough),
        cmocka_unit_test(a_clock_that_steps_back_does_no_harm),
        cmocka_unit_test(an_ipv6_subscriber_has_one_bucket),
        cmocka_unit_test(a_flood_of_addresses_does_not_free_the_abuser),
        cmocka_unit_test(tokens_given_back_or_refilled_can_be_taken_again),
        cmocka_unit_test(no_limiter_lets_everything_pass),
        cmocka_unit_test(threads_together_get_the_burst_and_no_more),
        cmocka_unit_test(the_policy_and_the_time_to_a_full_bucket_are_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
