/* The data folder of `vibe up`: one process at a time, secrets made once and kept. */
#include "app/data_dir.h"

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

struct fixture {
    char root[64], path[80];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    snprintf(fixture->root, sizeof(fixture->root), "/tmp/vibe-data-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    snprintf(fixture->path, sizeof(fixture->path), "%s/a/b", fixture->root);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->root);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void secrets_are_made_once_and_kept_private(void **state)
{
    struct fixture *fixture = *state;
    struct vb_data_dir first, second;
    char file[128];
    struct stat st;

    assert_int_equal(vb_data_dir_open(fixture->path, &first, NULL), 0);
    assert_int_equal(strlen(first.access_key_id), 20);
    assert_true(strlen(first.jwt_secret) >= 32);
    snprintf(file, sizeof(file), "%s/secrets", fixture->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(first.lock);
    first.lock = -1;
    assert_int_equal(vb_data_dir_open(fixture->path, &second, NULL), 0);
    assert_string_equal(first.secret_access_key, second.secret_access_key);
    assert_string_equal(first.jwt_secret, second.jwt_secret);
    assert_string_equal(first.database_password, second.database_password);
    vb_data_dir_close(&first);
    vb_data_dir_close(&second);
}

static void a_second_vibe_up_in_the_same_folder_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct vb_data_dir first, second;
    struct vb_error err;

    assert_int_equal(vb_data_dir_open(fixture->path, &first, NULL), 0);
    assert_int_equal(vb_data_dir_open(fixture->path, &second, &err), -EWOULDBLOCK);
    assert_non_null(strstr(err.message, "in use by another"));
    assert_non_null(strstr(err.message, fixture->path));
    vb_data_dir_close(&first);
    assert_int_equal(vb_data_dir_open(fixture->path, &second, NULL), 0);
    vb_data_dir_close(&second);
}

static void damaged_secrets_are_not_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct vb_data_dir dir;
    struct vb_error err;
    char file[128];
    FILE *out;

    assert_int_equal(vb_data_dir_open(fixture->path, &dir, NULL), 0);
    vb_data_dir_close(&dir);
    snprintf(file, sizeof(file), "%s/secrets", fixture->path);
    out = fopen(file, "w");
    assert_non_null(out);
    fputs("JWT_SECRET=only this\n", out);
    fclose(out);
    assert_int_equal(vb_data_dir_open(fixture->path, &dir, &err), -EINVAL);
    assert_non_null(strstr(err.message, file));
}

static void a_file_in_the_place_of_the_folder_is_named(void **state)
{
    struct vb_data_dir dir;
    struct vb_error err;

    (void)state;
    assert_int_equal(vb_data_dir_open("/dev/null/vibe", &dir, &err), -ENOTDIR);
    assert_non_null(strstr(err.message, "/dev/null"));
    assert_non_null(strstr(err.hint, "--data"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secrets_are_made_once_and_kept_private, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_vibe_up_in_the_same_folder_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_secrets_are_not_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_in_the_place_of_the_folder_is_named, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
