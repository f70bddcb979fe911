/* Sub-resources this store does not have: what S3 says of a bucket or an object on which they were never set.
 */
#include "store/call.h"

#include "base/memory.h"

#include <string.h>

/* Returns false having answered: neither bucket nor object may be missing. */
static bool target_exists(struct vb_store_call *call)
{
    struct vb_engine_meta meta = {0};
    struct vb_error err = {0};
    int64_t created_ms;
    int r;

    if (call->target.key) {
        r = vb_engine_stat(call->engine, call->target.bucket, call->target.key, &meta, &err);
        if (r == 0)
            vb_engine_meta_release(&meta);
    } else {
        r = vb_engine_bucket_stat(call->engine, call->target.bucket, &created_ms, &err);
    }
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    return r == 0;
}

/* error, or the content of an otherwise empty document */
static const struct unconfigured {
    const char *parameter;
    enum vb_store_level level;
    enum vb_store_error error;
    const char *root, *content;
} unconfigured[] = {
    {"accelerate", VB_STORE_BUCKET, VB_STORE_OK, "AccelerateConfiguration", ""},
    {"analytics", VB_STORE_BUCKET, VB_STORE_OK, "ListBucketAnalyticsConfigurationResult",
     "<IsTruncated>false</IsTruncated>"},
    {"encryption", VB_STORE_BUCKET, VB_STORE_NO_SUCH_ENCRYPTION, NULL, NULL},
    {"intelligent-tiering", VB_STORE_BUCKET, VB_STORE_OK, "ListBucketIntelligentTieringConfigurationsOutput",
     "<IsTruncated>false</IsTruncated>"},
    {"inventory", VB_STORE_BUCKET, VB_STORE_OK, "ListInventoryConfigurationsResult",
     "<IsTruncated>false</IsTruncated>"},
    {"lifecycle", VB_STORE_BUCKET, VB_STORE_NO_SUCH_LIFECYCLE, NULL, NULL},
    {"logging", VB_STORE_BUCKET, VB_STORE_OK, "BucketLoggingStatus", ""},
    {"metrics", VB_STORE_BUCKET, VB_STORE_OK, "ListMetricsConfigurationsResult",
     "<IsTruncated>false</IsTruncated>"},
    {"notification", VB_STORE_BUCKET, VB_STORE_OK, "NotificationConfiguration", ""},
    {"object-lock", VB_STORE_BUCKET, VB_STORE_NO_SUCH_OBJECT_LOCK, NULL, NULL},
    {"ownershipControls", VB_STORE_BUCKET, VB_STORE_NO_SUCH_OWNERSHIP_CONTROLS, NULL, NULL},
    {"policyStatus", VB_STORE_BUCKET, VB_STORE_NO_SUCH_BUCKET_POLICY, NULL, NULL},
    {"policy", VB_STORE_BUCKET, VB_STORE_NO_SUCH_BUCKET_POLICY, NULL, NULL},
    {"publicAccessBlock", VB_STORE_BUCKET, VB_STORE_NO_SUCH_PUBLIC_ACCESS_BLOCK, NULL, NULL},
    {"replication", VB_STORE_BUCKET, VB_STORE_NO_SUCH_REPLICATION, NULL, NULL},
    {"requestPayment", VB_STORE_BUCKET, VB_STORE_OK, "RequestPaymentConfiguration",
     "<Payer>BucketOwner</Payer>"},
    {"tagging", VB_STORE_BUCKET, VB_STORE_NO_SUCH_TAG_SET, NULL, NULL},
    {"versioning", VB_STORE_BUCKET, VB_STORE_OK, "VersioningConfiguration", ""},
    {"website", VB_STORE_BUCKET, VB_STORE_NO_SUCH_WEBSITE, NULL, NULL},
    {"legal-hold", VB_STORE_OBJECT, VB_STORE_NO_SUCH_OBJECT_RETENTION, NULL, NULL},
    {"retention", VB_STORE_OBJECT, VB_STORE_NO_SUCH_OBJECT_RETENTION, NULL, NULL},
    {"tagging", VB_STORE_OBJECT, VB_STORE_OK, "Tagging", "<TagSet></TagSet>"},
};

void vb_store_get_unconfigured(struct vb_store_call *call)
{
    const struct unconfigured *row = unconfigured;
    struct vb_strbuf document;

    while (row->level != call->operation->level || strcmp(row->parameter, call->operation->parameter) != 0) {
        row++;
        vb_assert(row < unconfigured + VB_ARRAY_SIZE(unconfigured));
    }
    if (!target_exists(call))
        return;
    if (row->error) {
        vb_store_fail_fields(
            call->http, row->error,
            (const struct vb_store_error_field[]){{"BucketName", call->target.bucket}, {NULL, NULL}}, NULL);
        return;
    }
    vb_store_document_begin(&document, row->root);
    vb_strbuf_adds(&document, row->content);
    vb_xml_end(&document, row->root);
    vb_store_call_answer_xml(call, &document);
}

void vb_store_delete_unconfigured(struct vb_store_call *call)
{
    if (target_exists(call))
        vb_store_call_answer_empty(call, 204);
}

void vb_store_not_implemented(struct vb_store_call *call)
{
    vb_store_fail(call->http, VB_STORE_NOT_IMPLEMENTED, "This store has no %s", call->operation->name);
}

void vb_store_get_acl(struct vb_store_call *call)
{
    struct vb_strbuf document;

    if (!target_exists(call))
        return;
    vb_store_document_begin(&document, "AccessControlPolicy");
    vb_store_xml_owner(&document, "Owner", call->server);
    vb_strbuf_adds(&document, "<AccessControlList><Grant>"
                              "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                              "xsi:type=\"CanonicalUser\">");
    vb_xml_element(&document, "ID", call->server->owner_id);
    vb_strbuf_adds(&document, "<DisplayName>vibe</DisplayName></Grantee><Permission>FULL_CONTROL</Permission>"
                              "</Grant></AccessControlList>");
    vb_xml_end(&document, "AccessControlPolicy");
    vb_store_call_answer_xml(call, &document);
}
