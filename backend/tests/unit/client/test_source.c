/* What an upload sends: files and memory read the same, from any offset. */
#include "client/source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE     (sizeof(picture) - 1)
#define CHECKSUM "5c+7r01gTsKEbU5+JJ+O4dp44ToTczZ/66Nnd39Im8w=" /* openssl dgst -sha256 -binary | base64 */

static const char picture[] = "\xff\xd8\xff\xe0 and the rest of a picture";

static int make_file(void **state)
{
    char *path = strdup("/tmp/vibe-source-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0 && write(fd, picture, SIZE) == (ssize_t)SIZE);
    close(fd);
    *state = path;
    return 0;
}

static int remove_file(void **state)
{
    unlink(*state);
    free(*state);
    return 0;
}

static void assert_reads(struct vb_source *source)
{
    char buffer[64];

    assert_int_equal(source->size, SIZE);
    assert_int_equal(source->type, VB_MEDIA_JPEG);
    assert_string_equal(source->checksum, CHECKSUM);
    vb_source_seek(source, 0);
    assert_int_equal(vb_source_read(source, buffer, 4), 4);
    assert_memory_equal(buffer, picture, 4);
    assert_int_equal(vb_source_read(source, buffer, sizeof(buffer)), SIZE - 4);
    assert_memory_equal(buffer, picture + 4, SIZE - 4);
    assert_int_equal(vb_source_read(source, buffer, sizeof(buffer)), 0);
    vb_source_seek(source, 10);
    assert_int_equal(vb_source_read(source, buffer, 3), 3);
    assert_memory_equal(buffer, picture + 10, 3);
}

static void a_file_and_memory_read_the_same(void **state)
{
    struct vb_source source;

    assert_int_equal(vb_source_open(&source, *state, NULL), 0);
    assert_reads(&source);
    vb_source_close(&source);
    vb_source_memory(&source, picture, SIZE);
    assert_reads(&source);
    vb_source_close(&source);
}

static void progress_follows_what_is_read(void **state)
{
    struct vb_progress_bar progress = {0};
    struct vb_source source;
    char buffer[8];

    (void)state;
    vb_source_memory(&source, picture, SIZE);
    source.progress = &progress;
    vb_source_seek(&source, 0);
    assert_int_equal(progress.total, SIZE);
    vb_source_read(&source, buffer, sizeof(buffer));
    assert_int_equal(progress.done, 8);
    vb_source_seek(&source, 20); /* another part */
    assert_int_equal(progress.done, 20);
    vb_source_seek(&source, 0); /* sent again */
    assert_int_equal(progress.done, 0);
}

static void a_file_of_no_known_type_is_refused(void **state)
{
    struct vb_source source;
    struct vb_error err = {0};

    assert_int_equal(truncate(*state, 0), 0);
    assert_int_equal(vb_source_open(&source, *state, &err), -EINVAL);
    assert_non_null(strstr(err.message, *state));
    assert_string_equal(err.hint, "its first bytes decide, not its name");
    vb_source_close(&source);
}

static void what_is_no_file_is_refused(void **state)
{
    struct vb_source source;
    struct vb_error err = {0};

    (void)state;
    assert_int_equal(vb_source_open(&source, "/nonexistent/picture", &err), -ENOENT);
    assert_non_null(strstr(err.message, "/nonexistent/picture cannot be opened: No such file"));
    vb_source_close(&source);
    assert_int_equal(vb_source_open(&source, "/tmp", &err), -EINVAL);
    assert_string_equal(err.message, "/tmp is not a file");
    vb_source_close(&source);
    assert_int_equal(vb_source_open(&source, "/dev/zero", &err), -EINVAL);
    vb_source_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_and_memory_read_the_same, make_file, remove_file),
        cmocka_unit_test(progress_follows_what_is_read),
        cmocka_unit_test_setup_teardown(a_file_of_no_known_type_is_refused, make_file, remove_file),
        cmocka_unit_test(what_is_no_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
