/*
 * Pictures made smaller. libvips compiles its inner loops while it runs, which the jail forbids; without that
 * it takes five times as long as this. In the jail: linked into vibe-media alone. Thread-safe.
 */
#ifndef VB_JAIL_RESIZE_H
#define VB_JAIL_RESIZE_H

#include <stdint.h>

struct vb_image_size {
    unsigned width, height; /* > 0 */
};

/* Scales R G B bytes, rows without padding, by the Catmull-Rom kernel, stretched to what a pixel of the
 * result covers. source and result do not overlap. Returns 0 or -ENOMEM. */
int vb_image_resize(const uint8_t *source, struct vb_image_size from, uint8_t *result,
                    struct vb_image_size to);

#endif
