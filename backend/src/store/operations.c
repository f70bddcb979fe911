/* The table of S3's operations. The first row that matches a request is its operation. */
#include "store/call.h"

#define GET    VB_HTTP_GET
#define HEAD   VB_HTTP_HEAD
#define PUT    VB_HTTP_PUT
#define POST   VB_HTTP_POST
#define DELETE VB_HTTP_DELETE
#define BUCKET VB_STORE_BUCKET
#define OBJECT VB_STORE_OBJECT
#define XML    VB_STORE_BODY_XML

/* A sub-resource that this store does not have. Reading it answers as S3 does when it was never set: with an
 * error or a document, which stand at the end of the row. Deleting it succeeds. Writing it is refused. */
#define UNCONFIGURED(level, parameter, name, ...)                                                            \
    {GET, level, parameter, "Get" name, vb_store_get_unconfigured, .unset = {__VA_ARGS__}},                  \
        {DELETE, level, parameter, "Delete" name, vb_store_delete_unconfigured},                             \
    {                                                                                                        \
        PUT, level, parameter, "Put" name, vb_store_not_implemented                                          \
    }

static const struct vb_store_operation operations[] = {
    {GET | HEAD, VB_STORE_SERVICE, NULL, "ListBuckets", vb_store_list_buckets},
    {VB_HTTP_OPTIONS, VB_STORE_SERVICE, NULL, "Preflight", vb_store_preflight},

    {GET, BUCKET, "location", "GetBucketLocation", vb_store_get_location},
    {GET, BUCKET, "acl", "GetBucketAcl", vb_store_get_acl},
    {PUT, BUCKET, "acl", "PutBucketAcl", vb_store_not_implemented},
    {GET, BUCKET, "cors", "GetBucketCors", vb_store_get_cors},
    {PUT, BUCKET, "cors", "PutBucketCors", vb_store_put_cors, XML},
    {DELETE, BUCKET, "cors", "DeleteBucketCors", vb_store_delete_cors},
    {GET, BUCKET, "uploads", "ListMultipartUploads", vb_store_list_multipart_uploads},
    {GET, BUCKET, "versions", "ListObjectVersions", vb_store_list_object_versions},
    UNCONFIGURED(BUCKET, "accelerate", "BucketAccelerateConfiguration", .root = "AccelerateConfiguration",
                 .content = ""),
    UNCONFIGURED(BUCKET, "analytics", "BucketAnalyticsConfiguration",
                 .root = "ListBucketAnalyticsConfigurationResult",
                 .content = "<IsTruncated>false</IsTruncated>"),
    UNCONFIGURED(BUCKET, "encryption", "BucketEncryption", .error = VB_STORE_NO_SUCH_ENCRYPTION),
    UNCONFIGURED(BUCKET, "intelligent-tiering", "BucketIntelligentTieringConfiguration",
                 .root = "ListBucketIntelligentTieringConfigurationsOutput",
                 .content = "<IsTruncated>false</IsTruncated>"),
    UNCONFIGURED(BUCKET, "inventory", "BucketInventoryConfiguration",
                 .root = "ListInventoryConfigurationsResult", .content = "<IsTruncated>false</IsTruncated>"),
    UNCONFIGURED(BUCKET, "lifecycle", "BucketLifecycleConfiguration", .error = VB_STORE_NO_SUCH_LIFECYCLE),
    UNCONFIGURED(BUCKET, "logging", "BucketLogging", .root = "BucketLoggingStatus", .content = ""),
    UNCONFIGURED(BUCKET, "metrics", "BucketMetricsConfiguration", .root = "ListMetricsConfigurationsResult",
                 .content = "<IsTruncated>false</IsTruncated>"),
    UNCONFIGURED(BUCKET, "notification", "BucketNotificationConfiguration",
                 .root = "NotificationConfiguration", .content = ""),
    UNCONFIGURED(BUCKET, "object-lock", "ObjectLockConfiguration", .error = VB_STORE_NO_SUCH_OBJECT_LOCK),
    UNCONFIGURED(BUCKET, "ownershipControls", "BucketOwnershipControls",
                 .error = VB_STORE_NO_SUCH_OWNERSHIP_CONTROLS),
    UNCONFIGURED(BUCKET, "policy", "BucketPolicy", .error = VB_STORE_NO_SUCH_BUCKET_POLICY),
    UNCONFIGURED(BUCKET, "policyStatus", "BucketPolicyStatus", .error = VB_STORE_NO_SUCH_BUCKET_POLICY),
    UNCONFIGURED(BUCKET, "publicAccessBlock", "PublicAccessBlock",
                 .error = VB_STORE_NO_SUCH_PUBLIC_ACCESS_BLOCK),
    UNCONFIGURED(BUCKET, "replication", "BucketReplication", .error = VB_STORE_NO_SUCH_REPLICATION),
    UNCONFIGURED(BUCKET, "requestPayment", "BucketRequestPayment", .root = "RequestPaymentConfiguration",
                 .content = "<Payer>BucketOwner</Payer>"),
    UNCONFIGURED(BUCKET, "tagging", "BucketTagging", .error = VB_STORE_NO_SUCH_TAG_SET),
    UNCONFIGURED(BUCKET, "versioning", "BucketVersioning", .root = "VersioningConfiguration", .content = ""),
    UNCONFIGURED(BUCKET, "website", "BucketWebsite", .error = VB_STORE_NO_SUCH_WEBSITE),
    {GET, BUCKET, "list-type", "ListObjectsV2", vb_store_list_objects_v2},
    {GET, BUCKET, NULL, "ListObjects", vb_store_list_objects},
    {HEAD, BUCKET, NULL, "HeadBucket", vb_store_head_bucket},
    {PUT, BUCKET, NULL, "CreateBucket", vb_store_create_bucket, XML},
    {DELETE, BUCKET, NULL, "DeleteBucket", vb_store_delete_bucket},
    {POST, BUCKET, "delete", "DeleteObjects", vb_store_delete_objects, XML},
    {POST, BUCKET, NULL, "PostObject", vb_store_not_implemented},
    {VB_HTTP_OPTIONS, BUCKET, NULL, "Preflight", vb_store_preflight},

    {GET, OBJECT, "acl", "GetObjectAcl", vb_store_get_acl},
    {PUT, OBJECT, "acl", "PutObjectAcl", vb_store_not_implemented},
    {GET, OBJECT, "attributes", "GetObjectAttributes", vb_store_get_object_attributes},
    {GET, OBJECT, "uploadId", "ListParts", vb_store_list_parts},
    UNCONFIGURED(OBJECT, "legal-hold", "ObjectLegalHold", .error = VB_STORE_NO_SUCH_OBJECT_RETENTION),
    UNCONFIGURED(OBJECT, "retention", "ObjectRetention", .error = VB_STORE_NO_SUCH_OBJECT_RETENTION),
    UNCONFIGURED(OBJECT, "tagging", "ObjectTagging", .root = "Tagging", .content = "<TagSet></TagSet>"),
    {GET, OBJECT, "torrent", "GetObjectTorrent", vb_store_not_implemented},
    {GET, OBJECT, NULL, "GetObject", vb_store_get_object},
    {HEAD, OBJECT, NULL, "HeadObject", vb_store_head_object},
    {PUT, OBJECT, "uploadId", "UploadPartCopy", vb_store_upload_part_copy, .header = "x-amz-copy-source"},
    {PUT, OBJECT, "uploadId", "UploadPart", vb_store_upload_part, VB_STORE_BODY_OBJECT,
     .prepare = vb_store_upload_part_prepare, .admit = vb_store_upload_part_admit},
    {PUT, OBJECT, NULL, "CopyObject", vb_store_copy_object, .header = "x-amz-copy-source"},
    {PUT, OBJECT, NULL, "PutObject", vb_store_put_object, VB_STORE_BODY_OBJECT,
     .prepare = vb_store_put_object_prepare, .admit = vb_store_put_object_admit},
    {POST, OBJECT, "uploads", "CreateMultipartUpload", vb_store_create_multipart_upload},
    {POST, OBJECT, "uploadId", "CompleteMultipartUpload", vb_store_complete_multipart_upload,
     VB_STORE_BODY_PARTS},
    {POST, OBJECT, NULL, "PostObject", vb_store_not_implemented},
    {DELETE, OBJECT, "uploadId", "AbortMultipartUpload", vb_store_abort_multipart_upload},
    {DELETE, OBJECT, NULL, "DeleteObject", vb_store_delete_object},
    {VB_HTTP_OPTIONS, OBJECT, NULL, "Preflight", vb_store_preflight},
    {0}};

const struct vb_store_operation *vb_store_operation_find(struct vb_http_request *http,
                                                         enum vb_store_level level)
{
    for (const struct vb_store_operation *operation = operations; operation->name; operation++) {
        if (operation->level != level || !(operation->method & http->method))
            continue;
        if (operation->parameter && (!*http->query || !vb_http_query(http, operation->parameter)))
            continue;
        if (operation->header && !vb_http_header(http, operation->header))
            continue;
        return operation;
    }
    return NULL;
}
