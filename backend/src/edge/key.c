/*
 * Which keys of the bucket the CDN serves: see key.h.
 */
#include "edge/key.h"

#include "base/encode.h"
#include "base/memory.h"
#include "media/keys.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *const content_types[] = {"image/jpeg", "image/png",  "image/webp", "image/avif",
                                            "image/heic", "image/heif", "image/gif",  "video/mp4"};

static bool segment_is_proper(const char *segment, size_t length)
{
    if (length == 0 || (length == 1 && segment[0] == '.') || (length == 2 && memcmp(segment, "..", 2) == 0))
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)segment[i] < 0x20 || segment[i] == 0x7f || segment[i] == '\\')
            return false;
    return true;
}

static bool key_is_proper(const char *key)
{
    size_t length = strlen(key);

    if (length > VB_EDGE_KEY_MAX || !vb_utf8_valid(key, length))
        return false;
    for (const char *segment = key, *end; segment; segment = *end ? end + 1 : NULL) {
        end = strchrnul(segment, '/');
        if (!segment_is_proper(segment, (size_t)(end - segment)))
            return false;
    }
    return true;
}

enum vb_edge_key_result vb_edge_key_check(const char *key)
{
    if (!key_is_proper(key))
        return VB_EDGE_KEY_MALFORMED;
    for (const char *const *prefix = vb_media_public_prefixes; *prefix; prefix++)
        if (strncmp(key, *prefix, strlen(*prefix)) == 0)
            return VB_EDGE_KEY_PUBLIC;
    return VB_EDGE_KEY_PRIVATE;
}

const char *vb_edge_content_type(const char *content_type)
{
    size_t length = strcspn(content_type, "; \t");

    for (size_t i = 0; i < VB_ARRAY_SIZE(content_types); i++)
        if (strlen(content_types[i]) == length && strncasecmp(content_types[i], content_type, length) == 0)
            return content_types[i];
    return "application/octet-stream";
}
