/*
 * The pixels of a picture: decoded at the size that is wanted, upright and sRGB. In the jail: linked into
 * vibe-media alone. Not thread-safe.
 */
#ifndef VB_JAIL_DECODE_H
#define VB_JAIL_DECODE_H

#include "jail/resize.h"
#include "jail/source.h"

/* Returns opaque 8-bit R G B in memory, of that size, which is at most the picture's; a decoder that rounds
 * up may give one pixel more. NULL: the file is damaged, and result says so. */
VipsImage *vb_image_decode(const struct vb_image_source *picture, struct vb_image_size size,
                           struct vb_media_result *result);

#endif
