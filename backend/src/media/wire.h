/*
 * What goes over the sockets of media workers: messages, each with descriptors beside it (unix(7), SOCK_SEQPACKET).
 * Between service and worker job.h says what they hold; between service and nursery:
 */
#ifndef VB_MEDIA_WIRE_H
#define VB_MEDIA_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VB_WIRE_CONTROL_FD 3 /* of the nursery; a worker has its own socket there */
#define VB_WIRE_FILES_MAX  3

/* Nursery to service: with the worker's socket, a new worker; without, one that has ended. Service to nursery: it is to be
 * killed. */
struct vb_wire_worker {
    int32_t pid;
    int32_t signal; /* that ended it; 0: none */
};

/* A worker's first message: the parts of its jail that hold (enum vb_jail_part), or a negative errno. */
struct vb_wire_hello {
    int32_t jail;
};

struct vb_wire_start {
    uint32_t processes, pad;
};

/* One message with file_count descriptors, which stay the caller's. Returns 0 or -errno. */
int vb_wire_send(int socket, const void *message, size_t size, const int *files, size_t file_count);
/* Returns the message's size, 0 at the end, or -errno (-EMSGSIZE: it was longer than capacity). files: set to -1 but
 * for those that came, close-on-exec and the caller's; more than file_count are closed. */
ssize_t vb_wire_receive(int socket, void *message, size_t capacity, int *files, size_t file_count);

#endif
