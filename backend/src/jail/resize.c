/*
 * Pictures made smaller: see resize.h. Each row of the result is made in two steps: the rows of the source
 * under it are summed up to one row, then the pixels of that row are summed up to those of the result.
 * Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE ASSP-29 (1981), with a =
 * -1/2.
 */
#include "jail/resize.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUPPORT 2.0 /* pixels to each side, at the same size */

/* A pixel and the first number of the next one: four numbers are as fast as three. */
typedef float pixel __attribute__((vector_size(16)));

/* One axis: pixel i is a sum of count neighbours from first[i] on, with weights that add up to 1. */
struct axis {
    unsigned count;
    unsigned *first;
    float *weights; /* count for each */
};

static double kernel(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* The weights of one pixel. Neighbours outside the picture are left out. */
static void weigh(float *weights, unsigned count, unsigned first, double center, double stretch)
{
    double sum = 0;

    for (unsigned k = 0; k < count; k++)
        sum += kernel((first + k + 0.5 - center) / stretch);
    for (unsigned k = 0; k < count; k++)
        weights[k] = (float)(kernel((first + k + 0.5 - center) / stretch) / sum);
}

static void axis_release(struct axis *axis)
{
    free(axis->first);
    free(axis->weights);
}

static int axis_init(struct axis *axis, unsigned from, unsigned to)
{
    double scale = (double)from / to, stretch = scale > 1 ? scale : 1;
    unsigned count = (unsigned)ceil(2 * SUPPORT * stretch) + 1;

    axis->count = count < from ? count : from;
    axis->first = malloc(to * sizeof(*axis->first));
    axis->weights = malloc((size_t)to * axis->count * sizeof(*axis->weights));
    if (!axis->first || !axis->weights)
        return -ENOMEM;
    for (unsigned i = 0; i < to; i++) {
        double center = (i + 0.5) * scale, start = floor(center - SUPPORT * stretch);
        unsigned last = from - axis->count, first = start > 0 ? (unsigned)start : 0;

        axis->first[i] = first < last ? first : last;
        weigh(axis->weights + (size_t)i * axis->count, axis->count, axis->first[i], center, stretch);
    }
    return 0;
}

static void add_row(float *sum, const uint8_t *row, size_t length, float weight)
{
    for (size_t i = 0; i < length; i++)
        sum[i] += weight * row[i];
}

static uint8_t to_byte(float value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
}

static void shrink_row(const float *row, const struct axis *across, unsigned width, uint8_t *result)
{
    for (unsigned x = 0; x < width; x++) {
        const float *from = row + 3 * (size_t)across->first[x];
        const float *weights = across->weights + (size_t)x * across->count;
        pixel sum = {0.5F, 0.5F, 0.5F, 0.5F}; /* so that the final cut rounds */

        for (unsigned k = 0; k < across->count; k++) {
            pixel neighbour;

            memcpy(&neighbour, from + 3 * (size_t)k, sizeof(neighbour));
            sum += weights[k] * neighbour;
        }
        for (unsigned band = 0; band < 3; band++)
            result[3 * (size_t)x + band] = to_byte(sum[band]);
    }
}

int vb_image_resize(const uint8_t *source, struct vb_image_size from, uint8_t *result,
                    struct vb_image_size to)
{
    struct axis across = {0}, down = {0};
    size_t length = 3 * (size_t)from.width;
    float *row = calloc(length + 1, sizeof(*row)); /* the last pixel has no next one */
    int r = row ? axis_init(&across, from.width, to.width) : -ENOMEM;

    if (r == 0)
        r = axis_init(&down, from.height, to.height);
    for (unsigned y = 0; r == 0 && y < to.height; y++) {
        memset(row, 0, length * sizeof(*row));
        for (unsigned k = 0; k < down.count; k++)
            add_row(row, source + length * (down.first[y] + k), length,
                    down.weights[(size_t)y * down.count + k]);
        shrink_row(row, &across, to.width, result + 3 * (size_t)to.width * y);
    }
    axis_release(&across);
    axis_release(&down);
    free(row);
    return r;
}
