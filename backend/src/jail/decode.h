/*
 * A picture's file: held to our limits, and decoded to upright sRGB pixels. Part of what image.h offers. In
 * the jail: linked into vibe-media alone. Not thread-safe.
 */
#ifndef VB_JAIL_DECODE_H
#define VB_JAIL_DECODE_H

#include "jail/resize.h"
#include "media/job.h"

#include <vips/vips.h>

struct vb_image_source {
    const void *data; /* the whole file; not owned */
    size_t size;
    enum vb_media_type type;
    VipsImage *header;      /* opened, not decoded */
    unsigned orientation;   /* EXIF's, 1 to 8 */
    unsigned width, height; /* upright */
};

/* Lets libvips read no format but ours. */
void vb_image_block_loaders(void);

/* Reads the header. Fills what result tells of the source. Returns false, with result->status and problem
 * set, if the file is none of that type or exceeds a limit. To be released in either case. */
bool vb_image_open(struct vb_image_source *picture, const void *data, size_t size, enum vb_media_type type,
                   struct vb_media_result *result);
void vb_image_source_release(struct vb_image_source *picture);

/* Returns opaque 8-bit R G B in memory, of that size, which is at most the picture's; a decoder that rounds
 * up may give one pixel more. NULL: the file is damaged, and result says so. */
VipsImage *vb_image_decode(const struct vb_image_source *picture, struct vb_image_size size,
                           struct vb_media_result *result);

/* For VB_CLEANUP. */
void vb_image_unref(VipsImage **image);

#endif
