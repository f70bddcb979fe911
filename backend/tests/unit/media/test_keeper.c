/* The keeper, with a nursery that is nothing but the end of a socket in this test's hand. */
#include "media/workers_internal.h"

#include "base/memory.h"
#include "base/wait.h"
#include "media/wire.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define WAIT_MS 20000

/* What takes the places of nursery.c and workers.c. The thread sanitizer does not know the wait of base/wait
 * for a semaphore: hence the atomics. */
static struct {
    sem_t starting, may_start, offered, ended, stopped;
    atomic_int fails; /* so many of the next starts */
    atomic_int control, offered_pid;
} fake;

int vb_nursery_start(const char *program, unsigned processes, struct vb_nursery *ret_nursery,
                     struct vb_error *err)
{
    int ends[2];

    (void)program, (void)processes;
    sem_post(&fake.starting);
    assert_int_equal(vb_sem_wait_until(&fake.may_start, vb_deadline_after(WAIT_MS)), 0);
    if (atomic_load(&fake.fails) > 0) {
        atomic_fetch_sub(&fake.fails, 1);
        return vb_error_set(err, ENOENT, "there is no nursery");
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    fake.control = ends[1];
    *ret_nursery = (struct vb_nursery){.pid = 1, .control = ends[0]};
    return 0;
}

void vb_nursery_end(const struct vb_nursery *nursery)
{
    close(nursery->control);
    close(fake.control);
    sem_post(&fake.ended);
}

void vb_worker_free(struct vb_worker *worker)
{
    close(worker->socket);
    free(worker);
}

void vb_workers_offer(struct vb_workers *workers, struct vb_worker *worker)
{
    (void)workers;
    fake.offered_pid = worker->pid;
    vb_worker_free(worker);
    sem_post(&fake.offered);
}

static void wait_for(sem_t *semaphore)
{
    assert_int_equal(vb_sem_wait_until(semaphore, vb_deadline_after(WAIT_MS)), 0);
}

static int set_up(void **state)
{
    struct vb_workers *workers = vb_xcalloc(1, sizeof(*workers));

    fake.fails = 0;
    sem_init(&fake.starting, 0, 0);
    sem_init(&fake.may_start, 0, 1); /* the first start goes through */
    sem_init(&fake.offered, 0, 0);
    sem_init(&fake.ended, 0, 0);
    sem_init(&fake.stopped, 0, 0);
    workers->program = vb_xstrdup("vibe-media");
    workers->nursery.control = -1;
    pthread_mutex_init(&workers->lock, NULL);
    vb_cond_init(&workers->changed);
    *state = workers;
    return 0;
}

static int tear_down(void **state)
{
    struct vb_workers *workers = *state;

    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free(workers->program);
    free(workers);
    return 0;
}

/* A worker of that pid, whose jail has these parts; as the nursery sends it. */
static void send_worker(pid_t pid, int jail)
{
    const struct vb_wire_worker worker = {.pid = pid};
    const struct vb_wire_hello hello = {.jail = jail};
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(vb_wire_send(ends[1], &hello, sizeof(hello), NULL, 0), 0);
    assert_int_equal(vb_wire_send(fake.control, &worker, sizeof(worker), &ends[0], 1), 0);
    close(ends[0]);
    close(ends[1]);
}

static void a_worker_in_its_jail_is_offered(void **state)
{
    struct vb_workers *workers = *state;

    assert_int_equal(vb_keeper_start(workers, NULL), 0);
    send_worker(41, VB_WIRE_JAIL_ALL);
    wait_for(&fake.offered);
    assert_int_equal(fake.offered_pid, 41);
    assert_int_equal(vb_workers_wait(workers, NULL), 0);
    assert_int_equal(workers->jail, VB_WIRE_JAIL_ALL);
    vb_keeper_stop(workers);
}

static void a_worker_without_a_jail_is_turned_away(void **state)
{
    struct vb_workers *workers = *state;
    struct vb_error err = {0};

    assert_int_equal(vb_keeper_start(workers, NULL), 0);
    send_worker(41, -EPERM);
    assert_int_equal(vb_workers_wait(workers, &err), -EPERM);
    send_worker(42, VB_WIRE_JAIL_ALL);
    wait_for(&fake.offered);
    assert_int_equal(fake.offered_pid, 42);
    vb_keeper_stop(workers);
}

static void the_end_of_a_worker_is_told_to_its_call_alone(void **state)
{
    struct vb_workers *workers = *state;
    struct vb_worker_call mine = {.pid = 41}, others = {.pid = 42};
    const struct vb_wire_worker ended = {.pid = 41, .signal = SIGKILL};
    int r = 0;

    vb_media_queue_init(&workers->queue, 4, UINT64_MAX);
    for (int i = 0; i < 2; i++) {
        struct vb_media_call *call = i ? &others.queued : &mine.queued;

        vb_media_queue_add(&workers->queue, call);
        vb_media_queue_start(&workers->queue, call);
    }
    assert_int_equal(vb_keeper_start(workers, NULL), 0);
    assert_int_equal(vb_wire_send(fake.control, &ended, sizeof(ended), NULL, 0), 0);
    pthread_mutex_lock(&workers->lock);
    while (!mine.ended && r == 0)
        r = vb_cond_wait_until(&workers->changed, &workers->lock, vb_deadline_after(WAIT_MS));
    pthread_mutex_unlock(&workers->lock);
    assert_int_equal(r, 0);
    assert_int_equal(mine.signal, SIGKILL);
    assert_false(others.ended);
    vb_keeper_stop(workers);
}

static void a_nursery_that_ends_is_buried_and_started_until_it_starts(void **state)
{
    struct vb_workers *workers = *state;

    assert_int_equal(vb_keeper_start(workers, NULL), 0);
    wait_for(&fake.starting);
    fake.fails = 2;
    shutdown(fake.control, SHUT_RDWR);
    wait_for(&fake.ended);
    for (int i = 0; i < 3; i++) {
        wait_for(&fake.starting);
        sem_post(&fake.may_start);
    }
    pthread_mutex_lock(&workers->lock);
    while (workers->nursery.control < 0) {
        pthread_mutex_unlock(&workers->lock);
        vb_sleep_ms(1);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    send_worker(43, VB_WIRE_JAIL_ALL);
    wait_for(&fake.offered);
    assert_int_equal(fake.offered_pid, 43);
    assert_int_equal(sem_trywait(&fake.ended), -1); /* those that never started are not ended */
    vb_keeper_stop(workers);
}

static void a_nursery_that_cannot_be_started_leaves_nothing_running(void **state)
{
    struct vb_workers *workers = *state;
    struct vb_error err = {0};

    fake.fails = 1;
    assert_int_equal(vb_keeper_start(workers, &err), -ENOENT);
    assert_string_equal(err.message, "there is no nursery");
    vb_keeper_stop(workers);
}

static void *stop(void *context)
{
    vb_keeper_stop(context);
    sem_post(&fake.stopped);
    return NULL;
}

/* The nursery has died, another is being started, and just then the service stops. */
static void a_stop_while_the_nursery_starts_again_does_not_hang(void **state)
{
    struct vb_workers *workers = *state;
    pthread_t thread;
    bool stopping;

    assert_int_equal(vb_keeper_start(workers, NULL), 0);
    wait_for(&fake.starting);
    shutdown(fake.control, SHUT_RDWR);
    wait_for(&fake.starting); /* and it waits there */
    assert_int_equal(pthread_create(&thread, NULL, stop, workers), 0);
    do {
        sched_yield();
        pthread_mutex_lock(&workers->lock);
        stopping = workers->stopping;
        pthread_mutex_unlock(&workers->lock);
    } while (!stopping);
    sem_post(&fake.may_start);
    wait_for(&fake.stopped);
    pthread_join(thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_worker_in_its_jail_is_offered),
        TEST(a_worker_without_a_jail_is_turned_away),
        TEST(the_end_of_a_worker_is_told_to_its_call_alone),
        TEST(a_nursery_that_ends_is_buried_and_started_until_it_starts),
        TEST(a_nursery_that_cannot_be_started_leaves_nothing_running),
        TEST(a_stop_while_the_nursery_starts_again_does_not_hang),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
