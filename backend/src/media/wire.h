/*
 * What goes over the sockets of media workers: messages, each with descriptors beside it (unix(7), SOCK_SEQPACKET).
 * Between service and worker job.h says what they hold; between service and nursery:
 */
#ifndef VB_MEDIA_WIRE_H
#define VB_MEDIA_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VB_WIRE_CONTROL_FD    3 /* of the nursery; a worker has its own socket there */
#define VB_WIRE_FILES_MAX     3 /* descriptors beside one message */
#define VB_WIRE_PROCESSES_MAX 256
#define VB_WIRE_VARIANTS_MAX  64 /* after so many variants a worker ends, and another takes its place */

/* Nursery to service: with the worker's socket, a new worker; without, one that has ended. Service to nursery: it is to be
 * killed. */
struct vb_wire_worker {
    int32_t pid;
    int32_t signal; /* that ended it; 0: none */
};

enum vb_wire_jail {
    VB_WIRE_JAIL_SECCOMP = 1,    /* seccomp-bpf, seccomp(2) */
    VB_WIRE_JAIL_LANDLOCK = 2,   /* no rule: no file at all; landlock(7) */
    VB_WIRE_JAIL_NAMESPACES = 4, /* user, network and IPC of its own; namespaces(7) */
    VB_WIRE_JAIL_USER = 8,       /* not root: nobody, if it was root before */
    VB_WIRE_JAIL_ALL = 15
};

/* A worker's first message: the parts of its jail that hold (enum vb_wire_jail), or a negative errno. */
struct vb_wire_hello {
    int32_t jail;
};

struct vb_wire_start {
    uint32_t processes, pad;
};

/* One message with file_count descriptors, which stay the caller's. Returns 0 or -errno. */
int vb_wire_send(int socket, const void *message, size_t size, const int *files, size_t file_count);
/* Waits until there is a message, or the end. Returns 0, -ETIMEDOUT at the deadline (base/wait.h), or -errno. */
int vb_wire_wait(int socket, int64_t deadline_ms);
/* Returns the message's size, 0 at the end, or -errno (-EMSGSIZE: it was longer than capacity). files: set to -1 but
 * for those that came, close-on-exec and the caller's; more than file_count are closed. */
ssize_t vb_wire_receive(int socket, void *message, size_t capacity, int *files, size_t file_count);

#endif
