/*
 * Width and height from a file's header, without decoding a pixel. Upright: a rotation that the file asks for
 * (EXIF in JPEG, irot in HEIF, the track's matrix in MP4) is applied. No length in the file is trusted.
 * Pure and thread-safe.
 */
#ifndef VB_MEDIA_DIMENSIONS_H
#define VB_MEDIA_DIMENSIONS_H

#include "media/sniff.h"

#include <stdint.h>

struct vb_dimensions {
    uint32_t width, height; /* pixels, > 0 */
};

/* data: the first size bytes of the file. Returns 0, -EINVAL when the header is damaged or does not tell, or
 * -EAGAIN when the answer lies beyond data: ret_needed is then how many bytes of the file, from its start, to
 * read. */
int vb_media_dimensions(enum vb_media_type type, const void *data, size_t size,
                        struct vb_dimensions *ret_dimensions, uint64_t *ret_needed);

#endif
