/* S3's error codes and their XML: see s3_error.h. Also the refusals of the HTTP server itself, with S3's
 * codes. */
#include "store/s3_error.h"

#include "base/memory.h"
#include "s3/xml.h"
#include "store/call.h"

#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)64 * 1024) /* holds a key three times in its longest escaped form */
#define MESSAGE_MAX  1024

struct error_kind {
    const char *code;
    int status;
    const char *message;
};

static const struct error_kind kinds[VB_STORE_ERRORS] = {
    [VB_STORE_OK] = {"OK", 200, ""},
    [VB_STORE_ACCESS_DENIED] = {"AccessDenied", 403, "Access Denied"},
    [VB_STORE_ACCESS_FORBIDDEN] = {"AccessForbidden", 403,
                                   "CORSResponse: CORS is not enabled for this bucket."},
    [VB_STORE_ACL_NOT_SUPPORTED] = {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"},
    [VB_STORE_AUTHORIZATION_HEADER_MALFORMED] = {"AuthorizationHeaderMalformed", 400,
                                                 "The authorization header is malformed"},
    [VB_STORE_AUTHORIZATION_QUERY_ERROR] = {"AuthorizationQueryParametersError", 400,
                                            "The authorization query parameters are malformed"},
    [VB_STORE_BAD_DIGEST] = {"BadDigest", 400,
                             "The Content-MD5 you specified did not match what we received."},
    [VB_STORE_BAD_REQUEST] = {"BadRequest", 400, "Bad Request"},
    [VB_STORE_BUCKET_ALREADY_OWNED] =
        {"BucketAlreadyOwnedByYou", 409,
         "Your previous request to create the named bucket succeeded and you already own it."},
    [VB_STORE_BUCKET_NOT_EMPTY] = {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
    [VB_STORE_ENTITY_TOO_LARGE] = {"EntityTooLarge", 400,
                                   "Your proposed upload exceeds the maximum allowed size"},
    [VB_STORE_ENTITY_TOO_SMALL] = {"EntityTooSmall", 400,
                                   "Your proposed upload is smaller than the minimum allowed size"},
    [VB_STORE_ILLEGAL_LOCATION] =
        {"IllegalLocationConstraintException", 400,
         "The location constraint is incompatible for the region specific endpoint this "
         "request was sent to."},
    [VB_STORE_INCOMPLETE_BODY] =
        {"IncompleteBody", 400,
         "You did not provide the number of bytes specified by the Content-Length HTTP header"},
    [VB_STORE_INSUFFICIENT_STORAGE] =
        {"InsufficientStorage", 507,
         "The disk of this store is full. Nothing was changed; free some space and try again."},
    [VB_STORE_INTERNAL_ERROR] = {"InternalError", 500, "We encountered an internal error. Please try again."},
    [VB_STORE_INVALID_ACCESS_KEY] = {"InvalidAccessKeyId", 403,
                                     "The AWS Access Key Id you provided does not exist in our records."},
    [VB_STORE_INVALID_ARGUMENT] = {"InvalidArgument", 400, "Invalid Argument"},
    [VB_STORE_INVALID_BUCKET_NAME] = {"InvalidBucketName", 400, "The specified bucket is not valid."},
    [VB_STORE_INVALID_DIGEST] = {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."},
    [VB_STORE_INVALID_LOCATION] = {"InvalidLocationConstraint", 400,
                                   "The specified location-constraint is not valid"},
    [VB_STORE_INVALID_PART] =
        {"InvalidPart", 400,
         "One or more of the specified parts could not be found.  The part may not have been "
         "uploaded, or the specified entity tag may not match the part's entity tag."},
    [VB_STORE_INVALID_PART_NUMBER] = {"InvalidPartNumber", 416,
                                      "The requested partnumber is not satisfiable"},
    [VB_STORE_INVALID_PART_ORDER] =
        {"InvalidPartOrder", 400,
         "The list of parts was not in ascending order. Parts must be ordered by part number."},
    [VB_STORE_INVALID_RANGE] = {"InvalidRange", 416, "The requested range is not satisfiable"},
    [VB_STORE_INVALID_REQUEST] = {"InvalidRequest", 400, "Invalid Request"},
    [VB_STORE_INVALID_STORAGE_CLASS] = {"InvalidStorageClass", 400,
                                        "The storage class you specified is not valid"},
    [VB_STORE_INVALID_TOKEN] = {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
    [VB_STORE_INVALID_URI] = {"InvalidURI", 400, "Couldn't parse the specified URI."},
    [VB_STORE_KEY_TOO_LONG] = {"KeyTooLongError", 400, "Your key is too long"},
    [VB_STORE_MALFORMED_TRAILER] =
        {"MalformedTrailerError", 400,
         "The request contained trailing data that was not well-formed or did not conform "
         "to our published schema."},
    [VB_STORE_MALFORMED_XML] =
        {"MalformedXML", 400,
         "The XML you provided was not well-formed or did not validate against our published schema"},
    [VB_STORE_METADATA_TOO_LARGE] = {"MetadataTooLarge", 400,
                                     "Your metadata headers exceed the maximum allowed metadata size"},
    [VB_STORE_METHOD_NOT_ALLOWED] = {"MethodNotAllowed", 405,
                                     "The specified method is not allowed against this resource."},
    [VB_STORE_MISSING_CONTENT_LENGTH] = {"MissingContentLength", 411,
                                         "You must provide the Content-Length HTTP header."},
    [VB_STORE_NO_SUCH_BUCKET] = {"NoSuchBucket", 404, "The specified bucket does not exist"},
    [VB_STORE_NO_SUCH_BUCKET_POLICY] = {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
    [VB_STORE_NO_SUCH_CORS] = {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"},
    [VB_STORE_NO_SUCH_ENCRYPTION] = {"ServerSideEncryptionConfigurationNotFoundError", 404,
                                     "The server side encryption configuration was not found"},
    [VB_STORE_NO_SUCH_KEY] = {"NoSuchKey", 404, "The specified key does not exist."},
    [VB_STORE_NO_SUCH_LIFECYCLE] = {"NoSuchLifecycleConfiguration", 404,
                                    "The lifecycle configuration does not exist"},
    [VB_STORE_NO_SUCH_OBJECT_LOCK] = {"ObjectLockConfigurationNotFoundError", 404,
                                      "Object Lock configuration does not exist for this bucket"},
    [VB_STORE_NO_SUCH_OBJECT_RETENTION] = {"NoSuchObjectLockConfiguration", 404,
                                           "The specified object does not have a ObjectLock configuration"},
    [VB_STORE_NO_SUCH_OWNERSHIP_CONTROLS] = {"OwnershipControlsNotFoundError", 404,
                                             "The bucket ownership controls were not found"},
    [VB_STORE_NO_SUCH_PUBLIC_ACCESS_BLOCK] = {"NoSuchPublicAccessBlockConfiguration", 404,
                                              "The public access block configuration was not found"},
    [VB_STORE_NO_SUCH_REPLICATION] = {"ReplicationConfigurationNotFoundError", 404,
                                      "The replication configuration was not found"},
    [VB_STORE_NO_SUCH_TAG_SET] = {"NoSuchTagSet", 404, "The TagSet does not exist"},
    [VB_STORE_NO_SUCH_UPLOAD] =
        {"NoSuchUpload", 404,
         "The specified upload does not exist. The upload ID may be invalid, or the upload may "
         "have been aborted or completed."},
    [VB_STORE_NO_SUCH_VERSION] = {"NoSuchVersion", 404, "The specified version does not exist."},
    [VB_STORE_NO_SUCH_WEBSITE] = {"NoSuchWebsiteConfiguration", 404,
                                  "The specified bucket does not have a website configuration"},
    [VB_STORE_NOT_IMPLEMENTED] =
        {"NotImplemented", 501,
         "A header or parameter you provided implies functionality that is not implemented"},
    [VB_STORE_PRECONDITION_FAILED] = {"PreconditionFailed", 412,
                                      "At least one of the pre-conditions you specified did not hold"},
    [VB_STORE_REQUEST_HEADER_TOO_LARGE] = {"RequestHeaderSectionTooLarge", 400,
                                           "Your request header section exceeds the maximum allowed size"},
    [VB_STORE_REQUEST_TIMEOUT] =
        {"RequestTimeout", 400,
         "Your socket connection to the server was not read from or written to within the "
         "timeout period. Idle connections will be closed."},
    [VB_STORE_REQUEST_TIME_TOO_SKEWED] =
        {"RequestTimeTooSkewed", 403,
         "The difference between the request time and the server's time is too large."},
    [VB_STORE_SHA256_MISMATCH] =
        {"XAmzContentSHA256Mismatch", 400,
         "The provided 'x-amz-content-sha256' header does not match what was computed."},
    [VB_STORE_SIGNATURE_MISMATCH] =
        {"SignatureDoesNotMatch", 403,
         "The request signature we calculated does not match the signature you provided. "
         "Check your key and signing method."},
    [VB_STORE_SLOW_DOWN] = {"SlowDown", 503, "Please reduce your request rate."},
};

const char *vb_store_error_code(enum vb_store_error error)
{
    vb_assert((unsigned)error < VB_STORE_ERRORS);
    return kinds[error].code;
}

int vb_store_error_status(enum vb_store_error error)
{
    vb_assert((unsigned)error < VB_STORE_ERRORS);
    return kinds[error].status;
}

const char *vb_store_error_message(enum vb_store_error error)
{
    vb_assert((unsigned)error < VB_STORE_ERRORS);
    return kinds[error].message;
}

static void answer(struct vb_http_request *request, int status, const char *code, const char *message,
                   const struct vb_store_error_field *fields)
{
    struct vb_strbuf document;

    if (vb_http_answered(request))
        return;
    if (request->context) /* without these headers, a browser hides the error from the page */
        vb_store_call_apply_cors(request->context, true);
    vb_http_add_header(request, "x-amz-request-id", request->id);
    if (status == 503)
        vb_http_add_header(request, "Retry-After", "1");
    if (request->method == VB_HTTP_HEAD) {
        vb_http_answer(request, status, NULL, NULL, 0);
        return;
    }
    vb_strbuf_init(&document, DOCUMENT_MAX);
    vb_xml_declaration(&document);
    vb_xml_start(&document, "Error", NULL);
    vb_xml_element(&document, "Code", code);
    vb_xml_element(&document, "Message", message);
    for (; fields && fields->name; fields++)
        vb_xml_element(&document, fields->name, fields->value);
    vb_xml_element(&document, "Resource", request->path ? request->path : "/");
    vb_xml_element(&document, "RequestId", request->id);
    vb_xml_end(&document, "Error");
    vb_http_answer_strbuf(request, status, "application/xml", &document);
    vb_strbuf_release(&document);
}

void vb_store_vfail(struct vb_http_request *request, enum vb_store_error error,
                    const struct vb_store_error_field *fields, const char *format, va_list args)
{
    char message[MESSAGE_MAX];

    if (format)
        vsnprintf(message, sizeof(message), format, args);
    answer(request, vb_store_error_status(error), vb_store_error_code(error),
           format ? message : vb_store_error_message(error), fields);
}

void vb_store_fail(struct vb_http_request *request, enum vb_store_error error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vb_store_vfail(request, error, NULL, format, args);
    va_end(args);
}

void vb_store_fail_fields(struct vb_http_request *request, enum vb_store_error error,
                          const struct vb_store_error_field *fields, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vb_store_vfail(request, error, fields, format, args);
    va_end(args);
}

/* The server's own refusals keep their HTTP status and get a code of S3. */
void vb_store_http_error(struct vb_http_request *request, int status, const char *code, const char *detail)
{
    static const struct {
        int status;
        enum vb_store_error error;
    } words[] = {{400, VB_STORE_BAD_REQUEST},
                 {404, VB_STORE_INVALID_URI},
                 {405, VB_STORE_METHOD_NOT_ALLOWED},
                 {408, VB_STORE_REQUEST_TIMEOUT},
                 {411, VB_STORE_MISSING_CONTENT_LENGTH},
                 {413, VB_STORE_ENTITY_TOO_LARGE},
                 {414, VB_STORE_KEY_TOO_LONG},
                 {431, VB_STORE_REQUEST_HEADER_TOO_LARGE},
                 {501, VB_STORE_NOT_IMPLEMENTED},
                 {503, VB_STORE_SLOW_DOWN},
                 {507, VB_STORE_INSUFFICIENT_STORAGE}};
    enum vb_store_error error = status < 500 ? VB_STORE_INVALID_REQUEST : VB_STORE_INTERNAL_ERROR;

    (void)code;
    for (size_t i = 0; i < VB_ARRAY_SIZE(words); i++)
        if (words[i].status == status)
            error = words[i].error;
    answer(request, status, vb_store_error_code(error),
           detail && *detail ? detail : vb_store_error_message(error), NULL);
}
