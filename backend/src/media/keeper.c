/*
 * The keeper: a thread that takes in the workers of the nursery, hears of their end, and starts the nursery
 * again when it ends.
 *
 *             start                     the first hello
 *   stopped ─────────▶ nursery started ─────────────────▶ jail known: vb_workers_wait() returns
 *      ▲                    ▲    │                               │
 *      │                    │    └──────────┬────────────────────┘
 *      │                    │               │ its socket ends
 *      │ stopping           │ after 200 ms  ▼
 *      └────────────────────┴───────────── buried: idle workers closed, the process killed and reaped
 */
#include "media/workers_internal.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/wait.h"
#include "media/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_TIMEOUT_MS 10000
#define HELLO_TIMEOUT_MS 5000
#define RESTART_WAIT_MS  200

/* Sets what the first worker says of its jail. Returns whether it was the first. */
static bool set_jail(struct vb_workers *workers, int jail)
{
    bool first;

    pthread_mutex_lock(&workers->lock);
    first = workers->jail == 0;
    if (first)
        workers->jail = jail;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    return first;
}

static void log_jail(const struct vb_workers *workers, unsigned jail)
{
    static const struct {
        unsigned part;
        const char *name;
    } parts[] = {{VB_WIRE_JAIL_LANDLOCK, "landlock"},
                 {VB_WIRE_JAIL_NAMESPACES, "namespaces"},
                 {VB_WIRE_JAIL_USER, "user"}};
    char missing[64] = "";

    for (size_t i = 0; i < VB_ARRAY_SIZE(parts); i++)
        if (!(jail & parts[i].part))
            snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s%s",
                     *missing ? ", " : "", parts[i].name);
    if (*missing)
        vb_log(
            VB_LOG_WARN,
            "media workers are jailed by seccomp, but this system lacks or forbids other parts of the jail",
            VB_LOG_STR("missing", missing));
    else
        vb_log(VB_LOG_INFO, "media workers are jailed", VB_LOG_INT("processes", workers->config.processes));
}

/* A new worker speaks first. One that says nothing, or has no jail, is turned away. */
static void welcome(struct vb_workers *workers, pid_t pid, int socket)
{
    struct vb_wire_hello hello = {.jail = -EPIPE};
    struct vb_worker *worker;
    ssize_t size = 0;

    if (vb_wire_wait(socket, vb_deadline_after(HELLO_TIMEOUT_MS)) == 0)
        size = vb_wire_receive(socket, &hello, sizeof(hello), NULL, 0);
    if (size == sizeof(hello) && set_jail(workers, hello.jail) && hello.jail >= 0)
        log_jail(workers, (unsigned)hello.jail);
    if (size != sizeof(hello) || hello.jail < 0) {
        close(socket);
        return;
    }
    worker = vb_xcalloc(1, sizeof(*worker));
    *worker = (struct vb_worker){.socket = socket, .pid = pid};
    vb_workers_offer(workers, worker);
}

/* Tells the call whose worker has ended. */
static void note_end(struct vb_workers *workers, const struct vb_wire_worker *ended)
{
    pthread_mutex_lock(&workers->lock);
    for (struct vb_media_call *at = workers->queue.running; at; at = at->next) {
        struct vb_worker_call *call = (struct vb_worker_call *)at;

        if (call->pid == ended->pid) {
            call->ended = true;
            call->signal = ended->signal;
        }
    }
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
}

/* Takes in workers, and hears of their end, until the nursery ends. */
static void keep(struct vb_workers *workers)
{
    struct vb_wire_worker worker;
    int socket;

    while (vb_wire_receive(workers->nursery.control, &worker, sizeof(worker), &socket, 1) == sizeof(worker))
        if (socket >= 0)
            welcome(workers, worker.pid, socket);
        else
            note_end(workers, &worker);
}

static int start_nursery(struct vb_workers *workers, struct vb_error *err)
{
    struct vb_nursery nursery;
    int r = vb_nursery_start(workers->program, workers->config.processes, &nursery, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&workers->lock);
    workers->nursery = nursery;
    if (workers->stopping) /* which vb_keeper_stop() could not tell a nursery that was not there yet */
        shutdown(nursery.control, SHUT_RDWR);
    pthread_mutex_unlock(&workers->lock);
    return 0;
}

static void bury_nursery(struct vb_workers *workers)
{
    struct vb_nursery nursery;

    pthread_mutex_lock(&workers->lock);
    nursery = workers->nursery;
    workers->nursery.control = -1;
    for (struct vb_worker *worker; (worker = workers->idle);) {
        workers->idle = worker->next;
        vb_worker_free(worker);
    }
    pthread_mutex_unlock(&workers->lock);
    vb_nursery_end(&nursery);
}

/* Returns false when the pool stops. */
static bool wait_to_restart(struct vb_workers *workers)
{
    int64_t deadline_ms = vb_deadline_after(RESTART_WAIT_MS);
    bool stopping;
    int r = 0;

    pthread_mutex_lock(&workers->lock);
    while (!workers->stopping && r == 0)
        r = vb_cond_wait_until(&workers->changed, &workers->lock, deadline_ms);
    stopping = workers->stopping;
    pthread_mutex_unlock(&workers->lock);
    return !stopping;
}

static void *run_keeper(void *context)
{
    struct vb_workers *workers = context;
    struct vb_error err = {0};

    for (;;) {
        keep(workers);
        bury_nursery(workers);
        do
            if (!wait_to_restart(workers))
                return NULL;
        while (start_nursery(workers, &err) < 0);
        vb_log(VB_LOG_ERROR, "the media nursery ended; a new one has started",
               VB_LOG_INT("pid", workers->nursery.pid));
    }
}

int vb_keeper_start(struct vb_workers *workers, struct vb_error *err)
{
    int r = start_nursery(workers, err);

    if (r < 0)
        return r;
    r = vb_thread_start("media-keeper", 0, run_keeper, workers, &workers->keeper);
    if (r < 0) {
        bury_nursery(workers);
        return vb_error_set(err, -r, "the thread that keeps media workers cannot be started: %s",
                            strerror(-r));
    }
    workers->keeper_runs = true;
    return 0;
}

void vb_keeper_stop(struct vb_workers *workers)
{
    if (!workers->keeper_runs)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    if (workers->nursery.control >= 0)
        shutdown(workers->nursery.control, SHUT_RDWR);
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    pthread_join(workers->keeper, NULL);
}

int vb_workers_wait(struct vb_workers *workers, struct vb_error *err)
{
    int64_t deadline_ms = vb_deadline_after(START_TIMEOUT_MS);
    int jail, r = 0;

    pthread_mutex_lock(&workers->lock);
    while (workers->jail == 0 && r == 0)
        r = vb_cond_wait_until(&workers->changed, &workers->lock, deadline_ms);
    jail = workers->jail;
    pthread_mutex_unlock(&workers->lock);
    if (jail > 0)
        return 0;
    if (jail == 0)
        return vb_error_set(err, ETIMEDOUT, "%s was not ready within %d seconds", workers->program,
                            START_TIMEOUT_MS / 1000);
    vb_error_set(err, -jail, "media workers cannot be jailed: seccomp says %s", strerror(-jail));
    return vb_error_hint(err, "allow the system call seccomp(2), or run where it is allowed");
}
