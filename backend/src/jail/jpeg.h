/*
 * JPEG by libjpeg itself. libvips hands it the file in pieces of 4 KB, for most of which libjpeg cannot use
 * its faster Huffman decoder: decoding takes a tenth less time here, and half the time for small pictures. In
 * the jail: linked into vibe-media alone.
 */
#ifndef VB_JAIL_JPEG_H
#define VB_JAIL_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_IMAGE_PROBLEM_SIZE 200

struct vb_image_pixels {
    uint8_t *rgb; /* height × width of R G B, without padding; to be freed */
    unsigned width, height;
    char problem[VB_IMAGE_PROBLEM_SIZE]; /* when it failed: what libjpeg says */
};

/* Decodes a whole file in memory, grey or of the usual three components, at 1/shrink of its size (1, 2, 4 or
 * 8; rounded up). A file that ends early is an error. Returns 0, -EBADMSG (the file is damaged), -EOPNOTSUPP
 * (four components) or -ENOMEM. */
int vb_image_jpeg_decode(const void *data, size_t size, unsigned shrink, struct vb_image_pixels *ret);

/* Whether a JPEG has so many scans that it costs more work than its pixels are worth: each scan goes over the
 * whole picture. Reads the file's structure alone. */
bool vb_image_jpeg_has_too_many_scans(const void *data, size_t size);

#endif
