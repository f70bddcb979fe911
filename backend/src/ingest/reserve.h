/*
 * Third step of the ingest: the upload's row, pending, with the public key that no media has or had.
 */
#ifndef VB_INGEST_RESERVE_H
#define VB_INGEST_RESERVE_H

#include "ingest/decode.h"
#include "ingest/purpose.h"

struct vb_reservation {
    const struct vb_purpose *purpose;
    const char *upload_uuid, *user_id;
    const struct vb_target *target;
    enum vb_media_type type;    /* of the original */
    const struct vb_made *made; /* what the row describes */
};

/* Makes the row, unless the upload has one: this request may have made it, or another one that completes the
 * same upload. NO_OWNER, NO_PLACE, FORBIDDEN, DATABASE. */
enum vb_outcome vb_reserve(const struct vb_ingest *ingest, const struct vb_reservation *wanted,
                           struct vb_error *err);

/* Updates a pending row to describe the new output. An earlier attempt may have made different bytes. A row
 * that is not pending stays as it is. DATABASE. */
enum vb_outcome vb_reserve_again(const struct vb_ingest *ingest, const char *media_id,
                                 const struct vb_made *made, struct vb_error *err);

#endif
