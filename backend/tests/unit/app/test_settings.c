/* The environment of `vibe serve`: what is taken, and that everything wrong is named at once. */
#include "app/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"PORT",
                                    "DATABASE_URL",
                                    "AWS_REGION",
                                    "S3_BUCKET_NAME",
                                    "S3_ENDPOINT",
                                    "S3_PUBLIC_ENDPOINT",
                                    "CDN_BASE_URL",
                                    "CLOUDFRONT_DOMAIN",
                                    "JWT_SECRET",
                                    "RATE_LIMIT",
                                    "CORS_ALLOWED_ORIGINS",
                                    "TRUSTED_PROXIES",
                                    "LOG_LEVEL",
                                    "JWT_SECRET_PREVIOUS",
                                    "SMTP_URL",
                                    "MAIL_FROM",
                                    "PASSWORD_RESET_URL",
                                    "APPLE_ISSUER",
                                    "APPLE_JWKS_URL",
                                    "USER_RATE_LIMIT",
                                    "SWEEP_INTERVAL",
                                    "SWEEP_UPLOADS_AFTER",
                                    "SWEEP_REPLACED_AFTER"};

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    return 0;
}

static void set_required(void)
{
    setenv("DATABASE_URL", "postgresql://vibe:hunter2@db/vibe", 1);
    setenv("AWS_REGION", "eu-central-1", 1);
    setenv("S3_BUCKET_NAME", "vibe-media", 1);
    setenv("CLOUDFRONT_DOMAIN", "d111111abcdef8.cloudfront.net", 1);
    setenv("JWT_SECRET", "0123456789abcdef0123456789abcdef", 1);
}

static int read_all(struct vb_settings *settings, struct vb_error *err)
{
    struct vb_config config;
    int r;

    vb_config_init(&config);
    vb_settings_read_production(settings, &config);
    r = vb_config_finish(&config, err);
    vb_config_release(&config);
    return r;
}

static void the_intervals_of_the_sweeper_have_defaults(void **state)
{
    struct vb_settings settings;
    struct vb_error err;

    (void)state;
    set_required();
    assert_int_equal(read_all(&settings, NULL), 0);
    assert_int_equal(settings.sweep_interval_s, 60);
    assert_int_equal(settings.sweep_uploads_after_s, 1200);
    assert_int_equal(settings.sweep_replaced_after_s, 60);
    vb_settings_release(&settings);
    setenv("SWEEP_INTERVAL", "0", 1);
    setenv("SWEEP_UPLOADS_AFTER", "soon", 1);
    assert_int_equal(read_all(&settings, &err), -EINVAL);
    assert_non_null(strstr(err.message, "SWEEP_INTERVAL"));
    assert_non_null(strstr(err.message, "SWEEP_UPLOADS_AFTER"));
    vb_settings_release(&settings);
}

static void required_settings_are_enough(void **state)
{
    struct vb_settings settings;

    (void)state;
    set_required();
    assert_int_equal(read_all(&settings, NULL), 0);
    assert_int_equal(settings.port, 3000);
    assert_string_equal(settings.cdn_base_url, "https://d111111abcdef8.cloudfront.net");
    assert_null(settings.s3_endpoint);
    assert_null(settings.origins[0]);
    assert_true(settings.rate_per_s > 0);
    vb_settings_release(&settings);
}

static void everything_missing_is_named_at_once(void **state)
{
    static const char *const required[] = {"DATABASE_URL", "AWS_REGION", "S3_BUCKET_NAME", "JWT_SECRET",
                                           "CLOUDFRONT_DOMAIN"};
    struct vb_settings settings;
    struct vb_error err;

    (void)state;
    assert_int_equal(read_all(&settings, &err), -EINVAL);
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
        if (!strstr(err.message, required[i]))
            fail_msg("%s is not named in: %s", required[i], err.message);
    vb_settings_release(&settings);
}

static void everything_malformed_is_named_at_once_without_values(void **state)
{
    struct vb_settings settings;
    struct vb_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        setenv(names[i], "/no good/", 1);
    assert_int_equal(read_all(&settings, &err), -EINVAL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], "CLOUDFRONT_DOMAIN") != 0 && !strstr(err.message, names[i]))
            fail_msg("%s is not named in: %s", names[i], err.message);
    vb_settings_release(&settings);
    clear_environment(NULL);
    set_required();
    setenv("JWT_SECRET", "short-secret", 1);
    assert_int_equal(read_all(&settings, &err), -EINVAL);
    assert_null(strstr(err.message, "short-secret"));
    vb_settings_release(&settings);
}

static void lists_and_limits_are_read(void **state)
{
    struct vb_settings settings;

    (void)state;
    set_required();
    setenv("CORS_ALLOWED_ORIGINS", "https://a.example, http://localhost:8081", 1);
    setenv("RATE_LIMIT", "off", 1);
    setenv("CDN_BASE_URL", "https://media.example.com/", 1);
    setenv("PORT", "8081", 1);
    assert_int_equal(read_all(&settings, NULL), 0);
    assert_string_equal(settings.origins[0], "https://a.example");
    assert_string_equal(settings.origins[1], "http://localhost:8081");
    assert_null(settings.origins[2]);
    assert_int_equal(settings.rate_per_s, 0);
    assert_string_equal(settings.cdn_base_url, "https://media.example.com");
    assert_int_equal(settings.port, 8081);
    vb_settings_release(&settings);
}

static void rate_limit_off_turns_the_user_limit_off_unless_that_is_set(void **state)
{
    struct vb_settings settings;

    (void)state;
    set_required();
    assert_int_equal(read_all(&settings, NULL), 0);
    assert_int_equal(settings.user_rate_per_s, 50);
    assert_int_equal(settings.user_rate_burst, 200);
    vb_settings_release(&settings);
    setenv("RATE_LIMIT", "off", 1);
    assert_int_equal(read_all(&settings, NULL), 0);
    assert_int_equal(settings.user_rate_per_s, 0);
    vb_settings_release(&settings);
    setenv("USER_RATE_LIMIT", "5", 1);
    assert_int_equal(read_all(&settings, NULL), 0);
    assert_int_equal(settings.user_rate_per_s, 5);
    assert_int_equal(settings.user_rate_burst, 10);
    vb_settings_release(&settings);
}

static void mail_needs_a_sender_and_a_link(void **state)
{
    struct vb_settings settings;
    struct vb_error err;

    (void)state;
    set_required();
    setenv("SMTP_URL", "smtp://user:hunter2@mail.example.com", 1);
    assert_int_equal(read_all(&settings, &err), -EINVAL);
    assert_non_null(strstr(err.message, "MAIL_FROM"));
    assert_non_null(strstr(err.message, "PASSWORD_RESET_URL"));
    assert_null(strstr(err.message, "hunter2"));
    vb_settings_release(&settings);
    setenv("MAIL_FROM", "Vibe <no-reply@example.com>", 1);
    setenv("PASSWORD_RESET_URL", "vibe://reset/{token}", 1);
    assert_int_equal(read_all(&settings, NULL), 0);
    vb_settings_release(&settings);
}

static void up_to_three_earlier_secrets_are_read(void **state)
{
    static const char three[] = "11111111111111111111111111111111,22222222222222222222222222222222, "
                                "33333333333333333333333333333333";
    struct vb_settings settings;
    char four[160];

    (void)state;
    set_required();
    setenv("JWT_SECRET_PREVIOUS", three, 1);
    assert_int_equal(read_all(&settings, NULL), 0);
    assert_string_equal(settings.previous_jwt_secrets[2], "33333333333333333333333333333333");
    assert_null(settings.previous_jwt_secrets[3]);
    vb_settings_wipe_secrets(&settings);
    assert_null(settings.jwt_secret);
    assert_null(settings.previous_jwt_secrets[0]);
    assert_null(settings.previous_jwt_text);
    vb_settings_release(&settings);
    snprintf(four, sizeof(four), "%s,44444444444444444444444444444444", three);
    setenv("JWT_SECRET_PREVIOUS", four, 1);
    assert_int_equal(read_all(&settings, NULL), -EINVAL);
    vb_settings_release(&settings);
}

static int read_tls(struct vb_settings *settings, const char *cert, const char *key, struct vb_error *err)
{
    struct vb_config config;
    int r;

    vb_config_init(&config);
    *settings = (struct vb_settings){0};
    vb_settings_read_tls(settings, &config, cert, key);
    r = vb_config_finish(&config, err);
    vb_config_release(&config);
    return r;
}

static void a_certificate_and_its_key_come_together(void **state)
{
    struct vb_settings settings;
    struct vb_error err;

    (void)state;
    assert_int_equal(read_tls(&settings, NULL, NULL, NULL), 0);
    assert_null(settings.tls_cert);
    assert_int_equal(read_tls(&settings, "a.pem", NULL, &err), -EINVAL);
    assert_non_null(strstr(err.message, "TLS_KEY"));
    assert_int_equal(read_tls(&settings, NULL, "a.key", &err), -EINVAL);
    assert_non_null(strstr(err.message, "TLS_CERT"));
    setenv("TLS_CERT", "env.pem", 1);
    setenv("TLS_KEY", "env.key", 1);
    assert_int_equal(read_tls(&settings, "a.pem", "a.key", NULL), 0);
    assert_string_equal(settings.tls_cert, "a.pem");
    assert_string_equal(settings.tls_key, "a.key");
    unsetenv("TLS_CERT");
    unsetenv("TLS_KEY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(required_settings_are_enough, clear_environment),
        cmocka_unit_test_setup(the_intervals_of_the_sweeper_have_defaults, clear_environment),
        cmocka_unit_test_setup(everything_missing_is_named_at_once, clear_environment),
        cmocka_unit_test_setup(everything_malformed_is_named_at_once_without_values, clear_environment),
        cmocka_unit_test_setup(mail_needs_a_sender_and_a_link, clear_environment),
        cmocka_unit_test_setup(up_to_three_earlier_secrets_are_read, clear_environment),
        cmocka_unit_test_setup(a_certificate_and_its_key_come_together, clear_environment),
        cmocka_unit_test_setup(lists_and_limits_are_read, clear_environment),
        cmocka_unit_test_setup(rate_limit_off_turns_the_user_limit_off_unless_that_is_set, clear_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
