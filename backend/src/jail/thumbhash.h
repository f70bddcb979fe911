/*
 * What an app draws until a picture has come: its thumbhash (a blurred miniature of at most 25 bytes) and its
 * dominant colour. In the jail: linked into vibe-media alone. Pure and thread-safe.
 *
 * Source: Evan Wallace, ThumbHash, https://evanw.github.io/thumbhash/
 */
#ifndef VB_JAIL_THUMBHASH_H
#define VB_JAIL_THUMBHASH_H

#include "media/job.h"

#define VB_IMAGE_THUMBHASH_SIDE_MAX 100 /* pixels */

/* pixels: width × height of R G B, opaque, sRGB; each side 1 to VB_IMAGE_THUMBHASH_SIDE_MAX. Returns the
 * number of bytes written. */
size_t vb_image_thumbhash(const uint8_t *pixels, unsigned width, unsigned height,
                          uint8_t hash[VB_THUMBHASH_MAX]);

/* The most frequent colour: the mean of the fullest of 512 boxes of the colour cube. */
void vb_image_dominant_color(const uint8_t *pixels, unsigned width, unsigned height, uint8_t color[3]);

#endif
