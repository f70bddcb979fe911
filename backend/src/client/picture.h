/*
 * The pictures of `vibe demo`: landscapes and portraits that it draws, so that a demonstration needs no
 * photographs of real people. The same kind and seed give the same picture.
 */
#ifndef VB_CLIENT_PICTURE_H
#define VB_CLIENT_PICTURE_H

#include <stddef.h>
#include <stdint.h>

enum vb_picture {
    VB_PICTURE_MOUNTAINS,
    VB_PICTURE_SEA,
    VB_PICTURE_CITY,
    VB_PICTURE_FOREST,
    VB_PICTURE_PORTRAIT,
};

#define VB_PICTURE_SIDE_MAX 4096 /* pixels */

/* Draws width × height pixels (1 … VB_PICTURE_SIDE_MAX each). Returns a JPEG file in memory, which the caller
 * frees with free(). */
unsigned char *vb_picture_draw(enum vb_picture kind, uint32_t seed, unsigned width, unsigned height,
                               size_t *ret_size);

#endif
