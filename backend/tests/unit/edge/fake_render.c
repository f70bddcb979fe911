/* What a nursery forks in place of decoders: the last byte of the source says what the worker does (enum
 * fake_order). */
#include "fake_render.h"

#include "jail/image.h"
#include "jail/sandbox.h"
#include "jail/video.h"
#include "jail/worker.h"
#include "media/job.h"
#include "media/wire.h"

#include <stdlib.h>
#include <string.h>
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

static enum fake_order order_of(int input)
{
    off_t size = lseek(input, 0, SEEK_END);
    char order = 0;

    return size > 0 && pread(input, &order, 1, size - 1) == 1 ? (enum fake_order)order : FAKE_CRASHES;
}

/* The first bytes of the format, and zeros up to size. */
static void write_format(int output, enum vb_format format, size_t size)
{
    static const char starts[][24] = {[VB_FORMAT_JPEG] = "\xff\xd8\xff\xe0\0\x10JFIF",
                                      [VB_FORMAT_WEBP] = "RIFF\x10\0\0\0WEBPVP8 ",
                                      [VB_FORMAT_AVIF] = "\0\0\0\030ftypavif\0\0\0\0avifmif1"};

    if (pwrite(output, starts[format], sizeof(starts[format]), 0) != sizeof(starts[format]) ||
        ftruncate(output, (off_t)size) < 0)
        abort();
}

/* Anything may be turned into the canonical picture; what is to be done next is then its last byte. */
static void make_canonical(int output)
{
    static const char canonical[] = FAKE_JPEG FAKE_JPEG_SIZE "w";

    if (pwrite(output, canonical, sizeof(canonical) - 1, 0) != sizeof(canonical) - 1)
        abort();
}

static void render(int output, enum fake_order order, enum vb_format format, struct vb_media_result *result)
{
    switch (order) {
    case FAKE_WORKS:
        write_format(output, format, FAKE_SIZE);
        break;
    case FAKE_WRITES_MUCH:
        write_format(output, format, FAKE_LARGE_SIZE);
        break;
    case FAKE_WRITES_TOO_MUCH:
        write_format(output, format, FAKE_TOO_LARGE_SIZE);
        break;
    case FAKE_WRITES_ANOTHER_FORMAT:
        write_format(output, format == VB_FORMAT_JPEG ? VB_FORMAT_WEBP : VB_FORMAT_JPEG, FAKE_SIZE);
        break;
    case FAKE_WRITES_NOTHING:
        break;
    case FAKE_SAYS_BAD:
        result->status = VB_MEDIA_BAD;
        strcpy(result->problem, "The picture is damaged");
        break;
    case FAKE_SAYS_TROUBLE:
        write_format(output, format, FAKE_SIZE); /* which is not to be used */
        result->status = VB_MEDIA_TROUBLE;
        strcpy(result->problem, "no memory");
        break;
    case FAKE_HANGS:
        pause();
        break;
    case FAKE_TALKS_NONSENSE:
    case FAKE_CRASHES:
        break;
    }
}

void vb_jail_worker_run(int socket, unsigned parts)
{
    const struct vb_wire_hello hello = {.jail = (int32_t)parts};
    struct vb_media_job job;
    int files[VB_WIRE_FILES_MAX];

    vb_wire_send(socket, &hello, sizeof(hello), NULL, 0);
    while (vb_wire_receive(socket, &job, sizeof(job), files, VB_WIRE_FILES_MAX) == sizeof(job)) {
        struct vb_media_result result = {.status = VB_MEDIA_OK};
        enum fake_order order = order_of(files[0]);

        if (job.work == VB_WORK_PICTURE)
            make_canonical(files[1]);
        else
            render(files[1], order, job.variant.format, &result);
        if (order == FAKE_CRASHES && job.work == VB_WORK_VARIANT)
            _exit(1); /* the pool sees the socket's end, as after a crash */
        close(files[0]);
        close(files[1]);
        vb_wire_send(socket, &result, order == FAKE_TALKS_NONSENSE ? 3 : sizeof(result), NULL, 0);
    }
    _exit(0);
}
