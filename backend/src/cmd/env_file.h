/*
 * .vibe/env, which `vibe up` writes: with it, commands in the same folder find the running system by themselves.
 */
#ifndef VB_CMD_ENV_FILE_H
#define VB_CMD_ENV_FILE_H

#include <stdbool.h>

/* The value of a variable in .vibe/env of this folder, to be freed; NULL if there is none. */
char *vb_env_file_find(const char *name);
/* Sets all variables of .vibe/env that the environment lacks, unless it has one of these (ended by NULL): then another
 * system is meant, and nothing of the two is mixed. Returns whether it did. Not thread-safe. */
bool vb_env_file_load(const char *const *unless);

#endif
