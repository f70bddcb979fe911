/* The pool of media workers, seen from the service: see workers.h. */
#include "media/workers.h"

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "media/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_QUEUE_MAX  512
#define DEFAULT_TIMEOUT_MS 30000
#define START_TIMEOUT_MS   10000
#define HELLO_TIMEOUT_MS   5000
#define RESTART_WAIT_MS    200
#define END_WAIT_MS        1000 /* until the nursery has seen that a worker ended */
#define PROCESSES_MORE     2    /* than cores: one is kept for variants, one for another owner's upload */
#define ATTEMPTS           2    /* a file that two workers die of is at fault */

struct worker {
    struct worker *next;
    int socket;
    pid_t pid;
    unsigned jobs; /* done */
};

/* What the largest pictures that are taken need while they are decoded, measured; most need a fifth of it. */
#define HEAVY_BYTES ((uint64_t)450 * 1024 * 1024)
#define REST_BYTES  ((uint64_t)150 * 1024 * 1024) /* for the service, idle workers and variants */

/* Who goes first. */
enum lane {
    LANE_UPLOAD, /* somebody looks at a progress bar */
    LANE_VARIANT,
    LANE_SLOW /* AVIF takes many times as long: never on all workers, or the other two would wait for it */
};

#define LANES (LANE_SLOW + 1)

/* A call of vb_workers_run() that waits for a worker, or has one. */
struct call {
    struct call *next;
    enum lane lane;
    const char *owner; /* or NULL */
    unsigned rank;     /* how many others of the same owner were there when it came */
    bool alone;        /* not beside another that takes much memory */
    bool ended;        /* its worker has, by this signal */
    int signal;
    pthread_cond_t given;
    struct worker *worker;
    pid_t pid; /* of it; still there when it is not */
};

struct vb_workers {
    struct vb_workers_config config;
    char *program;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of jail, stopping, and whether the worker of a call has ended */
    struct worker *idle;    /* those used last first: their memory is warm */
    struct call *waiters;   /* in the order they are served */
    unsigned waiting;
    struct call *running;
    unsigned lanes[LANES]; /* how many of running are in each */
    unsigned heavy_max;    /* uploads and AVIF that may run at a time */
    int jail;              /* of the first worker; 0: none has come; negative: none may run */
    bool stopping;
    int control; /* to the nursery; -1: none */
    pid_t nursery;
    pthread_t keeper; /* takes in workers, and starts the nursery again */
    bool keeper_runs;
    struct vb_counter *done, *refused, *timeouts, *deaths;
};

/* Timeouts are of the monotonic clock. */
static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void worker_free(struct worker *worker)
{
    close(worker->socket);
    free(worker);
}

/*
 * Who is next. Under the lock, all of it.
 */

static unsigned count_of_owner(const struct call *list, const char *owner)
{
    unsigned count = 0;

    for (; list && owner; list = list->next)
        count += list->owner && strcmp(list->owner, owner) == 0;
    return count;
}

/* Within a lane everybody's first comes before anybody's second. */
static void enqueue(struct vb_workers *workers, struct call *call)
{
    struct call **at = &workers->waiters;

    call->rank =
        count_of_owner(workers->waiters, call->owner) + count_of_owner(workers->running, call->owner);
    while (*at && ((*at)->lane < call->lane || ((*at)->lane == call->lane && (*at)->rank <= call->rank)))
        at = &(*at)->next;
    call->next = *at;
    *at = call;
    workers->waiting++;
}

static void unlink_call(struct call **list, const struct call *call)
{
    while (*list != call)
        list = &(*list)->next;
    *list = call->next;
}

static unsigned at_least_one(unsigned count)
{
    return count > 0 ? count : 1;
}

static bool is_one_alone(const struct call *running)
{
    while (running && !running->alone)
        running = running->next;
    return running != NULL;
}

/* One worker is always left for the pictures that somebody wants to see, and of the others one for another's upload: a
 * worker that has a file cannot be had back before its time is up. */
static bool may_start(const struct vb_workers *workers, const struct call *call)
{
    const unsigned *lanes = workers->lanes;
    unsigned heavy = lanes[LANE_UPLOAD] + lanes[LANE_SLOW];

    if (call->lane == LANE_VARIANT)
        return true;
    if (heavy >= workers->heavy_max || (call->alone && heavy > 0) || is_one_alone(workers->running))
        return false;
    if (call->lane == LANE_SLOW)
        return lanes[LANE_SLOW] < at_least_one(workers->config.processes / 2);
    return count_of_owner(workers->running, call->owner) < at_least_one(workers->heavy_max - 1);
}

/* Whether an idle worker has ended, as those do that have used their time. */
static bool has_ended(const struct worker *worker)
{
    struct pollfd polled = {.fd = worker->socket, .events = POLLIN};

    return poll(&polled, 1, 0) != 0;
}

/* The last idle worker that lives, or NULL. Under the lock. */
static struct worker *take_idle(struct vb_workers *workers)
{
    struct worker *worker;

    while ((worker = workers->idle)) {
        workers->idle = worker->next;
        if (!has_ended(worker))
            break;
        worker_free(worker);
    }
    return worker;
}

/* Gives idle workers to those who wait. Under the lock. */
static void match(struct vb_workers *workers)
{
    struct call **at = &workers->waiters;
    bool held = false; /* for one that wants to be alone: nothing heavy goes before it */

    while (*at) {
        struct call *call = *at;

        if ((held && call->lane != LANE_VARIANT) || !may_start(workers, call)) {
            held |= call->alone;
            at = &call->next;
            continue;
        }
        call->worker = take_idle(workers);
        if (!call->worker)
            return;
        call->pid = call->worker->pid;
        *at = call->next;
        workers->waiting--;
        call->next = workers->running;
        workers->running = call;
        workers->lanes[call->lane]++;
        pthread_cond_signal(&call->given);
    }
}

/* A worker is free, or new. */
static void offer(struct vb_workers *workers, struct worker *worker)
{
    pthread_mutex_lock(&workers->lock);
    worker->next = workers->idle;
    workers->idle = worker;
    match(workers);
    pthread_mutex_unlock(&workers->lock);
}

/* Waits for a free worker until the deadline. Returns 0 (to be followed by leave()), -EBUSY or -ETIMEDOUT. */
static int acquire(struct vb_workers *workers, struct call *call, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    int r = 0;

    pthread_mutex_lock(&workers->lock);
    if (workers->waiting >= workers->config.queue_max) {
        r = -EBUSY;
    } else {
        init_condition(&call->given);
        enqueue(workers, call);
        match(workers);
        while (!call->worker && r == 0)
            r = -pthread_cond_timedwait(&call->given, &workers->lock, &until);
        if (!call->worker) {
            unlink_call(&workers->waiters, call);
            workers->waiting--;
        }
        pthread_cond_destroy(&call->given);
    }
    pthread_mutex_unlock(&workers->lock);
    return call->worker ? 0 : r;
}

/* The call is done with its worker, which is somebody else's by now, or gone. */
static void leave(struct vb_workers *workers, const struct call *call)
{
    pthread_mutex_lock(&workers->lock);
    unlink_call(&workers->running, call);
    workers->lanes[call->lane]--;
    match(workers);
    pthread_mutex_unlock(&workers->lock);
}

static enum lane lane_of(const struct vb_media_job *job)
{
    if (job->work != VB_WORK_VARIANT)
        return LANE_UPLOAD;
    return job->variant.format == VB_FORMAT_AVIF ? LANE_SLOW : LANE_VARIANT;
}

/* A worker that may be stuck is ended by its parent: this process may not even see it. */
static void kill_worker(struct vb_workers *workers, struct worker *worker)
{
    pthread_mutex_lock(&workers->lock);
    if (workers->control >= 0)
        vb_wire_send(workers->control, &(struct vb_wire_worker){.pid = worker->pid},
                     sizeof(struct vb_wire_worker), NULL, 0);
    pthread_mutex_unlock(&workers->lock);
    worker_free(worker);
}

static int wait_readable(int socket, int64_t deadline_ms)
{
    struct pollfd polled = {.fd = socket, .events = POLLIN};

    for (;;) {
        int64_t left_ms = deadline_ms - vb_clock_monotonic_ms();
        int ready = poll(&polled, 1, left_ms > 0 ? (int)left_ms : 0);

        if (ready > 0)
            return 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

static int exchange(struct worker *worker, const struct vb_media_job *job, const struct vb_media_files *files,
                    int64_t deadline_ms, struct vb_media_result *ret)
{
    const int all[VB_WIRE_FILES_MAX] = {files->input, files->output, files->poster};
    /* one byte more, to see a message that is too long */
    unsigned char message[sizeof(struct vb_media_result) + 1];
    size_t count = 0;
    ssize_t size;
    int r;

    while (count < VB_WIRE_FILES_MAX && all[count] >= 0)
        count++;
    r = vb_wire_send(worker->socket, job, sizeof(*job), all, count);
    if (r == 0)
        r = wait_readable(worker->socket, deadline_ms);
    if (r == -ETIMEDOUT)
        return r;
    size = r == 0 ? vb_wire_receive(worker->socket, message, sizeof(message), NULL, 0) : -EPIPE;
    if (size <= 0)
        return size == -EMSGSIZE ? -EPROTO : -EPIPE;
    return vb_media_result_read(message, (size_t)size, ret);
}

static void empty(int file)
{
    if (file >= 0 && (ftruncate(file, 0) < 0 || lseek(file, 0, SEEK_SET) < 0))
        vb_log(VB_LOG_WARN, "a media file could not be emptied", VB_LOG_STR("error", strerror(errno)));
}

/* Whether the worker, which is gone, was killed by somebody else than us: mostly by the system, for lack of memory. That is no
 * fault of the file's, as a crash is. The nursery tells; if it does not, it was killed itself. */
static bool was_killed(struct vb_workers *workers, const struct call *call)
{
    int64_t until_ms = vb_clock_monotonic_ms() + END_WAIT_MS;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    bool killed;
    int r = 0;

    pthread_mutex_lock(&workers->lock);
    while (!call->ended && r == 0)
        r = pthread_cond_timedwait(&workers->changed, &workers->lock, &until);
    killed = !call->ended || call->signal == SIGKILL;
    pthread_mutex_unlock(&workers->lock);
    return killed;
}

static int run_once(struct vb_workers *workers, const struct vb_media_job *job,
                    const struct vb_media_files *files, const char *owner, bool alone,
                    struct vb_media_result *ret)
{
    int64_t timeout_ms = workers->config.timeout_ms;
    struct call call = {.lane = lane_of(job), .owner = owner, .alone = alone};
    struct worker *worker;
    int r;

    r = acquire(workers, &call, vb_clock_monotonic_ms() + timeout_ms);
    if (r < 0)
        return r == -ETIMEDOUT ? -EBUSY : r;
    worker = call.worker;
    empty(files->output);
    empty(files->poster);
    r = exchange(worker, job, files, vb_clock_monotonic_ms() + timeout_ms, ret);
    if (r == -EPIPE && was_killed(workers, &call))
        r = -ENOMEM;
    if (r == 0 && job->work == VB_WORK_VARIANT && ++worker->jobs < VB_WIRE_VARIANTS_MAX)
        offer(workers, worker);
    else
        kill_worker(workers, worker); /* one that read an upload has done its part, whatever it still wants */
    leave(workers, &call);
    return r;
}

static int describe_failure(struct vb_workers *workers, int r, struct vb_error *err)
{
    switch (r) {
    case -EBUSY:
        vb_counter_add(workers->refused, 1);
        return vb_error_set(err, EBUSY, "too many pictures wait for being worked on");
    case -ETIMEDOUT:
        vb_counter_add(workers->timeouts, 1);
        return vb_error_set(err, ETIMEDOUT, "the file took more than %u seconds to read",
                            workers->config.timeout_ms / 1000);
    case -ENOMEM:
        vb_counter_add(workers->deaths, 1);
        return vb_error_set(err, EBUSY, "the media worker was killed: is there memory enough?");
    default:
        vb_counter_add(workers->deaths, 1);
        return vb_error_set(err, -r, "the media worker ended while it read the file");
    }
}

int vb_workers_run(struct vb_workers *workers, const struct vb_media_job *job,
                   const struct vb_media_files *files, const char *owner, struct vb_media_result *ret,
                   struct vb_error *err)
{
    int r = -EPIPE;

    for (int attempt = 0; attempt < ATTEMPTS && (r == -EPIPE || r == -ENOMEM); attempt++)
        r = run_once(workers, job, files, owner, r == -ENOMEM, ret);
    if (r < 0)
        return describe_failure(workers, r, err);
    vb_counter_add(workers->done, 1);
    return 0;
}

int vb_media_memory_file(const char *name)
{
    int file = memfd_create(name, MFD_CLOEXEC);

    return file < 0 ? -errno : file;
}

/*
 * The keeper.
 */

/* "vibe-media" beside this program. */
static char *find_program(void)
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

/* Nothing of ours is for it to know, but where sanitizers write. */
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
    /* a group of its own: Ctrl-C is for the service, which then ends its nursery */
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

static int start_nursery(struct vb_workers *workers, struct vb_error *err)
{
    struct vb_wire_start start = {.processes = workers->config.processes};
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return vb_error_set(err, errno, "there are no sockets for media workers: %s", strerror(errno));
    r = spawn(workers->program, ends[1], &workers->nursery);
    close(ends[1]);
    if (r < 0) {
        close(ends[0]);
        vb_error_set(err, -r, "%s cannot be started: %s", workers->program, strerror(-r));
        return vb_error_hint(err, "vibe-media belongs beside vibe: install both");
    }
    r = vb_wire_send(ends[0], &start, sizeof(start), NULL, 0);
    if (r < 0)
        vb_log(VB_LOG_WARN, "the media nursery ended at once", VB_LOG_INT("pid", workers->nursery));
    pthread_mutex_lock(&workers->lock);
    workers->control = ends[0];
    pthread_mutex_unlock(&workers->lock);
    return 0;
}

/* The first worker says once which parts of the jail hold. */
static void note_jail(struct vb_workers *workers, int jail)
{
    static const struct {
        unsigned part;
        const char *name;
    } parts[] = {{VB_WIRE_JAIL_LANDLOCK, "landlock"},
                 {VB_WIRE_JAIL_NAMESPACES, "namespaces"},
                 {VB_WIRE_JAIL_USER, "user"}};
    char missing[64] = "";
    bool first;

    pthread_mutex_lock(&workers->lock);
    first = workers->jail == 0;
    if (first)
        workers->jail = jail;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    if (!first || jail < 0)
        return;
    for (size_t i = 0; i < VB_ARRAY_SIZE(parts); i++)
        if (!((unsigned)jail & parts[i].part))
            snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s%s",
                     *missing ? ", " : "", parts[i].name);
    if (*missing)
        vb_log(VB_LOG_WARN, "media workers are jailed by seccomp, without what this system forbids or lacks",
               VB_LOG_STR("missing", missing));
    else
        vb_log(VB_LOG_INFO, "media workers are jailed", VB_LOG_INT("processes", workers->config.processes));
}

static void welcome(struct vb_workers *workers, pid_t pid, int socket)
{
    struct vb_wire_hello hello = {.jail = -EPIPE};
    struct worker *worker;
    ssize_t size = 0;

    if (wait_readable(socket, vb_clock_monotonic_ms() + HELLO_TIMEOUT_MS) == 0)
        size = vb_wire_receive(socket, &hello, sizeof(hello), NULL, 0);
    if (size != sizeof(hello) || hello.jail < 0) {
        if (size == sizeof(hello))
            note_jail(workers, hello.jail);
        close(socket);
        return;
    }
    note_jail(workers, hello.jail);
    worker = vb_xcalloc(1, sizeof(*worker));
    *worker = (struct worker){.socket = socket, .pid = pid};
    offer(workers, worker);
}

static void note_end(struct vb_workers *workers, const struct vb_wire_worker *ended)
{
    pthread_mutex_lock(&workers->lock);
    for (struct call *call = workers->running; call; call = call->next)
        if (call->pid == ended->pid) {
            call->ended = true;
            call->signal = ended->signal;
        }
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
}

/* Takes in workers, and hears of their end, until the nursery ends. */
static void keep(struct vb_workers *workers)
{
    struct vb_wire_worker worker;
    int socket;

    while (vb_wire_receive(workers->control, &worker, sizeof(worker), &socket, 1) == sizeof(worker))
        if (socket >= 0)
            welcome(workers, worker.pid, socket);
        else
            note_end(workers, &worker);
}

static void bury_nursery(struct vb_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    close(workers->control);
    workers->control = -1;
    for (struct worker *worker; (worker = workers->idle);) {
        workers->idle = worker->next;
        worker_free(worker);
    }
    pthread_mutex_unlock(&workers->lock);
    kill(workers->nursery, SIGKILL);
    waitpid(workers->nursery, NULL, 0);
}

/* Whether the pool goes on after a while. */
static bool wait_to_restart(struct vb_workers *workers)
{
    int64_t until_ms = vb_clock_monotonic_ms() + RESTART_WAIT_MS;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    bool stopping;
    int r = 0;

    pthread_mutex_lock(&workers->lock);
    while (!workers->stopping && r == 0)
        r = pthread_cond_timedwait(&workers->changed, &workers->lock, &until);
    stopping = workers->stopping;
    pthread_mutex_unlock(&workers->lock);
    return !stopping;
}

static void *keeper(void *argument)
{
    struct vb_workers *workers = argument;
    struct vb_error err = {0};

    for (;;) {
        keep(workers);
        bury_nursery(workers);
        do
            if (!wait_to_restart(workers))
                return NULL;
        while (start_nursery(workers, &err) < 0);
        vb_log(VB_LOG_ERROR, "the media nursery has ended and was started again",
               VB_LOG_INT("pid", workers->nursery));
    }
}

int vb_workers_wait(struct vb_workers *workers, struct vb_error *err)
{
    int64_t until_ms = vb_clock_monotonic_ms() + START_TIMEOUT_MS;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int jail, r = 0;

    pthread_mutex_lock(&workers->lock);
    while (workers->jail == 0 && r == 0)
        r = pthread_cond_timedwait(&workers->changed, &workers->lock, &until);
    jail = workers->jail;
    pthread_mutex_unlock(&workers->lock);
    if (jail > 0)
        return 0;
    if (jail == 0)
        return vb_error_set(err, ETIMEDOUT, "%s did not get ready within %d seconds", workers->program,
                            START_TIMEOUT_MS / 1000);
    vb_error_set(err, -jail, "media workers cannot be jailed: seccomp says %s", strerror(-jail));
    return vb_error_hint(err, "allow the system call seccomp(2), or run where it is allowed");
}

/* How many uploads and AVIF may run at a time: one process is left to the other variants, and what they need of memory must
 * be there. */
static unsigned heavy_max(unsigned processes)
{
    uint64_t memory = vb_machine_memory(""), room = memory > REST_BYTES ? memory - REST_BYTES : 0;
    uint64_t fit = room / HEAVY_BYTES;

    return at_least_one(fit < processes - 1 ? (unsigned)fit : processes - 1);
}

static double read_waiting(void *context)
{
    struct vb_workers *workers = context;
    unsigned waiting;

    pthread_mutex_lock(&workers->lock);
    waiting = workers->waiting;
    pthread_mutex_unlock(&workers->lock);
    return waiting;
}

static void set_metrics(struct vb_workers *workers)
{
    static const char jobs[] = "vibe_media_jobs_total", help[] = "Jobs of media workers, by how they ended.";

    workers->done = vb_metrics_counter(jobs, help, "outcome=\"done\"");
    workers->refused = vb_metrics_counter(jobs, help, "outcome=\"refused\"");
    workers->timeouts = vb_metrics_counter(jobs, help, "outcome=\"timeout\"");
    workers->deaths = vb_metrics_counter(jobs, help, "outcome=\"death\"");
    vb_metrics_gauge("vibe_media_jobs_waiting", "Jobs that wait for a media worker.", "", read_waiting,
                     workers);
}

int vb_workers_start(const struct vb_workers_config *config, struct vb_workers **ret_workers,
                     struct vb_error *err)
{
    struct vb_workers *workers = vb_xcalloc(1, sizeof(*workers));
    int r;

    workers->config = *config;
    workers->program = config->program ? vb_xstrdup(config->program) : find_program();
    workers->control = -1;
    if (!workers->config.processes)
        workers->config.processes = vb_machine_cores() + PROCESSES_MORE;
    if (workers->config.processes > VB_WIRE_PROCESSES_MAX)
        workers->config.processes = VB_WIRE_PROCESSES_MAX;
    workers->heavy_max = heavy_max(workers->config.processes);
    if (!workers->config.queue_max)
        workers->config.queue_max = DEFAULT_QUEUE_MAX;
    if (!workers->config.timeout_ms)
        workers->config.timeout_ms = DEFAULT_TIMEOUT_MS;
    pthread_mutex_init(&workers->lock, NULL);
    init_condition(&workers->changed);
    set_metrics(workers);
    r = start_nursery(workers, err);
    if (r == 0)
        r = -pthread_create(&workers->keeper, NULL, keeper, workers);
    workers->keeper_runs = r == 0;
    if (r < 0)
        vb_workers_stop(workers);
    else
        *ret_workers = workers;
    return r;
}

void vb_workers_stop(struct vb_workers *workers)
{
    if (!workers)
        return;
    vb_metrics_gauge("vibe_media_jobs_waiting", "Jobs that wait for a media worker.", "", NULL, workers);
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    if (workers->control >= 0)
        shutdown(workers->control, SHUT_RDWR);
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    if (workers->keeper_runs)
        pthread_join(workers->keeper, NULL);
    else if (workers->control >= 0)
        bury_nursery(workers);
    pthread_mutex_destroy(&workers->lock);
    pthread_cond_destroy(&workers->changed);
    free(workers->program);
    free(workers);
}
