/*
 * From staging to public: inspects an uploaded object, copies it to its final key and enters it in the
 * database. Safe to repeat and to run twice at once. Blocking.
 */
#ifndef VB_INGEST_PROMOTE_H
#define VB_INGEST_PROMOTE_H

#include "api/context.h"
#include "ingest/ticket.h"
#include "db/media.h"

struct vb_promotion {
    struct vb_ticket ticket;
    const char *user_id, *upload_id, *staging_key;
    struct vb_s3_client *s3; /* NULL: the API's */
    char problem[256];       /* result: for a rejected file, or one in parts, a sentence that says why */
};

enum vb_promotion_result {
    VB_PROMOTION_DONE,
    VB_PROMOTION_DONE_BEFORE,
    VB_PROMOTION_NOT_ARRIVED,
    VB_PROMOTION_WRONG_LENGTH, /* other than the ticket says */
    VB_PROMOTION_WRONG_TYPE,   /* the bytes are of another type than the ticket says */
    VB_PROMOTION_UNKNOWN_TYPE, /* the bytes are nothing that we take */
    VB_PROMOTION_BAD_MEDIA,    /* the file is damaged, hostile, or past a limit */
    VB_PROMOTION_BUSY,         /* too many files wait to be worked on: try again later */
    VB_PROMOTION_WRONG_TARGET, /* the object was not written with the ticket's headers */
    VB_PROMOTION_DAMAGED,      /* the bytes have another checksum than the ticket */
    VB_PROMOTION_CANCELLED,    /* its owner has cancelled it */
    VB_PROMOTION_NO_PLACE,     /* the activity or the story is not there (any more) */
    VB_PROMOTION_FORBIDDEN,    /* the activity or the story is somebody else's */
    VB_PROMOTION_NO_OWNER,     /* the user has been deleted */
    VB_PROMOTION_DATABASE,     /* with *ret_error and err */
    VB_PROMOTION_STORAGE
};

/* ret_media is set (and to be released) for the first two. ret_error: the negative errno of a failed call. */
enum vb_promotion_result vb_promote(struct vb_api *api, struct vb_promotion *promotion,
                                    struct vb_media *ret_media, int *ret_error, struct vb_error *err);

/* For an upload (by its UUID) whose row is pending and whose staged object is gone: publishes it if its object
 * is at the final key, and else gives it up. VB_PROMOTION_NOT_ARRIVED: it was given up, for there is no
 * object; VB_PROMOTION_DONE_BEFORE: it is not pending (any more). */
enum vb_promotion_result vb_promote_pending(struct vb_api *api, struct vb_s3_client *s3, const char *uuid,
                                            int *ret_error, struct vb_error *err);

#endif
