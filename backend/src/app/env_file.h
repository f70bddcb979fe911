/*
 * The env file of `vibe up`, DIR/env: one NAME='value' a line, for a shell to source and for the other
 * commands to read. Any value survives the round trip, quotes and newlines included.
 */
#ifndef VB_APP_ENV_FILE_H
#define VB_APP_ENV_FILE_H

#include "base/error.h"

#include <stddef.h>

struct vb_env_variable {
    const char *name;
    /* NULL or empty: the variable is left out, so that it hides nothing that a shell has already */
    const char *value;
};

/* Replaces the file, mode 0600; it is on disk when this returns. -EFBIG: more than 64 KiB. */
int vb_env_file_write(const char *path, const struct vb_env_variable *variables, size_t count,
                      struct vb_error *err);

/* Calls visit for each variable of the file, in its order; for none if there is no such file. */
void vb_env_file_read(const char *path, void (*visit)(void *context, const char *name, const char *value),
                      void *context);

#endif
