/*
 * Scope-bound release, after systemd: VB_CLEANUP(fn) calls fn(&variable) when the variable goes out of scope.
 */
#ifndef VB_BASE_CLEANUP_H
#define VB_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VB_CLEANUP(fn) __attribute__((cleanup(fn)))

/* char *p VB_CLEANUP(vb_freep) = ...; any pointer from malloc */
static inline void vb_freep(void *pointer)
{
    free(*(void **)pointer);
}

/* int fd VB_CLEANUP(vb_closep) = -1; */
static inline void vb_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void vb_fclosep(FILE **file)
{
    if (*file)
        fclose(*file);
}

/* Hands a pointer on to its new owner: the cleanup of the old variable then has nothing to free. */
#define VB_TAKE(pointer)                                                                                     \
    ({                                                                                                       \
        __typeof__(pointer) taken_ = (pointer);                                                              \
        (pointer) = NULL;                                                                                    \
        taken_;                                                                                              \
    })

#define VB_TAKE_FD(fd)                                                                                       \
    ({                                                                                                       \
        int taken_ = (fd);                                                                                   \
        (fd) = -1;                                                                                           \
        taken_;                                                                                              \
    })

#endif
