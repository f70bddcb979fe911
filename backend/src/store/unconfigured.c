/* Sub-resources that this store does not have: answers as S3 does for a bucket or object on which they were
 * never set. */
#include "store/call.h"

/* Whether the bucket or the object exists. Returns false after answering. */
static bool target_exists(struct vb_store_call *call)
{
    return call->target.key ? vb_store_call_find_object(call, NULL) : vb_store_call_find_bucket(call);
}

void vb_store_get_unconfigured(struct vb_store_call *call)
{
    const struct vb_store_operation *operation = call->operation;
    struct vb_strbuf document;

    if (!target_exists(call))
        return;
    if (operation->unset.error) {
        vb_store_call_fail_bucket(call, operation->unset.error);
        return;
    }
    vb_store_document_begin(&document, operation->unset.root);
    vb_strbuf_adds(&document, operation->unset.content);
    vb_xml_end(&document, operation->unset.root);
    vb_store_call_answer_xml(call, &document);
}

void vb_store_delete_unconfigured(struct vb_store_call *call)
{
    if (target_exists(call))
        vb_store_call_answer_empty(call, 204);
}

void vb_store_not_implemented(struct vb_store_call *call)
{
    vb_store_fail(call->http, VB_STORE_NOT_IMPLEMENTED, "This store does not implement %s",
                  call->operation->name);
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
