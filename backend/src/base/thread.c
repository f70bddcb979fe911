/* Starting threads: see thread.h. */
#include "base/thread.h"

#include "base/memory.h"

#include <string.h>

#define NAME_MAX_BYTES 15

void vb_thread_block_signals(sigset_t *ret_before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked;

    sigfillset(&blocked);
    for (size_t i = 0; i < VB_ARRAY_SIZE(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, ret_before);
}

void vb_thread_restore_signals(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int vb_thread_start(const char *name, size_t stack_bytes, void *(*run)(void *context), void *context,
                    pthread_t *ret_thread)
{
    pthread_attr_t attributes;
    sigset_t before;
    pthread_t thread;
    int r;

    vb_assert(strlen(name) <= NAME_MAX_BYTES);
    pthread_attr_init(&attributes);
    if (stack_bytes)
        pthread_attr_setstacksize(&attributes, stack_bytes);
    vb_thread_block_signals(&before);
    r = -pthread_create(&thread, &attributes, run, context);
    vb_thread_restore_signals(&before);
    pthread_attr_destroy(&attributes);
    if (r < 0)
        return r;
    pthread_setname_np(thread, name);
    *ret_thread = thread;
    return 0;
}
