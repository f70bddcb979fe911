/* JPEG's scans, counted without decoding: see image.h. Source: ITU-T T.81, B.1. */
#include "media/image.h"

#include <string.h>

#define SCANS_MAX 64 /* libjpeg's own progressive script has 10 */

bool vb_jpeg_has_too_many_scans(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    unsigned scans = 0;

    /* Within a scan 0xFF is followed by 0 or a restart marker, so a start of scan (0xFFDA) is what it seems to be; in
     * a segment it may be chance, so those are skipped by their length. */
    for (size_t at = 2; at + 4 <= size;) {
        const unsigned char *found = memchr(bytes + at, 0xff, size - at - 3);
        unsigned marker;

        if (!found)
            break;
        at = (size_t)(found - bytes);
        marker = bytes[at + 1];
        if (marker == 0 || marker == 0xff || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd9)) {
            at++;
            continue;
        }
        if (marker == 0xda && ++scans > SCANS_MAX)
            return true;
        at += 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
    }
    return false;
}
