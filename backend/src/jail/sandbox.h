/*
 * The jail of a media worker. From its start on, the process can compute, use memory, start threads, and read
 * and write the descriptors that it is passed: no files, no network, no other process. In the jail: linked
 * into vibe-media alone.
 *
 * The filter of system calls (seccomp) must hold. The other parts (enum vb_wire_jail) are a second line of
 * defence: those that a container forbids are left out, and reported.
 */
#ifndef VB_JAIL_SANDBOX_H
#define VB_JAIL_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct vb_jail_limits {
    uint64_t memory_bytes; /* of address space */
    unsigned cpu_s;        /* in all */
    uint64_t output_bytes; /* of a file it writes */
};

/* Once in the parent of all workers: namespaces and user. Returns the parts that hold (enum vb_wire_jail). */
unsigned vb_jail_prepare(void);
/* In a worker: limits, Landlock, the filter. Closes nothing. Returns the parts that hold, or a negative errno
 * without seccomp: then the process must not go on. */
int vb_jail_enter(const struct vb_jail_limits *limits);

#endif
