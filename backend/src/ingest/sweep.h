/*
 * One run of the sweeper over everything that was left undone:
 *
 *   stories that have ended          their media become deleting, their rows go
 *   media that are deleting          their objects go, then their rows
 *   Idempotency-Keys past their day  forgotten
 *   files in parts that nobody has   completed as their owner would have if all parts are there; else aborted
 *   completed
 *   staged objects that nobody has   completed as their owner would have; deleted if that is not possible
 *   completed
 *   media that are still pending     published if their object is there; else given up
 *
 * Safe to run beside requests and beside itself. Nothing is deleted that a row still names. Blocking.
 */
#ifndef VB_INGEST_SWEEP_H
#define VB_INGEST_SWEEP_H

#include "ingest/ingest.h"

#include <stdatomic.h>

enum vb_sweep_outcome {
    VB_SWEEP_STORY_ENDED,
    VB_SWEEP_DELETED,       /* the object of a media row that was deleting */
    VB_SWEEP_KEY_FORGOTTEN, /* Idempotency-Key */
    VB_SWEEP_COMPLETED,     /* a staged object, in its owner's place */
    VB_SWEEP_REJECTED,      /* a staged object that is nothing to be published */
    VB_SWEEP_ABORTED,       /* a multipart upload that nothing has come of */
    VB_SWEEP_TIDIED,        /* a staged object whose upload was completed or cancelled */
    VB_SWEEP_FINISHED,      /* a pending media row whose object was there */
    VB_SWEEP_ABANDONED,     /* a pending media row that nothing can come of */
    VB_SWEEP_FAILED,        /* a call; what it was about is for the next run */
    VB_SWEEP_OUTCOMES
};
/* "story_ended" and so on: as metrics and the log name them. */
const char *vb_sweep_outcome_name(enum vb_sweep_outcome outcome);

struct vb_sweep {
    const struct vb_ingest *ingest;
    unsigned
        uploads_after_s; /* the age at which a staged object (or the youngest part of one) or a pending row is
                            nobody's work any more */
    unsigned replaced_after_s; /* for how long a file may be shown that has been replaced or deleted */
    const atomic_bool *stop;   /* ends the run early */
    uint64_t counts[VB_SWEEP_OUTCOMES]; /* result; set to 0 at the beginning */
};

/* Returns 0 (also with counts[VB_SWEEP_FAILED], err is then the last failure), -EBUSY if another copy of the
 * service is sweeping, or the error of the database. */
int vb_sweep_run(struct vb_sweep *sweep, struct vb_error *err);

#endif
