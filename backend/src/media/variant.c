#include "media/variant.h"
const uint16_t vb_variant_widths[] = {64,  96,  128,  160,  256,  320,  480, 640,
                                      750, 828, 1080, 1280, 1920, 2560, 0};
const char *vb_format_mime(enum vb_format f)
{
    return f == VB_FORMAT_WEBP ? "image/webp" : f == VB_FORMAT_AVIF ? "image/avif" : "image/jpeg";
}
uint8_t vb_format_quality(enum vb_format f)
{
    return f == VB_FORMAT_AVIF ? 55 : 80;
}
