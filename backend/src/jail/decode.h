/*
 * A picture's file: whether it keeps our limits, and its pixels, upright and sRGB. Part of what image.h offers; runs in the
 * jailed workers alone. Not thread-safe.
 */
#ifndef VB_JAIL_DECODE_H
#define VB_JAIL_DECODE_H

#include "media/job.h"

#include <vips/vips.h>

struct vb_picture {
    const void *data; /* the whole file; not owned */
    size_t size;
    enum vb_media_type type;
    VipsImage *header;      /* opened, not decoded */
    unsigned orientation;   /* EXIF's, 1 to 8 */
    unsigned width, height; /* upright */
};

struct vb_picture_size {
    int width, height; /* > 0 */
};

/* Lets libvips read no format but ours. */
void vb_picture_prepare(void);

/* Reads the header. Fills what result tells of the source. Returns false, with result->status and problem set, if the file
 * is none of that type or exceeds a limit. To be released in either case. */
bool vb_picture_open(struct vb_picture *picture, const void *data, size_t size, enum vb_media_type type,
                     struct vb_media_result *result);
void vb_picture_release(struct vb_picture *picture);

/* Opaque 8-bit R G B in memory of that size, which is at most the picture's, or one pixel more where the decoder gave one.
 * NULL: the file is damaged; result says so. */
VipsImage *vb_picture_decode(const struct vb_picture *picture, struct vb_picture_size size,
                             struct vb_media_result *result);

/* How all functions of image.h say that the file, or we, are at fault. */
void vb_picture_bad(struct vb_media_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void vb_picture_trouble(struct vb_media_result *result, const char *what);

/* For VB_CLEANUP. */
void vb_picture_unref(VipsImage **image);

#endif
