/* Command-line options: what is taken, what is refused. */
#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct values {
    const char *text;
    uint16_t port;
    bool flag;
    const char *positional[2];
};

static int parse(struct values *values, int argc, const char *const *words)
{
    const struct vb_option options[] = {{VB_OPTION_STRING, "text", "TEXT", "a text", &values->text, 't'},
                                        {VB_OPTION_PORT, "port", "PORT", "a port", &values->port},
                                        {VB_OPTION_FLAG, "flag", NULL, "a flag", &values->flag},
                                        {.name = NULL}};
    const struct vb_usage usage = {"vibe test", "Tests.", options, NULL};
    char *argv[16];

    for (int i = 0; i < argc; i++)
        argv[i] = (char *)(uintptr_t)words[i];
    return vb_options_parse(&usage, argc, argv, values->positional, 2);
}

#define PARSE(values, ...)                                                                                   \
    parse(values, (int)(sizeof((const char *[]){"test", __VA_ARGS__}) / sizeof(char *)),                     \
          (const char *[]){"test", __VA_ARGS__})

static void both_forms_of_values_are_taken(void **state)
{
    struct values values = {0};

    (void)state;
    assert_int_equal(PARSE(&values, "--text", "a", "--port=8080", "--flag"), 0);
    assert_string_equal(values.text, "a");
    assert_int_equal(values.port, 8080);
    assert_true(values.flag);
    assert_int_equal(PARSE(&values, "--text=b=c"), 0);
    assert_string_equal(values.text, "b=c");
}

static void a_letter_is_as_good_as_the_name(void **state)
{
    struct values values = {0};

    (void)state;
    assert_int_equal(PARSE(&values, "-t", "a=b"), 0);
    assert_string_equal(values.text, "a=b");
    assert_int_equal(PARSE(&values, "-t"), -2);
    assert_int_equal(PARSE(&values, "-tx"), -2);
    assert_int_equal(PARSE(&values, "-p", "1"), -2);
}

static void positional_arguments_may_stand_anywhere(void **state)
{
    struct values values = {0};

    (void)state;
    assert_int_equal(PARSE(&values, "one", "--flag", "--", "--two"), 2);
    assert_string_equal(values.positional[0], "one");
    assert_string_equal(values.positional[1], "--two");
    assert_int_equal(PARSE(&values, "-"), 1);
}

static void what_is_not_given_keeps_its_value(void **state)
{
    struct values values = {.text = "kept", .port = 7};

    (void)state;
    assert_int_equal(PARSE(&values, "--flag"), 0);
    assert_string_equal(values.text, "kept");
    assert_int_equal(values.port, 7);
}

static void nonsense_is_refused(void **state)
{
    struct values values = {0};

    (void)state;
    assert_int_equal(PARSE(&values, "--unknown"), -2);
    assert_int_equal(PARSE(&values, "-x"), -2);
    assert_int_equal(PARSE(&values, "--text"), -2);
    assert_int_equal(PARSE(&values, "--text="), -2);
    assert_int_equal(PARSE(&values, "--flag=yes"), -2);
    assert_int_equal(PARSE(&values, "--port", "65536"), -2);
    assert_int_equal(PARSE(&values, "--port", "-1"), -2);
    assert_int_equal(PARSE(&values, "--port", "80x"), -2);
    assert_int_equal(PARSE(&values, "a", "b", "c"), -2);
}

static void help_asks_to_end(void **state)
{
    struct values values = {0};

    (void)state;
    assert_int_equal(PARSE(&values, "--flag", "--help"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_values_are_taken),
        cmocka_unit_test(a_letter_is_as_good_as_the_name),
        cmocka_unit_test(positional_arguments_may_stand_anywhere),
        cmocka_unit_test(what_is_not_given_keeps_its_value),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(help_asks_to_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
