/* JPEG's pixels; the files are made here by libjpeg's own encoder. */
#include "jail/jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jpeglib.h>

#define WIDTH  100
#define HEIGHT 51

struct file {
    unsigned char *data;
    unsigned long size;
};

/* The left half is dark, the right half is light. */
static struct file encode(int components, J_COLOR_SPACE space, boolean progressive)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct file file = {0};
    JSAMPLE row[WIDTH * 4];
    JSAMPROW rows[] = {row};

    for (int x = 0; x < WIDTH; x++)
        memset(row + (ptrdiff_t)x * components, x < WIDTH / 2 ? 40 : 220, (size_t)components);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file.data, &file.size);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = components;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height)
        jpeg_write_scanlines(&jpeg, rows, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return file;
}

static void check_halves(const struct vb_image_pixels *pixels)
{
    for (unsigned y = 0; y < pixels->height; y++)
        for (unsigned band = 0; band < 3; band++) {
            const uint8_t *row = pixels->rgb + (size_t)y * pixels->width * 3;

            assert_in_range(row[band], 36, 44);
            assert_in_range(row[(pixels->width - 1) * 3 + band], 216, 224);
        }
}

static void every_kind_is_decoded_at_every_size(void **state)
{
    static const struct {
        int components;
        J_COLOR_SPACE space;
        boolean progressive;
    } kinds[] = {
        {3, JCS_RGB, FALSE}, {3, JCS_RGB, TRUE}, {1, JCS_GRAYSCALE, FALSE}, {1, JCS_GRAYSCALE, TRUE}};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct file file = encode(kinds[i].components, kinds[i].space, kinds[i].progressive);

        for (unsigned shrink = 1; shrink <= 8; shrink *= 2) {
            struct vb_image_pixels pixels;

            assert_int_equal(vb_image_jpeg_decode(file.data, file.size, shrink, &pixels), 0);
            assert_int_equal(pixels.width, (WIDTH + shrink - 1) / shrink);
            assert_int_equal(pixels.height, (HEIGHT + shrink - 1) / shrink);
            check_halves(&pixels);
            free(pixels.rgb);
        }
        free(file.data);
    }
}

static void four_components_are_not_supported(void **state)
{
    struct file file = encode(4, JCS_CMYK, FALSE);
    struct vb_image_pixels pixels;

    (void)state;
    assert_int_equal(vb_image_jpeg_decode(file.data, file.size, 1, &pixels), -EOPNOTSUPP);
    assert_null(pixels.rgb);
    free(file.data);
}

static void a_truncated_file_is_damaged_at_every_length(void **state)
{
    struct file file = encode(3, JCS_RGB, FALSE);

    (void)state;
    for (unsigned long size = 0; size < file.size - 2; size += size < 700 ? 13 : 1) {
        struct vb_image_pixels pixels;
        unsigned char *exact = malloc(size + 1); /* the sanitizer catches a read past it */
        int r;

        memcpy(exact, file.data, size);
        r = vb_image_jpeg_decode(exact, size, 1, &pixels);
        assert_int_equal(r, -EBADMSG);
        assert_null(pixels.rgb);
        assert_int_not_equal(pixels.problem[0], '\0');
        free(exact);
    }
    free(file.data);
}

static void flipped_bits_damage_only_the_picture(void **state)
{
    struct file file = encode(3, JCS_RGB, TRUE);

    (void)state;
    for (unsigned long bit = 16; bit < file.size * 8; bit += 7) {
        struct vb_image_pixels pixels;

        file.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (vb_image_jpeg_decode(file.data, file.size, 2, &pixels) == 0) {
            assert_non_null(pixels.rgb);
            free(pixels.rgb);
        } else {
            assert_null(pixels.rgb);
        }
        file.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(file.data);
}

/* A start of scan without anything in it. */
static void too_many_scans_are_noticed(void **state)
{
    static const unsigned char scan[] = {0xff, 0xda, 0, 2, 0x12, 0xff, 0};
    unsigned char file[2 + 65 * sizeof(scan)] = {0xff, 0xd8};

    (void)state;
    for (size_t i = 0; i < 65; i++)
        memcpy(file + 2 + i * sizeof(scan), scan, sizeof(scan));
    assert_true(vb_image_jpeg_has_too_many_scans(file, sizeof(file)));
    assert_false(vb_image_jpeg_has_too_many_scans(file, sizeof(file) - sizeof(scan)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_decoded_at_every_size),
        cmocka_unit_test(four_components_are_not_supported),
        cmocka_unit_test(a_truncated_file_is_damaged_at_every_length),
        cmocka_unit_test(flipped_bits_damage_only_the_picture),
        cmocka_unit_test(too_many_scans_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
