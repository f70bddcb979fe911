/*
 * What the handlers of uploads share: the turns of each user, and the counters.
 */
#ifndef VB_API_UPLOAD_CONTEXT_H
#define VB_API_UPLOAD_CONTEXT_H

#include "api/upload/turns.h"
#include "base/metrics.h"

struct vb_uploads {
    struct vb_turns *completions;
    struct vb_counter *tickets, *completed, *rejected, *incomplete, *cancelled; /* vibe_uploads_total */
};

struct vb_uploads *vb_uploads_create(void);
void vb_uploads_destroy(struct vb_uploads *uploads); /* NULL is fine; no turn may be taken */

#endif
