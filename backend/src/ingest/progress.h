/*
 * How far an upload has come: what its row says, and else what S3 has of its file. Blocking.
 */
#ifndef VB_INGEST_PROGRESS_H
#define VB_INGEST_PROGRESS_H

#include "ingest/ingest.h"
#include "ingest/outcome.h"
#include "ingest/parts.h"

enum vb_progress_status {
    VB_PROGRESS_WAITING, /* for the file, or for parts of it */
    VB_PROGRESS_ARRIVED, /* it can be completed */
    VB_PROGRESS_COMPLETED,
    VB_PROGRESS_CANCELLED,
    VB_PROGRESS_EXPIRED /* it did not arrive in time */
};

struct vb_upload_progress {
    enum vb_progress_status status;
    bool in_parts; /* parts is set: S3 waits for them */
    struct vb_parts parts;
};

/* DATABASE, STORAGE. */
enum vb_outcome vb_progress_read(const struct vb_ingest *ingest, const struct vb_staged *staged,
                                 struct vb_upload_progress *ret_progress, struct vb_error *err);

#endif
