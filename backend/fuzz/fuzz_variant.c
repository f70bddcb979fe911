/* Fuzzes the query of CDN URLs and, after a line feed, the Accept header. */
#include "base/memory.h"
#include "edge/query.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct vb_variant *a, const struct vb_variant *b)
{
    return a->width == b->width && a->height == b->height && a->fit == b->fit && a->format == b->format &&
           a->quality == b->quality;
}

/* The canonical text parses to the same variant, and fitting it to a source is idempotent. */
static void check(const struct vb_query *query, size_t seed)
{
    char text[VB_QUERY_TEXT_SIZE];
    struct vb_query again;
    struct vb_variant variant = vb_query_variant(query, (enum vb_format)(seed % 3));
    vb_assert(variant.width || variant.height);
    vb_assert(variant.quality >= 30 && variant.quality <= 95 && variant.quality % 5 == 0);
    vb_query_format(&variant, text);
    vb_assert(vb_query_parse(text, &again, NULL) == 0 && again.is_variant && !again.automatic);
    vb_assert(same(&again.variant, &variant));
    const struct vb_dimensions source = {1 + (uint32_t)(seed * 7919 % 3000),
                                         1 + (uint32_t)(seed * 104729 % 3000)};
    struct vb_variant once = vb_query_fit_source(&variant, &source);
    struct vb_variant twice = vb_query_fit_source(&once, &source);
    vb_assert(same(&once, &twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = vb_xstrndup((const char *)data, size), *rest = text;
    const char *query_text = strsep(&rest, "\n");
    struct vb_query query;
    struct vb_error err = {0};

    if (vb_query_parse(query_text, &query, &err) < 0)
        vb_assert(err.message[0]);
    else if (query.is_variant)
        check(&query, size);
    (void)vb_query_accepts(rest);
    free(text);
    return 0;
}
