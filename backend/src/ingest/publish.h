/*
 * Last step of the ingest: the objects under their public keys, the row ready, and the owning row that names
 * them. Or the opposite: what cannot be published is taken back.
 */
#ifndef VB_INGEST_PUBLISH_H
#define VB_INGEST_PUBLISH_H

#include "ingest/decode.h"
#include "ingest/purpose.h"

/* Puts what was made under its keys. A file that is as it should be is copied from from_key, of that etag.
 * Harmless to repeat. poster_key: NULL, none. NOT_ARRIVED: it is not at from_key (any more); STORAGE. */
enum vb_outcome vb_publish_objects(const struct vb_ingest *ingest, const struct vb_made *made,
                                   const char *from_key, const char *etag, const char *key,
                                   const char *poster_key, struct vb_error *err);

/* In one transaction: the row becomes ready, the owning row names the media, and older media of the same
 * place are to be deleted. A media that is older than the one in its place is to be deleted itself.
 * NOT_PENDING, NO_OWNER, NO_PLACE, FORBIDDEN, DATABASE. */
enum vb_outcome vb_publish(const struct vb_ingest *ingest, const struct vb_purpose *purpose,
                           const struct vb_media *media, struct vb_error *err);

/* Gives up a pending media that cannot be published: its row and objects go. What of it cannot be deleted
 * now, the sweeper finds by the row. DATABASE. */
enum vb_outcome vb_publish_give_up(const struct vb_ingest *ingest, const struct vb_media *media,
                                   struct vb_error *err);

/* Deletes the objects at the keys, the poster first; poster_key: NULL, none. Errors of the S3 client. */
int vb_publish_withdraw(const struct vb_ingest *ingest, const char *key, const char *poster_key,
                        struct vb_error *err);

#endif
