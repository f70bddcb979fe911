/* A media worker: see worker.h. */
#include "jail/worker.h"

#include "jail/image.h"
#include "jail/sandbox.h"
#include "jail/verdict.h"
#include "jail/video.h"
#include "media/wire.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEMORY_BYTES ((uint64_t)2 * 1024 * 1024 * 1024) /* address space; libraries take a quarter of it */
#define CPU_S        120
#define CPU_JOB_S    60 /* each job may use that much: a worker that has less left ends */
#define OUTPUT_BYTES ((uint64_t)128 * 1000 * 1000)
#define NICE         10 /* the service goes first */

static void ingest_video(const int files[VB_WIRE_FILES_MAX], struct vb_media_result *result)
{
    struct vb_video_frame poster = {0};

    vb_video_ingest(files[0], files[1], result, &poster);
    if (result->status == VB_MEDIA_OK)
        vb_image_poster(poster.rgb, poster.width, poster.height, files[2], result);
    vb_video_frame_release(&poster);
}

static void work_on_picture(const struct vb_media_job *job, const void *data, size_t size, int output,
                            struct vb_media_result *result)
{
    switch (job->work) {
    case VB_WORK_PICTURE:
        vb_image_ingest(data, size, job->type, output, result);
        break;
    case VB_WORK_VARIANT:
        vb_image_variant(data, size, &job->variant, output, result);
        break;
    default:
        vb_image_inspect(data, size, job->type, result);
    }
}

static void work(const struct vb_media_job *job, const int files[VB_WIRE_FILES_MAX],
                 struct vb_media_result *result)
{
    off_t size = lseek(files[0], 0, SEEK_END);
    void *data;

    lseek(files[0], 0, SEEK_SET);
    if (job->work == VB_WORK_VIDEO) {
        ingest_video(files, result);
    } else if (job->work == VB_WORK_INSPECT && vb_media_is_video(job->type)) {
        vb_video_inspect(files[0], result);
    } else if (size <= 0) {
        vb_jail_trouble(result, "the input has no bytes");
    } else {
        data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, files[0], 0);
        if (data == MAP_FAILED) {
            vb_jail_trouble(result, "there is no memory for the input");
            return;
        }
        work_on_picture(job, data, (size_t)size, files[1], result);
        munmap(data, (size_t)size);
    }
}

static bool used_up(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) < 0 ||
           usage.ru_utime.tv_sec + usage.ru_stime.tv_sec >= CPU_S - CPU_JOB_S;
}

/* Does one job. Returns whether another may follow. */
static bool serve(int socket)
{
    struct vb_media_result result;
    struct vb_media_job job;
    int files[VB_WIRE_FILES_MAX];

    if (vb_wire_receive(socket, &job, sizeof(job), files, VB_WIRE_FILES_MAX) != sizeof(job))
        return false;
    memset(&result, 0, sizeof(result));
    work(&job, files, &result);
    for (size_t i = 0; i < VB_WIRE_FILES_MAX; i++)
        if (files[i] >= 0)
            close(files[i]);
    return vb_wire_send(socket, &result, sizeof(result), NULL, 0) == 0 && job.work == VB_WORK_VARIANT;
}

_Noreturn void vb_jail_worker_run(int socket, unsigned parts)
{
    static const struct vb_jail_limits limits = {
        .memory_bytes = MEMORY_BYTES, .cpu_s = CPU_S, .output_bytes = OUTPUT_BYTES};
    struct vb_wire_hello hello;
    unsigned jobs = 0;

    setpriority(PRIO_PROCESS, 0, NICE);
    hello.jail = vb_jail_enter(&limits);
    if (hello.jail >= 0)
        hello.jail |= (int)parts;
    if (vb_wire_send(socket, &hello, sizeof(hello), NULL, 0) == 0 && hello.jail >= 0)
        while (serve(socket) && ++jobs < VB_WIRE_VARIANTS_MAX && !used_up())
            ;
    _exit(0);
}
