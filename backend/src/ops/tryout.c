/* The media pipeline tried on one file: see tryout.h. */
#include "ops/tryout.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

int vb_tryout_inspect(struct vb_workers *workers, const struct vb_tryout *tryout, struct vb_media_result *ret,
                      struct vb_error *err)
{
    return vb_workers_run(workers, &(struct vb_media_job){.work = VB_WORK_INSPECT, .type = tryout->type},
                          &(struct vb_media_files){.input = tryout->input, .output = -1, .poster = -1}, NULL,
                          ret, err);
}

static int copy_file(int from, int to, int64_t size, struct vb_error *err)
{
    off_t at = 0;

    while (at < size) {
        ssize_t sent = sendfile(to, from, &at, (size_t)(size - at));
        int error = sent < 0 ? errno : EIO; /* EIO: the file has become shorter */

        if (sent <= 0)
            return vb_error_set(err, error, "the file cannot be copied: %s", strerror(error));
    }
    return 0;
}

static int make_canonical(struct vb_workers *workers, const struct vb_tryout *tryout, int output, int poster,
                          struct vb_media_result *ret, struct vb_error *err)
{
    const struct vb_media_job job = {
        .work = vb_media_is_video(tryout->type) ? VB_WORK_VIDEO : VB_WORK_PICTURE, .type = tryout->type};
    int r = vb_workers_run(
        workers, &job, &(struct vb_media_files){.input = tryout->input, .output = output, .poster = poster},
        NULL, ret, err);

    if (r == 0 && ret->status == VB_MEDIA_OK && ret->unchanged)
        r = copy_file(tryout->input, output, tryout->size, err);
    return r;
}

int vb_tryout_render(struct vb_workers *workers, const struct vb_tryout *tryout,
                     const struct vb_variant *variant, int output, struct vb_media_result *ret,
                     struct vb_error *err)
{
    int canonical VB_CLEANUP(vb_closep) = vb_media_memory_file("canonical");
    int poster VB_CLEANUP(vb_closep) = vb_media_memory_file("poster");
    int r;

    if (canonical < 0 || poster < 0)
        return vb_error_set(err, EMFILE, "there is no memory for the picture");
    r = make_canonical(workers, tryout, variant ? canonical : output, poster, ret, err);
    if (r < 0 || ret->status != VB_MEDIA_OK || !variant)
        return r;
    return vb_workers_run(
        workers, &(struct vb_media_job){.work = VB_WORK_VARIANT, .type = tryout->type, .variant = *variant},
        &(struct vb_media_files){
            .input = vb_media_is_video(tryout->type) ? poster : canonical, .output = output, .poster = -1},
        NULL, ret, err);
}
