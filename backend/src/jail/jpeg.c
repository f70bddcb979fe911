/* JPEG by libjpeg itself: see jpeg.h. Source for the markers that are read by hand: ITU-T T.81, B.1. */
#include "jail/jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#define SCANS_MAX 64 /* libjpeg's own progressive script has 10 */
#define ROWS      16 /* read at a time: as many as one step of the decoder gives at most */

/* libjpeg's errors come back through longjmp. */
struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    struct vb_image_pixels *pixels;
};

_Noreturn static void fail(j_common_ptr jpeg)
{
    struct decoder *decoder = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, message);
    snprintf(decoder->pixels->problem, sizeof(decoder->pixels->problem), "%s", message);
    longjmp(decoder->failed, 1);
}

/* A warning is for a picture that can still be shown; one that ends early cannot. */
static void warn(j_common_ptr jpeg, int level)
{
    if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF)
        fail(jpeg);
}

static void start(struct decoder *decoder, const void *data, size_t size)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;

    jpeg->err = jpeg_std_error(&decoder->errors);
    decoder->errors.error_exit = fail;
    decoder->errors.emit_message = warn;
    jpeg->client_data = decoder;
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, data, size);
    jpeg_read_header(jpeg, TRUE);
}

static int decode(struct decoder *decoder, unsigned shrink)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    struct vb_image_pixels *pixels = decoder->pixels;
    size_t row_size;

    if (jpeg->num_components != 1 && jpeg->num_components != 3)
        return -EOPNOTSUPP;
    jpeg->scale_num = 1;
    jpeg->scale_denom = shrink;
    jpeg->out_color_space = JCS_RGB;
    jpeg_start_decompress(jpeg);
    pixels->width = jpeg->output_width;
    pixels->height = jpeg->output_height;
    row_size = (size_t)pixels->width * 3;
    pixels->rgb = malloc(row_size * pixels->height);
    if (!pixels->rgb)
        return -ENOMEM;
    while (jpeg->output_scanline < jpeg->output_height) {
        JDIMENSION left = jpeg->output_height - jpeg->output_scanline, count = left < ROWS ? left : ROWS;
        JSAMPROW rows[ROWS];

        for (JDIMENSION i = 0; i < count; i++)
            rows[i] = pixels->rgb + row_size * (jpeg->output_scanline + i);
        jpeg_read_scanlines(jpeg, rows, count);
    }
    jpeg_finish_decompress(jpeg);
    return 0;
}

int vb_image_jpeg_decode(const void *data, size_t size, unsigned shrink, struct vb_image_pixels *ret)
{
    struct decoder decoder = {.pixels = ret};
    volatile int r = -EBADMSG;

    *ret = (struct vb_image_pixels){0};
    if (setjmp(decoder.failed) == 0) {
        start(&decoder, data, size);
        r = decode(&decoder, shrink);
    }
    jpeg_destroy_decompress(&decoder.jpeg);
    if (r < 0) {
        free(ret->rgb);
        ret->rgb = NULL;
    }
    return r;
}

bool vb_image_jpeg_has_too_many_scans(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    unsigned scans = 0;

    /* Within a scan 0xFF is followed by 0 or a restart marker, so 0xFFDA is a start of scan. In a segment it
     * may be chance, so segments are skipped by their length. */
    for (size_t at = 2; at + 4 <= size;) {
        const unsigned char *found = memchr(bytes + at, 0xff, size - at - 3);
        unsigned marker;

        if (!found)
            break;
        at = (size_t)(found - bytes);
        marker = bytes[at + 1];
        if (marker == 0 || marker == 0xff || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd9)) {
            at++;
            continue;
        }
        if (marker == 0xda && ++scans > SCANS_MAX)
            return true;
        at += 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
    }
    return false;
}
