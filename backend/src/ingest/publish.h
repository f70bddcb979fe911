/*
 * Last step of the ingest: the objects under their public keys, the row ready, and the owning row that names
 * them. Also withdraws media that cannot be published.
 */
#ifndef VB_INGEST_PUBLISH_H
#define VB_INGEST_PUBLISH_H

#include "ingest/decode.h"
#include "ingest/purpose.h"

/* Puts what was made under its keys. An unchanged original is copied from from_key, if it still has this
 * ETag. Harmless to repeat. poster_key: NULL, none. NOT_ARRIVED: it is not at from_key (any more).
 * STORAGE. */
enum vb_outcome vb_publish_objects(const struct vb_ingest *ingest, const struct vb_made *made,
                                   const char *from_key, const char *etag, const char *key,
                                   const char *poster_key, struct vb_error *err);

/* In one transaction: the row becomes ready, the owning row names the media, and older media of the same
 * place are to be deleted. A media that is older than the one in its place is to be deleted itself.
 * NOT_PENDING, NO_OWNER, NO_PLACE, FORBIDDEN, DATABASE. */
enum vb_outcome vb_publish(const struct vb_ingest *ingest, const struct vb_purpose *purpose,
                           const struct vb_media *media, struct vb_error *err);

/* Gives up a pending media that cannot be published: deletes its objects and its row. The sweeper deletes
 * later what cannot be deleted now. DATABASE. */
enum vb_outcome vb_publish_give_up(const struct vb_ingest *ingest, const struct vb_media *media,
                                   struct vb_error *err);

/* Deletes the objects at the keys, the poster first; poster_key: NULL, none. Errors of the S3 client. */
int vb_publish_withdraw(const struct vb_ingest *ingest, const char *key, const char *poster_key,
                        struct vb_error *err);

#endif
