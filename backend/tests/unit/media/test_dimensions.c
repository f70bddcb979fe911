/* Width and height from headers: right, upright, and refused when the header is damaged. */
#include "media/dimensions.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ASSERT_SIZE(type, literal, w, h)                                                                     \
    do {                                                                                                     \
        struct vb_dimensions found_ = {0};                                                                   \
        uint64_t needed_ = 0;                                                                                \
        assert_int_equal(vb_media_dimensions(type, literal, sizeof(literal) - 1, &found_, &needed_), 0);     \
        assert_int_equal(found_.width, w);                                                                   \
        assert_int_equal(found_.height, h);                                                                  \
    } while (0)

#define ASSERT_DAMAGED(type, literal)                                                                        \
    do {                                                                                                     \
        struct vb_dimensions found_;                                                                         \
        uint64_t needed_;                                                                                    \
        assert_int_equal(vb_media_dimensions(type, literal, sizeof(literal) - 1, &found_, &needed_),         \
                         -EINVAL);                                                                           \
    } while (0)

#define SOI          "\xff\xd8"
#define APP0         "\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define SOF(m, h, w) "\xff" m "\0\x0b\x08" h w "\1\1\x11\0"
/* APP1 with a TIFF structure of one entry: the orientation, a SHORT */
#define EXIF_LITTLE(o)                                                                                       \
    "\xff\xe1\0\x22"                                                                                         \
    "Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" o "\0\0\0\0\0\0\0"
#define EXIF_BIG(o)                                                                                          \
    "\xff\xe1\0\x22"                                                                                         \
    "Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0" o "\0\0\0\0\0\0"

static void jpeg_is_read_from_its_frame_header(void **state)
{
    (void)state;
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI APP0 SOF("\xc0", "\x01\xe0", "\x02\x80"), 640, 480);
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI APP0 "\xff\xdb\0\3\0\xff\xff\xff" SOF("\xc2", "\x01\xe0", "\x02\x80"), 640,
                480);
    /* the Huffman table (C4) before the frame is not a frame */
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI "\xff\xc4\0\5\0\1\1" SOF("\xc1", "\0\1", "\0\2"), 2, 1);
}

static void jpeg_is_turned_as_exif_says(void **state)
{
    (void)state;
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI EXIF_LITTLE("\1") SOF("\xc0", "\x01\xe0", "\x02\x80"), 640, 480);
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI EXIF_LITTLE("\3") SOF("\xc0", "\x01\xe0", "\x02\x80"), 640, 480);
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI EXIF_LITTLE("\6") SOF("\xc0", "\x01\xe0", "\x02\x80"), 480, 640);
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI APP0 EXIF_BIG("\x08") SOF("\xc0", "\x01\xe0", "\x02\x80"), 480, 640);
    ASSERT_SIZE(VB_MEDIA_JPEG, SOI EXIF_BIG("\x09") SOF("\xc0", "\x01\xe0", "\x02\x80"), 640, 480);
}

static void damaged_jpeg_is_refused(void **state)
{
    (void)state;
    ASSERT_DAMAGED(VB_MEDIA_JPEG, SOI APP0 SOF("\xc0", "\0\0", "\x02\x80"));
    ASSERT_DAMAGED(VB_MEDIA_JPEG, SOI "\xff\xe0\0\1xxxx");
    ASSERT_DAMAGED(VB_MEDIA_JPEG, SOI APP0 "garbage");
    ASSERT_DAMAGED(VB_MEDIA_JPEG, SOI APP0 "\xff\xda\0\x08xxxxxx"); /* a scan before any frame */
    ASSERT_DAMAGED(VB_MEDIA_JPEG, SOI "\xff\xd9xx");
}

static void jpeg_with_a_long_header_asks_for_more_bytes(void **state)
{
    static const char head[] = SOI "\xff\xe2\xff\xfeICC_PROFILE";
    struct vb_dimensions found;
    uint64_t needed = 0;

    (void)state;
    assert_int_equal(vb_media_dimensions(VB_MEDIA_JPEG, head, sizeof(head) - 1, &found, &needed), -EAGAIN);
    assert_true(needed >= 2 + 2 + 0xfffe + 4);
}

static void png_and_webp_are_read(void **state)
{
    (void)state;
    ASSERT_SIZE(VB_MEDIA_PNG, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\2\0\0\0", 640, 480);
    ASSERT_DAMAGED(VB_MEDIA_PNG, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\x01\xe0\x08\2\0\0\0");
    ASSERT_DAMAGED(VB_MEDIA_PNG, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x80\0\0\0\0\0\x01\xe0\x08\2\0\0\0");
    ASSERT_DAMAGED(VB_MEDIA_PNG, "\x89PNG\r\n\x1a\n\0\0\0\4iDOT\0\0\x02\x80\0\0\x01\xe0\x08\2\0\0\0");
    /* frame tag, start code, 14 bits each */
    ASSERT_SIZE(VB_MEDIA_WEBP, "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x10\0\0\x9d\x01\x2a\x80\x42\xe0\x81", 640, 480);
    ASSERT_DAMAGED(VB_MEDIA_WEBP, "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x10\0\0\x9d\x01\x2b\x80\x02\xe0\x01");
    /* 14 bits of width - 1, 14 bits of height - 1 */
    ASSERT_SIZE(VB_MEDIA_WEBP, "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\0\0\0\0\0\0", 640, 480);
    /* 24 bits each, less one */
    ASSERT_SIZE(VB_MEDIA_WEBP, "RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0", 640, 480);
}

#define FTYP_HEIC                                                                                            \
    "\0\0\0\x18"                                                                                             \
    "ftypheic\0\0\0\0mif1heic"
#define PITM(id)                                                                                             \
    "\0\0\0\x0e"                                                                                             \
    "pitm\0\0\0\0\0" id
#define ISPE(w, h)                                                                                           \
    "\0\0\0\x14"                                                                                             \
    "ispe\0\0\0\0\0\0" w "\0\0" h
#define IROT(a)                                                                                              \
    "\0\0\0\x09"                                                                                             \
    "irot" a

/* Two items: 1 is a tile of 512 x 512, 2 the picture of 4032 x 3024, turned by a quarter. */
#define IPCO                                                                                                 \
    "\0\0\0\x39"                                                                                             \
    "ipco" ISPE("\x02\0", "\x02\0") ISPE("\x0f\xc0", "\x0b\xd0") IROT("\1")

static void heif_has_the_size_and_turn_of_its_primary_item(void **state)
{
    (void)state;
    /* ipma is 8+4+4 + (2+1+1) + (2+1+2) = 25 = 0x19 */
    ASSERT_SIZE(VB_MEDIA_HEIC,
                FTYP_HEIC "\0\0\0\x74"
                          "meta\0\0\0\0" PITM("\2") "\0\0\0\x5a"
                                                    "iprp" IPCO "\0\0\0\x19"
                                                    "ipma\0\0\0\0\0\0\0\2\0\1\1\x81\0\2\2\2\x83",
                3024, 4032);
    ASSERT_SIZE(VB_MEDIA_HEIC,
                FTYP_HEIC "\0\0\0\x74"
                          "meta\0\0\0\0" PITM("\1") "\0\0\0\x5a"
                                                    "iprp" IPCO "\0\0\0\x19"
                                                    "ipma\0\0\0\0\0\0\0\2\0\1\1\x81\0\2\2\2\x83",
                512, 512);
}

static void damaged_heif_is_refused(void **state)
{
    (void)state;
    /* an item that has no properties; associations that go on beyond their box; a box larger than its parent
     */
    ASSERT_DAMAGED(VB_MEDIA_HEIC,
                   FTYP_HEIC "\0\0\0\x74"
                             "meta\0\0\0\0" PITM("\7") "\0\0\0\x5a"
                                                       "iprp" IPCO "\0\0\0\x19"
                                                       "ipma\0\0\0\0\0\0\0\2\0\1\1\x81\0\2\2\2\x83");
    ASSERT_DAMAGED(VB_MEDIA_HEIC, FTYP_HEIC
                   "\0\0\0\x74"
                   "meta\0\0\0\0" PITM("\2") "\0\0\0\x5a"
                                             "iprp" IPCO "\0\0\0\x19"
                                             "ipma\0\0\0\0\xff\xff\xff\xff\0\1\xff\x81\0\2\2\2\x83");
    ASSERT_DAMAGED(VB_MEDIA_HEIC,
                   FTYP_HEIC "\0\0\0\x74"
                             "meta\0\0\0\0" PITM("\2") "\0\0\xff\x5a"
                                                       "iprp" IPCO "\0\0\0\x19"
                                                       "ipma\0\0\0\0\0\0\0\2\0\1\1\x81\0\2\2\2\x83");
    ASSERT_DAMAGED(VB_MEDIA_HEIC, FTYP_HEIC "\0\0\0\x0ameta\0\0");
}

#define ZEROS8 "\0\0\0\0\0\0\0\0"
#define MATRIX_UPRIGHT                                                                                       \
    "\0\1\0\0" ZEROS8 "\0\0\0\0"                                                                             \
    "\0\1\0\0" ZEROS8 "\0\0\0\0"                                                                             \
    "\x40\0\0\0"
#define MATRIX_QUARTER                                                                                       \
    "\0\0\0\0"                                                                                               \
    "\0\1\0\0"                                                                                               \
    "\0\0\0\0"                                                                                               \
    "\xff\xff\0\0" ZEROS8 "\x04\x38\0\0"                                                                     \
    "\0\0\0\0"                                                                                               \
    "\x40\0\0\0"
/* version 0: 4 + 20 bytes of times and id, 8 reserved, 8 of layer and volume, matrix, width and height */
#define TKHD(matrix, w, h)                                                                                   \
    "\0\0\0\x5c"                                                                                             \
    "tkhd\0\0\0\7" ZEROS8 ZEROS8 "\0\0\0\0" ZEROS8 ZEROS8 matrix w "\0\0" h "\0\0"
#define TRAK(matrix, w, h)                                                                                   \
    "\0\0\0\x64"                                                                                             \
    "trak" TKHD(matrix, w, h)
#define FTYP_MP4                                                                                             \
    "\0\0\0\x18"                                                                                             \
    "ftypisom\0\0\2\0isommp41"

static void mp4_has_the_size_of_its_first_video_track(void **state)
{
    (void)state;
    ASSERT_SIZE(VB_MEDIA_MP4,
                FTYP_MP4 "\0\0\0\xd0"
                         "moov" TRAK(MATRIX_UPRIGHT, "\0\0", "\0\0")
                             TRAK(MATRIX_UPRIGHT, "\x07\x80", "\x04\x38"),
                1920, 1080);
    ASSERT_SIZE(VB_MEDIA_MP4,
                FTYP_MP4 "\0\0\0\x6c"
                         "moov" TRAK(MATRIX_QUARTER, "\x07\x80", "\x04\x38"),
                1080, 1920);
    ASSERT_DAMAGED(VB_MEDIA_MP4, FTYP_MP4 "\0\0\0\x6c"
                                          "moov" TRAK(MATRIX_UPRIGHT, "\0\0", "\0\0"));
}

static void mp4_with_its_index_at_the_end_asks_for_more_bytes(void **state)
{
    static const char head[] = FTYP_MP4 "\0\1\0\0mdat";
    struct vb_dimensions found;
    uint64_t needed = 0;

    (void)state;
    assert_int_equal(vb_media_dimensions(VB_MEDIA_MP4, head, sizeof(head) - 1, &found, &needed), -EAGAIN);
    assert_int_equal(needed, 24 + 65536 + 16);
}

/* Each file truncated at each length, in memory of exactly that size, so that the sanitizer sees a read past
 * it. */
static void a_truncated_header_is_not_read_past_its_end(void **state)
{
    static const struct {
        enum vb_media_type type;
        const char *data;
        size_t size;
    } wholes[] = {
#define WHOLE(type, literal) {type, literal, sizeof(literal) - 1}
        WHOLE(VB_MEDIA_JPEG, SOI EXIF_LITTLE("\6") EXIF_BIG("\6") SOF("\xc0", "\x01\xe0", "\x02\x80")),
        WHOLE(VB_MEDIA_PNG, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0"),
        WHOLE(VB_MEDIA_WEBP, "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\0\0\0\0\0\0"),
        WHOLE(VB_MEDIA_HEIC,
              FTYP_HEIC "\0\0\0\x74"
                        "meta\0\0\0\0" PITM("\2") "\0\0\0\x5a"
                                                  "iprp" IPCO "\0\0\0\x19"
                                                  "ipma\0\0\0\0\0\0\0\2\0\1\1\x81\0\2\2\2\x83"),
        WHOLE(VB_MEDIA_MP4, FTYP_MP4 "\0\0\0\x6c"
                                     "moov" TRAK(MATRIX_QUARTER, "\x07\x80", "\x04\x38")),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
        size_t first = i == 1 || i == 2 ? 16 : 4; /* what the sniffer has seen already */

        for (size_t size = first; size < wholes[i].size; size++) {
            char *copy = malloc(size);
            struct vb_dimensions found;
            uint64_t needed = 0;

            assert_non_null(copy);
            memcpy(copy, wholes[i].data, size);
            if (vb_media_dimensions(wholes[i].type, copy, size, &found, &needed) == -EAGAIN)
                assert_true(needed > size);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_is_read_from_its_frame_header),
        cmocka_unit_test(jpeg_is_turned_as_exif_says),
        cmocka_unit_test(damaged_jpeg_is_refused),
        cmocka_unit_test(jpeg_with_a_long_header_asks_for_more_bytes),
        cmocka_unit_test(png_and_webp_are_read),
        cmocka_unit_test(heif_has_the_size_and_turn_of_its_primary_item),
        cmocka_unit_test(damaged_heif_is_refused),
        cmocka_unit_test(mp4_has_the_size_of_its_first_video_track),
        cmocka_unit_test(mp4_with_its_index_at_the_end_asks_for_more_bytes),
        cmocka_unit_test(a_truncated_header_is_not_read_past_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
