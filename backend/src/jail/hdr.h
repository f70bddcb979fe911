/*
 * Pictures of high dynamic range and wide gamut, as phones film them, converted to what every screen shows:
 * 8-bit sRGB. Tone-maps highlights instead of clipping them, and keeps the hue within sRGB's gamut. In the
 * jail: linked into vibe-media alone. Pure and thread-safe.
 *
 * Sources: ITU-R BT.2100 (HLG and PQ), BT.2408 (paper is 203 cd/m²), BT.2087 (BT.2020 to BT.709), IEC
 * 61966-2-1 (sRGB).
 */
#ifndef VB_JAIL_HDR_H
#define VB_JAIL_HDR_H

#include <stddef.h>
#include <stdint.h>

enum vb_image_hdr {
    VB_IMAGE_HDR_HLG, /* hybrid log-gamma, of an iPhone */
    VB_IMAGE_HDR_PQ   /* perceptual quantizer, of HDR10 */
};

/* pixels of R G B with BT.2020's primaries, 0 to 65535, to R G B of 8 bits. Returns 0 or -ENOMEM. */
int vb_image_hdr_to_srgb(const uint16_t *rgb, size_t pixels, enum vb_image_hdr transfer, uint8_t *ret_rgb);

#endif
