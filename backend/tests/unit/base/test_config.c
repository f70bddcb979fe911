/* Settings: what is accepted, what is refused, and that one start names every problem without showing a
 * value. */
#include "base/config.h"

#include "base/cleanup.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "VB_TEST_SETTING"

static int64_t read_int(const char *text, unsigned *ret_problems)
{
    struct vb_config config VB_CLEANUP(vb_config_release);
    int64_t value;

    setenv(NAME, text, 1);
    vb_config_init(&config);
    value = vb_config_int(&config, NAME, -5, 65535, 77);
    *ret_problems = config.problem_count;
    unsetenv(NAME);
    return value;
}

static void unset_and_empty_variables_take_the_fallback(void **state)
{
    struct vb_config config VB_CLEANUP(vb_config_release);

    (void)state;
    vb_config_init(&config);
    for (int empty = 0; empty < 2; empty++) {
        if (empty)
            setenv(NAME, "", 1);
        else
            unsetenv(NAME);
        assert_string_equal(vb_config_string(&config, NAME, "f"), "f");
        assert_null(vb_config_string(&config, NAME, NULL));
        assert_int_equal(vb_config_int(&config, NAME, 1, 2, 99), 99);
        assert_string_equal(vb_config_url(&config, NAME, "http://f"), "http://f");
        assert_int_equal(config.problem_count, 0);
        assert_null(vb_config_required(&config, NAME, "the thing"));
        assert_int_equal(config.problem_count, 1);
        vb_config_release(&config);
        vb_config_init(&config);
    }
    setenv(NAME, "value", 1);
    assert_string_equal(vb_config_string(&config, NAME, "f"), "value");
    assert_string_equal(vb_config_required(&config, NAME, "the thing"), "value");
    assert_int_equal(vb_config_finish(&config, NULL), 0);
    unsetenv(NAME);
}

static void whole_numbers_within_bounds_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0}, {"-5", -5}, {"65535", 65535}, {"0080", 80}};
    static const char *const bad[] = {"-6",
                                      "65536",
                                      " 80",
                                      "80 ",
                                      "+80",
                                      "0x50",
                                      "8e1",
                                      "80.0",
                                      "eighty",
                                      "-",
                                      "--1",
                                      "\t1",
                                      "1,000",
                                      "9223372036854775808",
                                      "-99999999999999999999999",
                                      "80\n"};
    unsigned problems;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(read_int(good[i].text, &problems), good[i].value);
        assert_int_equal(problems, 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t value = read_int(bad[i], &problems);

        if (value != 77 || problems != 1)
            fail_msg("\"%s\" was read as %lld", bad[i], (long long)value);
    }
}

static void urls_are_plain_http_with_a_host(void **state)
{
    static const char *const good[] = {"http://a",
                                       "https://media.example.com",
                                       "http://127.0.0.1:9000",
                                       "http://localhost:9000/base",
                                       "http://[::1]:9000",
                                       "https://[fe80::1]",
                                       "https://a.b/c/d/",
                                       "http://a:1",
                                       "http://a:65535"};
    static const char *const bad[] = {"a",
                                      "example.com",
                                      "//a",
                                      "ftp://a",
                                      "http:/a",
                                      "http://",
                                      "https:///x",
                                      "http://u@a",
                                      "http://u:p@a",
                                      "http://a?q",
                                      "http://a#f",
                                      "http://a b",
                                      "http://a\tb",
                                      "http://a\nHost: b",
                                      "http://a\r",
                                      "http://a\x7f",
                                      "http://\"a\"",
                                      "http://:9000",
                                      "http://a:",
                                      "http://a:0",
                                      "http://a:65536",
                                      "http://a:99999999999",
                                      "http://a:http",
                                      "http://a:80b",
                                      "http://[::1",
                                      "http://[]",
                                      "http://[::1]x",
                                      "http://[::1]:x",
                                      "postgresql://h/d",
                                      " http://a",
                                      "http://a\\b"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(bad) / sizeof(bad[0]); i++) {
        const size_t good_count = sizeof(good) / sizeof(good[0]);
        const char *url = i < good_count ? good[i] : bad[i - good_count],
                   *expected = i < good_count ? url : "fallback";
        struct vb_config config VB_CLEANUP(vb_config_release);

        setenv(NAME, url, 1);
        vb_config_init(&config);
        if (strcmp(vb_config_url(&config, NAME, "fallback"), expected) != 0 ||
            config.problem_count != (i >= good_count))
            fail_msg("\"%s\" was judged wrongly", url);
        unsetenv(NAME);
    }
}

static void all_problems_are_named_at_once_without_values(void **state)
{
    struct vb_config config VB_CLEANUP(vb_config_release);
    struct vb_error err;

    (void)state;
    setenv("VB_TEST_PORT", "s3cr3t-port", 1);
    setenv("VB_TEST_URL", "s3cr3t-url", 1);
    vb_config_init(&config);
    vb_config_required(&config, "VB_TEST_DATABASE", "the PostgreSQL to use, e.g. postgresql://…");
    vb_config_int(&config, "VB_TEST_PORT", 1, 65535, 3000);
    vb_config_url(&config, "VB_TEST_URL", NULL);
    vb_config_problem(&config, "VB_TEST_SECRET", "must have at least %d bytes", 32);
    assert_int_equal(vb_config_finish(&config, &err), -EINVAL);
    assert_int_equal(err.code, EINVAL);
    assert_string_equal(
        err.message,
        "4 settings are wrong:\n"
        "  VB_TEST_DATABASE: is missing; it is the PostgreSQL to use, e.g. postgresql://…\n"
        "  VB_TEST_PORT: must be a whole number from 1 to 65535\n"
        "  VB_TEST_URL: must be an http:// or https:// URL without user, query or fragment, e.g. "
        "https://media.example.com\n"
        "  VB_TEST_SECRET: must have at least 32 bytes");
    assert_null(strstr(err.message, "s3cr3t"));
    assert_int_equal(vb_config_finish(&config, NULL), -EINVAL);
    unsetenv("VB_TEST_PORT");
    unsetenv("VB_TEST_URL");
}

static void one_problem_is_in_the_singular(void **state)
{
    struct vb_config config VB_CLEANUP(vb_config_release);
    struct vb_error err;

    (void)state;
    vb_config_init(&config);
    vb_config_problem(&config, "A", "is odd");
    vb_config_finish(&config, &err);
    assert_string_equal(err.message, "1 setting is wrong:\n  A: is odd");
}

/* The production start with nothing set right: every variable of the contract, each with its reason. */
static void a_start_with_everything_wrong_still_names_everything(void **state)
{
    static const char *const names[] = {
        "PORT",        "DATABASE_URL",         "AWS_REGION",      "S3_BUCKET_NAME",
        "S3_ENDPOINT", "S3_PUBLIC_ENDPOINT",   "CDN_BASE_URL",    "CLOUDFRONT_DOMAIN",
        "JWT_SECRET",  "CORS_ALLOWED_ORIGINS", "TRUSTED_PROXIES", "RATE_LIMIT",
        "LOG_LEVEL"};
    const size_t count = sizeof(names) / sizeof(names[0]);

    (void)state;
    for (int extra = 0; extra < 2; extra++) { /* with reasons of a usual length, and with far too long ones */
        struct vb_config config VB_CLEANUP(vb_config_release);
        struct vb_error err;

        vb_config_init(&config);
        for (size_t i = 0; i < count; i++)
            vb_config_problem(&config, names[i], "%*s", extra ? 2000 : 100, "reason: x");
        assert_int_equal(vb_config_finish(&config, &err), -EINVAL);
        for (size_t i = 0; i < count; i++)
            if (!strstr(err.message, names[i]))
                fail_msg("%s is not named in: %s", names[i], err.message);
        if (!extra)
            assert_non_null(strstr(err.message, "reason: x\n  LOG_LEVEL: "));
        else
            assert_string_equal(
                err.message,
                "13 settings are missing or wrong: PORT, DATABASE_URL, AWS_REGION, S3_BUCKET_NAME, "
                "S3_ENDPOINT, S3_PUBLIC_ENDPOINT, CDN_BASE_URL, CLOUDFRONT_DOMAIN, JWT_SECRET, "
                "CORS_ALLOWED_ORIGINS, TRUSTED_PROXIES, RATE_LIMIT, LOG_LEVEL");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unset_and_empty_variables_take_the_fallback),
        cmocka_unit_test(whole_numbers_within_bounds_are_read),
        cmocka_unit_test(urls_are_plain_http_with_a_host),
        cmocka_unit_test(all_problems_are_named_at_once_without_values),
        cmocka_unit_test(one_problem_is_in_the_singular),
        cmocka_unit_test(a_start_with_everything_wrong_still_names_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
