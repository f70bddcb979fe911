/*
 * The nursery as the service sees it: the program vibe-media, started with one socket, and ended. What it
 * does inside is jail/nursery.c; what is said over the socket is wire.h.
 */
#ifndef VB_MEDIA_NURSERY_H
#define VB_MEDIA_NURSERY_H

#include "base/error.h"

#include <sys/types.h>

struct vb_nursery {
    pid_t pid;
    int control; /* the socket to it; -1: there is no nursery */
};

/* "vibe-media" beside this program; to be freed. */
char *vb_nursery_program(void);

/* Starts the program with so many workers. Returns 0, or an error that names the program. A nursery that ends
 * at once is no error here: its socket ends, too. */
int vb_nursery_start(const char *program, unsigned processes, struct vb_nursery *ret_nursery,
                     struct vb_error *err);
/* Kills it, and with it all of its workers; returns when it is gone. */
void vb_nursery_end(const struct vb_nursery *nursery);

#endif
