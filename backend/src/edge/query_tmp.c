#include "edge/query.h"
#include <stdlib.h>
#include <string.h>
int vb_edge_query_variant(const char *query, struct vb_variant *ret, struct vb_error *err)
{
    (void)err;
    const char *w = strstr(query, "w=");
    *ret = (struct vb_variant){0};
    if (w)
        ret->width = (uint16_t)atoi(w + 2);
    w = strstr(query, "h=");
    if (w)
        ret->height = (uint16_t)atoi(w + 2);

    if (strstr(query, "webp"))
        ret->format = VB_FORMAT_WEBP;
    if (strstr(query, "avif"))
        ret->format = VB_FORMAT_AVIF;
    if (strstr(query, "cover"))
        ret->fit = VB_FIT_COVER;
    ret->quality = vb_format_quality(ret->format);
    return 0;
}
