/*
 * Commands, their subcommands and their options as tables, after git's parse-options. The tables give the
 * parser, every help text, and every complaint about a command line:
 *
 *   --name VALUE   --name=VALUE   -n VALUE   --flag   --        options, anywhere after the command's name
 *   FILE                                                       operands, in the order of their rows
 *   --help   -h                                                the help of the command or of its subcommand
 */
#ifndef VB_BASE_OPTIONS_H
#define VB_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum vb_option_kind {
    VB_OPTION_STRING, /* field: const char *; not empty */
    VB_OPTION_NUMBER, /* field: unsigned; 0 to max */
    VB_OPTION_PORT,   /* field: uint16_t; 0 to 65535 */
    VB_OPTION_FLAG,   /* field: bool */
    VB_OPERAND        /* a word without dashes; field: const char * */
};

struct vb_option {
    enum vb_option_kind kind;
    const char *name;     /* without the dashes; of an operand: what the help calls it, e.g. "FILE" */
    const char *argument; /* what the help calls the value, e.g. "DIR"; NULL for flags and operands */
    const char *help;
    size_t field;  /* offset in the values of the command; an option that is not given leaves its default */
    unsigned max;  /* of a number */
    char letter;   /* "-o VALUE" is the same as "--output VALUE"; 0: none */
    bool required; /* of a string or an operand */
};

/* Rows of a table; type is the struct of the values. A field of a type other than the kind's does not
 * compile.
 * More members may follow in the braces:
 *   {VB_STRING(struct values, output, "output", "FILE", "where to write"), .letter = 'o'} */
#define VB_STRING(type, member, name_, argument_, help_)                                                     \
    .kind = VB_OPTION_STRING, .name = (name_), .argument = (argument_), .help = (help_),                     \
    .field = VB_OPTION_FIELD(type, member, const char *)
#define VB_NUMBER(type, member, name_, argument_, max_, help_)                                               \
    .kind = VB_OPTION_NUMBER, .name = (name_), .argument = (argument_), .help = (help_), .max = (max_),      \
    .field = VB_OPTION_FIELD(type, member, unsigned)
#define VB_PORT(type, member, name_, help_)                                                                  \
    .kind = VB_OPTION_PORT, .name = (name_), .argument = "PORT", .help = (help_),                            \
    .field = VB_OPTION_FIELD(type, member, uint16_t)
#define VB_FLAG(type, member, name_, help_)                                                                  \
    .kind = VB_OPTION_FLAG, .name = (name_), .help = (help_), .field = VB_OPTION_FIELD(type, member, bool)
#define VB_REQUIRED_OPERAND(type, member, name_, help_)                                                      \
    .kind = VB_OPERAND, .name = (name_), .help = (help_), .required = true,                                  \
    .field = VB_OPTION_FIELD(type, member, const char *)
#define VB_OPTION_FIELD(type, member, member_type)                                                           \
    (offsetof(type, member) + 0 * sizeof(&((type *)0)->member == (member_type *)0))

struct vb_subcommand {
    const char *name;
    const char *help;                /* a line: what it does */
    const struct vb_option *options; /* ended by a NULL name; NULL: only those of the command */
    int (*run)(void *values);        /* returns the exit status */
};

struct vb_command {
    const char *name;
    const char *summary;             /* its line in the list of commands */
    const char *description;         /* a sentence or two of its help; NULL: the subcommands say it all */
    const char *footer;              /* the end of its help; may be NULL */
    const struct vb_option *options; /* ended by a NULL name; taken by every subcommand; may be NULL */
    const struct vb_subcommand *subcommands; /* ended by a NULL name; NULL: none */
    size_t values_size;                      /* of the struct that options fill; 0: none */
    const void *defaults;                    /* its initial content; NULL: zeros */
    int (*run)(void *values);                /* returns the exit status; NULL when there are subcommands */
};

/* Parses argv[1…] and runs the command or the subcommand. Returns its exit status; 0 after printing the
 * help; 2 after saying on stderr what is wrong with the command line. */
int vb_command_run(const struct vb_command *command, int argc, char **argv);

/* Prints the help of the command, or of a subcommand (NULL: none). Returns 0, or 2 if there is no such
 * subcommand, which it says on stderr. */
int vb_command_help(const struct vb_command *command, const char *subcommand);

/* For what a table cannot express: says on stderr what is wrong with the command line, with the usage.
 * Returns 2. */
int vb_command_misused(const struct vb_command *command, const char *subcommand, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
