/*
 * An upload as the phone makes it: asks for a ticket, PUTs the bytes to where the ticket says, completes the
 * upload. It sends again what got no answer; of a file in parts, only the parts that did not arrive.
 */
#ifndef VB_CLIENT_UPLOAD_H
#define VB_CLIENT_UPLOAD_H

#include "client/session.h"
#include "client/source.h"

/* path: where tickets are, such as "/api/upload/profile-picture". fields: what the request says beside
 * type, length and checksum, or NULL; taken. Returns 0 with the answer to complete (json_decref() it), an
 * error of vb_client_session_post(), or -EPROTO when the object store refuses the file, -ESTALE when the
 * upload was cancelled or its time is over. */
int vb_upload(const struct vb_client_session *session, const char *path, json_t *fields,
              struct vb_source *source, json_t **ret_answer, struct vb_error *err);

#endif
