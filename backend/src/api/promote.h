/*
 * From staging to public: inspects an uploaded object, copies it to its final key and enters it in the
 * database. Safe to repeat and to run twice at once. Blocking.
 */
#ifndef VB_API_PROMOTE_H
#define VB_API_PROMOTE_H

#include "api/context.h"
#include "api/ticket.h"
#include "db/media.h"

struct vb_promotion {
    struct vb_ticket ticket;
    const char *user_id, *staging_key;
    char problem[256]; /* result: for a rejected file, a sentence that says why */
};

enum vb_promotion_result {
    VB_PROMOTION_DONE,
    VB_PROMOTION_DONE_BEFORE,
    VB_PROMOTION_NOT_ARRIVED,
    VB_PROMOTION_WRONG_LENGTH, /* other than the ticket says */
    VB_PROMOTION_WRONG_TYPE,   /* the bytes are of another type than the ticket says */
    VB_PROMOTION_UNKNOWN_TYPE, /* the bytes are nothing that we take */
    VB_PROMOTION_NO_OWNER,     /* the user has been deleted */
    VB_PROMOTION_DATABASE,     /* with *ret_error and err */
    VB_PROMOTION_STORAGE
};

/* ret_media is set (and to be released) for the first two. ret_error: the negative errno of a failed call. */
enum vb_promotion_result vb_promote(struct vb_api *api, struct vb_promotion *promotion,
                                    struct vb_media *ret_media, int *ret_error, struct vb_error *err);

#endif
