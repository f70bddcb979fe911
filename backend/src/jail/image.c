/* Pictures: see image.h. */
#include "jail/image.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "jail/decode.h"
#include "jail/resize.h"
#include "jail/thumbhash.h"
#include "jail/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>
#include <vips/vector.h>

#define CANONICAL_QUALITY 84 /* variants are made of it: a little better than the eye needs */
#define FRUGAL_QUALITY    72 /* for a source of lower quality: more bytes would only keep its flaws sharp */
#define AVIF_EFFORT       2
#define WEBP_EFFORT       2 /* half the time of 4, the library's default, for 4 % more bytes */

static void free_buffer(void **buffer)
{
    g_free(*buffer);
}

/* Libraries do not log about a user's file: the result tells its owner. */
static GLogWriterOutput drop_message(GLogLevelFlags level, const GLogField *fields, gsize count,
                                     gpointer data)
{
    (void)level, (void)fields, (void)count, (void)data;
    return G_LOG_WRITER_HANDLED;
}

int vb_image_prepare(const char *program)
{
    g_log_set_writer_func(drop_message, NULL, NULL);
    if (VIPS_INIT(program))
        return -EIO;
    vb_image_block_loaders();
    vips_cache_set_max(0);
    vips_vector_set_enabled(
        FALSE); /* it would compile to memory that is writable, then code: not in a jail */
    return 0;
}

static bool write_output(int output, const void *data, size_t size, struct vb_media_result *result)
{
    if (vb_write_all(output, data, size) == 0)
        return true;
    vb_jail_trouble(result, "there is no room for the picture");
    return false;
}

/* Thumbhash and dominant colour are made of a miniature. */
static struct vb_image_size miniature_size(unsigned width, unsigned height)
{
    double scale = VIPS_MIN(1, (double)VB_IMAGE_THUMBHASH_SIDE_MAX / VIPS_MAX(width, height));

    return (struct vb_image_size){(unsigned)VIPS_MAX(1, VIPS_RINT(width * scale)),
                                  (unsigned)VIPS_MAX(1, VIPS_RINT(height * scale))};
}

/* Thumbhash and dominant colour of 8-bit R G B. */
static int describe(VipsImage *image, struct vb_media_result *result)
{
    uint8_t miniature[VB_IMAGE_THUMBHASH_SIDE_MAX * VB_IMAGE_THUMBHASH_SIDE_MAX * 3];
    const struct vb_image_size size = {(unsigned)vips_image_get_width(image),
                                       (unsigned)vips_image_get_height(image)};
    const struct vb_image_size small = miniature_size(size.width, size.height);

    if (vips_image_wio_input(image) ||
        vb_image_resize(VIPS_IMAGE_ADDR(image, 0, 0), size, miniature, small) < 0)
        return -EIO;
    result->thumbhash_size =
        (uint8_t)vb_image_thumbhash(miniature, small.width, small.height, result->thumbhash);
    result->has_thumbhash = true;
    vb_image_dominant_color(miniature, small.width, small.height, result->dominant);
    return 0;
}

static int encode_jpeg(VipsImage *image, int quality, void **ret_data, size_t *ret_size)
{
    return vips_jpegsave_buffer(image, ret_data, ret_size, "Q", quality, "optimize_coding", TRUE, "strip",
                                TRUE, NULL);
}

/* original_size: the bytes of the source, which the result should not exceed; 0: it may. */
static int encode_canonical(VipsImage *image, size_t original_size, void **ret_data, size_t *ret_size)
{
    int r = encode_jpeg(image, CANONICAL_QUALITY, ret_data, ret_size);

    if (r == 0 && original_size > 0 && *ret_size > original_size) {
        g_free(*ret_data);
        *ret_data = NULL;
        r = encode_jpeg(image, FRUGAL_QUALITY, ret_data, ret_size);
    }
    return r;
}

static bool save_canonical(VipsImage *image, size_t original_size, int output, struct vb_media_result *result)
{
    void *jpeg VB_CLEANUP(free_buffer) = NULL;
    size_t size = 0;

    if (describe(image, result) < 0 || encode_canonical(image, original_size, &jpeg, &size)) {
        vb_jail_trouble(result, "the picture could not be encoded");
        return false;
    }
    result->width = (uint32_t)vips_image_get_width(image);
    result->height = (uint32_t)vips_image_get_height(image);
    return write_output(output, jpeg, size, result);
}

/* The size of the scaled source, which is never enlarged. */
static struct vb_image_size fit(const struct vb_image_source *picture, double scale)
{
    scale = VIPS_MIN(1, scale);
    return (struct vb_image_size){(unsigned)VIPS_MAX(1, VIPS_RINT(picture->width * scale)),
                                  (unsigned)VIPS_MAX(1, VIPS_RINT(picture->height * scale))};
}

void vb_image_ingest(const void *data, size_t size, enum vb_media_type type, int output,
                     struct vb_media_result *result)
{
    struct vb_image_source picture VB_CLEANUP(vb_image_source_release) = {0};
    VipsImage *rgb VB_CLEANUP(vb_image_unref) = NULL;
    double longest;

    if (!vb_image_open(&picture, data, size, type, result))
        return;
    longest = VIPS_MAX(picture.width, picture.height);
    rgb = vb_image_decode(&picture, fit(&picture, VB_MEDIA_SIDE_MAX / longest), result);
    if (rgb) /* a lossless source may well be smaller */
        save_canonical(rgb, type == VB_MEDIA_PNG || type == VB_MEDIA_GIF ? 0 : size, output, result);
}

void vb_image_inspect(const void *data, size_t size, enum vb_media_type type, struct vb_media_result *result)
{
    struct vb_image_source picture VB_CLEANUP(vb_image_source_release) = {0};

    vb_image_open(&picture, data, size, type, result);
}

void vb_image_poster(const uint8_t *rgb, unsigned width, unsigned height, int output,
                     struct vb_media_result *result)
{
    VipsImage *image VB_CLEANUP(vb_image_unref) = vips_image_new_from_memory(
        rgb, (size_t)width * height * 3, (int)width, (int)height, 3, VIPS_FORMAT_UCHAR);
    VipsImage *tagged VB_CLEANUP(vb_image_unref) = NULL;
    uint32_t video_width = result->width, video_height = result->height;

    if (!image || vips_copy(image, &tagged, "interpretation", VIPS_INTERPRETATION_sRGB, NULL)) {
        vb_jail_trouble(result, "there is no memory for the poster");
        return;
    }
    save_canonical(tagged, 0, output, result);
    result->poster_width = result->width;
    result->poster_height = result->height;
    result->width = video_width;
    result->height = video_height;
}

static double scale_of(const struct vb_variant *variant, const struct vb_image_source *picture)
{
    double across = variant->width ? (double)variant->width / picture->width : INFINITY;
    double down = variant->height ? (double)variant->height / picture->height : INFINITY;
    bool covers = variant->fit == VB_FIT_COVER && variant->width && variant->height;

    return covers ? VIPS_MAX(across, down) : VIPS_MIN(across, down);
}

/* The part of the scaled picture that is kept. A picture too small for "cover" keeps the aspect ratio that
 * was asked for. */
static struct vb_image_size cut_size(const struct vb_variant *variant, struct vb_image_size scaled)
{
    double w = variant->width, h = variant->height, scale;

    if (variant->fit != VB_FIT_COVER || !variant->width || !variant->height)
        return scaled;
    scale = VIPS_MIN(1, VIPS_MIN(scaled.width / w, scaled.height / h));
    return (struct vb_image_size){(unsigned)VIPS_CLIP(1, VIPS_RINT(w * scale), scaled.width),
                                  (unsigned)VIPS_CLIP(1, VIPS_RINT(h * scale), scaled.height)};
}

static int cut(VipsImage *image, struct vb_image_size size, VipsImage **ret)
{
    int width = (int)size.width, height = (int)size.height;

    return vips_crop(image, ret, (vips_image_get_width(image) - width) / 2,
                     (vips_image_get_height(image) - height) / 2, width, height, NULL);
}

static int encode(VipsImage *image, const struct vb_variant *variant, void **ret_data, size_t *ret_size)
{
    switch (variant->format) {
    case VB_FORMAT_WEBP:
        return vips_webpsave_buffer(image, ret_data, ret_size, "Q", variant->quality, "effort", WEBP_EFFORT,
                                    "strip", TRUE, NULL);
    case VB_FORMAT_AVIF:
        return vips_heifsave_buffer(image, ret_data, ret_size, "Q", variant->quality, "compression",
                                    VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "effort", AVIF_EFFORT, "bitdepth", 8,
                                    "strip", TRUE, NULL);
    case VB_FORMAT_JPEG:
        break;
    }
    return encode_jpeg(image, variant->quality, ret_data, ret_size);
}

void vb_image_variant(const void *data, size_t size, const struct vb_variant *variant, int output,
                      struct vb_media_result *result)
{
    struct vb_image_source picture VB_CLEANUP(vb_image_source_release) = {0};
    VipsImage *rgb VB_CLEANUP(vb_image_unref) = NULL, *part VB_CLEANUP(vb_image_unref) = NULL;
    void *encoded VB_CLEANUP(free_buffer) = NULL;
    struct vb_image_size scaled;
    size_t encoded_size = 0;

    if (!vb_image_open(&picture, data, size, VB_MEDIA_JPEG, result))
        return;
    scaled = fit(&picture, scale_of(variant, &picture));
    rgb = vb_image_decode(&picture, scaled, result);
    if (!rgb)
        return;
    if (cut(rgb, cut_size(variant, scaled), &part) || encode(part, variant, &encoded, &encoded_size)) {
        vb_jail_trouble(result, "the variant could not be encoded");
        return;
    }
    result->width = (uint32_t)vips_image_get_width(part);
    result->height = (uint32_t)vips_image_get_height(part);
    write_output(output, encoded, encoded_size, result);
}
