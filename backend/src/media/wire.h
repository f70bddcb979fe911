/*
 * The sockets of media workers: messages, each with descriptors beside it (unix(7), SOCK_SEQPACKET). job.h
 * defines the messages between service and worker; this header defines those between service and nursery, and
 * the limits that both sides know.
 */
#ifndef VB_MEDIA_WIRE_H
#define VB_MEDIA_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VB_WIRE_CONTROL_FD    3 /* of the nursery; a worker has its own socket there */
#define VB_WIRE_FILES_MAX     3 /* descriptors beside one message */
#define VB_WIRE_PROCESSES_MAX 256
#define VB_WIRE_VARIANTS_MAX  64 /* a worker renders so many variants, then a new one replaces it */

/* Nursery to service: a new worker, with its socket beside the message; or, without a socket, a worker that
 * has ended. Service to nursery: kill this worker. */
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

/* Sends one message with file_count descriptors, which the caller keeps. Returns 0 or -errno. */
int vb_wire_send(int socket, const void *message, size_t size, const int *files, size_t file_count);
/* Waits until there is a message, or the end. Returns 0, -ETIMEDOUT at the deadline (base/wait.h), or
 * -errno. */
int vb_wire_wait(int socket, int64_t deadline_ms);
/* Returns the message's size, 0 at the end, or -errno (-EMSGSIZE: it was longer than capacity). files: the
 * descriptors that came, close-on-exec and the caller's from now on; -1 for the rest. More than file_count
 * are closed. */
ssize_t vb_wire_receive(int socket, void *message, size_t capacity, int *files, size_t file_count);

#endif
