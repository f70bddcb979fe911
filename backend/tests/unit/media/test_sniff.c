/* Types by first bytes: the known ones are recognised, and nothing else is. */
#include "media/sniff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define SNIFF(literal) vb_sniff(literal, sizeof(literal) - 1)

static void jpeg_png_and_webp_are_recognised(void **state)
{
    (void)state;
    assert_int_equal(SNIFF("\xff\xd8\xff\xe0\0\x10JFIF"), VB_MEDIA_JPEG);
    assert_int_equal(SNIFF("\xff\xd8\xff\xe1\x12\x34"
                           "Exif"),
                     VB_MEDIA_JPEG);
    assert_int_equal(SNIFF("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), VB_MEDIA_PNG);
    assert_int_equal(SNIFF("RIFF\x10\0\0\0WEBPVP8 "), VB_MEDIA_WEBP);
    assert_int_equal(SNIFF("RIFF\x10\0\0\0WEBPVP8L"), VB_MEDIA_WEBP);
    assert_int_equal(SNIFF("RIFF\x10\0\0\0WEBPVP8X"), VB_MEDIA_WEBP);
}

static void gifs_of_both_versions_are_recognised(void **state)
{
    (void)state;
    assert_int_equal(SNIFF("GIF87a\1\0\1\0\0\0\0"), VB_MEDIA_GIF);
    assert_int_equal(SNIFF("GIF89a\1\0\1\0\0\0\0"), VB_MEDIA_GIF);
    assert_int_equal(SNIFF("GIF89a\1\0\1\0"), VB_MEDIA_UNKNOWN); /* the screen's description is cut off */
}

static void brands_tell_heic_heif_avif_mp4_and_quicktime_apart(void **state)
{
    (void)state;
    assert_int_equal(SNIFF("\0\0\0\x1c"
                           "ftypavif\0\0\0\0avifmif1miaf"),
                     VB_MEDIA_AVIF);
    assert_int_equal(SNIFF("\0\0\0\x18"
                           "ftypmif1\0\0\0\0mif1avif"),
                     VB_MEDIA_AVIF);
    assert_int_equal(SNIFF("\0\0\0\x18"
                           "ftypheic\0\0\0\0mif1heic"),
                     VB_MEDIA_HEIC);
    assert_int_equal(SNIFF("\0\0\0\x18"
                           "ftypmif1\0\0\0\0mif1heic"),
                     VB_MEDIA_HEIC);
    assert_int_equal(SNIFF("\0\0\0\x14"
                           "ftypmif1\0\0\0\0mif1"),
                     VB_MEDIA_HEIF);
    assert_int_equal(SNIFF("\0\0\0\x18"
                           "ftypisom\0\0\2\0isommp41"),
                     VB_MEDIA_MP4);
    assert_int_equal(SNIFF("\0\0\0\x18"
                           "ftypmp42\0\0\0\0mp42isom"),
                     VB_MEDIA_MP4);
    assert_int_equal(SNIFF("\0\0\0\x14"
                           "ftypqt  \0\0\0\0qt  "),
                     VB_MEDIA_MOV);
}

static void everything_else_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(SNIFF(""), VB_MEDIA_UNKNOWN);
    assert_int_equal(SNIFF("GIF88a\1\0\1\0\0\0\0"), VB_MEDIA_UNKNOWN);
    assert_int_equal(SNIFF("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), VB_MEDIA_UNKNOWN);
    assert_int_equal(SNIFF("<html><script>alert(1)</script>"), VB_MEDIA_UNKNOWN);
    assert_int_equal(SNIFF("RIFF\x10\0\0\0WAVEfmt "), VB_MEDIA_UNKNOWN);
    assert_int_equal(SNIFF("%PDF-1.7\n%\xe2\xe3\xcf\xd3"), VB_MEDIA_UNKNOWN);
    assert_int_equal(SNIFF("\0\0\0\x18"
                           "ftypmif1\0\0\0\0mif1avci"),
                     VB_MEDIA_UNKNOWN); /* HEIF with a codec that nobody's phone writes */
    assert_int_equal(SNIFF("\0\0\0\x08"
                           "ftypheic\0\0\0\0"),
                     VB_MEDIA_UNKNOWN); /* too short a box */
    assert_int_equal(SNIFF(" \xff\xd8\xff\xe0"), VB_MEDIA_UNKNOWN);
}

static void a_truncated_signature_is_unknown_and_not_read_past_its_end(void **state)
{
    static const char *const wholes[] = {"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "RIFF1234WEBPVP8 ",
                                         "1234ftypheic1234"};
    static const size_t sizes[] = {3, 8, 16, 16};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t size = 0; size < sizes[i]; size++) {
            char *copy = test_malloc(size ? size : 1); /* exact, so that the sanitizer sees a read beyond */

            memcpy(copy, wholes[i], size);
            assert_int_equal(vb_sniff(copy, size), VB_MEDIA_UNKNOWN);
            test_free(copy);
        }
    }
}

static void types_and_names_convert_both_ways(void **state)
{
    (void)state;
    for (int type = VB_MEDIA_JPEG; type <= VB_MEDIA_GIF; type++) {
        assert_non_null(vb_media_extension((enum vb_media_type)type));
        assert_int_equal(vb_media_from_mime(vb_media_mime((enum vb_media_type)type)), type);
        assert_int_equal(vb_media_is_image((enum vb_media_type)type),
                         type != VB_MEDIA_MP4 && type != VB_MEDIA_MOV);
    }
    assert_int_equal(vb_media_from_mime("IMAGE/JPEG"), VB_MEDIA_JPEG);
    assert_int_equal(vb_media_from_mime("image/jpg"), VB_MEDIA_JPEG);
    assert_int_equal(vb_media_from_mime("image/jpegx"), VB_MEDIA_UNKNOWN);
    assert_int_equal(vb_media_from_mime("text/html"), VB_MEDIA_UNKNOWN);
    assert_null(vb_media_mime(VB_MEDIA_UNKNOWN));
    assert_null(vb_media_extension(VB_MEDIA_UNKNOWN));
    assert_false(vb_media_is_image(VB_MEDIA_UNKNOWN));
}

static void heif_types_and_video_types_are_families(void **state)
{
    (void)state;
    assert_true(vb_media_same_family(VB_MEDIA_HEIC, VB_MEDIA_HEIF));
    assert_true(vb_media_same_family(VB_MEDIA_HEIF, VB_MEDIA_HEIC));
    assert_true(vb_media_same_family(VB_MEDIA_PNG, VB_MEDIA_PNG));
    assert_true(vb_media_same_family(VB_MEDIA_MP4, VB_MEDIA_MOV));
    assert_false(vb_media_same_family(VB_MEDIA_PNG, VB_MEDIA_JPEG));
    assert_false(vb_media_same_family(VB_MEDIA_HEIC, VB_MEDIA_MP4));
    assert_false(vb_media_same_family(VB_MEDIA_UNKNOWN, VB_MEDIA_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_png_and_webp_are_recognised),
        cmocka_unit_test(gifs_of_both_versions_are_recognised),
        cmocka_unit_test(brands_tell_heic_heif_avif_mp4_and_quicktime_apart),
        cmocka_unit_test(everything_else_is_unknown),
        cmocka_unit_test(a_truncated_signature_is_unknown_and_not_read_past_its_end),
        cmocka_unit_test(types_and_names_convert_both_ways),
        cmocka_unit_test(heif_types_and_video_types_are_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
