/*
 * Pictures: decoded, turned upright, converted to sRGB and made small. In the jail: linked into vibe-media
 * alone; only image.c, source.c and decode.c know libvips. Not thread-safe.
 *
 * Functions set result->status: VB_MEDIA_BAD with a problem when the file is at fault, VB_MEDIA_TROUBLE when
 * we are.
 */
#ifndef VB_JAIL_IMAGE_H
#define VB_JAIL_IMAGE_H

#include "media/job.h"

/* Loads what decoding needs, and lets libvips read no format but ours. Once per process. Returns 0 or
 * -EIO. */
int vb_image_prepare(const char *program);

/* data: a whole file of that type, by its bytes. Writes the canonical JPEG to output: upright, sRGB, without
 * metadata, its longest side at most VB_MEDIA_SIDE_MAX. */
void vb_image_ingest(const void *data, size_t size, enum vb_media_type type, int output,
                     struct vb_media_result *result);
/* Fills in what the header tells, without decoding the picture. */
void vb_image_inspect(const void *data, size_t size, enum vb_media_type type, struct vb_media_result *result);
/* A variant of a canonical JPEG. Any other JPEG is turned upright and converted to sRGB, too. */
void vb_image_variant(const void *data, size_t size, const struct vb_variant *variant, int output,
                      struct vb_media_result *result);
/* The canonical JPEG of raw pixels: width × height of R G B, sRGB. Fills thumbhash and dominant colour, and
 * the poster's size. */
void vb_image_poster(const uint8_t *rgb, unsigned width, unsigned height, int output,
                     struct vb_media_result *result);

#endif
