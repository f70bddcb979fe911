/* The pixels of a picture: see decode.h. */
#include "jail/decode.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "jail/jpeg.h"

#include <errno.h>
#include <stdlib.h>

#define RASTER_PIXELS_MAX (32u * 1000 * 1000)   /* 96 MB: larger ones are decoded line by line */
#define WHOLE_FILES_ONLY  "[fail_on=truncated]" /* for the loader */

/* Converts the decoded picture to opaque 8-bit sRGB in memory, because it is read more than once. */
static VipsImage *to_plain_rgb(VipsImage *image)
{
    VipsImage *srgb VB_CLEANUP(vb_image_unref) = NULL, *flat VB_CLEANUP(vb_image_unref) = NULL;
    VipsImage *bytes VB_CLEANUP(vb_image_unref) = NULL;
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

/*
 * Nearly all pictures are 8-bit R G B: they are scaled by resize.h, then converted and turned.
 */

static bool is_sideways(const struct vb_image_source *picture)
{
    return picture->orientation >= 5;
}

/* The size of what is stored: not yet turned. */
static struct vb_image_size as_stored(const struct vb_image_source *picture, struct vb_image_size size)
{
    return is_sideways(picture) ? (struct vb_image_size){size.height, size.width} : size;
}

/* The decoder can leave out pixels at no cost: a half, a quarter or an eighth of the picture may be
 * enough. */
static unsigned find_shrink(struct vb_image_size stored, struct vb_image_size wanted)
{
    unsigned shrink = 8;

    while (shrink > 1 && ((stored.width + shrink - 1) / shrink < wanted.width ||
                          (stored.height + shrink - 1) / shrink < wanted.height))
        shrink /= 2;
    return shrink;
}

static bool is_plain(const struct vb_image_source *picture)
{
    VipsImage *header = picture->header;
    bool rgb = vips_image_get_bands(header) == 3 && vips_image_get_format(header) == VIPS_FORMAT_UCHAR &&
               vips_image_guess_interpretation(header) == VIPS_INTERPRETATION_sRGB;
    /* a grey one may have a profile of grey */
    bool grey = picture->type == VB_MEDIA_JPEG && vips_image_get_bands(header) == 1 &&
                !vb_image_has_field(header, VIPS_META_ICC_NAME);

    return rgb || grey;
}

/* The divisor that the decoder applies to both sides. */
static unsigned shrink_of(const struct vb_image_source *picture, struct vb_image_size stored,
                          struct vb_image_size wanted)
{
    return picture->type == VB_MEDIA_JPEG ? find_shrink(stored, wanted) : 1;
}

/* Scales the pixels to that size. The decoder rounds up: one line more is no reason to scale. */
static int bring_to(struct vb_image_pixels *pixels, struct vb_image_size size, unsigned shrink)
{
    unsigned spare = shrink > 1 ? 1 : 0;
    uint8_t *result;
    int r;

    if (pixels->width - size.width <= spare && pixels->height - size.height <= spare)
        return 0;
    result = malloc((size_t)size.width * size.height * 3);
    r = result ? vb_image_resize(pixels->rgb, (struct vb_image_size){pixels->width, pixels->height}, result,
                                 size)
               : -ENOMEM;
    if (r < 0) {
        free(result);
        return r;
    }
    free(pixels->rgb);
    *pixels = (struct vb_image_pixels){.rgb = result, .width = size.width, .height = size.height};
    return 0;
}

/* An image that owns the pixels. */
static VipsImage *wrap(struct vb_image_pixels *pixels)
{
    VipsImage *image VB_CLEANUP(vb_image_unref) = NULL, *tagged = NULL;

    image = vips_image_new_from_memory(pixels->rgb, (size_t)pixels->width * pixels->height * 3,
                                       (int)pixels->width, (int)pixels->height, 3, VIPS_FORMAT_UCHAR);
    if (!image) {
        free(pixels->rgb);
        return NULL;
    }
    g_object_set_data_full(G_OBJECT(image), "pixels", pixels->rgb, free);
    return vips_copy(image, &tagged, "interpretation", VIPS_INTERPRETATION_sRGB, NULL) ? NULL : tagged;
}

static int decode_jpeg(const struct vb_image_source *picture, unsigned shrink, struct vb_image_pixels *ret)
{
    int r = vb_image_jpeg_decode(picture->data, picture->size, shrink, ret);

    if (r < 0)
        vips_error("jpeg", "%s", ret->problem);
    return r;
}

static int decode_whole(const struct vb_image_source *picture, struct vb_image_pixels *ret)
{
    VipsImage *image VB_CLEANUP(vb_image_unref) =
        vips_image_new_from_buffer(picture->data, picture->size, "", "access", VIPS_ACCESS_SEQUENTIAL,
                                   "fail_on", VIPS_FAIL_ON_TRUNCATED, NULL);
    size_t size = 0;

    *ret = (struct vb_image_pixels){0};
    if (!image)
        return -EBADMSG;
    ret->width = (unsigned)vips_image_get_width(image);
    ret->height = (unsigned)vips_image_get_height(image);
    ret->rgb = vips_image_write_to_memory(image, &size);
    if (!ret->rgb)
        return -EBADMSG;
    vb_assert(size == (size_t)ret->width * ret->height * 3);
    return 0;
}

static VipsImage *decode_scaled(const struct vb_image_source *picture, struct vb_image_size stored,
                                struct vb_image_size wanted)
{
    unsigned shrink = shrink_of(picture, stored, wanted);
    struct vb_image_pixels pixels;
    int r = picture->type == VB_MEDIA_JPEG ? decode_jpeg(picture, shrink, &pixels)
                                           : decode_whole(picture, &pixels);

    if (r < 0)
        return NULL;
    if (bring_to(&pixels, wanted, shrink) < 0) {
        free(pixels.rgb);
        return NULL;
    }
    return wrap(&pixels);
}

/* From the picture's own profile. A picture without one is sRGB already, and a conversion would shift its
 * colours. */
static VipsImage *convert(const struct vb_image_source *picture, VipsImage *image)
{
    VipsImage *converted = NULL;
    const void *profile;
    size_t size;

    if (!vb_image_has_field(picture->header, VIPS_META_ICC_NAME))
        return g_object_ref(image);
    if (vips_image_get_blob(picture->header, VIPS_META_ICC_NAME, &profile, &size))
        return NULL;
    vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, profile, size);
    return vips_icc_transform(image, &converted, "srgb", "embedded", TRUE, NULL) ? NULL : converted;
}

static VipsImage *turn(const struct vb_image_source *picture, VipsImage *image)
{
    VipsImage *turned = NULL;

    vips_image_set_int(image, VIPS_META_ORIENTATION, (int)picture->orientation);
    return vips_autorot(image, &turned, NULL) ? NULL : turned;
}

static VipsImage *decode_plain(const struct vb_image_source *picture, struct vb_image_size stored,
                               struct vb_image_size wanted)
{
    VipsImage *decoded VB_CLEANUP(vb_image_unref) = decode_scaled(picture, stored, wanted);
    VipsImage *converted VB_CLEANUP(vb_image_unref) = decoded ? convert(picture, decoded) : NULL;
    VipsImage *turned VB_CLEANUP(vb_image_unref) = converted ? turn(picture, converted) : NULL;

    return turned ? vips_image_copy_memory(turned) : NULL;
}

/* All other pictures, by libvips alone. */
static VipsImage *decode_other(const struct vb_image_source *picture, struct vb_image_size size)
{
    VipsImage *scaled VB_CLEANUP(vb_image_unref) = NULL;
    bool has_profile = vb_image_has_field(picture->header, VIPS_META_ICC_NAME);

    if (vips_thumbnail_buffer((void *)picture->data, picture->size, &scaled, (int)size.width, "height",
                              (int)size.height, "size", VIPS_SIZE_FORCE, "option_string", WHOLE_FILES_ONLY,
                              has_profile ? "export_profile" : NULL, "srgb", NULL))
        return NULL;
    return to_plain_rgb(scaled);
}

VipsImage *vb_image_decode(const struct vb_image_source *picture, struct vb_image_size size,
                           struct vb_media_result *result)
{
    const struct vb_image_size whole = {picture->width, picture->height};
    struct vb_image_size stored = as_stored(picture, whole), wanted = as_stored(picture, size);
    unsigned shrink = shrink_of(picture, stored, wanted);
    bool fits = (uint64_t)stored.width * stored.height / (shrink * shrink) <= RASTER_PIXELS_MAX;
    VipsImage *decoded;

    decoded = fits && is_plain(picture) ? decode_plain(picture, stored, wanted) : decode_other(picture, size);
    if (!decoded)
        vb_image_refuse(result, picture->type);
    return decoded;
}
