/* The help of commands, made from their tables: see options.h. */
#include "base/options_help.h"

#include "base/memory.h"

#include <string.h>

static const struct vb_option no_options[] = {{.name = NULL}};
static const struct vb_subcommand no_subcommands[] = {{.name = NULL}};

const struct vb_option *vb_option_rows(const struct vb_option *options)
{
    return options ? options : no_options;
}

const struct vb_subcommand *vb_subcommand_rows(const struct vb_command *command)
{
    return command->subcommands ? command->subcommands : no_subcommands;
}

/* "FILE", "--as KIND", "-o OUT" */
static void print_required(FILE *out, const struct vb_option *options)
{
    for (const struct vb_option *option = vb_option_rows(options); option->name; option++) {
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
    for (const struct vb_option *option = vb_option_rows(options); option->name; option++)
        if (!option->required)
            return true;
    return false;
}

/* "vibe media render FILE|KEY -o OUT [options]" */
static void print_synopsis(FILE *out, const struct vb_command *command,
                           const struct vb_subcommand *subcommand)
{
    const struct vb_option *own = subcommand ? subcommand->options : NULL;

    fprintf(out, VB_PROGRAM " %s%s%s", command->name, subcommand ? " " : "",
            subcommand ? subcommand->name : "");
    print_required(out, own);
    print_required(out, command->options);
    fprintf(out, "%s", has_optional(own) || has_optional(command->options) ? " [options]" : "");
}

void vb_usage_print(FILE *out, const struct vb_command *command, const struct vb_subcommand *subcommand)
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
    for (const struct vb_option *option = vb_option_rows(options); option->name; option++)
        print_row(option, "");
}

static bool has_row(const struct vb_option *options, const struct vb_option *wanted)
{
    for (const struct vb_option *option = vb_option_rows(options); option->name; option++)
        if (option->kind == wanted->kind && strcmp(option->name, wanted->name) == 0)
            return true;
    return false;
}

/* The options of all subcommands, each once, with the subcommands that take it. */
static void print_subcommands_rows(const struct vb_subcommand *subcommands)
{
    for (const struct vb_subcommand *one = subcommands; one->name; one++) {
        for (const struct vb_option *option = vb_option_rows(one->options); option->name; option++) {
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

void vb_help_print(const struct vb_command *command, const struct vb_subcommand *subcommand)
{
    vb_usage_print(stdout, command, subcommand);
    printf("\n\n");
    if (subcommand) {
        printf("%s %s.\n\n", subcommand->name, subcommand->help);
        print_rows(subcommand->options);
    } else {
        if (command->description)
            printf("%s\n\n", command->description);
        for (const struct vb_subcommand *one = vb_subcommand_rows(command); one->name; one++)
            printf("  %-10s %s\n%s", one->name, one->help, one[1].name ? "" : "\n");
        print_subcommands_rows(vb_subcommand_rows(command));
    }
    print_rows(command->options);
    printf("  %-24s %s\n", "--help", "show this");
    if (command->footer)
        printf("\n%s\n", command->footer);
}
