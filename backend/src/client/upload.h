/*
 * An upload as the phone makes it: asks for a ticket, PUTs the bytes to where it says, completes the upload. What
 * got no answer is sent again; of a file that goes in parts, only what did not arrive.
 */
#ifndef VB_CLIENT_UPLOAD_H
#define VB_CLIENT_UPLOAD_H

#include "client/api_call.h"
#include "media/sniff.h"

#include <stddef.h>
#include <stdint.h>

/* What is uploaded. */
struct vb_phone_file {
    int64_t size; /* bytes */
    enum vb_media_type type;
    const char *checksum;                                          /* base64 of its SHA-256 */
    int64_t (*read)(void *context, char *buffer, size_t capacity); /* as struct vb_http_exchange has it */
    int (*seek)(void *context, int64_t offset); /* where read goes on; negative: an error */
    void *context;
};

/* path: "/api/upload/profile-picture" or another that gives tickets. fields: what its body has beside type,
 * length and checksum, or NULL; taken. Returns 0 with the answer to complete (json_decref() it), or an error
 * of vb_api_post(), or -EPROTO when the object store refuses the file. */
int vb_phone_upload(const struct vb_api_call *call, const char *path, json_t *fields,
                    const struct vb_phone_file *file, json_t **ret_answer, struct vb_error *err);
/* The same for bytes in memory. */
int vb_phone_upload_memory(const struct vb_api_call *call, const char *path, json_t *fields, const void *data,
                           size_t size, json_t **ret_answer, struct vb_error *err);

#endif
