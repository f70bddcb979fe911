/* The messages of media workers: see job.h. */
#include "media/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A bool that came as bytes may hold anything; only 0 and 1 may be read as one. */
static bool is_bool(const bool *value)
{
    unsigned char byte;

    memcpy(&byte, value, 1);
    return byte <= 1;
}

static bool is_sentence(const char *text)
{
    const char *end = memchr(text, '\0', VB_MEDIA_PROBLEM_SIZE);

    for (; end && text < end; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            return false;
    return end != NULL;
}

static bool is_size(uint32_t width, uint32_t height, uint32_t most)
{
    return width <= most && height <= most && (width == 0) == (height == 0);
}

int vb_media_result_read(const void *message, size_t size, struct vb_media_result *ret)
{
    const struct vb_media_result *said = ret;

    memset(ret, 0, sizeof(*ret));
    if (size != sizeof(*ret))
        return -EPROTO;
    memcpy(ret, message, size);
    if (said->status <= VB_MEDIA_TROUBLE && is_bool(&said->has_position) && is_bool(&said->unchanged) &&
        is_bool(&said->has_thumbhash) && is_size(said->width, said->height, UINT16_MAX) &&
        is_size(said->source_width, said->source_height, 1u << 24) &&
        is_size(said->poster_width, said->poster_height, VB_MEDIA_SIDE_MAX) && said->orientation <= 8 &&
        said->duration_ms <= 24u * 3600 * 1000 && said->thumbhash_size <= VB_THUMBHASH_MAX &&
        said->has_thumbhash == (said->thumbhash_size > 0) && is_sentence(said->problem))
        return 0;
    memset(ret, 0, sizeof(*ret));
    return -EPROTO;
}

void vb_media_color_text(const uint8_t rgb[3], char text[8])
{
    snprintf(text, 8, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
}
