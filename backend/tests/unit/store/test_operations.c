/* The table of operations: every request of S3 is matched to its row. */
#include "fake_http.h"

#include "base/memory.h"
#include "store/call.h"

/* A row for each kind of request. header: one that the request has, or NULL. */
static const struct expected {
    enum vb_http_method method;
    enum vb_store_level level;
    const char *query, *header, *name;
} all[] = {
    {VB_HTTP_GET, VB_STORE_SERVICE, "", NULL, "ListBuckets"},
    {VB_HTTP_HEAD, VB_STORE_SERVICE, "", NULL, "ListBuckets"},
    {VB_HTTP_OPTIONS, VB_STORE_SERVICE, "", NULL, "Preflight"},

    {VB_HTTP_PUT, VB_STORE_BUCKET, "", NULL, "CreateBucket"},
    {VB_HTTP_HEAD, VB_STORE_BUCKET, "", NULL, "HeadBucket"},
    {VB_HTTP_DELETE, VB_STORE_BUCKET, "", NULL, "DeleteBucket"},
    {VB_HTTP_OPTIONS, VB_STORE_BUCKET, "", NULL, "Preflight"},
    {VB_HTTP_POST, VB_STORE_BUCKET, "", NULL, "PostObject"},
    {VB_HTTP_POST, VB_STORE_BUCKET, "delete", NULL, "DeleteObjects"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "", NULL, "ListObjects"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "prefix=a&delimiter=/", NULL, "ListObjects"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "list-type=2&prefix=a", NULL, "ListObjectsV2"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "versions", NULL, "ListObjectVersions"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "uploads", NULL, "ListMultipartUploads"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "location", NULL, "GetBucketLocation"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "acl", NULL, "GetBucketAcl"},
    {VB_HTTP_PUT, VB_STORE_BUCKET, "acl", NULL, "PutBucketAcl"},
    {VB_HTTP_GET, VB_STORE_BUCKET, "cors", NULL, "GetBucketCors"},
    {VB_HTTP_PUT, VB_STORE_BUCKET, "cors", NULL, "PutBucketCors"},
    {VB_HTTP_DELETE, VB_STORE_BUCKET, "cors", NULL, "DeleteBucketCors"},

    {VB_HTTP_GET, VB_STORE_OBJECT, "", NULL, "GetObject"},
    {VB_HTTP_GET, VB_STORE_OBJECT, "partNumber=1", NULL, "GetObject"},
    {VB_HTTP_GET, VB_STORE_OBJECT, "versionId=null", NULL, "GetObject"},
    {VB_HTTP_HEAD, VB_STORE_OBJECT, "", NULL, "HeadObject"},
    {VB_HTTP_PUT, VB_STORE_OBJECT, "", NULL, "PutObject"},
    {VB_HTTP_PUT, VB_STORE_OBJECT, "", "x-amz-copy-source", "CopyObject"},
    {VB_HTTP_DELETE, VB_STORE_OBJECT, "", NULL, "DeleteObject"},
    {VB_HTTP_OPTIONS, VB_STORE_OBJECT, "", NULL, "Preflight"},
    {VB_HTTP_POST, VB_STORE_OBJECT, "", NULL, "PostObject"},
    {VB_HTTP_GET, VB_STORE_OBJECT, "acl", NULL, "GetObjectAcl"},
    {VB_HTTP_PUT, VB_STORE_OBJECT, "acl", NULL, "PutObjectAcl"},
    {VB_HTTP_GET, VB_STORE_OBJECT, "attributes", NULL, "GetObjectAttributes"},
    {VB_HTTP_GET, VB_STORE_OBJECT, "torrent", NULL, "GetObjectTorrent"},
    {VB_HTTP_POST, VB_STORE_OBJECT, "uploads", NULL, "CreateMultipartUpload"},
    {VB_HTTP_PUT, VB_STORE_OBJECT, "partNumber=1&uploadId=u", NULL, "UploadPart"},
    {VB_HTTP_PUT, VB_STORE_OBJECT, "partNumber=1&uploadId=u", "x-amz-copy-source", "UploadPartCopy"},
    {VB_HTTP_GET, VB_STORE_OBJECT, "uploadId=u", NULL, "ListParts"},
    {VB_HTTP_POST, VB_STORE_OBJECT, "uploadId=u", NULL, "CompleteMultipartUpload"},
    {VB_HTTP_DELETE, VB_STORE_OBJECT, "uploadId=u", NULL, "AbortMultipartUpload"},
};

/* Sub-resources that were never set: Get…, Put… and Delete… are rows of their own. */
static const struct {
    enum vb_store_level level;
    const char *parameter, *name;
} unset[] = {
    {VB_STORE_BUCKET, "accelerate", "BucketAccelerateConfiguration"},
    {VB_STORE_BUCKET, "analytics", "BucketAnalyticsConfiguration"},
    {VB_STORE_BUCKET, "encryption", "BucketEncryption"},
    {VB_STORE_BUCKET, "intelligent-tiering", "BucketIntelligentTieringConfiguration"},
    {VB_STORE_BUCKET, "inventory", "BucketInventoryConfiguration"},
    {VB_STORE_BUCKET, "lifecycle", "BucketLifecycleConfiguration"},
    {VB_STORE_BUCKET, "logging", "BucketLogging"},
    {VB_STORE_BUCKET, "metrics", "BucketMetricsConfiguration"},
    {VB_STORE_BUCKET, "notification", "BucketNotificationConfiguration"},
    {VB_STORE_BUCKET, "object-lock", "ObjectLockConfiguration"},
    {VB_STORE_BUCKET, "ownershipControls", "BucketOwnershipControls"},
    {VB_STORE_BUCKET, "policy", "BucketPolicy"},
    {VB_STORE_BUCKET, "policyStatus", "BucketPolicyStatus"},
    {VB_STORE_BUCKET, "publicAccessBlock", "PublicAccessBlock"},
    {VB_STORE_BUCKET, "replication", "BucketReplication"},
    {VB_STORE_BUCKET, "requestPayment", "BucketRequestPayment"},
    {VB_STORE_BUCKET, "tagging", "BucketTagging"},
    {VB_STORE_BUCKET, "versioning", "BucketVersioning"},
    {VB_STORE_BUCKET, "website", "BucketWebsite"},
    {VB_STORE_OBJECT, "legal-hold", "ObjectLegalHold"},
    {VB_STORE_OBJECT, "retention", "ObjectRetention"},
    {VB_STORE_OBJECT, "tagging", "ObjectTagging"},
};

static const struct vb_store_operation *find(enum vb_http_method method, enum vb_store_level level,
                                             const char *query, const char *header)
{
    const struct vb_store_operation *operation;
    struct fake_http fake;

    fake_init(&fake, method, query);
    if (header)
        fake_header(&fake, header, "photos/b.jpg");
    operation = vb_store_operation_find(&fake.request, level);
    fake_release(&fake);
    return operation;
}

static void every_request_is_matched_to_its_operation(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(all); i++) {
        const struct vb_store_operation *operation =
            find(all[i].method, all[i].level, all[i].query, all[i].header);

        if (!operation)
            fail_msg("no operation for %s (?%s)", all[i].name, all[i].query);
        assert_string_equal(operation->name, all[i].name);
        assert_non_null(operation->handle);
    }
}

static void a_sub_resource_that_was_never_set_has_rows_to_read_remove_and_refuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(unset); i++) {
        static const struct {
            enum vb_http_method method;
            const char *verb;
            void (*handle)(struct vb_store_call *call);
        } verbs[] = {{VB_HTTP_GET, "Get", vb_store_get_unconfigured},
                     {VB_HTTP_DELETE, "Delete", vb_store_delete_unconfigured},
                     {VB_HTTP_PUT, "Put", vb_store_not_implemented}};

        for (size_t verb = 0; verb < VB_ARRAY_SIZE(verbs); verb++) {
            const struct vb_store_operation *operation =
                find(verbs[verb].method, unset[i].level, unset[i].parameter, NULL);
            char name[64];

            snprintf(name, sizeof(name), "%s%s", verbs[verb].verb, unset[i].name);
            assert_non_null(operation);
            assert_string_equal(operation->name, name);
            assert_ptr_equal(operation->handle, verbs[verb].handle);
        }
    }
}

static void what_is_read_of_an_unset_sub_resource_is_an_error_or_a_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(unset); i++) {
        const struct vb_store_operation *operation =
            find(VB_HTTP_GET, unset[i].level, unset[i].parameter, NULL);

        assert_non_null(operation);
        if (operation->unset.error) {
            assert_int_equal(vb_store_error_status(operation->unset.error), 404);
            assert_null(operation->unset.root);
        } else {
            assert_non_null(operation->unset.root);
            assert_non_null(operation->unset.content);
        }
    }
}

static void only_bodies_that_are_objects_are_admitted_to_the_disk(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(all); i++) {
        const struct vb_store_operation *operation =
            find(all[i].method, all[i].level, all[i].query, all[i].header);

        assert_non_null(operation);
        assert_int_equal(operation->admit != NULL, operation->body == VB_STORE_BODY_OBJECT);
        assert_int_equal(operation->prepare != NULL, operation->body == VB_STORE_BODY_OBJECT);
    }
}

static void a_method_that_the_target_does_not_have_is_no_operation(void **state)
{
    (void)state;
    assert_null(find(VB_HTTP_PUT, VB_STORE_SERVICE, "", NULL));
    assert_null(find(VB_HTTP_DELETE, VB_STORE_SERVICE, "", NULL));
    assert_null(find(VB_HTTP_PATCH, VB_STORE_BUCKET, "", NULL));
    assert_null(find(VB_HTTP_PATCH, VB_STORE_OBJECT, "uploadId=u", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_matched_to_its_operation),
        cmocka_unit_test(a_sub_resource_that_was_never_set_has_rows_to_read_remove_and_refuse),
        cmocka_unit_test(what_is_read_of_an_unset_sub_resource_is_an_error_or_a_document),
        cmocka_unit_test(only_bodies_that_are_objects_are_admitted_to_the_disk),
        cmocka_unit_test(a_method_that_the_target_does_not_have_is_no_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
