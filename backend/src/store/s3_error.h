/*
 * S3's errors: the code that clients switch on, its HTTP status, and its XML document ("Error responses",
 * Amazon S3 API Reference). The answer to HEAD has the status alone.
 */
#ifndef VB_STORE_S3_ERROR_H
#define VB_STORE_S3_ERROR_H

#include "http/server.h"

#include <stdarg.h>

enum vb_store_error {
    VB_STORE_OK,
    VB_STORE_ACCESS_DENIED,
    VB_STORE_ACCESS_FORBIDDEN,
    VB_STORE_ACL_NOT_SUPPORTED,
    VB_STORE_AUTHORIZATION_HEADER_MALFORMED,
    VB_STORE_AUTHORIZATION_QUERY_ERROR,
    VB_STORE_BAD_DIGEST,
    VB_STORE_BAD_REQUEST,
    VB_STORE_BUCKET_ALREADY_OWNED,
    VB_STORE_BUCKET_NOT_EMPTY,
    VB_STORE_ENTITY_TOO_LARGE,
    VB_STORE_ENTITY_TOO_SMALL,
    VB_STORE_ILLEGAL_LOCATION,
    VB_STORE_INCOMPLETE_BODY,
    VB_STORE_INSUFFICIENT_STORAGE,
    VB_STORE_INTERNAL_ERROR,
    VB_STORE_INVALID_ACCESS_KEY,
    VB_STORE_INVALID_ARGUMENT,
    VB_STORE_INVALID_BUCKET_NAME,
    VB_STORE_INVALID_DIGEST,
    VB_STORE_INVALID_LOCATION,
    VB_STORE_INVALID_PART,
    VB_STORE_INVALID_PART_NUMBER,
    VB_STORE_INVALID_PART_ORDER,
    VB_STORE_INVALID_RANGE,
    VB_STORE_INVALID_REQUEST,
    VB_STORE_INVALID_STORAGE_CLASS,
    VB_STORE_INVALID_TOKEN,
    VB_STORE_INVALID_URI,
    VB_STORE_KEY_TOO_LONG,
    VB_STORE_MALFORMED_TRAILER,
    VB_STORE_MALFORMED_XML,
    VB_STORE_METADATA_TOO_LARGE,
    VB_STORE_METHOD_NOT_ALLOWED,
    VB_STORE_MISSING_CONTENT_LENGTH,
    VB_STORE_NO_SUCH_BUCKET,
    VB_STORE_NO_SUCH_BUCKET_POLICY,
    VB_STORE_NO_SUCH_CORS,
    VB_STORE_NO_SUCH_ENCRYPTION,
    VB_STORE_NO_SUCH_KEY,
    VB_STORE_NO_SUCH_LIFECYCLE,
    VB_STORE_NO_SUCH_OBJECT_LOCK,
    VB_STORE_NO_SUCH_OBJECT_RETENTION,
    VB_STORE_NO_SUCH_OWNERSHIP_CONTROLS,
    VB_STORE_NO_SUCH_PUBLIC_ACCESS_BLOCK,
    VB_STORE_NO_SUCH_REPLICATION,
    VB_STORE_NO_SUCH_TAG_SET,
    VB_STORE_NO_SUCH_UPLOAD,
    VB_STORE_NO_SUCH_VERSION,
    VB_STORE_NO_SUCH_WEBSITE,
    VB_STORE_NOT_IMPLEMENTED,
    VB_STORE_PRECONDITION_FAILED,
    VB_STORE_REQUEST_HEADER_TOO_LARGE,
    VB_STORE_REQUEST_TIMEOUT,
    VB_STORE_REQUEST_TIME_TOO_SKEWED,
    VB_STORE_SHA256_MISMATCH,
    VB_STORE_SIGNATURE_MISMATCH,
    VB_STORE_SLOW_DOWN,
    VB_STORE_ERRORS
};

const char *vb_store_error_code(enum vb_store_error error);
int vb_store_error_status(enum vb_store_error error);
/* S3's own sentence for the code. */
const char *vb_store_error_message(enum vb_store_error error);

/* A further element of the error document. */
struct vb_store_error_field {
    const char *name, *value; /* a list ends with a name of NULL */
};

/* Answers the error. fields may be NULL. format NULL: the sentence above. Does nothing if the request is
 * already answered. */
void vb_store_fail(struct vb_http_request *request, enum vb_store_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void vb_store_fail_fields(struct vb_http_request *request, enum vb_store_error error,
                          const struct vb_store_error_field *fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same with a va_list. */
void vb_store_vfail(struct vb_http_request *request, enum vb_store_error error,
                    const struct vb_store_error_field *fields, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

#endif
