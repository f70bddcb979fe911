/*
 * A picture's file: opened by the loader of its type, and its header checked against our limits. In the jail:
 * linked into vibe-media alone. Not thread-safe.
 */
#ifndef VB_JAIL_SOURCE_H
#define VB_JAIL_SOURCE_H

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
 * set, if the file is not of that type or exceeds a limit. vb_image_source_release() follows in either
 * case. */
bool vb_image_open(struct vb_image_source *picture, const void *data, size_t size, enum vb_media_type type,
                   struct vb_media_result *result);
void vb_image_source_release(struct vb_image_source *picture);

/* Whether the header has a field of that name, as libvips calls it. */
bool vb_image_has_field(VipsImage *header, const char *name);

/* Refuses the file for the reason that libvips gives. */
void vb_image_refuse(struct vb_media_result *result, enum vb_media_type type);

/* For VB_CLEANUP. */
void vb_image_unref(VipsImage **image);

#endif
