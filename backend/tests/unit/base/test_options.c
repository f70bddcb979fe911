/* Commands, subcommands and options from tables: what is taken, what is refused, what the help shows. */
#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define RAN 40 /* an exit status that only the commands below return */

struct values {
    const char *text, *file, *second;
    uint16_t port;
    unsigned number;
    bool flag;
};

/* What the command that ran last was given; which: 0 none, 1 plain, 2 first, 3 last. */
static struct values seen;
static int which;

static int note(const struct values *values, int command)
{
    seen = *values;
    which = command;
    return RAN;
}

static int run_plain(void *values)
{
    return note(values, 1);
}

static int run_first(void *values)
{
    return note(values, 2);
}

static int run_last(void *values)
{
    return note(values, 3);
}

static const struct vb_option plain_options[] = {
    {VB_STRING(struct values, text, "text", "TEXT", "a text"), .letter = 't'},
    {VB_PORT(struct values, port, "port", "a port")},
    {VB_NUMBER(struct values, number, "number", "N", 9, "a number")},
    {VB_FLAG(struct values, flag, "flag", "a flag")},
    {.kind = VB_OPERAND, .name = "FILE", .help = "a file", .field = offsetof(struct values, file)},
    {.kind = VB_OPERAND, .name = "SECOND", .help = "another", .field = offsetof(struct values, second)},
    {.name = NULL}};

static const struct vb_command plain = {.name = "plain",
                                        .summary = "is plain",
                                        .description = "Is plain.",
                                        .footer = "The end.",
                                        .options = plain_options,
                                        .values_size = sizeof(struct values),
                                        .defaults = &(const struct values){.text = "kept", .port = 7},
                                        .run = run_plain};

static const struct vb_option first_options[] = {
    {VB_REQUIRED_OPERAND(struct values, file, "FILE", "the file to read")},
    {VB_STRING(struct values, text, "text", "TEXT", "a text"), .letter = 't', .required = true},
    {VB_FLAG(struct values, flag, "flag", "a flag")},
    {.name = NULL}};

static const struct vb_option last_options[] = {
    {VB_FLAG(struct values, flag, "flag", "a flag")},
    {VB_NUMBER(struct values, number, "number", "N", 9, "a number")},
    {.name = NULL}};

static const struct vb_option shared_options[] = {{VB_PORT(struct values, port, "port", "a port")},
                                                  {.name = NULL}};

static const struct vb_subcommand subcommands[] = {{"first", "reads a file", first_options, run_first},
                                                   {"last", "does little", last_options, run_last},
                                                   {.name = NULL}};

static const struct vb_command parent = {.name = "parent",
                                         .summary = "has two",
                                         .options = shared_options,
                                         .subcommands = subcommands,
                                         .values_size = sizeof(struct values)};

static const struct vb_command bare = {.name = "bare", .summary = "takes nothing", .run = run_plain};

/* ---- running a command, with what it prints ---- */

static char out[8192], err[8192];

/* Sends a stream into a file in memory; returns the stream's own descriptor, to be put back. */
static int capture(FILE *stream, int *ret_file)
{
    int kept = dup(fileno(stream));

    fflush(stream);
    *ret_file = memfd_create("captured", 0);
    assert_true(kept >= 0 && *ret_file >= 0);
    assert_true(dup2(*ret_file, fileno(stream)) >= 0);
    return kept;
}

static void release(FILE *stream, int kept, int file, char *text, size_t size)
{
    ssize_t got;

    fflush(stream);
    assert_true(dup2(kept, fileno(stream)) >= 0);
    got = pread(file, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(kept);
    close(file);
}

static int run_words(const struct vb_command *command, int count, const char *const *words)
{
    char *argv[16];
    int out_file, err_file, kept_out = capture(stdout, &out_file), kept_err = capture(stderr, &err_file), r;

    which = 0;
    for (int i = 0; i < count; i++)
        argv[i] = (char *)(uintptr_t)words[i];
    r = vb_command_run(command, count, argv);
    release(stdout, kept_out, out_file, out, sizeof(out));
    release(stderr, kept_err, err_file, err, sizeof(err));
    return r;
}

#define RUN(command, ...)                                                                                    \
    run_words(&(command), (int)(sizeof((const char *[]){"name", __VA_ARGS__}) / sizeof(char *)),             \
              (const char *[]){"name", __VA_ARGS__})

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
}

/* Wrong use: status 2, a sentence that begins with the program's name, nothing on stdout, nothing done. */
static void assert_misused(int status, const char *words)
{
    assert_int_equal(status, 2);
    assert_int_equal(which, 0);
    assert_string_equal(out, "");
    assert_int_equal(strncmp(err, "vibe: ", 6), 0);
    assert_has(err, words);
}

/* ---- options ---- */

static void both_forms_of_a_value_are_taken(void **state)
{
    (void)state;
    assert_int_equal(RUN(plain, "--text", "a", "--port=8080", "--flag", "--number", "9"), RAN);
    assert_string_equal(seen.text, "a");
    assert_int_equal(seen.port, 8080);
    assert_int_equal(seen.number, 9);
    assert_true(seen.flag);
    assert_int_equal(RUN(plain, "--text=b=c"), RAN);
    assert_string_equal(seen.text, "b=c");
}

static void a_letter_is_as_good_as_the_name(void **state)
{
    (void)state;
    assert_int_equal(RUN(plain, "-t", "a=b"), RAN);
    assert_string_equal(seen.text, "a=b");
    assert_misused(RUN(plain, "-t"), "needs a value: -t");
    assert_misused(RUN(plain, "-tx"), "unknown option: -tx");
    assert_misused(RUN(plain, "-p", "1"), "unknown option: -p");
}

static void operands_stand_anywhere_and_keep_their_order(void **state)
{
    (void)state;
    assert_int_equal(RUN(plain, "one", "--flag", "--", "--two"), RAN);
    assert_string_equal(seen.file, "one");
    assert_string_equal(seen.second, "--two");
    assert_int_equal(RUN(plain, "-"), RAN);
    assert_string_equal(seen.file, "-");
    assert_int_equal(RUN(plain, ""), RAN);
    assert_string_equal(seen.file, "");
}

static void an_option_that_is_not_given_keeps_its_default(void **state)
{
    (void)state;
    assert_int_equal(RUN(plain, "--flag"), RAN);
    assert_string_equal(seen.text, "kept");
    assert_int_equal(seen.port, 7);
    assert_null(seen.file);
}

static void a_value_may_look_like_an_option(void **state)
{
    (void)state;
    assert_int_equal(RUN(plain, "--text", "--help"), RAN);
    assert_string_equal(seen.text, "--help");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    assert_misused(RUN(plain, "--unknown"), "unknown option: --unknown");
    assert_misused(RUN(plain, "--tex", "a"), "unknown option: --tex");
    assert_misused(RUN(plain, "--text"), "needs a value: --text");
    assert_misused(RUN(plain, "--text="), "not empty: --text=");
    assert_misused(RUN(plain, "--flag=yes"), "takes no value: --flag=yes");
    assert_misused(RUN(plain, "--port", "65536"), "--port is a whole number from 0 to 65535, not: 65536");
    assert_misused(RUN(plain, "--port", "-1"), "not: -1");
    assert_misused(RUN(plain, "--port", "80x"), "not: 80x");
    assert_misused(RUN(plain, "--number", "10"), "--number is a whole number from 0 to 9, not: 10");
    assert_misused(RUN(plain, "--number", "99999999999999999999"), "not: 9999");
    assert_misused(RUN(plain, "--number="), "from 0 to 9, not: ");
    assert_misused(RUN(plain, "a", "b", "c"), "unexpected argument: c");
    assert_misused(RUN(bare, "a"), "unexpected argument: a\nusage: vibe bare   (--help");
}

/* ---- subcommands ---- */

static void a_subcommand_runs_with_its_options_and_those_of_the_command(void **state)
{
    (void)state;
    assert_int_equal(RUN(parent, "first", "x", "-t", "y", "--port", "5"), RAN);
    assert_int_equal(which, 2);
    assert_string_equal(seen.file, "x");
    assert_string_equal(seen.text, "y");
    assert_int_equal(seen.port, 5);
    assert_int_equal(RUN(parent, "last", "--number=3"), RAN);
    assert_int_equal(which, 3);
    assert_int_equal(seen.number, 3);
}

static void options_may_stand_before_the_subcommand(void **state)
{
    (void)state;
    assert_int_equal(RUN(parent, "--port", "5", "--text=last", "-t", "first", "first", "last"), RAN);
    assert_int_equal(which, 2);
    assert_string_equal(seen.text, "first");
    assert_string_equal(seen.file, "last");
    assert_int_equal(RUN(parent, "--flag", "--", "last"), RAN);
    assert_int_equal(which, 3);
    assert_true(seen.flag);
}

static void an_unknown_subcommand_is_answered_with_the_list(void **state)
{
    (void)state;
    assert_misused(RUN(parent, "third"), "no subcommand 'third': it is followed by first or last\n");
    assert_misused(RUN(parent, "--flag"), "parent is followed by first or last\n");
    assert_misused(RUN(parent, "third", "--help"), "no subcommand 'third'");
}

static void an_option_of_another_subcommand_is_said_to_be_that(void **state)
{
    (void)state;
    assert_misused(RUN(parent, "last", "--text", "x"), "an option of first, not of last: --text\n");
    assert_misused(RUN(parent, "--text", "x", "last"), "an option of first, not of last: --text\n");
    assert_misused(RUN(parent, "last", "--textual"), "unknown option: --textual");
}

static void a_missing_operand_or_option_is_named(void **state)
{
    (void)state;
    assert_misused(RUN(parent, "first", "-t", "x"), "FILE is missing: the file to read\n");
    assert_misused(RUN(parent, "first", "x"), "--text is missing: a text\n");
    assert_has(err, "usage: vibe parent first FILE -t TEXT [options]   (--help");
}

/* ---- help ---- */

static void help_of_a_command_shows_its_table(void **state)
{
    (void)state;
    assert_int_equal(RUN(plain, "--flag", "--help", "--nonsense"), 0);
    assert_int_equal(which, 0);
    assert_string_equal(err, "");
    assert_string_equal(out, "usage: vibe plain FILE SECOND [options]\n"
                             "\n"
                             "Is plain.\n"
                             "\n"
                             "  -t, --text TEXT          a text\n"
                             "  --port PORT              a port\n"
                             "  --number N               a number\n"
                             "  --flag                   a flag\n"
                             "  FILE                     a file\n"
                             "  SECOND                   another\n"
                             "  --help                   show this\n"
                             "\n"
                             "The end.\n");
}

static void help_of_a_command_with_subcommands_says_whose_each_option_is(void **state)
{
    static const char text[] = "usage: vibe parent first FILE -t TEXT [options]\n"
                               "       vibe parent last [options]\n"
                               "\n"
                               "  first      reads a file\n"
                               "  last       does little\n"
                               "\n"
                               "  -t, --text TEXT          first: a text\n"
                               "  --flag                   first, last: a flag\n"
                               "  --number N               last: a number\n"
                               "  --port PORT              a port\n"
                               "  --help                   show this\n";

    (void)state;
    assert_int_equal(RUN(parent, "--help"), 0);
    assert_string_equal(out, text);
    assert_int_equal(RUN(parent, "--port", "1", "-h"), 0);
    assert_string_equal(out, text);
}

static void help_of_a_subcommand_shows_what_it_takes(void **state)
{
    static const char text[] = "usage: vibe parent last [options]\n"
                               "\n"
                               "last does little.\n"
                               "\n"
                               "  --flag                   a flag\n"
                               "  --number N               a number\n"
                               "  --port PORT              a port\n"
                               "  --help                   show this\n";

    (void)state;
    assert_int_equal(RUN(parent, "last", "--help"), 0);
    assert_string_equal(out, text);
    assert_int_equal(RUN(parent, "--help", "last"), 0);
    assert_string_equal(out, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_a_value_are_taken),
        cmocka_unit_test(a_letter_is_as_good_as_the_name),
        cmocka_unit_test(operands_stand_anywhere_and_keep_their_order),
        cmocka_unit_test(an_option_that_is_not_given_keeps_its_default),
        cmocka_unit_test(a_value_may_look_like_an_option),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_subcommand_runs_with_its_options_and_those_of_the_command),
        cmocka_unit_test(options_may_stand_before_the_subcommand),
        cmocka_unit_test(an_unknown_subcommand_is_answered_with_the_list),
        cmocka_unit_test(an_option_of_another_subcommand_is_said_to_be_that),
        cmocka_unit_test(a_missing_operand_or_option_is_named),
        cmocka_unit_test(help_of_a_command_shows_its_table),
        cmocka_unit_test(help_of_a_command_with_subcommands_says_whose_each_option_is),
        cmocka_unit_test(help_of_a_subcommand_shows_what_it_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
