/*
 * .vibe/env, which `vibe up` writes: with it, commands in the same folder find the running system by themselves.
 */
#ifndef VB_APP_ENV_FILE_H
#define VB_APP_ENV_FILE_H

/* The value of a variable in .vibe/env of this folder, to be freed; NULL if there is none. */
char *vb_env_file_find(const char *name);
/* Sets the variables of .vibe/env, unless the environment names a database or a bucket: then another system is meant, and
 * nothing of the two is mixed. Not thread-safe. */
void vb_env_file_load(void);
/* The database of a command: what --database said (NULL or empty: nothing), else DATABASE_URL, else the one of .vibe/env.
 * NULL, and said on stderr, if that is none. Not thread-safe; what it returns is not to be freed. */
const char *vb_env_file_database(const char *option);

#endif
