/*
 * First step of the ingest: checks the staged object against its ticket: length, type, target.
 */
#ifndef VB_INGEST_INSPECT_H
#define VB_INGEST_INSPECT_H

#include "ingest/ingest.h"
#include "ingest/outcome.h"
#include "ingest/staged.h"
#include "ingest/target.h"

struct vb_inspection {
    enum vb_media_type type; /* by its bytes */
    int64_t size;
    char etag[128];          /* of the object that was inspected: the next steps read no other */
    struct vb_target target; /* of a purpose that has one */
};

/* has_target: the object must carry the target that was sealed for this upload. NOT_ARRIVED, WRONG_LENGTH,
 * UNKNOWN_TYPE, WRONG_TYPE, WRONG_TARGET, STORAGE. */
enum vb_outcome vb_inspect(const struct vb_ingest *ingest, const struct vb_staged *staged, bool has_target,
                           struct vb_inspection *ret_inspection, struct vb_error *err);

#endif
