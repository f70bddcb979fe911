/* Commands, subcommands and options from tables: see options.h. */
#include "base/options.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/options_help.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The tables of a command line: the rows of the subcommand, then those of the command. */
struct parser {
    const struct vb_command *command;
    const struct vb_subcommand *subcommand; /* NULL: the command has none */
    unsigned char *values;
};

static const struct vb_subcommand *find_subcommand(const struct vb_command *command, const char *name)
{
    for (const struct vb_subcommand *one = vb_subcommand_rows(command); one->name; one++)
        if (strcmp(one->name, name) == 0)
            return one;
    return NULL;
}

/* ---- complaints ---- */

static int complain(const struct parser *parser, const char *problem, const char *which)
{
    fprintf(stderr, VB_PROGRAM ": %s: %s\n", problem, which);
    vb_usage_print(stderr, parser->command, parser->subcommand);
    fprintf(stderr, "   (--help shows all)\n");
    return -EINVAL;
}

int vb_command_misused(const struct vb_command *command, const char *subcommand, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, VB_PROGRAM ": ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    vb_usage_print(stderr, command, subcommand ? find_subcommand(command, subcommand) : NULL);
    fprintf(stderr, "   (--help shows all)\n");
    return 2;
}

/* word: what stands in the place of a subcommand; NULL: nothing. */
static int complain_subcommand(const struct vb_command *command, const char *word)
{
    const struct vb_subcommand *one = vb_subcommand_rows(command);

    if (!one->name) {
        fprintf(stderr, VB_PROGRAM ": %s has no subcommands; '" VB_PROGRAM " %s --help' shows its options\n",
                command->name, command->name);
        return 2;
    }
    if (word)
        fprintf(stderr, VB_PROGRAM ": %s has no subcommand '%s': it is followed by ", command->name, word);
    else
        fprintf(stderr, VB_PROGRAM ": %s is followed by ", command->name);
    for (; one->name; one++)
        fprintf(stderr, "%s%s", one->name, !one[1].name ? "\n" : one[2].name ? ", " : " or ");
    fprintf(stderr, "'" VB_PROGRAM " %s --help' shows what each does\n", command->name);
    return 2;
}

int vb_command_help(const struct vb_command *command, const char *subcommand)
{
    const struct vb_subcommand *found = subcommand ? find_subcommand(command, subcommand) : NULL;

    if (subcommand && !found)
        return complain_subcommand(command, subcommand);
    vb_help_print(command, found);
    return 0;
}

/* ---- parsing ---- */

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool is_named(const struct vb_option *option, const char *word)
{
    if (option->kind == VB_OPERAND)
        return false;
    if (word[1] != '-')
        return option->letter && word[1] == option->letter && word[2] == '\0';
    return strlen(option->name) == strcspn(word + 2, "=") &&
           strncmp(word + 2, option->name, strlen(option->name)) == 0;
}

static const struct vb_option *find_option(const struct vb_option *options, const char *word)
{
    for (const struct vb_option *option = vb_option_rows(options); option->name; option++)
        if (is_named(option, word))
            return option;
    return NULL;
}

/* In the rows of the command and of all its subcommands; *ret_owner: of which. */
static const struct vb_option *find_anywhere(const struct vb_command *command, const char *word,
                                             const struct vb_subcommand **ret_owner)
{
    const struct vb_option *found = find_option(command->options, word);

    *ret_owner = NULL;
    for (const struct vb_subcommand *one = vb_subcommand_rows(command); !found && one->name; one++) {
        found = find_option(one->options, word);
        *ret_owner = found ? one : NULL;
    }
    return found;
}

static bool takes_next_word(const struct vb_option *option, const char *word)
{
    return option->kind != VB_OPTION_FLAG && !(word[1] == '-' && strchr(word, '='));
}

/* Finds the subcommand's name: the first word that is neither an option nor an option's value. 0: none. */
static int find_subcommand_word(const struct vb_command *command, int argc, char **argv)
{
    const struct vb_subcommand *owner;

    for (int i = 1; i < argc; i++) {
        const struct vb_option *option;

        if (!is_option(argv[i]))
            return i;
        if (strcmp(argv[i], "--") == 0)
            return i + 1 < argc ? i + 1 : 0;
        option = find_anywhere(command, argv[i], &owner);
        i += option && takes_next_word(option, argv[i]);
    }
    return 0;
}

static unsigned max_of(const struct vb_option *option)
{
    return option->kind == VB_OPTION_PORT ? UINT16_MAX : option->max;
}

/* Returns whether the value is one that the option takes. */
static bool store(const struct parser *parser, const struct vb_option *option, const char *text)
{
    void *field = parser->values + option->field;
    uint64_t number;

    vb_assert(text || option->kind == VB_OPTION_FLAG);
    switch (option->kind) {
    case VB_OPTION_FLAG:
        *(bool *)field = true;
        return true;
    case VB_OPERAND:
        *(const char **)field = text;
        return true;
    case VB_OPTION_STRING:
        *(const char **)field = text;
        return *text != '\0';
    case VB_OPTION_NUMBER:
    case VB_OPTION_PORT:
        if (vb_uint_parse(text, strlen(text), max_of(option), &number) < 0)
            return false;
        if (option->kind == VB_OPTION_PORT)
            *(uint16_t *)field = (uint16_t)number;
        else
            *(unsigned *)field = (unsigned)number;
        return true;
    }
    return false;
}

static int complain_value(const struct parser *parser, const struct vb_option *option, const char *text)
{
    char problem[128];

    if (option->kind == VB_OPTION_STRING)
        return complain(parser, "this option needs a value that is not empty", text);
    snprintf(problem, sizeof(problem), "--%s is a whole number from 0 to %u, not", option->name,
             max_of(option));
    return complain(parser, problem, text);
}

static int complain_unknown(const struct parser *parser, const char *word)
{
    const struct vb_subcommand *owner;
    char problem[128];

    if (!find_anywhere(parser->command, word, &owner) || !owner || !parser->subcommand)
        return complain(parser, "unknown option", word);
    snprintf(problem, sizeof(problem), "this is an option of %s, not of %s", owner->name,
             parser->subcommand->name);
    return complain(parser, problem, word);
}

/* Reads the option at argv[*at] and moves *at to its value. */
static int parse_option(const struct parser *parser, int argc, char **argv, int *at)
{
    const char *word = argv[*at], *text = NULL;
    const struct vb_option *option =
        parser->subcommand ? find_option(parser->subcommand->options, word) : NULL;

    if (!option)
        option = find_option(parser->command->options, word);
    if (!option)
        return complain_unknown(parser, word);
    if (takes_next_word(option, word)) {
        if (*at + 1 >= argc)
            return complain(parser, "this option needs a value", word);
        text = argv[++*at];
    } else if (word[1] == '-' && strchr(word, '=')) {
        if (option->kind == VB_OPTION_FLAG)
            return complain(parser, "this option takes no value", word);
        text = strchr(word, '=') + 1;
    }
    if (store(parser, option, text))
        return 0;
    return complain_value(parser, option, option->kind == VB_OPTION_STRING ? word : text);
}

static const struct vb_option *nth_operand(const struct vb_option *options, unsigned *n)
{
    for (const struct vb_option *option = vb_option_rows(options); option->name; option++)
        if (option->kind == VB_OPERAND && (*n)-- == 0)
            return option;
    return NULL;
}

static int parse_operand(const struct parser *parser, unsigned n, const char *word)
{
    const struct vb_option *operand =
        parser->subcommand ? nth_operand(parser->subcommand->options, &n) : NULL;

    if (!operand)
        operand = nth_operand(parser->command->options, &n);
    if (!operand)
        return complain(parser, "unexpected argument", word);
    store(parser, operand, word);
    return 0;
}

static int check_required(const struct parser *parser, const struct vb_option *options)
{
    for (const struct vb_option *option = vb_option_rows(options); option->name; option++) {
        const void *field = parser->values + option->field;
        char problem[64];

        if (!option->required || *(const char *const *)field)
            continue;
        snprintf(problem, sizeof(problem), "%s%s is missing", option->kind == VB_OPERAND ? "" : "--",
                 option->name);
        return complain(parser, problem, option->help);
    }
    return 0;
}

/* Fills the values from argv, without the word at `skipped`. Returns 0; 1 after the help; or -EINVAL. */
static int parse(const struct parser *parser, int argc, char **argv, int skipped)
{
    bool only_operands = false;
    unsigned operands = 0;
    int r = 0;

    for (int i = 1; i < argc && r == 0; i++) {
        if (i == skipped)
            continue;
        if (only_operands || !is_option(argv[i]))
            r = parse_operand(parser, operands++, argv[i]);
        else if (strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (is_help(argv[i])) {
            vb_help_print(parser->command, parser->subcommand);
            return 1;
        } else
            r = parse_option(parser, argc, argv, &i);
    }
    if (r == 0 && parser->subcommand)
        r = check_required(parser, parser->subcommand->options);
    return r < 0 ? r : check_required(parser, parser->command->options);
}

static int run(struct parser *parser, int argc, char **argv, int skipped)
{
    const struct vb_command *command = parser->command;
    int r;

    parser->values = vb_xcalloc(1, command->values_size ? command->values_size : 1);
    if (command->defaults)
        memcpy(parser->values, command->defaults, command->values_size);
    r = parse(parser, argc, argv, skipped);
    if (r == 0)
        r = (parser->subcommand ? parser->subcommand->run : command->run)(parser->values);
    else
        r = r < 0 ? 2 : 0;
    free(parser->values);
    return r;
}

int vb_command_run(const struct vb_command *command, int argc, char **argv)
{
    struct parser parser = {.command = command};
    int at = 0;

    if (command->subcommands) {
        at = find_subcommand_word(command, argc, argv);
        for (int i = 1; i < argc && !at && strcmp(argv[i], "--") != 0; i++)
            if (is_help(argv[i]))
                return vb_command_help(command, NULL);
        parser.subcommand = at ? find_subcommand(command, argv[at]) : NULL;
        if (!parser.subcommand)
            return complain_subcommand(command, at ? argv[at] : NULL);
    }
    return run(&parser, argc, argv, at);
}
