/*
 * Upload tickets. The presigned URL says, signed, what S3 accepts. The upload id says, signed too, what the
 * file is for. So tickets are issued and verified without a database.
 *
 *   upload id = base64url( uuid 16 | purpose 1 | type 1 | length 5 | mac 16 ): 52 characters
 *   mac       = HMAC-SHA-256(key, everything before it | user id), its first 16 bytes; key: VB_KEY_UPLOAD
 *
 * The UUID is of version 7: its time is the timestamp of the staging key. Pure and thread-safe.
 */
#ifndef VB_INGEST_TICKET_H
#define VB_INGEST_TICKET_H

#include "base/keys.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "media/sniff.h"

#include <stdint.h>

#define VB_TICKET_ID_SIZE    53 /* with the final NUL */
#define VB_TICKET_LENGTH_MAX (((int64_t)1 << 40) - 1)
#define VB_TICKET_LIFETIME_S (15 * 60) /* the PUT must begin within it */

/* The numbers are part of signed upload ids: do not renumber. */
enum vb_upload_purpose {
    VB_UPLOAD_PROFILE_PICTURE = 1,
    VB_UPLOAD_ACTIVITY_IMAGE = 2,
    VB_UPLOAD_STORY_MEDIA = 3,
};

/* "profile-picture"; NULL for a number that is no purpose. */
const char *vb_upload_purpose_name(enum vb_upload_purpose purpose);

struct vb_ticket {
    enum vb_upload_purpose purpose;
    enum vb_media_type type;
    int64_t length;  /* bytes */
    int64_t time_ms; /* of issue; set by issue and read */
    char uuid[VB_UUID_SIZE];
};

/* Issues a ticket for the given purpose, type and length: sets uuid and time_ms, writes the upload id. */
void vb_ticket_issue(const struct vb_keys *keys, const char *user_id, struct vb_ticket *ticket,
                     char ret_upload_id[VB_TICKET_ID_SIZE]);
/* Returns 0, or -EINVAL for text that is not an upload id issued to this user. */
int vb_ticket_read(const struct vb_keys *keys, const char *user_id, const char *upload_id,
                   struct vb_ticket *ret_ticket);
/* Appends "user-uploads/{userId}/{uploadId}-{timestamp}.{ext}". */
void vb_ticket_staging_key(const struct vb_ticket *ticket, const char *user_id, const char *upload_id,
                           struct vb_strbuf *out);

#endif
