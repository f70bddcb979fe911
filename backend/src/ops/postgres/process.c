/* Running PostgreSQL's programs as an unprivileged user: see process.h. */
#include "ops/postgres/process.h"

#include "base/cleanup.h"
#include "base/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void vb_postgres_fd_path(int fd, char path[VB_POSTGRES_FD_PATH_MAX])
{
    snprintf(path, VB_POSTGRES_FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

static void default_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* fails for SIGKILL and SIGSTOP, which never change */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become(const struct vb_postgres_user *user)
{
    if (!user->drop)
        return 0;
    if (setgroups((size_t)user->group_count, user->groups) < 0 ||
        setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0)
        return -errno;
    return 0;
}

static int keep_descriptors(const struct vb_postgres_command *command)
{
    int input = command->input_fd >= 0 ? command->input_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (input < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(command->output_fd, STDOUT_FILENO) < 0 ||
        dup2(command->output_fd, STDERR_FILENO) < 0)
        return -errno;
    /* Our descriptors are all close-on-exec; those of libraries may not be. Old kernels lack the call. */
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (fcntl(command->data_fd, F_SETFD, 0) < 0 ||
        (command->password_fd >= 0 && fcntl(command->password_fd, F_SETFD, 0) < 0))
        return -errno;
    return 0;
}

/* Runs between fork and exec, so it makes system calls only: other threads may have held any lock. */
static int become_program(const struct vb_postgres_command *command, pid_t parent)
{
    static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC",
                                              NULL};
    int r;

    default_signals();
    setsid();
    umask(077);
    if (chdir("/") < 0)
        return -errno;
    r = keep_descriptors(command);
    if (r == 0)
        r = become(command->user);
    if (r < 0)
        return r;
    /* After the change of user, which clears the death signal. The parent may have died before this. */
    if (prctl(PR_SET_PDEATHSIG, command->death_signal) < 0)
        return -errno;
    if (getppid() != parent)
        _exit(1);
    execve(command->argv[0], (char *const *)command->argv, (char *const *)environment);
    return -errno;
}

int vb_postgres_spawn(const struct vb_postgres_command *command, pid_t *ret_pid, struct vb_error *err)
{
    int report[2], failure = 0;
    sigset_t all, before;
    pid_t parent = getpid(), pid;
    ssize_t n;

    if (pipe2(report, O_CLOEXEC) < 0)
        return vb_error_set(err, errno, "%s cannot be started: %s", command->argv[0], strerror(errno));
    /* No signal handler of ours may run in the child before the child resets them. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        failure = -become_program(command, parent);
        n = write(report[1], &failure, sizeof(failure));
        _exit(n == sizeof(failure) ? 127 : 126);
    }
    failure = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid > 0)
        while ((n = read(report[0], &failure, sizeof(failure))) < 0 && errno == EINTR)
            ;
    else
        n = sizeof(failure);
    close(report[0]);
    if (n == sizeof(failure)) {
        if (pid > 0)
            waitpid(pid, NULL, 0);
        return vb_error_set(err, failure, "%s cannot be started: %s", command->argv[0], strerror(failure));
    }
    *ret_pid = pid;
    return 0;
}

int vb_postgres_wait(pid_t pid, int timeout_ms, int *ret_status)
{
    struct vb_poll poll = vb_poll_start(vb_deadline_after(timeout_ms), 500, 20000);

    for (;;) {
        int status = 0;
        pid_t r = waitpid(pid, &status, WNOHANG);

        if (r == pid || (r < 0 && errno != EINTR)) {
            *ret_status = status;
            return 0;
        }
        if (!vb_poll_pause(&poll))
            return -ETIMEDOUT;
    }
}

int vb_postgres_run(const struct vb_postgres_command *command, int timeout_ms, struct vb_error *err)
{
    int status;
    pid_t pid;
    int r = vb_postgres_spawn(command, &pid, err);

    if (r < 0)
        return r;
    if (vb_postgres_wait(pid, timeout_ms, &status) < 0) {
        kill(-pid, SIGKILL); /* it leads its own session and process group */
        vb_postgres_wait(pid, 5000, &status);
        return vb_error_set(err, EIO, "%s did not end within %d s", command->argv[0], timeout_ms / 1000);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        return vb_error_set(err, EIO, "%s was ended by signal %d", command->argv[0], WTERMSIG(status));
    return vb_error_set(err, EIO, "%s failed", command->argv[0]);
}
