/*
 * One run of the sweeper over all work that was left undone:
 *
 *   stories that ended                      their rows go, their media become deleting
 *   media that are deleting                 their objects go, then their rows
 *   Idempotency-Keys of yesterday           go
 *   multipart uploads without completion    completed for their owner if all parts are there; else aborted
 *   staged objects without completion       completed for their owner; deleted if that is not possible
 *   media that are pending                  published if their object is there; else given up
 *
 * Safe to run beside requests and beside itself. It deletes no object that a row still names. Blocking.
 */
#ifndef VB_INGEST_SWEEP_H
#define VB_INGEST_SWEEP_H

#include "ingest/ingest.h"

#include <stdatomic.h>

enum vb_sweep_outcome {
    VB_SWEEP_STORY_ENDED,
    VB_SWEEP_DELETED,       /* the object of a media that was deleting */
    VB_SWEEP_KEY_FORGOTTEN, /* Idempotency-Key */
    VB_SWEEP_COMPLETED,     /* a staged object, for its owner */
    VB_SWEEP_REJECTED,      /* a staged object that cannot be published */
    VB_SWEEP_ABORTED,       /* a multipart upload without all its parts */
    VB_SWEEP_TIDIED,        /* a staged object whose upload was completed or cancelled */
    VB_SWEEP_FINISHED,      /* a pending media whose object was there */
    VB_SWEEP_ABANDONED,     /* a pending media whose object was not */
    VB_SWEEP_FAILED,        /* a call; the next run tries again */
    VB_SWEEP_OUTCOMES
};
/* "story_ended" and so on, as metrics and the log have them. */
const char *vb_sweep_outcome_name(enum vb_sweep_outcome outcome);

struct vb_sweep {
    const struct vb_ingest *ingest;
    unsigned
        uploads_after_s; /* the age at which a staged object, a multipart upload or a pending row was left */
    unsigned replaced_after_s;          /* how long the object of a deleted or replaced media stays */
    const atomic_bool *stop;            /* ends the run early */
    uint64_t counts[VB_SWEEP_OUTCOMES]; /* result; set to 0 at the beginning */
};

/* Returns 0, -EBUSY if another copy of the service is sweeping, or the error of the database. With
 * counts[VB_SWEEP_FAILED] it returns 0 too, and err is the last failure. */
int vb_sweep_run(struct vb_sweep *sweep, struct vb_error *err);

#endif
