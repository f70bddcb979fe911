/* A worker that obeys the test; the real nursery forks it in place of decoders. It writes a byte to the
 * output when it starts, and answers when the first byte of the input becomes 1. */
#include "jail/image.h"
#include "jail/sandbox.h"
#include "jail/video.h"
#include "jail/worker.h"
#include "media/job.h"
#include "media/wire.h"

#include <time.h>
#include <unistd.h>

int vb_image_prepare(const char *program)
{
    (void)program;
    return 0;
}

void vb_video_prepare(void)
{
}

unsigned vb_jail_prepare(void)
{
    return VB_WIRE_JAIL_ALL;
}

static void wait_for_leave(int input)
{
    char byte = 0;

    while (pread(input, &byte, 1, 0) == 1 && byte != 1)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void vb_jail_worker_run(int socket, unsigned parts)
{
    const struct vb_wire_hello hello = {.jail = (int32_t)parts};
    const struct vb_media_result result = {.status = VB_MEDIA_OK};
    struct vb_media_job job;
    int files[VB_WIRE_FILES_MAX];

    vb_wire_send(socket, &hello, sizeof(hello), NULL, 0);
    while (vb_wire_receive(socket, &job, sizeof(job), files, VB_WIRE_FILES_MAX) == sizeof(job)) {
        if (pwrite(files[1], "s", 1, 0) != 1)
            _exit(1);
        wait_for_leave(files[0]);
        close(files[0]);
        close(files[1]);
        vb_wire_send(socket, &result, sizeof(result), NULL, 0);
    }
    _exit(0);
}
