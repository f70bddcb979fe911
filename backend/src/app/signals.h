/*
 * The signals that end the program, or tell it something: they are blocked in every thread, and the main
 * thread takes them one by one.
 */
#ifndef VB_APP_SIGNALS_H
#define VB_APP_SIGNALS_H

#include <stdbool.h>

/* Blocks SIGINT, SIGTERM, SIGHUP and SIGCHLD in this thread and in those it starts later: so it comes
 * before any thread. */
void vb_signals_block(void);

/* Waits for SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal is gone, or a certificate is new) and, with
 * children, for SIGCHLD (a child has ended). Returns which. One that came before the call counts. */
int vb_signals_wait(bool children);

#endif
