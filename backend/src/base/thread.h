/*
 * Starting threads. Signals stay with the thread that handles them: those started here block all but the ones
 * that their own faults raise.
 */
#ifndef VB_BASE_THREAD_H
#define VB_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* name: shown by ps and gdb, 15 characters at most. stack_bytes: 0 for the system's default. Returns 0, or a
 * negative errno. The caller joins the thread. */
int vb_thread_start(const char *name, size_t stack_bytes, void *(*run)(void *context), void *context,
                    pthread_t *ret_thread);

/* For libraries that start threads of their own: those inherit the mask of the thread that starts them. */
void vb_thread_block_signals(sigset_t *ret_before);
void vb_thread_restore_signals(const sigset_t *before);

#endif
