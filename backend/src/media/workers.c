/*
 * A call of the pool of media workers: see workers.h.
 *
 *                  a worker is given          it answers
 *   run() ─▶ waits ─────────────────▶ works ─────────────▶ done: the worker goes back (variant) or ends
 *              │                        │
 *              │ the queue is full,     ├─ time is up, or nonsense ──▶ the worker is killed; the call fails
 *              │ or time is up          │
 *              ▼                        └─ the worker ended ──▶ once more, in an empty output:
 *            -EBUSY                            killed by the system (memory): alone, then -EBUSY
 *                                              crashed: then -EPIPE, the file is at fault
 */
#include "media/workers_internal.h"

#include "base/log.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/wait.h"
#include "media/wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_QUEUE_MAX  512
#define DEFAULT_TIMEOUT_MS 30000
#define END_WAIT_MS        1000 /* until the nursery has seen that a worker ended */
#define PROCESSES_MORE     2    /* than cores: one is kept for variants, one for another owner's upload */
#define ATTEMPTS           2    /* a file that ends two workers is at fault */

void vb_worker_free(struct vb_worker *worker)
{
    close(worker->socket);
    free(worker);
}

/*
 * Workers are handed to calls. All under the lock.
 */

/* A worker that has used its time ends: then its socket can be read from. */
static bool has_ended(const struct vb_worker *worker)
{
    struct pollfd polled = {.fd = worker->socket, .events = POLLIN};

    return poll(&polled, 1, 0) != 0;
}

/* The idle worker that was used last and lives, or NULL. */
static struct vb_worker *take_idle(struct vb_workers *workers)
{
    struct vb_worker *worker;

    while ((worker = workers->idle)) {
        workers->idle = worker->next;
        if (!has_ended(worker))
            break;
        vb_worker_free(worker);
    }
    return worker;
}

static void hand_out(struct vb_workers *workers)
{
    struct vb_worker_call *call;

    while ((call = (struct vb_worker_call *)vb_media_queue_next(&workers->queue))) {
        call->worker = take_idle(workers);
        if (!call->worker)
            return;
        call->pid = call->worker->pid;
        vb_media_queue_start(&workers->queue, &call->queued);
        pthread_cond_signal(&call->given);
    }
}

void vb_workers_offer(struct vb_workers *workers, struct vb_worker *worker)
{
    pthread_mutex_lock(&workers->lock);
    worker->next = workers->idle;
    workers->idle = worker;
    hand_out(workers);
    pthread_mutex_unlock(&workers->lock);
}

/* Waits for a free worker. Returns 0, and leave() must follow; or -EBUSY or -ETIMEDOUT. */
static int acquire(struct vb_workers *workers, struct vb_worker_call *call, int64_t deadline_ms)
{
    int r = 0;

    pthread_mutex_lock(&workers->lock);
    if (workers->queue.waiting >= workers->config.queue_max) {
        r = -EBUSY;
    } else {
        vb_cond_init(&call->given);
        vb_media_queue_add(&workers->queue, &call->queued);
        hand_out(workers);
        while (!call->worker && r == 0)
            r = vb_cond_wait_until(&call->given, &workers->lock, deadline_ms);
        if (!call->worker)
            vb_media_queue_withdraw(&workers->queue, &call->queued);
        pthread_cond_destroy(&call->given);
    }
    pthread_mutex_unlock(&workers->lock);
    return call->worker ? 0 : r;
}

/* The call no longer counts. Its worker has been offered to others or killed. */
static void leave(struct vb_workers *workers, struct vb_worker_call *call)
{
    pthread_mutex_lock(&workers->lock);
    vb_media_queue_end(&workers->queue, &call->queued);
    hand_out(workers);
    pthread_mutex_unlock(&workers->lock);
}

/* By its parent, the nursery: this process may not even see it. */
static void kill_worker(struct vb_workers *workers, struct vb_worker *worker)
{
    const struct vb_wire_worker victim = {.pid = worker->pid};

    pthread_mutex_lock(&workers->lock);
    if (workers->nursery.control >= 0)
        vb_wire_send(workers->nursery.control, &victim, sizeof(victim), NULL, 0);
    pthread_mutex_unlock(&workers->lock);
    vb_worker_free(worker);
}

/*
 * One attempt.
 */

static int exchange(const struct vb_worker *worker, const struct vb_media_job *job,
                    const struct vb_media_files *files, int64_t deadline_ms, struct vb_media_result *ret)
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
        r = vb_wire_wait(worker->socket, deadline_ms);
    if (r == -ETIMEDOUT)
        return r;
    size = r == 0 ? vb_wire_receive(worker->socket, message, sizeof(message), NULL, 0) : -EPIPE;
    if (size <= 0)
        return size == -EMSGSIZE ? -EPROTO : -EPIPE;
    return vb_media_result_read(message, (size_t)size, ret);
}

/* An earlier attempt may have left something. */
static void empty(int file)
{
    if (file >= 0 && (ftruncate(file, 0) < 0 || lseek(file, 0, SEEK_SET) < 0))
        vb_log(VB_LOG_WARN, "a media file of an earlier attempt cannot be emptied",
               VB_LOG_STR("error", strerror(errno)));
}

/* Whether the call's worker was killed, and not by us: mostly by the kernel, because memory ran out. Then the
 * file is not at fault; after a crash it is. The nursery reports how a worker ended. Without a report, the
 * nursery was killed, too. */
static bool was_killed(struct vb_workers *workers, const struct vb_worker_call *call)
{
    int64_t deadline_ms = vb_deadline_after(END_WAIT_MS);
    bool killed;
    int r = 0;

    pthread_mutex_lock(&workers->lock);
    while (!call->ended && r == 0)
        r = vb_cond_wait_until(&workers->changed, &workers->lock, deadline_ms);
    killed = !call->ended || call->signal == SIGKILL;
    pthread_mutex_unlock(&workers->lock);
    return killed;
}

static int run_once(struct vb_workers *workers, const struct vb_media_job *job,
                    const struct vb_media_files *files, const char *owner, bool alone,
                    struct vb_media_result *ret)
{
    unsigned timeout_ms = workers->config.timeout_ms;
    struct vb_worker_call call = {.queued = {.lane = vb_media_lane_of(job), .owner = owner, .alone = alone}};
    struct vb_worker *worker;
    int r;

    r = acquire(workers, &call, vb_deadline_after(timeout_ms));
    if (r < 0)
        return r == -ETIMEDOUT ? -EBUSY : r;
    worker = call.worker;
    empty(files->output);
    empty(files->poster);
    r = exchange(worker, job, files, vb_deadline_after(timeout_ms), ret);
    if (r == -EPIPE && was_killed(workers, &call))
        r = -ENOMEM;
    if (r == 0 && job->work == VB_WORK_VARIANT && ++worker->jobs < VB_WIRE_VARIANTS_MAX)
        vb_workers_offer(workers, worker);
    else
        kill_worker(workers, worker); /* one that has read an upload reads nothing else */
    leave(workers, &call);
    return r;
}

/*
 * A call.
 */

static int describe_failure(struct vb_workers *workers, int r, struct vb_error *err)
{
    switch (r) {
    case -EBUSY:
        vb_counter_add(workers->refused, 1);
        return vb_error_set(err, EBUSY, "too many pictures are waiting for a media worker");
    case -ETIMEDOUT:
        vb_counter_add(workers->timeouts, 1);
        return vb_error_set(err, ETIMEDOUT, "the file took more than %u seconds to read",
                            workers->config.timeout_ms / 1000);
    case -ENOMEM:
        vb_counter_add(workers->deaths, 1);
        return vb_error_set(err, EBUSY,
                            "the system killed the media worker: this machine may have too little memory");
    default:
        vb_counter_add(workers->deaths, 1);
        return vb_error_set(err, -r, "the media worker crashed or answered nonsense while it read the file");
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
 * The pool.
 */

static double read_waiting(void *context)
{
    struct vb_workers *workers = context;
    unsigned waiting;

    pthread_mutex_lock(&workers->lock);
    waiting = workers->queue.waiting;
    pthread_mutex_unlock(&workers->lock);
    return waiting;
}

static void set_gauge(struct vb_workers *workers, bool present)
{
    vb_metrics_gauge("vibe_media_jobs_waiting", "Jobs that wait for a media worker.", "",
                     present ? read_waiting : NULL, workers);
}

static void set_metrics(struct vb_workers *workers)
{
    static const char jobs[] = "vibe_media_jobs_total", help[] = "Jobs of media workers, by how they ended.";

    workers->done = vb_metrics_counter(jobs, help, "outcome=\"done\"");
    workers->refused = vb_metrics_counter(jobs, help, "outcome=\"refused\"");
    workers->timeouts = vb_metrics_counter(jobs, help, "outcome=\"timeout\"");
    workers->deaths = vb_metrics_counter(jobs, help, "outcome=\"death\"");
    set_gauge(workers, true);
}

static void fill_config(struct vb_workers_config *config)
{
    if (!config->processes)
        config->processes = vb_machine_cores() + PROCESSES_MORE;
    if (config->processes > VB_WIRE_PROCESSES_MAX)
        config->processes = VB_WIRE_PROCESSES_MAX;
    if (!config->queue_max)
        config->queue_max = DEFAULT_QUEUE_MAX;
    if (!config->timeout_ms)
        config->timeout_ms = DEFAULT_TIMEOUT_MS;
}

int vb_workers_start(const struct vb_workers_config *config, struct vb_workers **ret_workers,
                     struct vb_error *err)
{
    struct vb_workers *workers = vb_xcalloc(1, sizeof(*workers));
    int r;

    workers->config = *config;
    fill_config(&workers->config);
    workers->program = config->program ? vb_xstrdup(config->program) : vb_nursery_program();
    workers->nursery.control = -1;
    vb_media_queue_init(&workers->queue, workers->config.processes, vb_machine_memory(""));
    pthread_mutex_init(&workers->lock, NULL);
    vb_cond_init(&workers->changed);
    set_metrics(workers);
    r = vb_keeper_start(workers, err);
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
    set_gauge(workers, false);
    vb_keeper_stop(workers);
    pthread_mutex_destroy(&workers->lock);
    pthread_cond_destroy(&workers->changed);
    free(workers->program);
    free(workers);
}
