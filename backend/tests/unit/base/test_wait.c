/* Waiting: deadlines hold to the millisecond, and a stop ends every wait at once. */
#include "base/wait.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "support.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define LONG_MS  60000 /* a wait that no test sits through */
#define SHORT_MS 20

static void deadlines_saturate_instead_of_overflowing(void **state)
{
    int64_t now_ms = vb_clock_monotonic_ms();

    (void)state;
    assert_true(vb_deadline_after(INT64_MAX) == VB_NO_DEADLINE);
    assert_true(vb_deadline_after(INT64_MAX - 1) == VB_NO_DEADLINE);
    assert_true(vb_deadline_left_ms(VB_NO_DEADLINE) > LONG_MS);
    assert_false(vb_deadline_passed(VB_NO_DEADLINE));
    assert_true(vb_deadline_after(LONG_MS) >= now_ms + LONG_MS);
    assert_int_equal(vb_deadline_left_ms(vb_deadline_after(-LONG_MS)), 0);
    assert_true(vb_deadline_passed(vb_deadline_after(0)));
}

static void a_condition_that_nobody_signals_times_out_at_the_deadline(void **state)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    int64_t deadline_ms = vb_deadline_after(SHORT_MS);
    pthread_cond_t condition;
    int r = 0;

    (void)state;
    vb_cond_init(&condition);
    pthread_mutex_lock(&mutex);
    while (r == 0)
        r = vb_cond_wait_until(&condition, &mutex, deadline_ms);
    assert_int_equal(r, -ETIMEDOUT);
    assert_true(vb_deadline_passed(deadline_ms));
    assert_int_equal(vb_cond_wait_until(&condition, &mutex, -1), -ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&condition);
}

struct signalled {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool come;
};

static void *signal_condition(void *context)
{
    struct signalled *signalled = context;

    pthread_mutex_lock(&signalled->mutex);
    signalled->come = true;
    pthread_cond_signal(&signalled->condition);
    pthread_mutex_unlock(&signalled->mutex);
    return NULL;
}

static void a_signalled_condition_ends_the_wait_before_any_deadline(void **state)
{
    static const int64_t waits_ms[] = {LONG_MS, VB_NO_DEADLINE, VB_NO_DEADLINE - 1};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(waits_ms); i++) {
        struct signalled signalled = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        int64_t start_ms = vb_clock_monotonic_ms();
        pthread_t thread;
        int r = 0;

        vb_cond_init(&signalled.condition);
        pthread_mutex_lock(&signalled.mutex);
        assert_int_equal(vb_thread_start("signals", 0, signal_condition, &signalled, &thread), 0);
        while (!signalled.come && r == 0)
            r = vb_cond_wait_until(&signalled.condition, &signalled.mutex, vb_deadline_after(waits_ms[i]));
        pthread_mutex_unlock(&signalled.mutex);
        pthread_join(thread, NULL);
        assert_int_equal(r, 0);
        assert_true(vb_clock_monotonic_ms() - start_ms < LONG_MS / 2);
        pthread_cond_destroy(&signalled.condition);
    }
}

static atomic_int interruptions;

static void count_interruption(int number)
{
    (void)number;
    atomic_fetch_add(&interruptions, 1);
}

/* Signals the thread of the test until it has noticed some. */
static void *interrupt(void *context)
{
    while (atomic_load(&interruptions) < 3) {
        pthread_kill(*(pthread_t *)context, SIGUSR1);
        vb_sleep_ms(1);
    }
    return NULL;
}

static void start_interrupting(pthread_t *self, pthread_t *thread)
{
    struct sigaction action = {.sa_handler = count_interruption};

    *self = pthread_self();
    sigaction(SIGUSR1, &action, NULL);
    atomic_store(&interruptions, 0);
    assert_int_equal(vb_thread_start("interrupts", 0, interrupt, self, thread), 0);
}

static void signals_shorten_neither_a_sleep_nor_a_wait_for_a_semaphore(void **state)
{
    int64_t deadline_ms;
    pthread_t self, thread;
    sem_t semaphore;

    (void)state;
    sem_init(&semaphore, 0, 1);
    assert_int_equal(vb_sem_wait_until(&semaphore, vb_deadline_after(LONG_MS)), 0);
    start_interrupting(&self, &thread);
    deadline_ms = vb_deadline_after(5 * SHORT_MS);
    assert_int_equal(vb_sem_wait_until(&semaphore, deadline_ms), -ETIMEDOUT);
    assert_true(vb_deadline_passed(deadline_ms));
    pthread_join(thread, NULL);

    start_interrupting(&self, &thread);
    deadline_ms = vb_deadline_after(5 * SHORT_MS);
    vb_sleep_ms(5 * SHORT_MS);
    assert_true(vb_deadline_passed(deadline_ms));
    pthread_join(thread, NULL);
    vb_sleep_ms(-1);
    vb_sleep_ms(INT64_MIN);
    sem_destroy(&semaphore);
}

static void back_off_doubles_up_to_its_maximum(void **state)
{
    static const struct {
        int64_t first_ms, max_ms;
        unsigned failures;
        int64_t expected_ms;
    } cases[] = {
        {100, 1000, 0, 100},
        {100, 1000, 1, 100},
        {100, 1000, 2, 200},
        {100, 1000, 4, 800},
        {100, 1000, 5, 1000},
        {100, 1000, 4000000000, 1000},
        {100, 50, 1, 50},
        {0, 1000, 9, 0},
        {1, INT64_MAX, 63, (int64_t)1 << 62},
        {1, INT64_MAX, 64, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++)
        assert_int_equal(vb_backoff_ms(cases[i].first_ms, cases[i].max_ms, cases[i].failures),
                         cases[i].expected_ms);
}

static void jitter_spreads_over_both_sides_and_no_further(void **state)
{
    bool shorter = false, longer = false;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t ms = vb_jitter_ms(1000, 10);

        assert_in_range(ms, 900, 1100);
        shorter = shorter || ms < 950;
        longer = longer || ms > 1050;
    }
    assert_true(shorter && longer);
    assert_int_equal(vb_jitter_ms(1000, 0), 1000);
    assert_int_equal(vb_jitter_ms(5, 10), 5);
    assert_int_equal(vb_jitter_ms(0, 10), 0);
    assert_true(vb_jitter_ms(INT64_MAX, 100) >= 0);
}

static void polling_backs_off_and_asks_once_more_at_the_deadline(void **state)
{
    int64_t deadline_ms = vb_deadline_after(5 * SHORT_MS);
    struct vb_poll poll = vb_poll_start(deadline_ms, 1000, 4000);
    int64_t last_asked_ms = 0;
    int asked = 0;

    (void)state;
    do {
        last_asked_ms = vb_clock_monotonic_ms();
        asked++;
    } while (vb_poll_pause(&poll));
    assert_true(last_asked_ms >= deadline_ms);
    assert_in_range(asked, 2, 5 * SHORT_MS / 4 + 5);

    poll = vb_poll_start(vb_deadline_after(SHORT_MS), (int64_t)LONG_MS * 1000, (int64_t)LONG_MS * 1000);
    last_asked_ms = vb_clock_monotonic_ms();
    assert_true(vb_poll_pause(&poll));
    assert_true(vb_clock_monotonic_ms() - last_asked_ms < LONG_MS / 2);
    assert_false(vb_poll_pause(&poll));
}

static void *request_stop(void *context)
{
    vb_stop_request(context);
    return NULL;
}

static void a_stop_ends_a_sleep_at_once_and_every_later_one(void **state)
{
    int64_t start_ms = vb_clock_monotonic_ms();
    struct vb_stop stop;
    pthread_t thread;

    (void)state;
    vb_stop_init(&stop);
    assert_true(vb_stop_sleep_ms(&stop, 1));
    assert_true(vb_clock_monotonic_ms() > start_ms);
    assert_false(vb_stop_requested(&stop));
    assert_int_equal(vb_thread_start("stops", 0, request_stop, &stop, &thread), 0);
    assert_false(vb_stop_sleep_ms(&stop, LONG_MS));
    assert_false(vb_stop_sleep_ms(&stop, LONG_MS));
    assert_false(vb_stop_sleep_ms(&stop, 0));
    assert_true(vb_stop_requested(&stop));
    pthread_join(thread, NULL);
    assert_true(vb_clock_monotonic_ms() - start_ms < LONG_MS / 2);
    vb_stop_release(&stop);
}

/* A worker whose runs are counted, and which waits as long as the test says. */
struct counted {
    struct vb_periodic periodic;
    sem_t ran, leave;
    atomic_llong next_ms;
    atomic_bool gated;
    sigset_t mask;
    char name[16];
};

static int64_t count_run(void *context)
{
    struct counted *counted = context;

    pthread_sigmask(SIG_BLOCK, NULL, &counted->mask);
    pthread_getname_np(pthread_self(), counted->name, sizeof(counted->name));
    sem_post(&counted->ran);
    if (atomic_load(&counted->gated))
        vb_sem_wait_until(&counted->leave, VB_NO_DEADLINE);
    return atomic_load(&counted->next_ms);
}

static void start(struct counted *counted, int64_t first_ms, int64_t next_ms)
{
    memset(counted, 0, sizeof(*counted));
    sem_init(&counted->ran, 0, 0);
    sem_init(&counted->leave, 0, 0);
    atomic_store(&counted->next_ms, next_ms);
    assert_int_equal(vb_periodic_start(&counted->periodic,
                                       &(struct vb_periodic_config){"counted", first_ms, count_run, counted}),
                     0);
}

static void await_run(struct counted *counted)
{
    assert_int_equal(vb_sem_wait_until(&counted->ran, vb_deadline_after(LONG_MS)), 0);
}

static void stop(struct counted *counted)
{
    vb_periodic_stop(&counted->periodic);
    sem_destroy(&counted->ran);
    sem_destroy(&counted->leave);
}

static void a_periodic_thread_runs_at_once_and_then_as_its_work_says(void **state)
{
    int64_t start_ms = vb_clock_monotonic_ms();
    struct counted counted;

    (void)state;
    start(&counted, 0, SHORT_MS);
    await_run(&counted);
    await_run(&counted);
    assert_true(vb_clock_monotonic_ms() - start_ms >= SHORT_MS);
    await_run(&counted);
    assert_true(vb_clock_monotonic_ms() - start_ms >= 2 * SHORT_MS);
    stop(&counted);
    assert_string_equal(counted.name, "counted");
    assert_true(sigismember(&counted.mask, SIGTERM));
    assert_false(sigismember(&counted.mask, SIGSEGV));
}

static void a_periodic_thread_stops_at_once_however_long_it_waits(void **state)
{
    static const int64_t waits_ms[] = {LONG_MS, VB_NO_DEADLINE};
    int64_t start_ms = vb_clock_monotonic_ms();
    struct counted counted;

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(waits_ms); i++) {
        start(&counted, waits_ms[i], 0);
        stop(&counted);
        assert_int_equal(counted.name[0], '\0'); /* it has not run */
        start(&counted, 0, waits_ms[i]);
        await_run(&counted);
        stop(&counted);
    }
    assert_true(vb_clock_monotonic_ms() - start_ms < LONG_MS / 2);
}

static void waking_a_periodic_thread_runs_it_now(void **state)
{
    struct counted counted;

    (void)state;
    start(&counted, VB_NO_DEADLINE, VB_NO_DEADLINE);
    for (int i = 0; i < 3; i++) {
        vb_periodic_wake(&counted.periodic);
        await_run(&counted);
    }
    stop(&counted);
}

static void waking_a_periodic_thread_that_runs_has_it_run_once_more(void **state)
{
    struct counted counted;

    (void)state;
    start(&counted, VB_NO_DEADLINE, VB_NO_DEADLINE);
    atomic_store(&counted.gated, true);
    vb_periodic_wake(&counted.periodic);
    await_run(&counted);
    vb_periodic_wake(&counted.periodic);
    vb_periodic_wake(&counted.periodic);
    sem_post(&counted.leave);
    await_run(&counted);
    sem_post(&counted.leave);
    stop(&counted);
    assert_int_equal(sem_trywait(&counted.ran), -1); /* two calls during one run: one run more */
}

static void a_run_can_see_that_it_is_to_stop(void **state)
{
    struct counted counted;

    (void)state;
    start(&counted, 0, 0);
    await_run(&counted);
    assert_false(vb_periodic_stopping(&counted.periodic));
    vb_periodic_request_stop(&counted.periodic);
    assert_true(vb_periodic_stopping(&counted.periodic));
    stop(&counted);
}

static void stopping_what_never_started_does_nothing(void **state)
{
    struct vb_periodic periodic = {0};

    (void)state;
    vb_periodic_stop(&periodic);
    vb_periodic_stop(&periodic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_saturate_instead_of_overflowing),
        cmocka_unit_test(a_condition_that_nobody_signals_times_out_at_the_deadline),
        cmocka_unit_test(a_signalled_condition_ends_the_wait_before_any_deadline),
        cmocka_unit_test(signals_shorten_neither_a_sleep_nor_a_wait_for_a_semaphore),
        cmocka_unit_test(back_off_doubles_up_to_its_maximum),
        cmocka_unit_test(jitter_spreads_over_both_sides_and_no_further),
        cmocka_unit_test(polling_backs_off_and_asks_once_more_at_the_deadline),
        cmocka_unit_test(a_stop_ends_a_sleep_at_once_and_every_later_one),
        cmocka_unit_test(a_periodic_thread_runs_at_once_and_then_as_its_work_says),
        cmocka_unit_test(a_periodic_thread_stops_at_once_however_long_it_waits),
        cmocka_unit_test(waking_a_periodic_thread_runs_it_now),
        cmocka_unit_test(waking_a_periodic_thread_that_runs_has_it_run_once_more),
        cmocka_unit_test(a_run_can_see_that_it_is_to_stop),
        cmocka_unit_test(stopping_what_never_started_does_nothing),
    };

    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
