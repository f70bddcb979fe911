/*
 * What the handlers of uploads share: whose turn it is to complete one, and what is counted.
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
