/*
 * Running a PostgreSQL program as an unprivileged user on a folder that this user cannot reach by path.
 *
 * PostgreSQL refuses to run as root, and the data folder of a root user's `vibe up` may lie below a folder of
 * mode 0700, such as /root. So the folder is opened here, and the program gets it as /proc/self/fd/N. Not
 * thread-safe.
 */
#ifndef VB_OPS_POSTGRES_PROCESS_H
#define VB_OPS_POSTGRES_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define VB_POSTGRES_GROUPS_MAX  64
#define VB_POSTGRES_FD_PATH_MAX 32

struct vb_postgres_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[VB_POSTGRES_GROUPS_MAX];
    int group_count;
    bool drop; /* we are root: become this user */
};

struct vb_postgres_command {
    const char *const *argv; /* argv[0]: absolute path; NULL-terminated */
    const struct vb_postgres_user *user;
    int data_fd;      /* stays open in the program under its number, as does password_fd */
    int password_fd;  /* -1: none */
    int input_fd;     /* standard input; -1: /dev/null */
    int output_fd;    /* standard output and error */
    int death_signal; /* sent to the program when the calling thread ends */
};

/* "/proc/self/fd/N" */
void vb_postgres_fd_path(int fd, char path[VB_POSTGRES_FD_PATH_MAX]);

/* Starts it in a session of its own, so that a Ctrl-C on the terminal does not reach it; with these
 * descriptors alone, a clean signal mask and a minimal environment. Returns 0 or -errno, also when the
 * program cannot be executed. */
int vb_postgres_spawn(const struct vb_postgres_command *command, pid_t *ret_pid, struct vb_error *err);

/* Waits for its end. Returns 0 with the wait status, or -ETIMEDOUT. A process that is reaped already has
 * ended, too, with status 0. */
int vb_postgres_wait(pid_t pid, int timeout_ms, int *ret_status);

/* Runs it to its end. Returns 0, or -EIO when it fails or does not end in time; then it is killed. */
int vb_postgres_run(const struct vb_postgres_command *command, int timeout_ms, struct vb_error *err);

#endif
