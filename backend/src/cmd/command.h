/*
 * Subcommands: one file each, named after it. A command gets its own name as argv[0] and returns the exit
 * status: 0 done, 1 failed, 2 used wrongly.
 */
#ifndef VB_CMD_COMMAND_H
#define VB_CMD_COMMAND_H

#include "base/error.h"

int vb_cmd_up(int argc, char **argv);
int vb_cmd_serve(int argc, char **argv);
int vb_cmd_upload(int argc, char **argv);
int vb_cmd_demo(int argc, char **argv);
int vb_cmd_db(int argc, char **argv);
int vb_cmd_user(int argc, char **argv);
int vb_cmd_media(int argc, char **argv);

/* Shows an error to a person, with its hint, on stderr. Returns 1, the exit status. */
int vb_cmd_fail(const struct vb_error *err);

#endif
