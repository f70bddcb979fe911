/* The pictures of `vibe demo`: see picture.h. A sky, a sun, and ridges in front of it, nearer ones darker. */
#include "client/picture.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define QUALITY     88
#define RIDGES      5
#define OCTAVES     6
#define BLUR_PIXELS 1.5F /* width of an antialiased edge */

struct color {
    float r, g, b;
};

/* x and y run from 0 to 1 over the height of the picture (x further, if it is wider than high). */
struct canvas {
    struct color *pixels;
    unsigned width, height;
    float pixel; /* the size of one */
    uint32_t seed;
};

/* Sky above and at the horizon, the sun, the farthest and the nearest ridge. */
static const struct palette {
    struct color zenith, horizon, sun, far_ridge, near_ridge;
} palettes[] = {
    {{.16F, .27F, .52F}, {.98F, .72F, .49F}, {1.0F, .91F, .70F}, {.72F, .56F, .58F}, {.09F, .11F, .20F}},
    {{.24F, .52F, .82F}, {.83F, .92F, .97F}, {1.0F, .98F, .90F}, {.55F, .71F, .82F}, {.10F, .27F, .25F}},
    {{.13F, .10F, .30F}, {.93F, .46F, .45F}, {1.0F, .80F, .55F}, {.58F, .32F, .48F}, {.08F, .06F, .15F}},
    {{.31F, .46F, .60F}, {.96F, .88F, .74F}, {1.0F, .96F, .82F}, {.70F, .74F, .70F}, {.19F, .23F, .17F}},
    {{.05F, .09F, .22F}, {.28F, .42F, .58F}, {.96F, .96F, .90F}, {.20F, .32F, .46F}, {.03F, .06F, .12F}},
};

static uint32_t scramble(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    return x ^ x >> 16;
}

/* 0 … 1, the same for the same seed and place. */
static float chance(uint32_t seed, int x, int y)
{
    return (float)(scramble(seed ^ scramble((uint32_t)x * 0x9e3779b9U ^ scramble((uint32_t)y))) >> 8) /
           16777216.0F;
}

static float clamp(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static float smooth(float from, float to, float value)
{
    float t = clamp((value - from) / (to - from));

    return t * t * (3 - 2 * t);
}

static struct color mix(struct color a, struct color b, float share)
{
    return (struct color){a.r + (b.r - a.r) * share, a.g + (b.g - a.g) * share, a.b + (b.b - a.b) * share};
}

static struct color lighten(struct color color, float factor)
{
    return (struct color){color.r * factor, color.g * factor, color.b * factor};
}

/* Value noise in one and two dimensions, summed over octaves: about 0 … 1. */
static float noise(uint32_t seed, float x, float y)
{
    int column = (int)floorf(x), row = (int)floorf(y);
    float right = smooth(0, 1, x - (float)column), down = smooth(0, 1, y - (float)row);
    float above = chance(seed, column, row) * (1 - right) + chance(seed, column + 1, row) * right;
    float below = chance(seed, column, row + 1) * (1 - right) + chance(seed, column + 1, row + 1) * right;

    return above * (1 - down) + below * down;
}

static float rough(uint32_t seed, float x, float y)
{
    float sum = 0, weight = 0.5F;

    for (unsigned octave = 0; octave < OCTAVES; octave++) {
        sum += weight * noise(seed + octave * 7919, x, y);
        weight /= 2;
        x *= 2.03F;
        y *= 2.03F;
    }
    return sum;
}

/* Covers a pixel with a colour: 0 not at all … 1 wholly. */
static void cover(struct canvas *canvas, unsigned x, unsigned y, struct color color, float share)
{
    struct color *pixel = &canvas->pixels[(size_t)y * canvas->width + x];

    *pixel = mix(*pixel, color, clamp(share));
}

/* How much of a pixel lies inside, from its distance to the edge (positive: inside). */
static float inside(const struct canvas *canvas, float distance)
{
    return clamp(distance / (canvas->pixel * BLUR_PIXELS) + 0.5F);
}

static float random_between(const struct canvas *canvas, int which, float from, float to)
{
    return from + (to - from) * chance(canvas->seed, which, 0x5eed);
}

static void draw_sky(struct canvas *canvas, const struct palette *palette, float sun_x, float sun_y)
{
    for (unsigned row = 0; row < canvas->height; row++) {
        for (unsigned column = 0; column < canvas->width; column++) {
            float x = (float)column * canvas->pixel, y = (float)row * canvas->pixel;
            float away = hypotf(x - sun_x, y - sun_y);
            float cloud = smooth(0.5F, 0.75F, rough(canvas->seed + 11, x * 2.2F, y * 7)) * (1 - y) * 0.55F;
            struct color sky = mix(palette->zenith, palette->horizon, smooth(0, 0.72F, y));

            sky = mix(sky, mix(palette->horizon, palette->sun, 0.5F), cloud);
            sky = mix(sky, palette->sun, 0.55F * expf(-away * away * 14) + inside(canvas, 0.055F - away));
            canvas->pixels[(size_t)row * canvas->width + column] = sky;
        }
    }
}

static float mountain_top(const struct canvas *canvas, unsigned ridge, float x)
{
    float distance = 1 - (float)ridge / RIDGES, base = 0.86F - 0.36F * distance;

    return base + 0.14F - rough(canvas->seed + ridge * 131, x * (1.3F + 1.2F * distance), 0.5F) * 0.44F;
}

/* Pines side by side on a gentle slope, each a triangle with a ragged edge. */
static float forest_top(const struct canvas *canvas, unsigned ridge, float x)
{
    float width = 0.018F + 0.014F * (float)ridge;
    float slope = 0.58F + 0.085F * (float)ridge - rough(canvas->seed + ridge * 131, x * 1.4F, 0.5F) * 0.16F;
    int tree = (int)floorf(x / width);
    float within = fabsf(x / width - (float)tree - 0.5F) * 2;
    float height = width * (1.6F + 2.2F * chance(canvas->seed + ridge, tree, 3));

    return slope - height * (1 - within) + 0.006F * noise(canvas->seed, x * 400, 0.5F);
}

static float city_top(const struct canvas *canvas, unsigned ridge, float x)
{
    float width = 0.06F + 0.018F * (float)ridge;
    int house = (int)floorf(x / width + 0.37F * (float)ridge);

    return 0.62F + 0.06F * (float)ridge -
           (0.34F - 0.03F * (float)ridge) * chance(canvas->seed + ridge * 57, house, 9);
}

/* Lit windows of the city's nearer houses. */
static void draw_windows(struct canvas *canvas, unsigned ridge, unsigned column, unsigned row, float depth)
{
    float size = 0.010F + 0.002F * (float)ridge, x = (float)column * canvas->pixel,
          y = (float)row * canvas->pixel;
    int across = (int)floorf(x / size), down = (int)floorf(y / size);
    bool pane = x / size - (float)across < 0.55F && y / size - (float)down < 0.6F && depth > size;

    if (pane && ridge >= 2 && chance(canvas->seed + ridge * 31, across, down) > 0.72F)
        cover(canvas, column, row, (struct color){1.0F, .86F, .55F}, 0.75F);
}

static void draw_ridges(struct canvas *canvas, const struct palette *palette, bool windows,
                        float (*top)(const struct canvas *, unsigned, float))
{
    for (unsigned ridge = 0; ridge < RIDGES; ridge++) {
        struct color color = mix(palette->far_ridge, palette->near_ridge, (float)ridge / (RIDGES - 1));

        for (unsigned column = 0; column < canvas->width; column++) {
            float edge = top(canvas, ridge, (float)column * canvas->pixel);

            for (unsigned row = 0; row < canvas->height; row++) {
                float depth = (float)row * canvas->pixel - edge;
                struct color haze = mix(palette->horizon, color, 0.75F + 0.25F * smooth(0.35F, 0, depth));

                if (depth < -canvas->pixel)
                    continue;
                cover(canvas, column, row, ridge + 1 < RIDGES ? haze : color, inside(canvas, depth));
                if (windows)
                    draw_windows(canvas, ridge, column, row, depth);
            }
        }
    }
}

static void draw_water(struct canvas *canvas, const struct palette *palette, float sun_x)
{
    const float horizon = 0.58F;

    for (unsigned row = 0; row < canvas->height; row++) {
        float y = (float)row * canvas->pixel, depth = (y - horizon) / (1 - horizon);

        for (unsigned column = 0; column < canvas->width && depth > 0; column++) {
            float x = (float)column * canvas->pixel;
            float wave = rough(canvas->seed + 5, x * (30 - 22 * depth), y * (160 - 110 * depth));
            float path = expf(-powf((x - sun_x) / (0.05F + 0.22F * depth), 2));
            struct color water = mix(mix(palette->horizon, palette->zenith, 0.25F + 0.6F * depth),
                                     palette->near_ridge, 0.15F + 0.35F * wave);

            water = mix(water, palette->sun, path * smooth(0.46F, 0.62F, wave) * 0.85F);
            cover(canvas, column, row, water, inside(canvas, y - horizon));
        }
    }
}

/* A head and shoulders before a soft background. */
static void draw_portrait(struct canvas *canvas, const struct palette *palette)
{
    static const struct color skins[] = {
        {.98F, .83F, .72F}, {.91F, .71F, .56F}, {.76F, .54F, .39F}, {.55F, .37F, .26F}, {.38F, .25F, .18F}};
    static const struct color hairs[] = {
        {.13F, .10F, .09F}, {.34F, .20F, .12F}, {.83F, .65F, .36F}, {.62F, .26F, .13F}};
    struct color skin = skins[scramble(canvas->seed) % VB_ARRAY_SIZE(skins)];
    struct color hair = hairs[scramble(canvas->seed + 1) % VB_ARRAY_SIZE(hairs)];
    struct color shirt = palettes[scramble(canvas->seed + 2) % VB_ARRAY_SIZE(palettes)].zenith;
    float middle = 0.5F * (float)canvas->width * canvas->pixel,
          fringe = random_between(canvas, 4, 0.24F, 0.34F);
    float length = random_between(canvas, 5, 0.40F, 0.72F);

    for (unsigned row = 0; row < canvas->height; row++) {
        for (unsigned column = 0; column < canvas->width; column++) {
            float x = (float)column * canvas->pixel - middle, y = (float)row * canvas->pixel;
            float light = 1.05F - 0.5F * smooth(-0.15F, 0.25F, x) * 0.5F;
            float head = (1 - hypotf(x / 0.165F, (y - 0.43F) / 0.215F)) * 0.165F;
            float mane = (1 - hypotf(x / 0.205F, (y - 0.41F) / 0.255F)) * 0.205F;
            struct color back = mix(palette->horizon, palette->zenith, clamp(hypotf(x, y - 0.35F) * 1.2F));

            canvas->pixels[(size_t)row * canvas->width + column] = back;
            cover(canvas, column, row, lighten(hair, light),
                  inside(canvas, mane) * inside(canvas, length - y));
            cover(canvas, column, row, lighten(shirt, light * 1.15F),
                  inside(canvas, (1 - hypotf(x / 0.36F, (y - 1.08F) / 0.36F)) * 0.36F));
            cover(canvas, column, row, lighten(skin, light * 0.86F),
                  inside(canvas, 0.075F - fabsf(x)) * inside(canvas, y - 0.5F) * inside(canvas, 0.76F - y));
            cover(canvas, column, row, lighten(skin, light), inside(canvas, head));
            cover(canvas, column, row, lighten(hair, light * 1.1F),
                  inside(canvas, head + 0.012F) * inside(canvas, fringe + 0.25F * x * x - y));
            for (int side = -1; side <= 1; side += 2)
                cover(canvas, column, row, (struct color){.12F, .09F, .09F},
                      inside(canvas, 0.016F - hypotf(x - 0.062F * (float)side, (y - 0.425F) * 0.8F)));
            cover(canvas, column, row, lighten(mix(skin, (struct color){.75F, .25F, .25F}, 0.6F), light),
                  inside(canvas, 0.008F - fabsf(y - 0.545F + x * x * 8)) * inside(canvas, 0.05F - fabsf(x)));
        }
    }
}

static void draw(struct canvas *canvas, enum vb_picture kind)
{
    const struct palette *palette = &palettes[scramble(canvas->seed + 3) % VB_ARRAY_SIZE(palettes)];
    float sun_x = random_between(canvas, 1, 0.25F, 1.05F), sun_y = random_between(canvas, 2, 0.16F, 0.42F);

    if (kind == VB_PICTURE_PORTRAIT) {
        draw_portrait(canvas, palette);
        return;
    }
    draw_sky(canvas, palette, sun_x, sun_y);
    if (kind == VB_PICTURE_SEA)
        draw_water(canvas, palette, sun_x);
    else
        draw_ridges(canvas, palette, kind == VB_PICTURE_CITY,
                    kind == VB_PICTURE_FOREST ? forest_top
                    : kind == VB_PICTURE_CITY ? city_top
                                              : mountain_top);
}

/* Grain hides the bands that smooth gradients have in eight bits. */
static unsigned char to_byte(float value, float grain)
{
    return (unsigned char)(clamp(value) * 251 + grain * 4);
}

static unsigned char *encode(const struct canvas *canvas, size_t *ret_size)
{
    unsigned char *row VB_CLEANUP(vb_freep) = vb_xmalloc((size_t)canvas->width * 3), *file = NULL;
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;

    jpeg.err = jpeg_std_error(&errors); /* ends the program on an error; a picture in memory has none */
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file, &size);
    jpeg.image_width = canvas->width;
    jpeg.image_height = canvas->height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, QUALITY, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    for (unsigned y = 0; y < canvas->height; y++) {
        const struct color *pixel = canvas->pixels + (size_t)y * canvas->width;

        for (unsigned x = 0; x < canvas->width; x++) {
            float grain = chance(canvas->seed, (int)x, (int)y);

            row[3 * x] = to_byte(pixel[x].r, grain);
            row[3 * x + 1] = to_byte(pixel[x].g, grain);
            row[3 * x + 2] = to_byte(pixel[x].b, grain);
        }
        jpeg_write_scanlines(&jpeg, (JSAMPARRAY)&row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    *ret_size = size;
    return file;
}

unsigned char *vb_picture_draw(enum vb_picture kind, uint32_t seed, unsigned width, unsigned height,
                               size_t *ret_size)
{
    struct canvas canvas = {
        .width = width, .height = height, .pixel = 1.0F / (float)height, .seed = scramble(seed)};
    unsigned char *file;

    vb_assert(width >= 1 && width <= VB_PICTURE_SIDE_MAX && height >= 1 && height <= VB_PICTURE_SIDE_MAX);
    canvas.pixels = vb_xcalloc((size_t)width * height, sizeof(*canvas.pixels));
    draw(&canvas, kind);
    file = encode(&canvas, ret_size);
    free(canvas.pixels);
    return file;
}
