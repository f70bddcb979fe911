/*
 * The query of a CDN URL: see query.h.
 */
#include "edge/query.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { QUALITY_STEP = 5, QUALITY_LEAST = 30, QUALITY_MOST = 95, SHOWN_MAX = 32 };

/* A value of the query, not decoded: nothing that is allowed needs percent-encoding. */
struct value {
    const char *text;
    size_t length;
};

static bool value_is(struct value value, const char *word)
{
    return value.length == strlen(word) && memcmp(value.text, word, value.length) == 0;
}

/* Reads a number of one to four digits without leading zeros; anything else is 0. */
static unsigned value_number(struct value value)
{
    uint64_t number;

    if (value.length == 0 || value.text[0] == '0' ||
        vb_uint_parse(value.text, value.length, 9999, &number) < 0)
        return 0;
    return (unsigned)number;
}

static int read_width(struct value value, struct vb_query *query, struct vb_error *err)
{
    unsigned number = value_number(value);
    struct vb_strbuf list;

    for (const uint16_t *width = vb_variant_widths; number && *width; width++)
        if (*width == number) {
            query->variant.width = *width;
            return 0;
        }
    vb_strbuf_init(&list, 256);
    for (const uint16_t *width = vb_variant_widths; *width; width++)
        vb_strbuf_addf(&list, " %u", *width);
    int r = vb_error_set(err, EINVAL, "w is the width in pixels, one of%s", list.data);
    vb_strbuf_release(&list);
    return r;
}

static int read_height(struct value value, struct vb_query *query, struct vb_error *err)
{
    unsigned number = value_number(value);

    if (number == 0 || number > VB_VARIANT_SIDE_MAX)
        return vb_error_set(err, EINVAL, "h is the height in pixels, a number from 1 to %d",
                            VB_VARIANT_SIDE_MAX);
    query->variant.height = (uint16_t)number;
    return 0;
}

static int read_fit(struct value value, struct vb_query *query, struct vb_error *err)
{
    if (!value_is(value, "cover") && !value_is(value, "contain"))
        return vb_error_set(err, EINVAL, "fit is contain or cover");
    query->variant.fit = value_is(value, "cover") ? VB_FIT_COVER : VB_FIT_CONTAIN;
    return 0;
}

static const char *const format_names[] = {
    [VB_FORMAT_JPEG] = "jpeg", [VB_FORMAT_WEBP] = "webp", [VB_FORMAT_AVIF] = "avif"};

static int read_format(struct value value, struct vb_query *query, struct vb_error *err)
{
    query->automatic = value_is(value, "auto");
    if (query->automatic)
        return 0;
    for (size_t i = 0; i < VB_ARRAY_SIZE(format_names); i++)
        if (value_is(value, format_names[i])) {
            query->variant.format = (enum vb_format)i;
            return 0;
        }
    return vb_error_set(err, EINVAL, "fm is the format: auto, jpeg, webp or avif");
}

/* In steps, so that a client cannot request a hundred renderings of one picture that look alike. */
static int read_quality(struct value value, struct vb_query *query, struct vb_error *err)
{
    unsigned number = value_number(value);

    if (number == 0 || number > 100)
        return vb_error_set(err, EINVAL, "q is the quality, a number from 1 to 100");
    number = (number + QUALITY_STEP / 2) / QUALITY_STEP * QUALITY_STEP;
    number = number < QUALITY_LEAST ? QUALITY_LEAST : number > QUALITY_MOST ? QUALITY_MOST : number;
    query->variant.quality = (uint8_t)number;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct value value, struct vb_query *query, struct vb_error *err);
} parameters[] = {
    {"w", read_width}, {"h", read_height}, {"fit", read_fit}, {"fm", read_format}, {"q", read_quality}};

static int read_pair(const char *pair, size_t length, struct vb_query *query, unsigned *seen,
                     struct vb_error *err)
{
    const char *equals = memchr(pair, '=', length);
    const struct value name = {pair, equals ? (size_t)(equals - pair) : length};
    struct value value = {"", 0};

    if (equals)
        value = (struct value){equals + 1, length - name.length - 1};
    for (unsigned i = 0; i < VB_ARRAY_SIZE(parameters); i++) {
        if (!value_is(name, parameters[i].name))
            continue;
        if (*seen & 1u << i)
            return vb_error_set(err, EINVAL, "%s is given twice", parameters[i].name);
        *seen |= 1u << i;
        return parameters[i].read(value, query, err);
    }
    return 0;
}

int vb_query_parse(const char *text, struct vb_query *ret_query, struct vb_error *err)
{
    struct vb_query query = {.automatic = true};
    unsigned seen = 0;

    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "&");
        int r = read_pair(at, length, &query, &seen, err);
        if (r < 0)
            return r;
        at += length + (at[length] == '&');
    }
    query.is_variant = seen != 0;
    if (!query.is_variant)
        query.automatic = false;
    else if (!query.variant.width && !query.variant.height)
        query.variant.width = VB_VARIANT_SIDE_MAX;
    if (!query.variant.width || !query.variant.height)
        query.variant.fit = VB_FIT_CONTAIN;
    *ret_query = query;
    return 0;
}

void vb_query_format(const struct vb_variant *variant, char text[VB_QUERY_TEXT_SIZE])
{
    char width[16] = "", height[16] = "";

    if (variant->width)
        snprintf(width, sizeof(width), "w=%u&", variant->width);
    if (variant->height)
        snprintf(height, sizeof(height), "h=%u&", variant->height);
    snprintf(text, VB_QUERY_TEXT_SIZE, "%s%s%sfm=%s&q=%u", width, height,
             variant->fit == VB_FIT_COVER ? "fit=cover&" : "", format_names[variant->format],
             (unsigned)(variant->quality ? variant->quality : vb_format_quality(variant->format)));
}

struct vb_variant vb_query_variant(const struct vb_query *query, enum vb_format automatic)
{
    struct vb_variant variant = query->variant;

    if (query->automatic)
        variant.format = automatic;
    if (!variant.quality)
        variant.quality = vb_format_quality(variant.format);
    return variant;
}

static uint16_t width_above(uint32_t width)
{
    const uint16_t *at = vb_variant_widths;

    while (at[1] && *at < width)
        at++;
    return *at;
}

/* "cover" keeps both sides: their ratio is part of the picture. */
struct vb_variant vb_query_fit_source(const struct vb_variant *asked, const struct vb_dimensions *source)
{
    struct vb_variant variant = *asked;

    if (variant.fit == VB_FIT_COVER)
        return variant;
    if (variant.width && variant.height) {
        /* the limiting side is the one that scales the picture down more */
        if ((uint64_t)variant.width * source->height <= (uint64_t)variant.height * source->width)
            variant.height = 0;
        else
            variant.width = 0;
    }
    bool enlarges =
        variant.width ? variant.width >= source->width : variant.height && variant.height >= source->height;
    if (enlarges) {
        variant.width = width_above(source->width);
        variant.height = 0;
    }
    return variant;
}

/* Whether the parameters of a media range say q=0 (RFC 9110 12.4.2). */
static bool is_refused(const char *parameters_text, size_t length)
{
    for (size_t i = 0; i + 3 < length + 1; i++)
        if ((parameters_text[i] == 'q' || parameters_text[i] == 'Q') && i > 0 &&
            strchr("; \t", parameters_text[i - 1]) && parameters_text[i + 1] == '=' &&
            parameters_text[i + 2] == '0') {
            size_t at = i + 3;
            while (at < length && (parameters_text[at] == '.' || parameters_text[at] == '0'))
                at++;
            return at >= length || !(parameters_text[at] >= '1' && parameters_text[at] <= '9');
        }
    return false;
}

struct vb_accepts vb_query_accepts(const char *accept)
{
    struct vb_accepts accepts = {0};

    for (const char *at = accept ? accept : ""; *at;) {
        at += strspn(at, ", \t");
        size_t length = strcspn(at, ","), name = strcspn(at, ",; \t");
        bool taken = !is_refused(at + name, length - name);
        if (name == strlen("image/webp") && strncasecmp(at, "image/webp", name) == 0)
            accepts.webp = taken;
        else if (name == strlen("image/avif") && strncasecmp(at, "image/avif", name) == 0)
            accepts.avif = taken;
        at += length;
    }
    return accepts;
}
