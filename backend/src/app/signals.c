/* The signals that end the program: see signals.h. */
#include "app/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
}

void vb_signals_block(void)
{
    sigset_t set;

    fill(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int vb_signals_wait(bool children)
{
    sigset_t set;
    int number;

    fill(&set);
    if (!children)
        sigdelset(&set, SIGCHLD);
    do
        number = sigwaitinfo(&set, NULL);
    while (number < 0 && errno == EINTR);
    return number;
}
