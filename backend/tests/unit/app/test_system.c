/* The system that a command works on: options, the environment, or the `vibe up` of the folder; never
 * a mixture. */
#include "app/system.h"

#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {
    "S3_BUCKET_NAME", "DATABASE_URL",      "S3_ENDPOINT",           "AWS_REGION",
    "VIBE_API_URL",   "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"};

/* A folder with the env file of a `vibe up`, and nothing in the environment. */
static int setup(void **state)
{
    char *folder = strdup("/tmp/vibe-system-XXXXXX");
    FILE *file;

    for (size_t i = 0; i < VB_ARRAY_SIZE(names); i++)
        unsetenv(names[i]);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir(".vibe", 0700), 0);
    file = fopen(".vibe/env", "w");
    assert_non_null(file);
    fputs("VIBE_API_URL='http://127.0.0.1:1111'\nDATABASE_URL='postgresql://vibe:p@127.0.0.1:2222/vibe'\n"
          "S3_BUCKET_NAME='of-the-folder'\nAWS_REGION='us-east-1'\nAWS_ENDPOINT_URL_S3='http://"
          "127.0.0.1:3333'\n"
          "AWS_ACCESS_KEY_ID='key'\nAWS_SECRET_ACCESS_KEY='secret'\n",
          file);
    fclose(file);
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    unlink(".vibe/env");
    rmdir(".vibe");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(*state), 0);
    free(*state);
    return 0;
}

static void an_option_wins_over_the_environment_and_that_over_the_folder(void **state)
{
    const char *url;

    (void)state;
    assert_int_equal(vb_system_database(NULL, &url, NULL), 0);
    assert_string_equal(url, "postgresql://vibe:p@127.0.0.1:2222/vibe");
    setenv("DATABASE_URL", "postgres://of-the-environment", 1);
    assert_int_equal(vb_system_database(NULL, &url, NULL), 0);
    assert_string_equal(url, "postgres://of-the-environment");
    assert_int_equal(vb_system_database("postgresql://of-the-option", &url, NULL), 0);
    assert_string_equal(url, "postgresql://of-the-option");
}

static void an_environment_that_names_a_system_is_not_completed_from_the_folder(void **state)
{
    static const char *const bucket_or_database[] = {"S3_BUCKET_NAME", "S3_ENDPOINT", "AWS_REGION",
                                                     "AWS_ENDPOINT_URL_S3"};
    struct vb_error err = {0};
    const char *url = "untouched";

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(bucket_or_database); i++) {
        setenv(bucket_or_database[i], "x", 1);
        assert_int_equal(vb_system_database(NULL, &url, &err), -EINVAL);
        assert_string_equal(url, "untouched");
        unsetenv(bucket_or_database[i]);
    }
    assert_string_equal(err.message, "no database is named");
    assert_non_null(strstr(err.hint, "DATABASE_URL"));
    assert_non_null(strstr(err.hint, "vibe up"));
}

static void a_url_of_another_kind_is_refused_without_being_shown(void **state)
{
    struct vb_error err = {0};
    const char *url;

    (void)state;
    assert_int_equal(vb_system_database("mysql://user:password@host/x", &url, &err), -EINVAL);
    assert_string_equal(err.message, "--database is no postgresql:// URL");
    setenv("DATABASE_URL", "nonsense", 1);
    assert_int_equal(vb_system_database(NULL, &url, &err), -EINVAL);
    assert_string_equal(err.message, "DATABASE_URL is no postgresql:// URL");
}

static void assert_api(const char *option, const char *expected)
{
    char *api = vb_system_api(option);

    assert_string_equal(api, expected);
    free(api);
}

static void the_api_is_found_without_a_final_slash(void **state)
{
    (void)state;
    assert_api(NULL, "http://127.0.0.1:1111");
    setenv("VIBE_API_URL", "https://api.example.com//", 1);
    assert_api(NULL, "https://api.example.com");
    assert_api("http://other/", "http://other");
    setenv("VIBE_API_URL", "", 1);
    unlink(".vibe/env");
    assert_api(NULL, VB_SYSTEM_API_URL);
}

static void a_bucket_is_that_of_the_folder(void **state)
{
    struct vb_bucket bucket;

    (void)state;
    assert_int_equal(vb_bucket_open(&bucket, true, NULL), 0);
    assert_string_equal(bucket.name, "of-the-folder");
    assert_string_equal(bucket.database_url, "postgresql://vibe:p@127.0.0.1:2222/vibe");
    assert_non_null(bucket.s3);
    vb_bucket_close(&bucket);
    assert_int_equal(vb_bucket_open(&bucket, false, NULL), 0);
    assert_null(bucket.database_url);
    vb_bucket_close(&bucket);
}

static void everything_that_a_bucket_lacks_is_named_at_once(void **state)
{
    struct vb_error err = {0};
    struct vb_bucket bucket;

    (void)state;
    setenv("S3_ENDPOINT", "ftp://x", 1);
    assert_int_equal(vb_bucket_open(&bucket, true, &err), -EINVAL);
    vb_bucket_close(&bucket);
    for (size_t i = 0; i < 4; i++)
        assert_non_null(strstr(err.message, names[i]));
    assert_non_null(strstr(err.hint, "vibe up"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_option_wins_over_the_environment_and_that_over_the_folder, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_environment_that_names_a_system_is_not_completed_from_the_folder,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_url_of_another_kind_is_refused_without_being_shown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_api_is_found_without_a_final_slash, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bucket_is_that_of_the_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_that_a_bucket_lacks_is_named_at_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
