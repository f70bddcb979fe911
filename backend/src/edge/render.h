/*
 * Variants of pictures: recalled if they were made before and their source is still the same, otherwise rendered by the
 * media workers. Blocking and thread-safe.
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

/* Fill the outcome; its entry's reference is the caller's. The entry may be missing (as the source is), or unfit (the
 * source is no picture). Errors without one: those of the bucket; -EAGAIN, also when a worker had trouble. */

/* What can be had at once: made before, of a source that the bucket still has. False when it is to be made. */
bool vb_render_recall(struct vb_render *render, const char *key, const struct vb_variant *variant,
                      struct vb_cache_outcome *ret_outcome);
/* Makes it, which takes as long as it takes. */
void vb_render_make(struct vb_render *render, const char *key, const struct vb_variant *variant,
                    struct vb_cache_outcome *ret_outcome);

#endif
