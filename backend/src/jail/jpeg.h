/*
 * JPEG by libjpeg itself, where libvips' way to it costs too much: libvips hands over the file in pieces of 4 KB, in most of
 * which libjpeg cannot use its quicker Huffman decoder. Decoding takes a tenth less time here, half of it for small
 * pictures. Runs in the jailed workers alone.
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

/* Decodes a whole file in memory, grey or of the usual three components, at 1/shrink of its size (1, 2, 4 or 8; rounded
 * up). A file that ends early is an error. Returns 0, -EBADMSG (the file is damaged), -EOPNOTSUPP (four components) or
 * -ENOMEM. */
int vb_image_jpeg_decode(const void *data, size_t size, unsigned shrink, struct vb_image_pixels *ret);

/* Whether a JPEG asks for more work than its pixels are worth: many scans, each of which goes over all of the
 * picture. From the file's structure alone. */
bool vb_image_jpeg_has_too_many_scans(const void *data, size_t size);

#endif
