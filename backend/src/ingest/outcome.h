/*
 * The result of one step, and of a whole promotion: one outcome, and one struct vb_error that says more.
 *
 *   of the file (NOT_ARRIVED to DAMAGED)   a sentence for its owner
 *   DATABASE, STORAGE, BUSY                for the log: which call failed; its code is the errno of that call
 *   any other                              unspecified
 */
#ifndef VB_INGEST_OUTCOME_H
#define VB_INGEST_OUTCOME_H

#include "base/error.h"

enum vb_outcome {
    VB_OUTCOME_DONE,            /* the step did its work; of a promotion: the file is published */
    VB_OUTCOME_DONE_BEFORE,     /* it is published already */
    VB_OUTCOME_NOT_ARRIVED,     /* there is no object at the staging key */
    VB_OUTCOME_INCOMPLETE,      /* parts of the file are missing */
    VB_OUTCOME_WRONG_LENGTH,    /* other than the ticket says */
    VB_OUTCOME_WRONG_TYPE,      /* the bytes are of another type than the ticket says */
    VB_OUTCOME_UNKNOWN_TYPE,    /* the bytes are of no type that we take */
    VB_OUTCOME_WRONG_TARGET,    /* the object was not written with the ticket's headers */
    VB_OUTCOME_UNKNOWN_PURPOSE, /* another version of the program issued the ticket: nothing is deleted */
    VB_OUTCOME_BAD_MEDIA,       /* the file is damaged, hostile, or past a limit */
    VB_OUTCOME_DAMAGED,         /* the bytes have another checksum than the ticket */
    VB_OUTCOME_NOT_PENDING,     /* the row is not pending (any more), or there is none */
    VB_OUTCOME_CANCELLED,       /* the owner cancelled the upload */
    VB_OUTCOME_NO_PLACE,        /* the activity or the story does not exist (any more) */
    VB_OUTCOME_FORBIDDEN,       /* the activity or the story is somebody else's */
    VB_OUTCOME_NO_OWNER,        /* the user was deleted, and its rows with it */
    VB_OUTCOME_BUSY,            /* no worker, or no room, to decode the file now: try again later */
    VB_OUTCOME_DATABASE,        /* a call failed */
    VB_OUTCOME_STORAGE,         /* a call failed */
    VB_OUTCOMES
};

/* Each returns an outcome and fills err, which is never NULL in the ingest. The call that failed may have
 * described its failure there. */

/* A file that is at fault: the sentence is for its owner. */
enum vb_outcome vb_outcome_of_file(struct vb_error *err, enum vb_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NOT_ARRIVED, with the sentence that says what to do. */
enum vb_outcome vb_outcome_not_arrived(struct vb_error *err);
/* UNKNOWN_PURPOSE, with the sentence that says what to do. */
enum vb_outcome vb_outcome_unknown_purpose(struct vb_error *err);
/* A call of the database that returned r, below 0: DATABASE. */
enum vb_outcome vb_outcome_database(struct vb_error *err, int r);
/* Like vb_outcome_database(), but -ESRCH is NO_OWNER, -ENXIO NO_PLACE, -EACCES FORBIDDEN, -ENOENT
 * NOT_PENDING. */
enum vb_outcome vb_outcome_rows(struct vb_error *err, int r);
/* A call of S3 that returned r, below 0: STORAGE. */
enum vb_outcome vb_outcome_storage(struct vb_error *err, int r);
/* r, below 0, says why: BUSY. */
enum vb_outcome vb_outcome_busy(struct vb_error *err, int r);

#endif
