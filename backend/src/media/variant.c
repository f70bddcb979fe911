/*
 * Variants: see variant.h.
 */
#include "media/variant.h"

#include "base/memory.h"

/* The usual steps of phones and browsers, from an icon to a large screen: few, so that few variants are
 * rendered. */
const uint16_t vb_variant_widths[] = {64,  96,  128,  160,  256,  320,  480, 640,
                                      750, 828, 1080, 1280, 1920, 2560, 0};

static const struct {
    const char *mime;
    uint8_t quality; /* all look about the same: the encoders' scales differ */
} formats[] = {
    [VB_FORMAT_JPEG] = {"image/jpeg", 80},
    [VB_FORMAT_WEBP] = {"image/webp", 80},
    [VB_FORMAT_AVIF] = {"image/avif", 60},
};

const char *vb_format_mime(enum vb_format format)
{
    vb_assert((size_t)format < VB_ARRAY_SIZE(formats));
    return formats[format].mime;
}

uint8_t vb_format_quality(enum vb_format format)
{
    vb_assert((size_t)format < VB_ARRAY_SIZE(formats));
    return formats[format].quality;
}
