/* The env file of `vibe up`: any value survives the round trip, through our reader and through a shell. */
#include "app/env_file.h"

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

static const struct vb_env_variable hostile[] = {
    {"PLAIN", "http://127.0.0.1:3000"},
    {"QUOTE", "it's"},
    {"QUOTES", "''"},
    {"ONLY_QUOTE", "'"},
    {"SPACES", "  a  b  "},
    {"COMMAND", "$(touch /tmp/vibe-env-file-was-run) `id` ${HOME} $PATH"},
    {"BACKSLASHES", "a\\nb\\\\'c\\"},
    {"NEWLINES", "one\ntwo='three'\n# four\n"},
    {"DOUBLE", "\"quoted\""},
    {"HASH", "# no comment"},
    {"EQUALS", "a=b=c"},
    {"UTF8", "smörgås 🌸 مرحبا"},
    {"CONTROL", "\x01\x1b[31m\t\r"},
};

static int setup(void **state)
{
    char *path = strdup("/tmp/vibe-env-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    *state = path;
    return 0;
}

static int teardown(void **state)
{
    unlink(*state);
    free(*state);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

struct expected {
    const struct vb_env_variable *all;
    size_t count, seen;
};

static void compare(void *context, const char *name, const char *value)
{
    struct expected *expected = context;

    assert_true(expected->seen < expected->count);
    assert_string_equal(name, expected->all[expected->seen].name);
    assert_string_equal(value, expected->all[expected->seen].value);
    expected->seen++;
}

static void hostile_values_survive_the_round_trip(void **state)
{
    struct expected expected = {hostile, VB_ARRAY_SIZE(hostile), 0};

    assert_int_equal(vb_env_file_write(*state, hostile, VB_ARRAY_SIZE(hostile), NULL), 0);
    vb_env_file_read(*state, compare, &expected);
    assert_int_equal(expected.seen, expected.count);
}

static void a_shell_reads_the_same_values_and_runs_nothing(void **state)
{
    char command[256], text[256];

    unlink("/tmp/vibe-env-file-was-run");
    assert_int_equal(vb_env_file_write(*state, hostile, VB_ARRAY_SIZE(hostile), NULL), 0);
    for (size_t i = 0; i < VB_ARRAY_SIZE(hostile); i++) {
        FILE *shell;
        size_t got;

        snprintf(command, sizeof(command), ". %s; printf '%%s' \"$%s\"", (char *)*state, hostile[i].name);
        shell = popen(command, "r");
        assert_non_null(shell);
        got = fread(text, 1, sizeof(text) - 1, shell);
        text[got] = '\0';
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(text, hostile[i].value);
    }
    assert_int_equal(access("/tmp/vibe-env-file-was-run", F_OK), -1);
}

static void variables_without_a_value_are_left_out(void **state)
{
    static const struct vb_env_variable some[] = {{"A", NULL}, {"B", ""}, {"C", "c"}};
    struct expected expected = {some + 2, 1, 0};

    assert_int_equal(vb_env_file_write(*state, some, 3, NULL), 0);
    vb_env_file_read(*state, compare, &expected);
    assert_int_equal(expected.seen, 1);
}

static void the_file_is_for_its_owner_alone(void **state)
{
    struct stat status;

    assert_int_equal(chmod(*state, 0644), 0);
    assert_int_equal(vb_env_file_write(*state, hostile, 1, NULL), 0);
    assert_int_equal(stat(*state, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void too_much_is_refused_and_the_file_stays_as_it_was(void **state)
{
    struct expected expected = {hostile, 1, 0};
    struct vb_error err = {0};
    char *huge = calloc(1, 70000);
    struct vb_env_variable variable = {"HUGE", huge};

    memset(huge, 'x', 69999);
    assert_int_equal(vb_env_file_write(*state, hostile, 1, NULL), 0);
    assert_int_equal(vb_env_file_write(*state, &variable, 1, &err), -EFBIG);
    assert_non_null(strstr(err.message, *state));
    vb_env_file_read(*state, compare, &expected);
    assert_int_equal(expected.seen, 1);
    free(huge);
}

static void what_a_person_wrote_by_hand_is_read_too(void **state)
{
    static const struct vb_env_variable wanted[] = {
        {"A", "plain"}, {"B", "a b"}, {"C", "mixed 'quotes'"}, {"D", ""}, {"E", "unterminated"}};
    struct expected expected = {wanted, VB_ARRAY_SIZE(wanted), 0};

    write_text(
        *state,
        "# a comment, A=1\n\nA=plain\nno variable\nB=a\\ b\nC='mixed '\\'quotes\\'\nD=\nE=untermin'ated'");
    vb_env_file_read(*state, compare, &expected);
    assert_int_equal(expected.seen, expected.count);
}

static void a_missing_or_empty_file_names_nothing(void **state)
{
    struct expected nothing = {0};

    vb_env_file_read("/nonexistent/env", compare, &nothing);
    write_text(*state, "");
    vb_env_file_read(*state, compare, &nothing);
    write_text(*state, "\n\n####\nno variable\n");
    vb_env_file_read(*state, compare, &nothing);
    assert_int_equal(nothing.seen, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hostile_values_survive_the_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shell_reads_the_same_values_and_runs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(variables_without_a_value_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_for_its_owner_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(too_much_is_refused_and_the_file_stays_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_person_wrote_by_hand_is_read_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_or_empty_file_names_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
