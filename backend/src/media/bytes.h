/* Numbers in files: unsigned, of a fixed width, in either byte order, at any alignment. */
#ifndef VB_MEDIA_BYTES_H
#define VB_MEDIA_BYTES_H

#include <stdint.h>

static inline uint32_t vb_big16(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static inline uint32_t vb_big32(const unsigned char *bytes)
{
    return vb_big16(bytes) << 16 | vb_big16(bytes + 2);
}

static inline uint64_t vb_big64(const unsigned char *bytes)
{
    return (uint64_t)vb_big32(bytes) << 32 | vb_big32(bytes + 4);
}

static inline uint32_t vb_little16(const unsigned char *bytes)
{
    return (uint32_t)bytes[1] << 8 | bytes[0];
}

static inline uint32_t vb_little24(const unsigned char *bytes)
{
    return vb_little16(bytes) | (uint32_t)bytes[2] << 16;
}

static inline uint32_t vb_little32(const unsigned char *bytes)
{
    return vb_little16(bytes) | vb_little16(bytes + 2) << 16;
}

#endif
