/*
 * S3's errors: a code that clients switch on, its HTTP status and its XML document ("Error responses", Amazon
 * S3 API Reference). HEAD answers carry the status alone.
 */
#ifndef VB_STORE_S3_ERROR_H
#define VB_STORE_S3_ERROR_H

#include "http/server.h"

enum vb_s3_error {
    VB_S3_OK,
    VB_S3_ACCESS_DENIED,
    VB_S3_ACCESS_FORBIDDEN,
    VB_S3_ACL_NOT_SUPPORTED,
    VB_S3_AUTHORIZATION_HEADER_MALFORMED,
    VB_S3_AUTHORIZATION_QUERY_ERROR,
    VB_S3_BAD_DIGEST,
    VB_S3_BAD_REQUEST,
    VB_S3_BUCKET_ALREADY_OWNED,
    VB_S3_BUCKET_NOT_EMPTY,
    VB_S3_ENTITY_TOO_LARGE,
    VB_S3_ENTITY_TOO_SMALL,
    VB_S3_ILLEGAL_LOCATION,
    VB_S3_INCOMPLETE_BODY,
    VB_S3_INSUFFICIENT_STORAGE,
    VB_S3_INTERNAL_ERROR,
    VB_S3_INVALID_ACCESS_KEY,
    VB_S3_INVALID_ARGUMENT,
    VB_S3_INVALID_BUCKET_NAME,
    VB_S3_INVALID_DIGEST,
    VB_S3_INVALID_LOCATION,
    VB_S3_INVALID_PART,
    VB_S3_INVALID_PART_NUMBER,
    VB_S3_INVALID_PART_ORDER,
    VB_S3_INVALID_RANGE,
    VB_S3_INVALID_REQUEST,
    VB_S3_INVALID_STORAGE_CLASS,
    VB_S3_INVALID_TOKEN,
    VB_S3_INVALID_URI,
    VB_S3_KEY_TOO_LONG,
    VB_S3_MALFORMED_TRAILER,
    VB_S3_MALFORMED_XML,
    VB_S3_METADATA_TOO_LARGE,
    VB_S3_METHOD_NOT_ALLOWED,
    VB_S3_MISSING_CONTENT_LENGTH,
    VB_S3_NO_SUCH_BUCKET,
    VB_S3_NO_SUCH_BUCKET_POLICY,
    VB_S3_NO_SUCH_CORS,
    VB_S3_NO_SUCH_ENCRYPTION,
    VB_S3_NO_SUCH_KEY,
    VB_S3_NO_SUCH_LIFECYCLE,
    VB_S3_NO_SUCH_OBJECT_LOCK,
    VB_S3_NO_SUCH_OBJECT_RETENTION,
    VB_S3_NO_SUCH_OWNERSHIP_CONTROLS,
    VB_S3_NO_SUCH_PUBLIC_ACCESS_BLOCK,
    VB_S3_NO_SUCH_REPLICATION,
    VB_S3_NO_SUCH_TAG_SET,
    VB_S3_NO_SUCH_UPLOAD,
    VB_S3_NO_SUCH_VERSION,
    VB_S3_NO_SUCH_WEBSITE,
    VB_S3_NOT_IMPLEMENTED,
    VB_S3_PRECONDITION_FAILED,
    VB_S3_REQUEST_HEADER_TOO_LARGE,
    VB_S3_REQUEST_TIMEOUT,
    VB_S3_REQUEST_TIME_TOO_SKEWED,
    VB_S3_SHA256_MISMATCH,
    VB_S3_SIGNATURE_MISMATCH,
    VB_S3_SLOW_DOWN,
    VB_S3_ERRORS
};

const char *vb_s3_error_code(enum vb_s3_error error);
int vb_s3_error_status(enum vb_s3_error error);
/* The sentence S3 sends when there is nothing more precise to say. */
const char *vb_s3_error_message(enum vb_s3_error error);

/* An element of the error document beside Code and Message. */
struct vb_s3_error_field {
    const char *name, *value; /* a name of NULL ends a list */
};

/* Answers with the error. fields may be NULL; format NULL: the message above. Does nothing when the request
 * has been answered already. */
void vb_s3_fail(struct vb_http_request *request, enum vb_s3_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void vb_s3_fail_fields(struct vb_http_request *request, enum vb_s3_error error,
                       const struct vb_s3_error_field *fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
