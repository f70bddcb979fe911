/* The worker pool: bounded in threads and queue, loses no job, and gives everything back. */
#include "base/pool.h"

#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Jobs that stay until they are let go, so that a test decides what runs and what waits. */
struct gate {
    sem_t entered, leave;
    atomic_int inside, most_inside, done;
};

struct gated_job {
    struct vb_job job;
    struct gate *gate;
};

static void open_gate(struct gate *gate)
{
    memset(gate, 0, sizeof(*gate));
    sem_init(&gate->entered, 0, 0);
    sem_init(&gate->leave, 0, 0);
}

static void close_gate(struct gate *gate)
{
    sem_destroy(&gate->entered);
    sem_destroy(&gate->leave);
}

static void wait_for(sem_t *semaphore)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 20;
    while (sem_timedwait(semaphore, &deadline) < 0)
        assert_int_equal(errno, EINTR);
}

static void run_gated(struct vb_job *job)
{
    struct gate *gate = ((struct gated_job *)job)->gate;
    int inside = atomic_fetch_add(&gate->inside, 1) + 1, most = atomic_load(&gate->most_inside);

    while (inside > most && !atomic_compare_exchange_weak(&gate->most_inside, &most, inside))
        continue;
    sem_post(&gate->entered);
    while (sem_wait(&gate->leave) < 0)
        continue;
    atomic_fetch_sub(&gate->inside, 1);
    atomic_fetch_add(&gate->done, 1);
}

static void takes_threads_plus_queue_max_jobs_and_refuses_the_next(void **state)
{
    enum { THREADS_MAX = 3, QUEUE_MAX = 5, ROUNDS = 200 };

    (void)state;
    for (unsigned threads = 1; threads <= THREADS_MAX; threads++)
        for (unsigned queue_max = 0; queue_max <= QUEUE_MAX; queue_max++) {
            struct gated_job job[THREADS_MAX + QUEUE_MAX + 1];
            struct vb_pool *pool = vb_pool_create("gated", threads, queue_max);
            struct vb_pool_stats stats;
            unsigned accepted = threads + queue_max;
            struct gate gate;

            open_gate(&gate);
            for (unsigned i = 0; i <= accepted; i++)
                job[i] = (struct gated_job){{.run = run_gated}, &gate};
            for (unsigned i = 0; i < accepted; i++) /* at once: no worker has had time to start */
                assert_int_equal(vb_pool_submit(pool, &job[i].job), 0);
            assert_int_equal(vb_pool_submit(pool, &job[accepted].job), -EAGAIN);
            for (unsigned i = 0; i < threads; i++)
                wait_for(&gate.entered);
            assert_int_equal(vb_pool_submit(pool, &job[accepted].job), -EAGAIN); /* nor when all run */
            vb_pool_stats(pool, &stats);
            assert_int_equal(stats.threads, threads);
            assert_int_equal(stats.running, threads);
            assert_int_equal(stats.queued, queue_max);
            for (unsigned i = 0; i < accepted; i++)
                sem_post(&gate.leave);
            vb_pool_destroy(pool);
            assert_int_equal(atomic_load(&gate.done), accepted);
            assert_int_equal(atomic_load(&gate.most_inside), threads);
            close_gate(&gate);
        }
}

struct lettered_job {
    struct vb_job job;
    char *order; /* where its letter is appended */
    char letter;
};

static void note_letter(struct vb_job *job)
{
    struct lettered_job *lettered = (struct lettered_job *)job;

    lettered->order[strlen(lettered->order)] = lettered->letter; /* one thread: nobody else writes */
}

static void owners_are_served_round_robin(void **state)
{
    /* who has sent which; '-' is nobody's */
    static const struct {
        const char *sent, *run;
    } cases[] = {
        {"aaabc", "abcaa"}, {"aaaabbb", "abababa"}, {"aa--a-b", "a---baa"}, {"abcabc", "abcabc"}, {"", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vb_pool *pool = vb_pool_create("fair", 1, 16);
        struct lettered_job jobs[16];
        char order[17] = "";
        struct gated_job first;
        struct gate gate;

        open_gate(&gate);
        first = (struct gated_job){{.run = run_gated}, &gate};
        assert_int_equal(vb_pool_submit(pool, &first.job), 0);
        wait_for(&gate.entered);
        for (size_t j = 0; cases[i].sent[j]; j++) {
            char owner[2] = {cases[i].sent[j] == '-' ? '\0' : cases[i].sent[j], '\0'};

            jobs[j] = (struct lettered_job){
                {.run = note_letter, .owner = vb_job_owner(owner)}, order, cases[i].sent[j]};
            assert_int_equal(vb_pool_submit(pool, &jobs[j].job), 0);
        }
        sem_post(&gate.leave);
        vb_pool_destroy(pool);
        assert_string_equal(order, cases[i].run);
        close_gate(&gate);
    }
}

static void a_finished_job_makes_room_for_another(void **state)
{
    struct gated_job job[4];
    struct vb_pool *pool = vb_pool_create("free", 1, 1);
    struct gate gate;

    (void)state;
    open_gate(&gate);
    for (int i = 0; i < 4; i++)
        job[i] = (struct gated_job){{.run = run_gated}, &gate};
    assert_int_equal(vb_pool_submit(pool, &job[0].job), 0);
    assert_int_equal(vb_pool_submit(pool, &job[1].job), 0);
    wait_for(&gate.entered);
    assert_int_equal(vb_pool_submit(pool, &job[2].job), -EAGAIN);
    sem_post(&gate.leave);
    wait_for(&gate.entered); /* the second runs, its place in the queue is free */
    assert_int_equal(vb_pool_submit(pool, &job[2].job), 0);
    assert_int_equal(vb_pool_submit(pool, &job[3].job), -EAGAIN);
    sem_post(&gate.leave);
    sem_post(&gate.leave);
    vb_pool_destroy(pool);
    assert_int_equal(atomic_load(&gate.done), 3);
    close_gate(&gate);
}

static void threads_start_only_as_needed(void **state)
{
    struct vb_pool *pool = vb_pool_create("lazy", 8, 8);
    struct vb_pool_stats stats;
    struct gate gate;

    (void)state;
    open_gate(&gate);
    vb_pool_stats(pool, &stats);
    assert_int_equal(stats.threads, 0);
    for (int i = 0; i < 50; i++) { /* one after the other: one thread can do it */
        struct gated_job job = {{.run = run_gated}, &gate};

        sem_post(&gate.leave);
        assert_int_equal(vb_pool_submit(pool, &job.job), 0);
        wait_for(&gate.entered);
        do {
            sched_yield();
            vb_pool_stats(pool, &stats);
        } while (stats.running + stats.queued > 0);
    }
    assert_int_equal(stats.threads, 1);
    vb_pool_destroy(pool);
    close_gate(&gate);
}

struct numbered_job {
    struct vb_job job;
    int number;
    int *order;
    atomic_int *next;
};

static void note_order(struct vb_job *job)
{
    struct numbered_job *numbered = (struct numbered_job *)job;

    numbered->order[atomic_fetch_add(numbered->next, 1)] = numbered->number;
}

static void one_thread_runs_jobs_in_order_of_arrival(void **state)
{
    enum { JOBS = 100 };
    static struct numbered_job job[JOBS];
    struct vb_pool *pool = vb_pool_create("ordered", 1, JOBS);
    int order[JOBS];
    atomic_int next = 0;

    (void)state;
    for (int i = 0; i < JOBS; i++) {
        job[i] = (struct numbered_job){{.run = note_order}, i, order, &next};
        assert_int_equal(vb_pool_submit(pool, &job[i].job), 0);
    }
    vb_pool_destroy(pool);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(order[i], i);
}

static void destroy_runs_what_is_queued(void **state)
{
    enum { JOBS = 20 };
    static struct gated_job job[JOBS];
    struct vb_pool *pool = vb_pool_create("queued", 2, JOBS);
    struct gate gate;

    (void)state;
    open_gate(&gate);
    for (int i = 0; i < JOBS; i++) {
        job[i] = (struct gated_job){{.run = run_gated}, &gate};
        assert_int_equal(vb_pool_submit(pool, &job[i].job), 0);
    }
    assert_int_equal(atomic_load(&gate.done), 0);
    for (int i = 0; i < JOBS; i++)
        sem_post(&gate.leave);
    vb_pool_destroy(pool);
    assert_int_equal(atomic_load(&gate.done), JOBS);
    close_gate(&gate);
}

static void an_unused_pool_and_no_pool_can_be_destroyed(void **state)
{
    (void)state;
    vb_pool_destroy(vb_pool_create("a name far longer than fifteen characters", 64, 0));
    vb_pool_destroy(NULL);
}

/* The job frees itself: the pool must not touch it afterwards (ASan sees it). */
struct owned_job {
    struct vb_job job;
    atomic_int *done;
};

static void free_self(struct vb_job *job)
{
    atomic_fetch_add(((struct owned_job *)job)->done, 1);
    free(job);
}

enum { SUBMITTERS = 4, EACH = 2000 };

struct submitter {
    struct vb_pool *pool;
    atomic_int *done, *refused;
};

static void *submit_many(void *argument)
{
    struct submitter *submitter = argument;

    for (int i = 0; i < EACH; i++) {
        struct owned_job *job = malloc(sizeof(*job));

        *job = (struct owned_job){{.run = free_self}, submitter->done};
        while (vb_pool_submit(submitter->pool, &job->job) < 0) {
            atomic_fetch_add(submitter->refused, 1);
            sched_yield();
        }
    }
    return NULL;
}

static void jobs_of_many_submitters_all_run_once(void **state)
{
    struct vb_pool *pool = vb_pool_create("busy", 4, 16);
    atomic_int done = 0, refused = 0;
    struct submitter submitter = {pool, &done, &refused};
    struct vb_pool_stats stats;
    pthread_t thread[SUBMITTERS];

    (void)state;
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, submit_many, &submitter), 0);
    for (int i = 0; i < 200; i++) {
        vb_pool_stats(pool, &stats);
        assert_true(stats.threads <= 4);
        assert_true(stats.running <= stats.threads);
        assert_true(stats.queued + stats.running <= 4 + 16);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(thread[i], NULL);
    vb_pool_destroy(pool);
    assert_int_equal(atomic_load(&done), SUBMITTERS * EACH);
}

struct signal_job {
    struct vb_job job;
    sigset_t blocked;
    char name[16];
    sem_t done;
};

static void note_signals(struct vb_job *job)
{
    struct signal_job *noted = (struct signal_job *)job;

    pthread_sigmask(SIG_BLOCK, NULL, &noted->blocked);
    pthread_getname_np(pthread_self(), noted->name, sizeof(noted->name));
    sem_post(&noted->done);
}

static void workers_leave_signals_to_the_main_thread_and_have_a_name(void **state)
{
    struct vb_pool *pool = vb_pool_create("signals", 1, 1);
    struct signal_job job = {.job = {.run = note_signals}};
    sigset_t mine;

    (void)state;
    sem_init(&job.done, 0, 0);
    assert_int_equal(vb_pool_submit(pool, &job.job), 0);
    wait_for(&job.done);
    assert_true(sigismember(&job.blocked, SIGTERM));
    assert_true(sigismember(&job.blocked, SIGINT));
    assert_false(sigismember(&job.blocked, SIGSEGV)); /* a crash is reported where it happens */
    assert_string_equal(job.name, "signals");
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
    vb_pool_destroy(pool);
    sem_destroy(&job.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_threads_plus_queue_max_jobs_and_refuses_the_next),
        cmocka_unit_test(owners_are_served_round_robin),
        cmocka_unit_test(a_finished_job_makes_room_for_another),
        cmocka_unit_test(threads_start_only_as_needed),
        cmocka_unit_test(one_thread_runs_jobs_in_order_of_arrival),
        cmocka_unit_test(destroy_runs_what_is_queued),
        cmocka_unit_test(an_unused_pool_and_no_pool_can_be_destroyed),
        cmocka_unit_test(jobs_of_many_submitters_all_run_once),
        cmocka_unit_test(workers_leave_signals_to_the_main_thread_and_have_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
