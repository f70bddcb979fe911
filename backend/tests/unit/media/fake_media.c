/* A nursery whose only worker misbehaves. WRONG: 1 never answers, 2 answers nonsense, 3 crashes, 4 cannot be
 * jailed, 5 is killed, 6 is killed and the nursery does not tell. */
#include "media/job.h"
#include "media/wire.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void do_wrong(int socket)
{
    struct vb_wire_hello hello = {.jail = VB_WIRE_JAIL_ALL};
    unsigned char job[sizeof(struct vb_media_job)], answer[sizeof(struct vb_media_result)];
    int files[VB_WIRE_FILES_MAX];

    if (WRONG == 4)
        hello.jail = -EPERM;
    vb_wire_send(socket, &hello, sizeof(hello), NULL, 0);
    if (vb_wire_receive(socket, job, sizeof(job), files, VB_WIRE_FILES_MAX) <= 0 || WRONG == 3 || WRONG >= 5)
        return;
    memset(answer, 0xee, sizeof(answer));
    if (WRONG == 2)
        vb_wire_send(socket, answer, sizeof(answer), NULL, 0);
    vb_wire_receive(socket, job, sizeof(job), files, VB_WIRE_FILES_MAX); /* until the service gives up */
}

int main(void)
{
    struct vb_wire_start start;
    struct vb_wire_worker order;

    if (vb_wire_receive(VB_WIRE_CONTROL_FD, &start, sizeof(start), NULL, 0) != sizeof(start) ||
        start.processes > VB_WIRE_PROCESSES_MAX)
        return 2;
    for (;;) {
        struct vb_wire_worker worker = {.pid = getpid()};
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
            vb_wire_send(VB_WIRE_CONTROL_FD, &worker, sizeof(worker), &ends[0], 1) < 0)
            return 1;
        close(ends[0]);
        do_wrong(ends[1]);
        close(ends[1]);
        worker.signal = WRONG == 3 ? SIGSEGV : SIGKILL;
        if ((WRONG == 3 || WRONG == 5) &&
            vb_wire_send(VB_WIRE_CONTROL_FD, &worker, sizeof(worker), NULL, 0) < 0)
            return 1;
        if (recv(VB_WIRE_CONTROL_FD, &order, sizeof(order), MSG_DONTWAIT) == 0)
            return 0;
    }
}
