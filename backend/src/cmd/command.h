/*
 * The commands: one file each, named after it. Their tables say which options and subcommands they have; what
 * runs returns the exit status: 0 done, 1 failed, 2 used wrongly.
 */
#ifndef VB_CMD_COMMAND_H
#define VB_CMD_COMMAND_H

#include "base/error.h"
#include "base/options.h"

extern const struct vb_command vb_cmd_up, vb_cmd_serve, vb_cmd_upload, vb_cmd_demo, vb_cmd_db, vb_cmd_user,
    vb_cmd_media;

/* Shows an error to a person, with its hint, on stderr. Returns 1, the exit status. */
int vb_cmd_fail(const struct vb_error *err);

#endif
