/* Pictures made smaller, beside the definition of the kernel in plain double arithmetic. */
#include "jail/resize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t *picture(struct vb_image_size size, uint8_t (*paint)(unsigned x, unsigned y, unsigned band))
{
    uint8_t *pixels = malloc((size_t)size.width * size.height * 3);

    for (unsigned y = 0; y < size.height; y++)
        for (unsigned x = 0; x < size.width; x++)
            for (unsigned band = 0; band < 3; band++)
                pixels[((size_t)y * size.width + x) * 3 + band] = paint(x, y, band);
    return pixels;
}

static uint8_t *resized(const uint8_t *source, struct vb_image_size from, struct vb_image_size to)
{
    uint8_t *result = malloc((size_t)to.width * to.height * 3);

    assert_int_equal(vb_image_resize(source, from, result, to), 0);
    return result;
}

static uint8_t one_color(unsigned x, unsigned y, unsigned band)
{
    (void)x, (void)y;
    return (uint8_t)(40 + 80 * band);
}

static uint8_t noise(unsigned x, unsigned y, unsigned band)
{
    uint32_t value = (x * 73856093U) ^ (y * 19349663U) ^ (band * 83492791U);

    value ^= value >> 13;
    value *= 0x5bd1e995;
    return (uint8_t)(value >> 15);
}

static uint8_t slope(unsigned x, unsigned y, unsigned band)
{
    return (uint8_t)(band == 0 ? x : band == 1 ? y : (x + y) / 2);
}

static double keys(double x)
{
    x = fabs(x);
    return x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1 : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

static double weight(unsigned from, double center, double stretch, unsigned at)
{
    double sum = 0;

    for (unsigned i = 0; i < from; i++)
        sum += keys((i + 0.5 - center) / stretch);
    return keys((at + 0.5 - center) / stretch) / sum;
}

/* One number of the result, from all of the source. */
static double expected(const uint8_t *source, struct vb_image_size from, struct vb_image_size to, unsigned x,
                       unsigned y, unsigned band)
{
    double across = (double)from.width / to.width, down = (double)from.height / to.height, sum = 0;

    for (unsigned sy = 0; sy < from.height; sy++) {
        double vertical = weight(from.height, (y + 0.5) * down, fmax(1, down), sy);

        for (unsigned sx = 0; vertical != 0 && sx < from.width; sx++)
            sum += vertical * weight(from.width, (x + 0.5) * across, fmax(1, across), sx) *
                   source[((size_t)sy * from.width + sx) * 3 + band];
    }
    return fmin(255, fmax(0, sum));
}

static const struct {
    struct vb_image_size from, to;
} cases[] = {{{30, 20}, {24, 16}}, {{31, 17}, {7, 5}}, {{40, 3}, {9, 1}},
             {{3, 40}, {1, 9}},    {{1, 1}, {1, 1}},   {{2, 2}, {1, 1}},
             {{64, 48}, {1, 1}},   {{5, 4}, {8, 9}},   {{33, 29}, {32, 28}}};

static void every_pixel_is_what_the_kernel_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vb_image_size from = cases[i].from, to = cases[i].to;
        uint8_t *source = picture(from, noise), *result = resized(source, from, to);

        for (unsigned at = 0; at < to.width * to.height * 3; at++) {
            double wanted = expected(source, from, to, at / 3 % to.width, at / 3 / to.width, at % 3);

            if (fabs(result[at] - wanted) > 0.51)
                fail_msg("%u x %u to %u x %u: number %u is %d, not %.2f", from.width, from.height, to.width,
                         to.height, at, result[at], wanted);
        }
        free(source);
        free(result);
    }
}

static void one_color_stays_that_color(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *source = picture(cases[i].from, one_color);
        uint8_t *result = resized(source, cases[i].from, cases[i].to),
                *wanted = picture(cases[i].to, one_color);

        assert_memory_equal(result, wanted, (size_t)cases[i].to.width * cases[i].to.height * 3);
        free(source);
        free(result);
        free(wanted);
    }
}

static void the_same_size_is_the_same_picture(void **state)
{
    const struct vb_image_size size = {37, 23};
    uint8_t *source = picture(size, noise), *result = resized(source, size, size);

    (void)state;
    assert_memory_equal(result, source, (size_t)size.width * size.height * 3);
    free(source);
    free(result);
}

static void a_gradient_does_not_shift(void **state)
{
    const struct vb_image_size from = {240, 240}, to = {80, 80};
    uint8_t *source = picture(from, slope), *result = resized(source, from, to);

    (void)state;
    for (unsigned y = 4; y < 76; y++)
        for (unsigned x = 4; x < 76; x++) {
            assert_in_range(result[(y * 80 + x) * 3], 3 * x, 3 * x + 2);
            assert_in_range(result[(y * 80 + x) * 3 + 1], 3 * y, 3 * y + 2);
        }
    free(source);
    free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pixel_is_what_the_kernel_says),
        cmocka_unit_test(one_color_stays_that_color),
        cmocka_unit_test(the_same_size_is_the_same_picture),
        cmocka_unit_test(a_gradient_does_not_shift),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
