/*
 * The media pipeline tried on one file, without the service: the same jobs in the same jail.
 */
#ifndef VB_OPS_TRYOUT_H
#define VB_OPS_TRYOUT_H

#include "base/error.h"
#include "media/job.h"
#include "media/workers.h"

#include <stdint.h>

/* A file as the pipeline gets it: a regular file or one in memory, open for reading. */
struct vb_tryout {
    int input;
    int64_t size; /* bytes */
    enum vb_media_type type;
};

/* Both return 0 when a worker has answered; ret->status may still be VB_MEDIA_BAD, with ret->problem. */

/* What the pipeline sees in the file. */
int vb_tryout_inspect(struct vb_workers *workers, const struct vb_tryout *tryout, struct vb_media_result *ret,
                      struct vb_error *err);

/* Writes the canonical file to output, which is empty and open for reading and writing; or, of that file
 * (of a video: of its poster), the variant, unless that is NULL. */
int vb_tryout_render(struct vb_workers *workers, const struct vb_tryout *tryout,
                     const struct vb_variant *variant, int output, struct vb_media_result *ret,
                     struct vb_error *err);

#endif
