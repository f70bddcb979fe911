/*
 * The parts of a file, as answers list them: each with the presigned URL to PUT it to.
 */
#ifndef VB_API_UPLOAD_PARTS_H
#define VB_API_UPLOAD_PARTS_H

#include "api/request.h"
#include "ingest/parts.h"

/* Writes the array of parts that are to be sent: partNumber, offset, length and url. parts: what has arrived.
 * Errors of the S3 client. */
int vb_upload_write_missing_parts(struct vb_http_request *request, const char *staging_key, int64_t length,
                                  const struct vb_parts *parts, struct vb_json *json, struct vb_error *err);

#endif
