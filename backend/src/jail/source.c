/* A picture's file, opened and checked: see source.h. */
#include "jail/source.h"

#include "base/memory.h"
#include "jail/jpeg.h"
#include "jail/verdict.h"

#include <stdio.h>
#include <string.h>

/* Progressive JPEG and interlaced PNG need all of the picture in memory. */
#define INTERLACED_PIXELS_MAX (40u * 1000 * 1000)
#define SIDE_LIMIT            30000
#define FRAMES_MAX            1000

void vb_image_unref(VipsImage **image)
{
    if (*image)
        g_object_unref(*image);
}

/* libvips tells in its error buffer, in English, what a decoder found in the file. */
void vb_image_refuse(struct vb_media_result *result, enum vb_media_type type)
{
    char reason[120];

    snprintf(reason, sizeof(reason), "%s", vips_error_buffer());
    vips_error_clear();
    for (char *at = reason; *at; at++)
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
            *at = ' ';
    vb_jail_bad(result, "The picture is damaged and cannot be read as %s (%s)", vb_media_mime(type), reason);
}

/* The loader of each type. libvips must find the same one by the bytes. */
static const struct {
    enum vb_media_type type;
    const char *loader;
} loaders[] = {
    {VB_MEDIA_JPEG, "VipsForeignLoadJpegBuffer"}, {VB_MEDIA_PNG, "VipsForeignLoadPngBuffer"},
    {VB_MEDIA_WEBP, "VipsForeignLoadWebpBuffer"}, {VB_MEDIA_HEIC, "VipsForeignLoadHeifBuffer"},
    {VB_MEDIA_HEIF, "VipsForeignLoadHeifBuffer"}, {VB_MEDIA_AVIF, "VipsForeignLoadHeifBuffer"},
    {VB_MEDIA_GIF, "VipsForeignLoadNsgifBuffer"},
};

void vb_image_block_loaders(void)
{
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < VB_ARRAY_SIZE(loaders); i++)
        vips_operation_block_set(loaders[i].loader, FALSE);
}

static bool loader_fits(const void *data, size_t size, enum vb_media_type type)
{
    const char *loader = vips_foreign_find_load_buffer(data, size);

    for (size_t i = 0; loader && i < VB_ARRAY_SIZE(loaders); i++)
        if (loaders[i].type == type)
            return strcmp(loader, loaders[i].loader) == 0;
    return false;
}

bool vb_image_has_field(VipsImage *header, const char *name)
{
    return vips_image_get_typeof(header, name) != 0;
}

static int int_field(VipsImage *image, const char *name, int otherwise)
{
    int value;

    return vb_image_has_field(image, name) && vips_image_get_int(image, name, &value) == 0 ? value
                                                                                           : otherwise;
}

static bool has_position(VipsImage *image)
{
    return vb_image_has_field(image, "exif-ifd3-GPSLatitude") ||
           vb_image_has_field(image, "exif-ifd3-GPSLongitude");
}

/* Fills in what the header says, and checks our limits. */
static bool check(struct vb_image_source *picture, struct vb_media_result *result)
{
    VipsImage *image = picture->header;
    unsigned width = (unsigned)vips_image_get_width(image), height = (unsigned)vips_image_get_height(image);
    uint64_t pixels = (uint64_t)width * height;
    unsigned orientation = (unsigned)int_field(image, VIPS_META_ORIENTATION, 1);
    bool sideways = orientation >= 5 && orientation <= 8;
    bool interlaced = int_field(image, "interlaced", 0) || int_field(image, "jpeg-multiscan", 0);

    picture->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    picture->width = sideways ? height : width;
    picture->height = sideways ? width : height;
    result->orientation = picture->orientation;
    result->source_width = picture->width;
    result->source_height = picture->height;
    result->has_position = has_position(image);
    if (width > SIDE_LIMIT || height > SIDE_LIMIT || pixels > VB_MEDIA_PIXELS_MAX)
        vb_jail_bad(result,
                    "The picture has %u x %u pixels: at most %u million, and %d on a side, are allowed",
                    width, height, VB_MEDIA_PIXELS_MAX / 1000000, SIDE_LIMIT);
    else if (interlaced && pixels > INTERLACED_PIXELS_MAX)
        vb_jail_bad(result,
                    "The picture has %u x %u pixels: at most %u million are allowed in a progressive one",
                    width, height, INTERLACED_PIXELS_MAX / 1000000);
    else if (picture->type == VB_MEDIA_JPEG && vb_image_jpeg_has_too_many_scans(picture->data, picture->size))
        vb_jail_bad(result, "The picture is made of more scans than any camera writes");
    else if (int_field(image, VIPS_META_N_PAGES, 1) > FRAMES_MAX)
        vb_jail_bad(result, "The picture has more than %d frames", FRAMES_MAX);
    return result->status == VB_MEDIA_OK;
}

bool vb_image_open(struct vb_image_source *picture, const void *data, size_t size, enum vb_media_type type,
                   struct vb_media_result *result)
{
    *picture = (struct vb_image_source){.data = data, .size = size, .type = type};
    if (loader_fits(data, size, type))
        picture->header = vips_image_new_from_buffer(data, size, "", "access", VIPS_ACCESS_SEQUENTIAL, NULL);
    if (picture->header)
        return check(picture, result);
    vb_image_refuse(result, type);
    return false;
}

void vb_image_source_release(struct vb_image_source *picture)
{
    vb_image_unref(&picture->header);
    picture->header = NULL;
}
