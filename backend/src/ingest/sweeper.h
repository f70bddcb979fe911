/*
 * The sweeper: a thread of the service that regularly finishes or removes what was left undone (sweep.h). Of
 * many copies of the service one sweeps at a time. When something is away it waits longer between runs.
 */
#ifndef VB_INGEST_SWEEPER_H
#define VB_INGEST_SWEEPER_H

#include "ingest/ingest.h"
#include "s3/credentials.h"

struct vb_sweeper;

struct vb_sweeper_config {
    /* Copied; what it points to must outlive the sweeper. Its s3 is not used: the sweeper has a client of its
     * own, which can be broken off. */
    const struct vb_ingest *ingest;
    const struct vb_s3_config *s3;              /* of that client, but for http */
    unsigned interval_s;                        /* between runs, more or less a tenth */
    unsigned uploads_after_s, replaced_after_s; /* as struct vb_sweep has them */
};

struct vb_sweeper *vb_sweeper_start(const struct vb_sweeper_config *config);
/* Ends the run under way, within about a second even if S3 hangs, and frees the sweeper. NULL is fine. */
void vb_sweeper_stop(struct vb_sweeper *sweeper);

#endif
