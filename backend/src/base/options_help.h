/*
 * What options.c prints: the help and the usage of commands, made from their tables. For options.c alone.
 */
#ifndef VB_BASE_OPTIONS_HELP_H
#define VB_BASE_OPTIONS_HELP_H

#include "base/options.h"

#define VB_PROGRAM "vibe" /* as help and complaints call it */

/* The rows of a table, which may be NULL. */
const struct vb_option *vb_option_rows(const struct vb_option *options);
const struct vb_subcommand *vb_subcommand_rows(const struct vb_command *command);

/* subcommand: NULL for the command itself, with all its subcommands. */
void vb_usage_print(FILE *out, const struct vb_command *command, const struct vb_subcommand *subcommand);
void vb_help_print(const struct vb_command *command, const struct vb_subcommand *subcommand);

#endif
