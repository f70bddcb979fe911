/*
 * The sweeper: a thread of the service that regularly finishes or removes what was left undone (sweep.h). Of
 * many copies of the service one sweeps at a time. When something is away it waits longer between runs.
 */
#ifndef VB_INGEST_SWEEPER_H
#define VB_INGEST_SWEEPER_H

#include "api/api.h"
#include "s3/credentials.h"

struct vb_sweeper;

struct vb_sweeper_config {
    struct vb_api *api;            /* must outlive the sweeper, as must the credentials of s3 */
    const struct vb_s3_config *s3; /* its http is not used: the sweeper has its own, to be broken off */
    unsigned interval_s;           /* between runs, more or less a tenth */
    unsigned uploads_after_s, replaced_after_s; /* as struct vb_sweep has them */
};

struct vb_sweeper *vb_sweeper_start(const struct vb_sweeper_config *config);
/* Ends the run under way, within about a second even if S3 hangs, and frees the sweeper. NULL is fine. */
void vb_sweeper_stop(struct vb_sweeper *sweeper);

#endif
