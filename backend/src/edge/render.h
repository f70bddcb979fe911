/*
 * Variants of pictures: recalled if they were made before and their source is still the same, otherwise
 * rendered by the media workers. Blocking and thread-safe.
 */
#ifndef VB_EDGE_RENDER_H
#define VB_EDGE_RENDER_H

#include "edge/fetch.h"
#include "media/variant.h"
#include "media/workers.h"

struct vb_render {
    struct vb_fetch *fetch;
    struct vb_workers *workers;
    struct vb_counter *rendered;
};

/* Both fill the outcome; the entry's reference is the caller's. The entry is missing when the source is, and
 * unfit when the source is no picture. Errors: those of the origin, or -EAGAIN (no worker was free, or it had
 * trouble: try again). */

/* The variant, if it was made before and the origin still has its source. Returns false when it must be
 * made. */
bool vb_render_recall(struct vb_render *render, const char *key, const struct vb_variant *variant,
                      struct vb_cache_outcome *ret_outcome);
/* Makes the variant, for as long as the media workers need. */
void vb_render_make(struct vb_render *render, const char *key, const struct vb_variant *variant,
                    struct vb_cache_outcome *ret_outcome);

#endif
