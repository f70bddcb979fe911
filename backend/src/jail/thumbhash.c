/* Thumbhash and dominant colour: see thumbhash.h. */
#include "jail/thumbhash.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_MAX   VB_IMAGE_THUMBHASH_SIDE_MAX
#define TERMS_MAX  27 /* of 7 × 7 in the triangle that is kept, without the first */
#define LUMA_TERMS 7U
#define BOXES      512

/* A channel of the picture as the constant and the lowest terms of its cosine transform. */
struct channel {
    double constant, scale, terms[TERMS_MAX];
    unsigned count;
};

struct plane {
    unsigned width, height;
    double values[SIDE_MAX * SIDE_MAX];
};

static unsigned max_unsigned(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static void fill_cosines(double cosines[SIDE_MAX], unsigned size, unsigned frequency)
{
    for (unsigned i = 0; i < size; i++)
        cosines[i] = cos(M_PI / (double)size * (double)frequency * ((double)i + 0.5));
}

static double transform(const struct plane *plane, unsigned cx, unsigned cy)
{
    double across[SIDE_MAX], down[SIDE_MAX], sum = 0;

    fill_cosines(across, plane->width, cx);
    fill_cosines(down, plane->height, cy);
    for (unsigned y = 0; y < plane->height; y++)
        for (unsigned x = 0; x < plane->width; x++)
            sum += plane->values[y * plane->width + x] * across[x] * down[y];
    return sum / (double)(plane->width * plane->height);
}

/* Keeps the terms below the diagonal of nx × ny, scaled to 0 … 1. */
static struct channel encode_channel(const struct plane *plane, unsigned nx, unsigned ny)
{
    struct channel channel = {0};

    for (unsigned cy = 0; cy < ny; cy++)
        for (unsigned cx = 0; cx * ny < nx * (ny - cy); cx++) {
            double term = transform(plane, cx, cy);

            if (cx == 0 && cy == 0) {
                channel.constant = term;
                continue;
            }
            vb_assert(channel.count < TERMS_MAX);
            channel.terms[channel.count++] = term;
            channel.scale = fmax(channel.scale, fabs(term));
        }
    for (unsigned i = 0; channel.scale > 0 && i < channel.count; i++)
        channel.terms[i] = 0.5 + 0.5 / channel.scale * channel.terms[i];
    return channel;
}

static unsigned quantise(double value, double most)
{
    double scaled = round(value * most);

    return scaled <= 0 ? 0 : scaled >= most ? (unsigned)most : (unsigned)scaled;
}

/* From -1 … 1 to 6 bits. */
static unsigned quantise_signed(double value)
{
    double scaled = round(31.5 + 31.5 * value);

    return scaled <= 0 ? 0 : scaled >= 63 ? 63 : (unsigned)scaled;
}

/* Appends the terms, 4 bits each; returns how many there are now. */
static unsigned add_terms(uint8_t *bytes, unsigned at, const struct channel *channel)
{
    for (unsigned i = 0; i < channel->count; i++, at++)
        bytes[at / 2] |= (uint8_t)(quantise(channel->terms[i], 15) << (at % 2 * 4));
    return at;
}

/* Brightness, yellow against blue, red against green. */
static void split(const uint8_t *pixels, struct plane planes[3])
{
    unsigned count = planes[0].width * planes[0].height;

    for (unsigned i = 0; i < count; i++) {
        double r = (double)pixels[3 * i] / 255, g = (double)pixels[3 * i + 1] / 255,
               b = (double)pixels[3 * i + 2] / 255;

        planes[0].values[i] = (r + g + b) / 3;
        planes[1].values[i] = (r + g) / 2 - b;
        planes[2].values[i] = r - g;
    }
}

size_t vb_image_thumbhash(const uint8_t *pixels, unsigned width, unsigned height,
                          uint8_t hash[VB_THUMBHASH_MAX])
{
    struct plane *planes = vb_xcalloc(3, sizeof(*planes));
    unsigned longest = max_unsigned(width, height), at;
    unsigned lx = max_unsigned(1, (unsigned)lround((double)(LUMA_TERMS * width) / (double)longest));
    unsigned ly = max_unsigned(1, (unsigned)lround((double)(LUMA_TERMS * height) / (double)longest));
    struct channel l, p, q;
    uint32_t head;
    bool landscape = width > height;

    vb_assert(width >= 1 && height >= 1 && longest <= SIDE_MAX);
    for (int i = 0; i < 3; i++)
        planes[i].width = width, planes[i].height = height;
    split(pixels, planes);
    l = encode_channel(&planes[0], max_unsigned(3, lx), max_unsigned(3, ly));
    p = encode_channel(&planes[1], 3, 3);
    q = encode_channel(&planes[2], 3, 3);
    free(planes);
    memset(hash, 0, VB_THUMBHASH_MAX);
    head = quantise(l.constant, 63) | quantise_signed(p.constant) << 6 | quantise_signed(q.constant) << 12 |
           quantise(l.scale, 31) << 18;
    hash[0] = (uint8_t)head;
    hash[1] = (uint8_t)(head >> 8);
    hash[2] = (uint8_t)(head >> 16);
    head = (landscape ? ly : lx) | quantise(p.scale, 63) << 3 | quantise(q.scale, 63) << 9 |
           (uint32_t)landscape << 15;
    hash[3] = (uint8_t)head;
    hash[4] = (uint8_t)(head >> 8);
    at = add_terms(hash + 5, 0, &l);
    at = add_terms(hash + 5, at, &p);
    at = add_terms(hash + 5, at, &q);
    return 5 + (at + 1) / 2;
}

void vb_image_dominant_color(const uint8_t *pixels, unsigned width, unsigned height, uint8_t color[3])
{
    struct {
        uint32_t count, sum[3];
    } boxes[BOXES] = {0};
    unsigned fullest = 0;

    for (size_t i = 0; i < (size_t)width * height; i++) {
        const uint8_t *rgb = pixels + 3 * i;
        unsigned box = (unsigned)(rgb[0] >> 5) << 6 | (unsigned)(rgb[1] >> 5) << 3 | rgb[2] >> 5;

        boxes[box].count++;
        for (int c = 0; c < 3; c++)
            boxes[box].sum[c] += rgb[c];
        if (boxes[box].count > boxes[fullest].count)
            fullest = box;
    }
    for (int c = 0; c < 3; c++)
        color[c] = (uint8_t)(boxes[fullest].count ? boxes[fullest].sum[c] / boxes[fullest].count : 0);
}
