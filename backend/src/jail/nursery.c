/*
 * The program vibe-media: the nursery of media workers (see media/workers.h). It loads the decoders, gives up
 * the network and root, and forks workers. Each worker enters the jail before it reads its first message. The
 * nursery itself never sees a stranger's byte.
 */
#include "base/memory.h"
#include "jail/image.h"
#include "jail/sandbox.h"
#include "jail/video.h"
#include "jail/worker.h"
#include "media/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct nursery {
    unsigned processes, jail_parts;
    pid_t pids[VB_WIRE_PROCESSES_MAX]; /* 0: none */
    sigset_t signals_before;
};

/* In the child. */
static void become_worker(const struct nursery *nursery, int socket, pid_t parent)
{
    if (dup2(socket, VB_WIRE_CONTROL_FD) < 0 || close_range(VB_WIRE_CONTROL_FD + 1, ~0U, 0) < 0)
        _exit(1);
    sigprocmask(SIG_SETMASK, &nursery->signals_before, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    vb_jail_worker_run(VB_WIRE_CONTROL_FD, nursery->jail_parts);
}

static int fork_worker(struct nursery *nursery, unsigned index)
{
    pid_t parent = getpid(), pid;
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid = fork();
    if (pid == 0)
        become_worker(nursery, ends[1], parent);
    close(ends[1]);
    if (pid > 0) {
        nursery->pids[index] = pid;
        r = vb_wire_send(VB_WIRE_CONTROL_FD, &(struct vb_wire_worker){.pid = pid},
                         sizeof(struct vb_wire_worker), &ends[0], 1);
    } else {
        r = -errno;
    }
    close(ends[0]);
    return r;
}

static int tell_end(pid_t pid, int status)
{
    const struct vb_wire_worker ended = {.pid = pid, .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};

    return vb_wire_send(VB_WIRE_CONTROL_FD, &ended, sizeof(ended), NULL, 0);
}

/* Reports the workers that have ended, and forks others in their place. */
static int reap(struct nursery *nursery)
{
    pid_t ended;
    int status;

    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
        for (unsigned i = 0; i < nursery->processes; i++)
            if (nursery->pids[i] == ended) {
                nursery->pids[i] = 0;
                if (tell_end(ended, status) < 0)
                    return -EPIPE;
            }
    for (unsigned i = 0; i < nursery->processes; i++) {
        int r = nursery->pids[i] ? 0 : fork_worker(nursery, i);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Kills the worker that the service names. Returns false when the service is gone. */
static bool obey(const struct nursery *nursery)
{
    struct vb_wire_worker victim;

    if (vb_wire_receive(VB_WIRE_CONTROL_FD, &victim, sizeof(victim), NULL, 0) != sizeof(victim))
        return false;
    for (unsigned i = 0; victim.pid > 0 && i < nursery->processes; i++)
        if (nursery->pids[i] == victim.pid)
            kill(victim.pid, SIGKILL);
    return true;
}

static void run(struct nursery *nursery, int signals)
{
    struct pollfd polled[] = {{.fd = VB_WIRE_CONTROL_FD, .events = POLLIN},
                              {.fd = signals, .events = POLLIN}};
    struct signalfd_siginfo info;

    while (reap(nursery) == 0) {
        if (poll(polled, VB_ARRAY_SIZE(polled), -1) < 0 && errno != EINTR)
            return;
        if (polled[1].revents)
            (void)!read(signals, &info, sizeof(info));
        if (polled[0].revents && !obey(nursery))
            return;
    }
}

/* Makes the OOM killer prefer us to the service. If that is not permitted, the kernel decides. */
static void go_first(void)
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (file >= 0) {
        (void)!write(file, "1000", 4);
        close(file);
    }
}

int main(int argc, char **argv)
{
    struct nursery nursery = {0};
    struct vb_wire_start start;
    sigset_t child;
    int signals;

    (void)argc;
    if (vb_wire_receive(VB_WIRE_CONTROL_FD, &start, sizeof(start), NULL, 0) != sizeof(start) ||
        start.processes < 1 || start.processes > VB_WIRE_PROCESSES_MAX) {
        fprintf(stderr, "vibe-media is a part of vibe, which starts it by itself: run vibe instead\n");
        return 2;
    }
    nursery.processes = start.processes;
    if (vb_image_prepare(argv[0]) < 0) {
        fprintf(stderr, "vibe-media: libvips cannot be started\n");
        return 1;
    }
    vb_video_prepare();
    go_first();
    nursery.jail_parts = vb_jail_prepare();
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &nursery.signals_before);
    signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return 1;
    run(&nursery, signals);
    for (unsigned i = 0; i < nursery.processes; i++)
        if (nursery.pids[i])
            kill(nursery.pids[i], SIGKILL);
    return 0;
}
