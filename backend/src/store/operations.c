/* The table of S3's operations: which request is which. The first row that matches is taken. */
#include "store/call.h"

#define GET    VB_HTTP_GET
#define HEAD   VB_HTTP_HEAD
#define PUT    VB_HTTP_PUT
#define POST   VB_HTTP_POST
#define DELETE VB_HTTP_DELETE
#define BUCKET VB_STORE_BUCKET
#define OBJECT VB_STORE_OBJECT
#define XML    VB_STORE_BODY_XML

/* Sub-resources that this store does not have: reading answers as an unconfigured bucket of S3 does, removing
 * has nothing to do, writing is refused rather than forgotten. */
#define UNCONFIGURED(level, parameter, name)                                                                 \
    {GET, level, parameter, "Get" name, vb_store_get_unconfigured, 0, NULL},                                 \
        {DELETE, level, parameter, "Delete" name, vb_store_delete_unconfigured, 0, NULL},                    \
    {                                                                                                        \
        PUT, level, parameter, "Put" name, vb_store_not_implemented, 0, NULL                                 \
    }

const struct vb_store_operation vb_store_operations[] = {
    {GET | HEAD, VB_STORE_SERVICE, NULL, "ListBuckets", vb_store_list_buckets, 0, NULL},
    {VB_HTTP_OPTIONS, VB_STORE_SERVICE, NULL, "Preflight", vb_store_preflight, 0, NULL},

    {GET, BUCKET, "location", "GetBucketLocation", vb_store_get_location, 0, NULL},
    {GET, BUCKET, "acl", "GetBucketAcl", vb_store_get_acl, 0, NULL},
    {PUT, BUCKET, "acl", "PutBucketAcl", vb_store_not_implemented, 0, NULL},
    {GET, BUCKET, "cors", "GetBucketCors", vb_store_get_cors, 0, NULL},
    {PUT, BUCKET, "cors", "PutBucketCors", vb_store_put_cors, XML, NULL},
    {DELETE, BUCKET, "cors", "DeleteBucketCors", vb_store_delete_cors, 0, NULL},
    {GET, BUCKET, "uploads", "ListMultipartUploads", vb_store_list_multipart_uploads, 0, NULL},
    {GET, BUCKET, "versions", "ListObjectVersions", vb_store_list_object_versions, 0, NULL},
    UNCONFIGURED(BUCKET, "accelerate", "BucketAccelerateConfiguration"),
    UNCONFIGURED(BUCKET, "analytics", "BucketAnalyticsConfiguration"),
    UNCONFIGURED(BUCKET, "encryption", "BucketEncryption"),
    UNCONFIGURED(BUCKET, "intelligent-tiering", "BucketIntelligentTieringConfiguration"),
    UNCONFIGURED(BUCKET, "inventory", "BucketInventoryConfiguration"),
    UNCONFIGURED(BUCKET, "lifecycle", "BucketLifecycleConfiguration"),
    UNCONFIGURED(BUCKET, "logging", "BucketLogging"),
    UNCONFIGURED(BUCKET, "metrics", "BucketMetricsConfiguration"),
    UNCONFIGURED(BUCKET, "notification", "BucketNotificationConfiguration"),
    UNCONFIGURED(BUCKET, "object-lock", "ObjectLockConfiguration"),
    UNCONFIGURED(BUCKET, "ownershipControls", "BucketOwnershipControls"),
    UNCONFIGURED(BUCKET, "policy", "BucketPolicy"),
    UNCONFIGURED(BUCKET, "policyStatus", "BucketPolicyStatus"),
    UNCONFIGURED(BUCKET, "publicAccessBlock", "PublicAccessBlock"),
    UNCONFIGURED(BUCKET, "replication", "BucketReplication"),
    UNCONFIGURED(BUCKET, "requestPayment", "BucketRequestPayment"),
    UNCONFIGURED(BUCKET, "tagging", "BucketTagging"),
    UNCONFIGURED(BUCKET, "versioning", "BucketVersioning"),
    UNCONFIGURED(BUCKET, "website", "BucketWebsite"),
    {GET, BUCKET, "list-type", "ListObjectsV2", vb_store_list_objects_v2, 0, NULL},
    {GET, BUCKET, NULL, "ListObjects", vb_store_list_objects, 0, NULL},
    {HEAD, BUCKET, NULL, "HeadBucket", vb_store_head_bucket, 0, NULL},
    {PUT, BUCKET, NULL, "CreateBucket", vb_store_create_bucket, XML, NULL},
    {DELETE, BUCKET, NULL, "DeleteBucket", vb_store_delete_bucket, 0, NULL},
    {POST, BUCKET, "delete", "DeleteObjects", vb_store_delete_objects, XML, NULL},
    {POST, BUCKET, NULL, "PostObject", vb_store_not_implemented, 0, NULL},
    {VB_HTTP_OPTIONS, BUCKET, NULL, "Preflight", vb_store_preflight, 0, NULL},

    {GET, OBJECT, "acl", "GetObjectAcl", vb_store_get_acl, 0, NULL},
    {PUT, OBJECT, "acl", "PutObjectAcl", vb_store_not_implemented, 0, NULL},
    {GET, OBJECT, "attributes", "GetObjectAttributes", vb_store_get_object_attributes, 0, NULL},
    {GET, OBJECT, "uploadId", "ListParts", vb_store_list_parts, 0, NULL},
    UNCONFIGURED(OBJECT, "legal-hold", "ObjectLegalHold"),
    UNCONFIGURED(OBJECT, "retention", "ObjectRetention"),
    UNCONFIGURED(OBJECT, "tagging", "ObjectTagging"),
    {GET, OBJECT, "torrent", "GetObjectTorrent", vb_store_not_implemented, 0, NULL},
    {GET, OBJECT, NULL, "GetObject", vb_store_get_object, 0, NULL},
    {HEAD, OBJECT, NULL, "HeadObject", vb_store_head_object, 0, NULL},
    {PUT, OBJECT, "uploadId", "UploadPartCopy", vb_store_upload_part_copy, 0, "x-amz-copy-source"},
    {PUT, OBJECT, "uploadId", "UploadPart", vb_store_upload_part, VB_STORE_BODY_OBJECT, NULL,
     vb_store_upload_part_prepare},
    {PUT, OBJECT, NULL, "CopyObject", vb_store_copy_object, 0, "x-amz-copy-source"},
    {PUT, OBJECT, NULL, "PutObject", vb_store_put_object, VB_STORE_BODY_OBJECT, NULL,
     vb_store_put_object_prepare},
    {POST, OBJECT, "uploads", "CreateMultipartUpload", vb_store_create_multipart_upload, 0, NULL},
    {POST, OBJECT, "uploadId", "CompleteMultipartUpload", vb_store_complete_multipart_upload,
     VB_STORE_BODY_PARTS, NULL},
    {POST, OBJECT, NULL, "PostObject", vb_store_not_implemented, 0, NULL},
    {DELETE, OBJECT, "uploadId", "AbortMultipartUpload", vb_store_abort_multipart_upload, 0, NULL},
    {DELETE, OBJECT, NULL, "DeleteObject", vb_store_delete_object, 0, NULL},
    {VB_HTTP_OPTIONS, OBJECT, NULL, "Preflight", vb_store_preflight, 0, NULL},
    {0}};
