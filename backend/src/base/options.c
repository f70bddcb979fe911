/* Command-line options: see options.h. */
#include "base/options.h"

#include "base/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct vb_usage *usage)
{
    printf("usage: %s\n\n%s\n", usage->synopsis, usage->summary);
    if (usage->options->name)
        printf("\n");
    for (const struct vb_option *option = usage->options; option->name; option++) {
        char left[64];

        snprintf(left, sizeof(left), "%.*s%s--%s%s%s", option->letter ? 2 : 0,
                 (const char[]){'-', option->letter, '\0'}, option->letter ? ", " : "", option->name,
                 option->argument ? " " : "", option->argument ? option->argument : "");
        printf("  %-24s %s\n", left, option->help);
    }
    printf("  %-24s %s\n", "--help", "show this");
    if (usage->footer)
        printf("\n%s\n", usage->footer);
}

static int complain(const struct vb_usage *usage, const char *problem, const char *which)
{
    fprintf(stderr, "vibe: %s: %s\nusage: %s   (--help shows all)\n", problem, which, usage->synopsis);
    return -2;
}

static const struct vb_option *find(const struct vb_usage *usage, const char *name, size_t length)
{
    for (const struct vb_option *option = usage->options; option->name; option++)
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    return NULL;
}

static bool store(const struct vb_option *option, const char *text)
{
    char *end;
    unsigned long port;

    switch (option->kind) {
    case VB_OPTION_FLAG:
        *(bool *)option->value = true;
        return true;
    case VB_OPTION_STRING:
        *(const char **)option->value = text;
        return *text != '\0';
    case VB_OPTION_PORT:
        errno = 0;
        port = strtoul(text, &end, 10);
        *(uint16_t *)option->value = (uint16_t)port;
        return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && port <= 65535;
    }
    return false;
}

static const struct vb_option *find_letter(const struct vb_usage *usage, const char *word)
{
    for (const struct vb_option *option = usage->options; option->name; option++)
        if (option->letter && word[1] == option->letter && word[2] == '\0')
            return option;
    return NULL;
}

/* Reads the option at argv[*at] and moves *at past its value. */
static int parse_option(const struct vb_usage *usage, int argc, char **argv, int *at)
{
    const char *word = argv[*at] + 2, *equals = argv[*at][1] == '-' ? strchr(word, '=') : NULL;
    const struct vb_option *option = argv[*at][1] == '-'
                                         ? find(usage, word, equals ? (size_t)(equals - word) : strlen(word))
                                         : find_letter(usage, argv[*at]);
    const char *text = equals ? equals + 1 : NULL;

    if (!option)
        return complain(usage, "unknown option", argv[*at]);
    if (option->kind == VB_OPTION_FLAG) {
        if (text)
            return complain(usage, "this option takes no value", argv[*at]);
    } else if (!text) {
        if (*at + 1 >= argc)
            return complain(usage, "this option needs a value", argv[*at]);
        text = argv[++*at];
    }
    if (!store(option, text))
        return complain(usage,
                        option->kind == VB_OPTION_PORT ? "a port is a number from 0 to 65535" : "empty value",
                        argv[*at]);
    return 0;
}

int vb_options_parse(const struct vb_usage *usage, int argc, char **argv, const char **positional, int max)
{
    bool only_positional = false;
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (!only_positional && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_help(usage);
            return -1;
        }
        if (!only_positional && strcmp(argv[i], "--") == 0) {
            only_positional = true;
        } else if (!only_positional && argv[i][0] == '-' && argv[i][1] != '\0') {
            int rc = parse_option(usage, argc, argv, &i);

            if (rc < 0)
                return rc;
        } else if (count == max) {
            return complain(usage, "unexpected argument", argv[i]);
        } else {
            positional[count++] = argv[i];
        }
    }
    return count;
}
