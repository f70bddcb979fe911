/* Messages with descriptors: see wire.h. */
#include "media/wire.h"

#include "base/memory.h"
#include "base/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
    struct cmsghdr header; /* for its alignment */
    char space[CMSG_SPACE(sizeof(int) * VB_WIRE_FILES_MAX)];
};

int vb_wire_send(int socket, const void *message, size_t size, const int *files, size_t file_count)
{
    struct iovec part = {.iov_base = (void *)message, .iov_len = size};
    union control control = {0};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    vb_assert(file_count <= VB_WIRE_FILES_MAX);
    if (file_count > 0) {
        struct cmsghdr *first;

        header.msg_control = control.space;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * file_count);
        first = CMSG_FIRSTHDR(&header);
        first->cmsg_level = SOL_SOCKET;
        first->cmsg_type = SCM_RIGHTS;
        first->cmsg_len = CMSG_LEN(sizeof(int) * file_count);
        memcpy(CMSG_DATA(first), files, sizeof(int) * file_count);
    }
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent == (ssize_t)size ? 0 : -EMSGSIZE;
}

int vb_wire_wait(int socket, int64_t deadline_ms)
{
    struct pollfd polled = {.fd = socket, .events = POLLIN};

    for (;;) {
        int64_t left_ms = vb_deadline_left_ms(deadline_ms);
        int ready = poll(&polled, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);

        if (ready > 0)
            return 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

static void take_files(struct msghdr *header, int *files, size_t file_count)
{
    size_t taken = 0;

    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
        size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int file;

            memcpy(&file, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
            if (taken < file_count)
                files[taken++] = file;
            else
                close(file);
        }
    }
}

ssize_t vb_wire_receive(int socket, void *message, size_t capacity, int *files, size_t file_count)
{
    struct iovec part = {.iov_base = message, .iov_len = capacity};
    union control control;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.space,
                            .msg_controllen = sizeof(control.space)};
    ssize_t received;

    for (size_t i = 0; i < file_count; i++)
        files[i] = -1;
    do
        received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    take_files(&header, files, file_count);
    if (header.msg_flags & MSG_TRUNC) {
        for (size_t i = 0; i < file_count; i++)
            if (files[i] >= 0)
                close(files[i]), files[i] = -1;
        return -EMSGSIZE;
    }
    return received;
}
