/*
 * A variant: one picture in one size and one format, as the CDN's query asks for it (w h fit fm q). Pure and
 * thread-safe.
 */
#ifndef VB_MEDIA_VARIANT_H
#define VB_MEDIA_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_VARIANT_SIDE_MAX 2560 /* pixels */

enum vb_fit {
    VB_FIT_CONTAIN = 0, /* all of the picture, within width × height */
    VB_FIT_COVER = 1    /* fills width × height; the rest is cut off evenly on both sides */
};

enum vb_format { VB_FORMAT_JPEG = 0, VB_FORMAT_WEBP = 1, VB_FORMAT_AVIF = 2 };

/* Never enlarges: a picture that is smaller than asked for keeps its size (with VB_FIT_COVER it gets the
 * aspect ratio that was asked for). */
struct vb_variant {
    uint16_t width, height; /* pixels; 0: follows from the other. Not both 0 */
    enum vb_fit fit;
    enum vb_format format;
    uint8_t quality; /* 1 to 100 */
};

/* The widths that may be asked for, ascending; ended by 0. */
extern const uint16_t vb_variant_widths[];

/* "image/webp" */
const char *vb_format_mime(enum vb_format format);
/* The quality used when none is asked for. */
uint8_t vb_format_quality(enum vb_format format);

#endif
