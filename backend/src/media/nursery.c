/* The nursery, started and ended: see nursery.h. */
#include "media/nursery.h"

#include "base/log.h"
#include "base/memory.h"
#include "media/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

char *vb_nursery_program(void)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *slash;

    if (length <= 0)
        return vb_xstrdup("vibe-media");
    self[length] = '\0';
    slash = strrchr(self, '/');
    return vb_xasprintf("%.*s/vibe-media", slash ? (int)(slash - self) : 0, self);
}

/* The environment holds our secrets: none of it is passed on but where sanitizers write. */
static void fill_environment(char *environment[8])
{
    static const char *const kept[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};
    size_t count = 0;

    for (size_t i = 0; i < VB_ARRAY_SIZE(kept); i++) {
        const char *value = getenv(kept[i]);

        if (value)
            environment[count++] = vb_xasprintf("%s=%s", kept[i], value);
    }
    environment[count] = NULL;
}

static int spawn(const char *program, int socket, pid_t *ret_pid)
{
    char *const arguments[] = {(char *)"vibe-media", NULL};
    char *environment[8];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int r;

    fill_environment(environment);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    /* a process group of its own: Ctrl-C is for the service, which then ends its nursery */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, VB_WIRE_CONTROL_FD);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, VB_WIRE_CONTROL_FD + 1);
    r = posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    for (char **at = environment; *at; at++)
        free(*at);
    return -r;
}

int vb_nursery_start(const char *program, unsigned processes, struct vb_nursery *ret_nursery,
                     struct vb_error *err)
{
    const struct vb_wire_start start = {.processes = processes};
    struct vb_nursery nursery = {0};
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return vb_error_set(err, errno, "no socket can be made for media workers: %s", strerror(errno));
    r = spawn(program, ends[1], &nursery.pid);
    close(ends[1]);
    if (r < 0) {
        close(ends[0]);
        vb_error_set(err, -r, "%s cannot be started: %s", program, strerror(-r));
        return vb_error_hint(err, "vibe-media belongs beside vibe: install both");
    }
    nursery.control = ends[0];
    if (vb_wire_send(nursery.control, &start, sizeof(start), NULL, 0) < 0)
        vb_log(VB_LOG_WARN, "the media nursery ended right after its start", VB_LOG_INT("pid", nursery.pid));
    *ret_nursery = nursery;
    return 0;
}

void vb_nursery_end(const struct vb_nursery *nursery)
{
    close(nursery->control);
    kill(nursery->pid, SIGKILL);
    waitpid(nursery->pid, NULL, 0);
}
