/* Thumbhash and dominant colour. The hashes are those of the author's own implementation (npm thumbhash
 * 0.1.1). */
#include "jail/thumbhash.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static uint8_t pixels[VB_IMAGE_THUMBHASH_SIDE_MAX * VB_IMAGE_THUMBHASH_SIDE_MAX * 3];

static void paint(unsigned width, unsigned height)
{
    for (unsigned y = 0; y < height; y++)
        for (unsigned x = 0; x < width; x++) {
            uint8_t *rgb = pixels + 3 * (y * width + x);

            rgb[0] = (uint8_t)(x * 255 / (width > 1 ? width - 1 : 1));
            rgb[1] = (uint8_t)(y * 255 / (height > 1 ? height - 1 : 1));
            rgb[2] = (uint8_t)(x * 7 + y * 13);
        }
}

static void hashes_match_the_authors_implementation(void **state)
{
    static const struct {
        unsigned width, height;
        const char *hash;
    } cases[] = {{100, 75, "3wcKNZqAh3dwd3d4eHh3eHCAB/h3"},
                 {60, 100, "3/cJPBpwB4d3d3d4d3eAgAj4eA=="},
                 {1, 1, "AAgCBwAAAAAAAAAAAAAAAAAAAAAAAAAA"},
                 {100, 7, "3/cNMZ6BhnRwh3d3cYAY+Hc="},
                 {32, 32, "4AcKPxpwh3dwiId4dneFeJiHFwl5gI8H"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t hash[VB_THUMBHASH_MAX];
        char text[VB_BASE64_SIZE(VB_THUMBHASH_MAX)];

        paint(cases[i].width, cases[i].height);
        vb_base64_encode(hash, vb_image_thumbhash(pixels, cases[i].width, cases[i].height, hash), text);
        assert_string_equal(text, cases[i].hash);
    }
}

static void every_size_fits(void **state)
{
    (void)state;
    memset(pixels, 0xff, sizeof(pixels));
    for (unsigned width = 1; width <= VB_IMAGE_THUMBHASH_SIDE_MAX; width += 9)
        for (unsigned height = 1; height <= VB_IMAGE_THUMBHASH_SIDE_MAX; height += 9) {
            uint8_t hash[VB_THUMBHASH_MAX];
            size_t size = vb_image_thumbhash(pixels, width, height, hash);

            assert_in_range(size, 5, VB_THUMBHASH_MAX);
        }
}

static void the_dominant_colour_is_that_of_most_pixels(void **state)
{
    uint8_t color[3];

    (void)state;
    for (size_t i = 0; i < 100; i++)
        memcpy(pixels + 3 * i, i < 60 ? "\xc8\x10\x20" : "\x10\x20\xc8", 3);
    vb_image_dominant_color(pixels, 10, 10, color);
    assert_memory_equal(color, "\xc8\x10\x20", 3);
    memset(pixels, 0, 3);
    vb_image_dominant_color(pixels, 1, 1, color);
    assert_memory_equal(color, "\0\0\0", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_match_the_authors_implementation),
        cmocka_unit_test(every_size_fits),
        cmocka_unit_test(the_dominant_colour_is_that_of_most_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
