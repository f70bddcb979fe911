/*
 * Command-line options from a declarative table, after git's parse-options: "--name VALUE", "--name=VALUE",
 * "--flag", "--" and positional arguments. --help prints the table.
 */
#ifndef VB_BASE_OPTIONS_H
#define VB_BASE_OPTIONS_H

#include <stdint.h>

enum vb_option_kind {
    VB_OPTION_STRING, /* value: const char ** */
    VB_OPTION_PORT,   /* value: uint16_t *; 0 to 65535 */
    VB_OPTION_FLAG    /* value: bool * */
};

struct vb_option {
    enum vb_option_kind kind;
    const char *name;     /* without the dashes */
    const char *argument; /* what the help calls the value, e.g. "DIR"; NULL for flags */
    const char *help;
    void *value; /* keeps what it holds when the option is not given */
    char letter; /* "-o VALUE" is the same; 0: none */
};

struct vb_usage {
    const char *synopsis;            /* "vibe up [options]" */
    const char *summary;             /* a sentence or two */
    const struct vb_option *options; /* ended by a NULL name */
    const char *footer;              /* printed after the options; may be NULL */
};

/* Parses argv[1…]. Positional arguments go to positional (at most max). Returns their number; -1 after
 * printing the help (exit with 0); -2 after an error on stderr (exit with 2). */
int vb_options_parse(const struct vb_usage *usage, int argc, char **argv, const char **positional, int max);

#endif
