/*
 * The true type of a file, by its first bytes alone. Formats that may not be uploaded are unknown. Pure and
 * thread-safe.
 *
 * Sources: ISO/IEC 10918-1 (JPEG), PNG (W3C), RFC 9649 (WebP), GIF89a (CompuServe), AV1 Image File Format
 * (AOMedia), ISO/IEC 14496-12 and 23008-12 (MP4, HEIF), QuickTime File Format (Apple).
 */
#ifndef VB_MEDIA_SNIFF_H
#define VB_MEDIA_SNIFF_H

#include <stdbool.h>
#include <stddef.h>

#define VB_SNIFF_SIZE 64 /* bytes that suffice */

/* The numbers are part of signed upload ids: do not renumber. */
enum vb_media_type {
    VB_MEDIA_UNKNOWN = 0,
    VB_MEDIA_JPEG = 1,
    VB_MEDIA_PNG = 2,
    VB_MEDIA_WEBP = 3,
    VB_MEDIA_HEIC = 4, /* HEIF with HEVC inside: what iPhones write */
    VB_MEDIA_HEIF = 5, /* HEIF that names no codec in its first bytes */
    VB_MEDIA_MP4 = 6,
    VB_MEDIA_MOV = 7,  /* QuickTime: what iPhones record */
    VB_MEDIA_AVIF = 8, /* HEIF with AV1 inside */
    VB_MEDIA_GIF = 9   /* its first frame is used */
};

/* size: bytes in data; those after the first VB_SNIFF_SIZE are ignored. */
enum vb_media_type vb_sniff(const void *data, size_t size);

/* "image/jpeg"; NULL for VB_MEDIA_UNKNOWN. */
const char *vb_media_mime(enum vb_media_type type);
/* "jpg", without a dot; NULL for VB_MEDIA_UNKNOWN. */
const char *vb_media_extension(enum vb_media_type type);
/* The type of a Content-Type value without parameters, in any case; "image/jpg" is understood. */
enum vb_media_type vb_media_from_mime(const char *mime);
bool vb_media_is_image(enum vb_media_type type);
bool vb_media_is_video(enum vb_media_type type);
/* Whether a file of one type may be declared as the other: the types are the same, both HEIF, or both videos.
 * Phones use either name of such a pair for the same file. */
bool vb_media_same_family(enum vb_media_type a, enum vb_media_type b);

#endif
