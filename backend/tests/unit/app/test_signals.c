/* The signals that end the program: none is lost, and none ends it before it is asked for. */
#include "app/signals.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_signal_that_came_before_the_wait_counts(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(kill(getpid(), numbers[i]), 0);
        assert_int_equal(vb_signals_wait(false), numbers[i]);
    }
}

static void the_end_of_a_child_is_told_to_those_who_ask(void **state)
{
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(vb_signals_wait(true), SIGCHLD);
    assert_int_equal(waitpid(child, NULL, 0), child);

    child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(vb_signals_wait(false), SIGTERM); /* not SIGCHLD, which is pending */
    assert_int_equal(vb_signals_wait(true), SIGCHLD);
}

static void *send_sigterm(void *context)
{
    (void)context;
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    return NULL;
}

static void a_thread_that_started_later_does_not_take_it(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, send_sigterm, NULL), 0);
    assert_int_equal(vb_signals_wait(false), SIGTERM);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_that_came_before_the_wait_counts),
        cmocka_unit_test(the_end_of_a_child_is_told_to_those_who_ask),
        cmocka_unit_test(a_thread_that_started_later_does_not_take_it),
    };

    vb_signals_block();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
