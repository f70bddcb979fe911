/* Width and height of still pictures: see dimensions.h. HEIF and MP4 are read in bmff.c. */
#include "media/dimensions.h"

#include "media/bmff.h"
#include "media/bytes.h"

#include <errno.h>
#include <string.h>

static int need(uint64_t bytes, uint64_t *ret_needed)
{
    *ret_needed = bytes;
    return -EAGAIN;
}

static int answer(uint32_t width, uint32_t height, bool swap, struct vb_dimensions *ret)
{
    if (width == 0 || height == 0)
        return -EINVAL;
    *ret = swap ? (struct vb_dimensions){height, width} : (struct vb_dimensions){width, height};
    return 0;
}

/* The orientation (1 to 8) in the TIFF structure of an EXIF segment; 1 if there is none or it is damaged. */
static unsigned exif_orientation(const unsigned char *segment, size_t size)
{
    const unsigned char *tiff = segment + 6;
    uint32_t offset, count;
    bool big;

    if (size < 6 + 8 || memcmp(segment, "Exif\0\0", 6) != 0)
        return 1;
    size -= 6;
    big = tiff[0] == 'M';
    if (memcmp(tiff, big ? "MM\0*" : "II*\0", 4) != 0)
        return 1;
    offset = big ? vb_big32(tiff + 4) : vb_little32(tiff + 4);
    if (offset > size - 2)
        return 1;
    count = big ? vb_big16(tiff + offset) : vb_little16(tiff + offset);
    for (size_t at = (size_t)offset + 2; count > 0 && at + 12 <= size; count--, at += 12) {
        const unsigned char *entry = tiff + at;
        uint32_t value = big ? vb_big16(entry + 8) : vb_little16(entry + 8);

        if ((big ? vb_big16(entry) : vb_little16(entry)) == 0x0112)
            return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

static bool is_start_of_frame(unsigned marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Walks the segments up to the start of the frame. */
static int read_jpeg(const unsigned char *data, size_t size, struct vb_dimensions *ret, uint64_t *ret_needed)
{
    unsigned orientation = 1;
    size_t at = 2;

    for (;;) {
        unsigned marker;
        size_t length;

        if (at + 4 > size)
            return need(at + 4096, ret_needed);
        if (data[at] != 0xff)
            return -EINVAL;
        marker = data[at + 1];
        if (marker == 0xff) { /* fill byte */
            at++;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) { /* stands alone */
            at += 2;
            continue;
        }
        if (marker == 0x00 || marker == 0xd8 || marker == 0xd9 || marker == 0xda)
            return -EINVAL;
        length = vb_big16(data + at + 2);
        if (length < 2)
            return -EINVAL;
        if (is_start_of_frame(marker)) {
            if (length < 8)
                return -EINVAL;
            if (at + 9 > size)
                return need(at + 9, ret_needed);
            return answer(vb_big16(data + at + 7), vb_big16(data + at + 5), orientation >= 5, ret);
        }
        if (marker == 0xe1 && orientation == 1) {
            if (at + 2 + length > size)
                return need(at + 2 + length + 4096, ret_needed);
            orientation = exif_orientation(data + at + 4, length - 2);
        }
        at += 2 + length;
    }
}

static int read_png(const unsigned char *data, size_t size, struct vb_dimensions *ret, uint64_t *ret_needed)
{
    uint32_t width, height;

    if (size < 24)
        return need(24, ret_needed);
    if (memcmp(data + 12, "IHDR", 4) != 0)
        return -EINVAL;
    width = vb_big32(data + 16);
    height = vb_big32(data + 20);
    if (width > INT32_MAX || height > INT32_MAX) /* the specification's own limit */
        return -EINVAL;
    return answer(width, height, false, ret);
}

static int read_webp(const unsigned char *data, size_t size, struct vb_dimensions *ret, uint64_t *ret_needed)
{
    if (size < 30)
        return need(30, ret_needed);
    switch (data[15]) {
    case 'X':
        return answer(1 + vb_little24(data + 24), 1 + vb_little24(data + 27), false, ret);
    case 'L': {
        uint32_t bits = vb_little32(data + 21);

        if (data[20] != 0x2f)
            return -EINVAL;
        return answer(1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff), false, ret);
    }
    default:
        if (data[23] != 0x9d || data[24] != 0x01 || data[25] != 0x2a)
            return -EINVAL;
        return answer(vb_little16(data + 26) & 0x3fff, vb_little16(data + 28) & 0x3fff, false, ret);
    }
}

/* The logical screen, on which the first frame is drawn. */
static int read_gif(const unsigned char *data, size_t size, struct vb_dimensions *ret, uint64_t *ret_needed)
{
    return size < 10 ? need(10, ret_needed)
                     : answer(vb_little16(data + 6), vb_little16(data + 8), false, ret);
}

int vb_media_dimensions(enum vb_media_type type, const void *data, size_t size,
                        struct vb_dimensions *ret_dimensions, uint64_t *ret_needed)
{
    switch (type) {
    case VB_MEDIA_JPEG:
        return read_jpeg(data, size, ret_dimensions, ret_needed);
    case VB_MEDIA_PNG:
        return read_png(data, size, ret_dimensions, ret_needed);
    case VB_MEDIA_WEBP:
        return read_webp(data, size, ret_dimensions, ret_needed);
    case VB_MEDIA_GIF:
        return read_gif(data, size, ret_dimensions, ret_needed);
    case VB_MEDIA_HEIC:
    case VB_MEDIA_HEIF:
    case VB_MEDIA_AVIF:
        return vb_bmff_heif_dimensions(data, size, ret_dimensions, ret_needed);
    case VB_MEDIA_MP4:
    case VB_MEDIA_MOV:
        return vb_bmff_mp4_dimensions(data, size, ret_dimensions, ret_needed);
    case VB_MEDIA_UNKNOWN:
        break;
    }
    return -EINVAL;
}
