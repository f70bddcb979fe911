/*
 * The query of a CDN URL: w, h, fit, fm and q, which ask for a variant. Other parameters are nobody's here: they
 * name no other picture, and so no other cache entry. Pure and thread-safe.
 */
#ifndef VB_EDGE_QUERY_H
#define VB_EDGE_QUERY_H

#include "base/error.h"
#include "media/dimensions.h"
#include "media/variant.h"

#define VB_QUERY_TEXT_SIZE 64 /* bytes that the text of a variant takes at most, its NUL among them */

struct vb_query {
    bool is_variant; /* false: the canonical file is asked for, and nothing else is set */
    bool automatic;  /* the format is to be chosen by Accept (fm=auto, or none) */
    /* Normalised: never without a side (the largest width if none is asked for), cover only with both sides.
     * format is VB_FORMAT_JPEG while automatic; quality 0: the format's own. */
    struct vb_variant variant;
};

/* query: as sent, after '?'. Returns 0, or -EINVAL with an error that names the parameter and its rule: a value
 * that is not allowed, or one of the five given twice. */
int vb_query_parse(const char *query, struct vb_query *ret_query, struct vb_error *err);

/* The one text of this variant: "w=640&fm=webp&q=80"; it parses to the same again, automatic aside. */
void vb_query_format(const struct vb_variant *variant, char text[VB_QUERY_TEXT_SIZE]);

/* The variant with its format: the one asked for, or this one if it is automatic; with the quality filled in. */
struct vb_variant vb_query_variant(const struct vb_query *query, enum vb_format automatic);

/* The same picture in the fewest words, given the size of its source: what would enlarge asks for the next allowed
 * width above the source's (or its height) instead, and of two sides of "contain" the one that binds is left.
 * Doing it twice changes nothing. */
struct vb_variant vb_query_fit_source(const struct vb_variant *variant, const struct vb_dimensions *source);

/* Which formats a browser takes by name in its Accept header (NULL: none): those by wildcards do not count, as
 * clients that know no WebP send them too. Each is true or false. */
struct vb_accepts {
    bool webp, avif;
};
struct vb_accepts vb_query_accepts(const char *accept);

#endif
