/*
 * The query of a CDN URL: w, h, fit, fm and q, which ask for a variant. Other parameters are ignored: they
 * name no other picture, and so no other cache entry. Pure and thread-safe.
 */
#ifndef VB_EDGE_QUERY_H
#define VB_EDGE_QUERY_H

#include "base/error.h"
#include "media/dimensions.h"
#include "media/variant.h"

#define VB_QUERY_TEXT_SIZE 64 /* bytes of the longest text of a variant, with its NUL */

struct vb_query {
    bool is_variant; /* false: it asks for the canonical file, and nothing else is set */
    bool automatic;  /* Accept chooses the format (fm=auto, or no fm) */
    /* Normalised: never without a side (the largest width if none is asked for), cover only with both sides.
     * format is VB_FORMAT_JPEG while automatic; quality 0: the format's own. */
    struct vb_variant variant;
};

/* query: as sent, after '?'. Returns 0, or -EINVAL with an error that names the parameter and its rule: a
 * value that is not allowed, or one of the five given twice. */
int vb_query_parse(const char *query, struct vb_query *ret_query, struct vb_error *err);

/* The canonical text of the variant: "w=640&fm=webp&q=80". It parses to the same variant, automatic aside. */
void vb_query_format(const struct vb_variant *variant, char text[VB_QUERY_TEXT_SIZE]);

/* The variant with its format (the one asked for, or this one if it is automatic) and its quality filled
 * in. */
struct vb_variant vb_query_variant(const struct vb_query *query, enum vb_format automatic);

/* The canonical variant of a source of that size, so that equal pictures have one cache entry: a size that
 * would enlarge becomes the next allowed width above the source's; for "contain", only the limiting side is
 * kept. Idempotent. */
struct vb_variant vb_query_fit_source(const struct vb_variant *variant, const struct vb_dimensions *source);

/* The formats that an Accept header (NULL: none) names. Wildcards do not count: clients that know no WebP
 * send them, too. */
struct vb_accepts {
    bool webp, avif;
};
struct vb_accepts vb_query_accepts(const char *accept);

#endif
