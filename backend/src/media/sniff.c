/* Type by first bytes: see sniff.h. */
#include "media/sniff.h"

#include "media/bytes.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static const struct {
    enum vb_media_type type;
    const char *mime, *extension;
} types[] = {
    {VB_MEDIA_JPEG, "image/jpeg", "jpg"},     {VB_MEDIA_PNG, "image/png", "png"},
    {VB_MEDIA_WEBP, "image/webp", "webp"},    {VB_MEDIA_HEIC, "image/heic", "heic"},
    {VB_MEDIA_HEIF, "image/heif", "heif"},    {VB_MEDIA_MP4, "video/mp4", "mp4"},
    {VB_MEDIA_MOV, "video/quicktime", "mov"}, {VB_MEDIA_AVIF, "image/avif", "avif"},
    {VB_MEDIA_GIF, "image/gif", "gif"},
};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

const char *vb_media_mime(enum vb_media_type type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].type == type)
            return types[i].mime;
    return NULL;
}

const char *vb_media_extension(enum vb_media_type type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].type == type)
            return types[i].extension;
    return NULL;
}

enum vb_media_type vb_media_from_mime(const char *mime)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strcasecmp(types[i].mime, mime) == 0)
            return types[i].type;
    return strcasecmp(mime, "image/jpg") == 0 ? VB_MEDIA_JPEG : VB_MEDIA_UNKNOWN;
}

bool vb_media_is_image(enum vb_media_type type)
{
    return type != VB_MEDIA_UNKNOWN && !vb_media_is_video(type);
}

bool vb_media_is_video(enum vb_media_type type)
{
    return type == VB_MEDIA_MP4 || type == VB_MEDIA_MOV;
}

static bool is_heif(enum vb_media_type type)
{
    return type == VB_MEDIA_HEIC || type == VB_MEDIA_HEIF;
}

bool vb_media_same_family(enum vb_media_type a, enum vb_media_type b)
{
    return a != VB_MEDIA_UNKNOWN &&
           (a == b || (is_heif(a) && is_heif(b)) || (vb_media_is_video(a) && vb_media_is_video(b)));
}

static bool brand_in(const unsigned char *brand, const char *const *list)
{
    for (; *list; list++)
        if (memcmp(brand, *list, 4) == 0)
            return true;
    return false;
}

/* An ISO base media file begins with a box "ftyp": its size, "ftyp", a major brand, a version, and the brands
 * that it is compatible with. The major brand decides; the structural ones "mif1" and "msf1" leave it to the
 * others. */
static enum vb_media_type sniff_brands(const unsigned char *bytes, size_t size)
{
    static const char *const hevc[] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", NULL};
    static const char *const structural[] = {"mif1", "mif2", "msf1", NULL};
    static const char *const av1[] = {"avif", "avis", NULL};
    static const char *const foreign[] = {"jpeg", "avci", NULL}; /* HEIF with other codecs */
    static const char *const video[] = {"isom", "iso2", "iso3", "iso4", "iso5", "iso6", "iso7",
                                        "iso8", "iso9", "mp41", "mp42", "mp71", "avc1", "M4V ",
                                        "M4VH", "M4VP", "MSNV", "dash", "hvc1", "f4v ", NULL};
    uint32_t box = vb_big32(bytes);
    const unsigned char *major = bytes + 8;
    enum vb_media_type type = VB_MEDIA_HEIF;

    if (box < 16 || box % 4 != 0 || box > 1024)
        return VB_MEDIA_UNKNOWN;
    if (brand_in(major, hevc))
        return VB_MEDIA_HEIC;
    if (brand_in(major, av1))
        return VB_MEDIA_AVIF;
    if (brand_in(major, video))
        return VB_MEDIA_MP4;
    if (memcmp(major, "qt  ", 4) == 0)
        return VB_MEDIA_MOV;
    if (!brand_in(major, structural))
        return VB_MEDIA_UNKNOWN;
    for (size_t at = 16; at + 4 <= size && at + 4 <= box; at += 4) {
        if (brand_in(bytes + at, hevc))
            return VB_MEDIA_HEIC;
        if (brand_in(bytes + at, av1))
            return VB_MEDIA_AVIF;
        if (brand_in(bytes + at, foreign))
            type = VB_MEDIA_UNKNOWN;
    }
    return type;
}

enum vb_media_type vb_sniff(const void *data, size_t size)
{
    static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const unsigned char *bytes = data;

    if (size > VB_SNIFF_SIZE)
        size = VB_SNIFF_SIZE;
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        return VB_MEDIA_JPEG;
    if (size >= 8 && memcmp(bytes, png, 8) == 0)
        return VB_MEDIA_PNG;
    if (size >= 16 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBPVP8", 7) == 0 &&
        (bytes[15] == ' ' || bytes[15] == 'L' || bytes[15] == 'X'))
        return VB_MEDIA_WEBP;
    if (size >= 13 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0))
        return VB_MEDIA_GIF;
    if (size >= 16 && memcmp(bytes + 4, "ftyp", 4) == 0)
        return sniff_brands(bytes, size);
    return VB_MEDIA_UNKNOWN;
}
