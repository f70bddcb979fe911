/* Starting threads: named, deaf to signals, and a failure is an error instead of an abort. */
#include "base/thread.h"

#include "support.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct seen {
    sigset_t mask;
    size_t stack_bytes;
};

static void *look(void *context)
{
    struct seen *seen = context;
    pthread_attr_t attributes;

    pthread_sigmask(SIG_BLOCK, NULL, &seen->mask);
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
    pthread_attr_destroy(&attributes);
    return NULL;
}

static void a_thread_blocks_signals_but_those_of_its_own_faults(void **state)
{
    struct seen seen = {0};
    sigset_t before, after;
    pthread_t thread;

    (void)state;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(vb_thread_start("looks", 0, look, &seen, &thread), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int number = 1; number < SIGRTMAX; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    assert_true(sigismember(&seen.mask, SIGTERM) && sigismember(&seen.mask, SIGINT) &&
                sigismember(&seen.mask, SIGHUP));
    assert_false(sigismember(&seen.mask, SIGSEGV) || sigismember(&seen.mask, SIGABRT) ||
                 sigismember(&seen.mask, SIGSYS));
}

static void a_thread_has_the_stack_that_was_asked_for(void **state)
{
    struct seen seen = {0};
    pthread_t thread;

    (void)state;
    assert_int_equal(vb_thread_start("looks", (size_t)1024 * 1024, look, &seen, &thread), 0);
    pthread_join(thread, NULL);
    assert_in_range(seen.stack_bytes, (size_t)1024 * 1024, (size_t)2 * 1024 * 1024);
}

static bool refusing;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context)
{
    return refusing ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

static void a_thread_that_cannot_be_started_is_an_error(void **state)
{
    pthread_t thread;
    unsigned char untouched[sizeof(thread)];
    sigset_t mask;

    (void)state;
    memset(&thread, 0xa5, sizeof(thread));
    memset(untouched, 0xa5, sizeof(untouched));
    refusing = true;
    assert_int_equal(vb_thread_start("looks", 0, look, NULL, &thread), -EAGAIN);
    refusing = false;
    assert_memory_equal(&thread, untouched, sizeof(untouched));
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_blocks_signals_but_those_of_its_own_faults),
        cmocka_unit_test(a_thread_has_the_stack_that_was_asked_for),
        cmocka_unit_test(a_thread_that_cannot_be_started_is_an_error),
    };

    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
