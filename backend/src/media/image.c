/* Pictures: see image.h. */
#include "media/image.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "media/thumbhash.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>
#include <vips/vector.h>

#define CANONICAL_QUALITY 84 /* variants are made of it: a little more than the eye asks for */
#define FRUGAL_QUALITY    72 /* for what was stored with less before: more would only keep its flaws sharper */
#define INTERLACED_PIXELS_MAX                                                                                \
    (40u * 1000 * 1000) /* progressive JPEG and interlaced PNG need all of the picture in memory */
#define SIDE_LIMIT       30000
#define FRAMES_MAX       1000
#define WHOLE_FILES_ONLY "[fail_on=truncated]" /* of the loader */
#define AVIF_EFFORT      2
#define WEBP_EFFORT      2 /* half the time of 4, the library's own, for one byte in twenty-five more */

static void unref_image(VipsImage **image)
{
    if (*image)
        g_object_unref(*image);
}

static void free_buffer(void **buffer)
{
    g_free(*buffer);
}

__attribute__((format(printf, 2, 3))) static void bad(struct vb_media_result *result, const char *format, ...)
{
    va_list arguments;

    result->status = VB_MEDIA_BAD;
    va_start(arguments, format);
    vsnprintf(result->problem, sizeof(result->problem), format, arguments);
    va_end(arguments);
}

static void trouble(struct vb_media_result *result, const char *what)
{
    result->status = VB_MEDIA_TROUBLE;
    snprintf(result->problem, sizeof(result->problem), "%s", what);
}

/* libvips says in its error buffer what a decoder found; it speaks of the file, in English. */
static void bad_file(struct vb_media_result *result, enum vb_media_type type)
{
    char reason[120];

    snprintf(reason, sizeof(reason), "%s", vips_error_buffer());
    vips_error_clear();
    for (char *at = reason; *at; at++)
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
            *at = ' ';
    bad(result, "The picture is damaged and cannot be read as %s (%s)", vb_media_mime(type), reason);
}

/* The loader of each type: the one that libvips must find by the bytes, too. */
static const struct {
    enum vb_media_type type;
    const char *loader;
} loaders[] = {
    {VB_MEDIA_JPEG, "VipsForeignLoadJpegBuffer"}, {VB_MEDIA_PNG, "VipsForeignLoadPngBuffer"},
    {VB_MEDIA_WEBP, "VipsForeignLoadWebpBuffer"}, {VB_MEDIA_HEIC, "VipsForeignLoadHeifBuffer"},
    {VB_MEDIA_HEIF, "VipsForeignLoadHeifBuffer"}, {VB_MEDIA_AVIF, "VipsForeignLoadHeifBuffer"},
    {VB_MEDIA_GIF, "VipsForeignLoadNsgifBuffer"},
};

/* What libraries want to tell the operator of a stranger's file is told its owner, in the result. */
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
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < VB_ARRAY_SIZE(loaders); i++)
        vips_operation_block_set(loaders[i].loader, FALSE);
    vips_cache_set_max(0);
    vips_vector_set_enabled(
        FALSE); /* it would compile to memory that is writable, then code: not in a jail */
    return 0;
}

static bool loader_fits(const void *data, size_t size, enum vb_media_type type)
{
    const char *loader = vips_foreign_find_load_buffer(data, size);

    for (size_t i = 0; loader && i < VB_ARRAY_SIZE(loaders); i++)
        if (loaders[i].type == type)
            return strcmp(loader, loaders[i].loader) == 0;
    return false;
}

static bool has_field(VipsImage *image, const char *name)
{
    return vips_image_get_typeof(image, name) != 0;
}

static int int_field(VipsImage *image, const char *name, int otherwise)
{
    int value;

    return has_field(image, name) && vips_image_get_int(image, name, &value) == 0 ? value : otherwise;
}

static bool has_position(VipsImage *image)
{
    return has_field(image, "exif-ifd3-GPSLatitude") || has_field(image, "exif-ifd3-GPSLongitude");
}

/* What the header says, and whether it keeps our limits. */
static bool check_header(VipsImage *image, const void *data, size_t size, enum vb_media_type type,
                         struct vb_media_result *result)
{
    unsigned width = (unsigned)vips_image_get_width(image), height = (unsigned)vips_image_get_height(image);
    uint64_t pixels = (uint64_t)width * height;
    unsigned orientation = (unsigned)int_field(image, VIPS_META_ORIENTATION, 1);
    bool sideways = orientation >= 5 && orientation <= 8;
    bool interlaced = int_field(image, "interlaced", 0) || int_field(image, "jpeg-multiscan", 0);

    result->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    result->source_width = sideways ? height : width;
    result->source_height = sideways ? width : height;
    result->has_position = has_position(image);
    if (width > SIDE_LIMIT || height > SIDE_LIMIT || pixels > VB_MEDIA_PIXELS_MAX)
        bad(result, "The picture has %u x %u pixels: at most %u million, and %d on a side, are allowed",
            width, height, VB_MEDIA_PIXELS_MAX / 1000000, SIDE_LIMIT);
    else if (interlaced && pixels > INTERLACED_PIXELS_MAX)
        bad(result, "The picture has %u x %u pixels: at most %u million are allowed in a progressive one",
            width, height, INTERLACED_PIXELS_MAX / 1000000);
    else if (type == VB_MEDIA_JPEG && vb_jpeg_has_too_many_scans(data, size))
        bad(result, "The picture is made of more scans than any camera writes");
    else if (int_field(image, VIPS_META_N_PAGES, 1) > FRAMES_MAX)
        bad(result, "The picture has more than %d frames", FRAMES_MAX);
    return result->status == VB_MEDIA_OK;
}

static VipsImage *open_header(const void *data, size_t size, enum vb_media_type type,
                              struct vb_media_result *result)
{
    VipsImage *image = NULL;

    if (loader_fits(data, size, type))
        image = vips_image_new_from_buffer(data, size, "", "access", VIPS_ACCESS_SEQUENTIAL, NULL);
    if (!image)
        bad_file(result, type);
    return image;
}

static bool write_output(int output, const void *data, size_t size, struct vb_media_result *result)
{
    if (vb_write_all(output, data, size) == 0)
        return true;
    trouble(result, "there is no room for the picture");
    return false;
}

/* Thumbhash and dominant colour of 8-bit R G B in memory. */
static int describe(VipsImage *image, struct vb_media_result *result)
{
    VipsImage *small VB_CLEANUP(unref_image) = NULL;
    void *pixels VB_CLEANUP(free_buffer) = NULL;
    size_t size = 0;
    unsigned width, height;

    if (vips_thumbnail_image(image, &small, VB_THUMBHASH_SIDE_MAX, "height", VB_THUMBHASH_SIDE_MAX, "size",
                             VIPS_SIZE_DOWN, "no_rotate", TRUE, NULL))
        return -EIO;
    width = (unsigned)vips_image_get_width(small);
    height = (unsigned)vips_image_get_height(small);
    pixels = vips_image_write_to_memory(small, &size);
    if (!pixels || size != (size_t)width * height * 3 || width > VB_THUMBHASH_SIDE_MAX ||
        height > VB_THUMBHASH_SIDE_MAX)
        return -EIO;
    result->thumbhash_size = (uint8_t)vb_thumbhash(pixels, width, height, result->thumbhash);
    result->has_thumbhash = true;
    vb_dominant_color(pixels, width, height, result->dominant);
    return 0;
}

/* Brings what a decoder gave to opaque 8-bit sRGB, all of it in memory: it is read more than once. */
static VipsImage *to_plain_rgb(VipsImage *image)
{
    VipsImage *srgb VB_CLEANUP(unref_image) = NULL, *flat VB_CLEANUP(unref_image) = NULL;
    VipsImage *bytes VB_CLEANUP(unref_image) = NULL;
    VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
    int r = vips_colourspace(image, &srgb, VIPS_INTERPRETATION_sRGB, NULL);

    if (r == 0)
        r = vips_image_hasalpha(srgb) ? vips_flatten(srgb, &flat, "background", white, NULL)
                                      : vips_copy(srgb, &flat, NULL);
    vips_area_unref(VIPS_AREA(white));
    if (r == 0)
        r = vips_cast_uchar(flat, &bytes, NULL);
    if (r < 0 || vips_image_get_bands(bytes) != 3)
        return NULL;
    return vips_image_copy_memory(bytes);
}

static int encode_jpeg(VipsImage *image, int quality, void **ret_data, size_t *ret_size)
{
    return vips_jpegsave_buffer(image, ret_data, ret_size, "Q", quality, "optimize_coding", TRUE, "strip",
                                TRUE, NULL);
}

/* original_size: bytes of what the picture was read from, which it should not exceed; 0: does not matter. */
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
        trouble(result, "the picture could not be encoded");
        return false;
    }
    result->width = (uint32_t)vips_image_get_width(image);
    result->height = (uint32_t)vips_image_get_height(image);
    return write_output(output, jpeg, size, result);
}

/* Decodes at no more than the size that is needed. Only a picture with a colour profile is converted from it: one
 * without has sRGB's colours, which a conversion would shift. */
static int scale_to_srgb(const void *data, size_t size, bool has_profile, VipsImage **ret)
{
    if (has_profile)
        return vips_thumbnail_buffer((void *)data, size, ret, VB_MEDIA_SIDE_MAX, "height", VB_MEDIA_SIDE_MAX,
                                     "size", VIPS_SIZE_DOWN, "option_string", WHOLE_FILES_ONLY,
                                     "export_profile", "srgb", NULL);
    return vips_thumbnail_buffer((void *)data, size, ret, VB_MEDIA_SIDE_MAX, "height", VB_MEDIA_SIDE_MAX,
                                 "size", VIPS_SIZE_DOWN, "option_string", WHOLE_FILES_ONLY, NULL);
}

void vb_image_ingest(const void *data, size_t size, enum vb_media_type type, int output,
                     struct vb_media_result *result)
{
    VipsImage *header VB_CLEANUP(unref_image) = open_header(data, size, type, result);
    VipsImage *scaled VB_CLEANUP(unref_image) = NULL, *rgb VB_CLEANUP(unref_image) = NULL;

    if (!header || !check_header(header, data, size, type, result))
        return;
    if (scale_to_srgb(data, size, has_field(header, VIPS_META_ICC_NAME), &scaled) ||
        !(rgb = to_plain_rgb(scaled))) {
        bad_file(result, type);
        return;
    }
    /* a picture without loss is not to be judged by its size */
    save_canonical(rgb, type == VB_MEDIA_PNG || type == VB_MEDIA_GIF ? 0 : size, output, result);
}

void vb_image_inspect(const void *data, size_t size, enum vb_media_type type, struct vb_media_result *result)
{
    VipsImage *header VB_CLEANUP(unref_image) = open_header(data, size, type, result);

    if (header)
        check_header(header, data, size, type, result);
}

void vb_image_poster(const uint8_t *rgb, unsigned width, unsigned height, int output,
                     struct vb_media_result *result)
{
    VipsImage *image VB_CLEANUP(unref_image) = vips_image_new_from_memory(
        rgb, (size_t)width * height * 3, (int)width, (int)height, 3, VIPS_FORMAT_UCHAR);
    VipsImage *tagged VB_CLEANUP(unref_image) = NULL;
    uint32_t video_width = result->width, video_height = result->height;

    if (!image || vips_copy(image, &tagged, "interpretation", VIPS_INTERPRETATION_sRGB, NULL)) {
        trouble(result, "there is no memory for the poster");
        return;
    }
    save_canonical(tagged, 0, output, result);
    result->poster_width = result->width;
    result->poster_height = result->height;
    result->width = video_width;
    result->height = video_height;
}

struct size {
    int width, height;
};

/* What the source is scaled to, never to more than it has. */
static struct size scaled_size(const struct vb_variant *variant, unsigned width, unsigned height)
{
    double across = variant->width ? (double)variant->width / width : INFINITY;
    double down = variant->height ? (double)variant->height / height : INFINITY;
    bool covers = variant->fit == VB_FIT_COVER && variant->width && variant->height;
    double scale = VIPS_MIN(1, covers ? VIPS_MAX(across, down) : VIPS_MIN(across, down));

    return (struct size){(int)VIPS_MAX(1, VIPS_RINT(width * scale)),
                         (int)VIPS_MAX(1, VIPS_RINT(height * scale))};
}

/* What is left of that: of a picture that is too small for what is to be covered, its aspect ratio. */
static struct size cut_size(const struct vb_variant *variant, struct size scaled)
{
    double w = variant->width, h = variant->height, scale;

    if (variant->fit != VB_FIT_COVER || !variant->width || !variant->height)
        return scaled;
    scale = VIPS_MIN(1, VIPS_MIN(scaled.width / w, scaled.height / h));
    return (struct size){(int)VIPS_CLIP(1, VIPS_RINT(w * scale), scaled.width),
                         (int)VIPS_CLIP(1, VIPS_RINT(h * scale), scaled.height)};
}

/* The decoder can leave out pixels at no cost: it is asked for a half, a quarter or an eighth, if that is enough. */
static int decoder_shrink(unsigned width, unsigned height, struct size wanted)
{
    unsigned shrink = 8;

    while (shrink > 1 && ((width + shrink - 1) / shrink < (unsigned)wanted.width ||
                          (height + shrink - 1) / shrink < (unsigned)wanted.height))
        shrink /= 2;
    return (int)shrink;
}

/* Brings it to that size. The decoder rounds down where we round to the nearest: a line that is missing for that repeats
 * the last one. The kernel costs two thirds of the library's usual one, which counts: its vector code cannot be used in
 * the jail. */
static int bring_to(VipsImage *image, struct size size, VipsImage **ret)
{
    int width = vips_image_get_width(image), height = vips_image_get_height(image);

    if (size.width - width >= 0 && size.width - width <= 1 && size.height - height >= 0 &&
        size.height - height <= 1)
        return vips_embed(image, ret, 0, 0, size.width, size.height, "extend", VIPS_EXTEND_COPY, NULL);
    return vips_resize(image, ret, (double)size.width / width, "vscale", (double)size.height / height,
                       "kernel", VIPS_KERNEL_CUBIC, NULL);
}

static int cut(VipsImage *image, struct size size, VipsImage **ret)
{
    int width = vips_image_get_width(image), height = vips_image_get_height(image);

    return vips_crop(image, ret, (width - size.width) / 2, (height - size.height) / 2, size.width,
                     size.height, NULL);
}

/* A canonical JPEG is upright and sRGB: nothing is turned or converted. */
static int scale_canonical(const void *data, size_t size, const struct vb_variant *variant,
                           const struct vb_media_result *source, VipsImage **ret)
{
    VipsImage *decoded VB_CLEANUP(unref_image) = NULL, *scaled VB_CLEANUP(unref_image) = NULL;
    struct size wanted = scaled_size(variant, source->source_width, source->source_height);
    int shrink = decoder_shrink(source->source_width, source->source_height, wanted);

    if (vips_jpegload_buffer((void *)data, size, &decoded, "shrink", shrink, "access", VIPS_ACCESS_SEQUENTIAL,
                             "fail_on", VIPS_FAIL_ON_TRUNCATED, NULL) ||
        bring_to(decoded, wanted, &scaled))
        return -1;
    return cut(scaled, cut_size(variant, wanted), ret);
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
    VipsImage *header VB_CLEANUP(unref_image) = open_header(data, size, VB_MEDIA_JPEG, result);
    VipsImage *scaled VB_CLEANUP(unref_image) = NULL;
    void *encoded VB_CLEANUP(free_buffer) = NULL;
    size_t encoded_size = 0;

    if (!header || !check_header(header, data, size, VB_MEDIA_JPEG, result))
        return;
    if (scale_canonical(data, size, variant, result, &scaled) ||
        encode(scaled, variant, &encoded, &encoded_size)) {
        bad_file(result, VB_MEDIA_JPEG);
        return;
    }
    result->width = (uint32_t)vips_image_get_width(scaled);
    result->height = (uint32_t)vips_image_get_height(scaled);
    write_output(output, encoded, encoded_size, result);
}
