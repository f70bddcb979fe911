/*
 * The sweeper: a thread of the service that finishes or removes, again and again, what was left undone
 * (sweep.h). One copy of the service sweeps at a time. After failures it backs off.
 */
#ifndef VB_INGEST_SWEEPER_H
#define VB_INGEST_SWEEPER_H

#include "ingest/ingest.h"
#include "s3/credentials.h"

struct vb_sweeper;

struct vb_sweeper_config {
    /* Copied; what it points to must outlive the sweeper. The sweeper does not use its s3, but a client of
     * its own, which vb_sweeper_stop() can cancel. */
    const struct vb_ingest *ingest;
    const struct vb_s3_config *s3;              /* of that client; its http is not used */
    unsigned interval_s;                        /* between runs, give or take a tenth */
    unsigned uploads_after_s, replaced_after_s; /* see struct vb_sweep */
};

int vb_sweeper_start(const struct vb_sweeper_config *config, struct vb_sweeper **ret_sweeper,
                     struct vb_error *err);
/* Breaks off a run in progress, within about a second even if S3 hangs, and frees the sweeper. NULL is
 * fine. */
void vb_sweeper_stop(struct vb_sweeper *sweeper);

#endif
