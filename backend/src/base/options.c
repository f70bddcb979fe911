/* Commands, subcommands and options from tables: see options.h. */
#include "base/options.h"

#include "base/memory.h"
#include "base/number.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "vibe"

static const struct vb_option no_options[] = {{.name = NULL}};
static const struct vb_subcommand no_subcommands[] = {{.name = NULL}};

/* What a command line is parsed by: the rows of the subcommand, then those of the command. */
struct parser {
    const struct vb_command *command;
    const struct vb_subcommand *subcommand; /* NULL: the command has none */
    unsigned char *values;
};

static const struct vb_option *rows(const struct vb_option *options)
{
    return options ? options : no_options;
}

static const struct vb_subcommand *subcommands_of(const struct vb_command *command)
{
    return command->subcommands ? command->subcommands : no_subcommands;
}

static const struct vb_subcommand *find_subcommand(const struct vb_command *command, const char *name)
{
    for (const struct vb_subcommand *one = subcommands_of(command); one->name; one++)
        if (strcmp(one->name, name) == 0)
            return one;
    return NULL;
}

/* ---- help ---- */

/* "FILE", "--as KIND", "-o OUT" */
static void print_required(FILE *out, const struct vb_option *options)
{
    for (const struct vb_option *option = rows(options); option->name; option++) {
        if (option->kind == VB_OPERAND)
            fprintf(out, " %s", option->name);
        else if (option->required && option->letter)
            fprintf(out, " -%c %s", option->letter, option->argument);
        else if (option->required)
            fprintf(out, " --%s %s", option->name, option->argument);
    }
}

static bool has_optional(const struct vb_option *options)
{
    for (const struct vb_option *option = rows(options); option->name; option++)
        if (!option->required)
            return true;
    return false;
}

/* "vibe media render FILE|KEY -o OUT [options]" */
static void print_synopsis(FILE *out, const struct vb_command *command,
                           const struct vb_subcommand *subcommand)
{
    const struct vb_option *own = subcommand ? subcommand->options : NULL;

    fprintf(out, PROGRAM " %s%s%s", command->name, subcommand ? " " : "", subcommand ? subcommand->name : "");
    print_required(out, own);
    print_required(out, command->options);
    fprintf(out, "%s", has_optional(own) || has_optional(command->options) ? " [options]" : "");
}

static void print_usage(FILE *out, const struct vb_command *command, const struct vb_subcommand *subcommand)
{
    const char *start = "usage: ";

    if (subcommand || !command->subcommands) {
        fprintf(out, "%s", start);
        print_synopsis(out, command, subcommand);
        return;
    }
    for (const struct vb_subcommand *one = command->subcommands; one->name; one++) {
        fprintf(out, "%s", start);
        print_synopsis(out, command, one);
        start = "\n       ";
    }
}

/* whose: "list: " before the help of an option that not every subcommand takes; or "". */
static void print_row(const struct vb_option *option, const char *whose)
{
    char left[64];

    if (option->kind == VB_OPERAND)
        snprintf(left, sizeof(left), "%s", option->name);
    else
        snprintf(left, sizeof(left), "%.*s%s--%s%s%s", option->letter ? 2 : 0,
                 (const char[]){'-', option->letter, '\0'}, option->letter ? ", " : "", option->name,
                 option->argument ? " " : "", option->argument ? option->argument : "");
    printf("  %-24s %s%s\n", left, whose, option->help);
}

static void print_rows(const struct vb_option *options)
{
    for (const struct vb_option *option = rows(options); option->name; option++)
        print_row(option, "");
}

static bool has_row(const struct vb_option *options, const struct vb_option *wanted)
{
    for (const struct vb_option *option = rows(options); option->name; option++)
        if (option->kind == wanted->kind && strcmp(option->name, wanted->name) == 0)
            return true;
    return false;
}

/* The options of all subcommands, each once, with the names of those that take it. Operands are in the usage. */
static void print_subcommands_rows(const struct vb_subcommand *subcommands)
{
    for (const struct vb_subcommand *one = subcommands; one->name; one++) {
        for (const struct vb_option *option = rows(one->options); option->name; option++) {
            char whose[128];
            size_t length = 0;
            bool shown = option->kind == VB_OPERAND;

            for (const struct vb_subcommand *other = subcommands; other->name; other++) {
                if (!has_row(other->options, option))
                    continue;
                shown = shown || other < one;
                length += (size_t)snprintf(whose + length, sizeof(whose) - length, "%s%s", length ? ", " : "",
                                           other->name);
                vb_assert(length + 3 < sizeof(whose));
            }
            memcpy(whose + length, ": ", 3);
            if (!shown)
                print_row(option, whose);
        }
    }
}

static void print_help(const struct vb_command *command, const struct vb_subcommand *subcommand)
{
    print_usage(stdout, command, subcommand);
    printf("\n\n");
    if (subcommand) {
        printf("%s %s.\n\n", subcommand->name, subcommand->help);
        print_rows(subcommand->options);
    } else {
        if (command->description)
            printf("%s\n\n", command->description);
        for (const struct vb_subcommand *one = subcommands_of(command); one->name; one++)
            printf("  %-10s %s\n%s", one->name, one->help, one[1].name ? "" : "\n");
        print_subcommands_rows(subcommands_of(command));
    }
    print_rows(command->options);
    printf("  %-24s %s\n", "--help", "show this");
    if (command->footer)
        printf("\n%s\n", command->footer);
}

/* ---- complaints ---- */

static int complain(const struct parser *parser, const char *problem, const char *which)
{
    fprintf(stderr, PROGRAM ": %s: %s\n", problem, which);
    print_usage(stderr, parser->command, parser->subcommand);
    fprintf(stderr, "   (--help shows all)\n");
    return -EINVAL;
}

int vb_command_misused(const struct vb_command *command, const char *subcommand, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, PROGRAM ": ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    print_usage(stderr, command, subcommand ? find_subcommand(command, subcommand) : NULL);
    fprintf(stderr, "   (--help shows all)\n");
    return 2;
}

/* word: what stands where a subcommand should; NULL: nothing. */
static int complain_subcommand(const struct vb_command *command, const char *word)
{
    const struct vb_subcommand *one = subcommands_of(command);

    if (!one->name) {
        fprintf(stderr, PROGRAM ": %s has no subcommands; '" PROGRAM " %s --help' shows its options\n",
                command->name, command->name);
        return 2;
    }
    if (word)
        fprintf(stderr, PROGRAM ": %s has no subcommand '%s': it is followed by ", command->name, word);
    else
        fprintf(stderr, PROGRAM ": %s is followed by ", command->name);
    for (; one->name; one++)
        fprintf(stderr, "%s%s", one->name, !one[1].name ? "\n" : one[2].name ? ", " : " or ");
    fprintf(stderr, "'" PROGRAM " %s --help' shows what each does\n", command->name);
    return 2;
}

int vb_command_help(const struct vb_command *command, const char *subcommand)
{
    const struct vb_subcommand *found = subcommand ? find_subcommand(command, subcommand) : NULL;

    if (subcommand && !found)
        return complain_subcommand(command, subcommand);
    print_help(command, found);
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
    for (const struct vb_option *option = rows(options); option->name; option++)
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
    for (const struct vb_subcommand *one = subcommands_of(command); !found && one->name; one++) {
        found = find_option(one->options, word);
        *ret_owner = found ? one : NULL;
    }
    return found;
}

static bool takes_next_word(const struct vb_option *option, const char *word)
{
    return option->kind != VB_OPTION_FLAG && !(word[1] == '-' && strchr(word, '='));
}

/* Where the subcommand's name stands: the first word that is neither an option nor an option's value. 0:
 * nowhere. */
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

    if (!find_anywhere(parser->command, word, &owner) || !owner)
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
    for (const struct vb_option *option = rows(options); option->name; option++)
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
    for (const struct vb_option *option = rows(options); option->name; option++) {
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

/* Fills the values from argv, but for the word at `skipped`. Returns 0; 1 after printing the help; or
 * -EINVAL. */
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
            print_help(parser->command, parser->subcommand);
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
