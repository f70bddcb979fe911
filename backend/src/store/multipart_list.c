/* ListMultipartUploads: the uploads of a bucket that are neither completed nor aborted. */
#include "store/call.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX 1000

static const char root[] = "ListMultipartUploadsResult";

struct upload_listing {
    struct vb_store_call *call;
    struct vb_strbuf document, prefixes;
    bool url_encoded;
    const char *prefix, *delimiter;
    char last_key[VB_ENGINE_KEY_MAX + 1], last_id[VB_ENGINE_UPLOAD_ID_SIZE];
    char last_prefix[VB_ENGINE_KEY_MAX + 1];
};

/* Uploads come in the order of their keys: those under one common prefix follow one another. */
static bool in_common_prefix(struct upload_listing *listing, const char *key)
{
    const char *rest = key + strlen(listing->prefix);
    const char *end = *listing->delimiter ? strstr(rest, listing->delimiter) : NULL;
    char common[VB_ENGINE_KEY_MAX + 1];

    if (!end)
        return false;
    snprintf(common, sizeof(common), "%.*s", (int)(end - key + (long)strlen(listing->delimiter)), key);
    if (strcmp(common, listing->last_prefix) != 0) {
        vb_xml_start(&listing->prefixes, "CommonPrefixes", NULL);
        vb_store_xml_name(&listing->prefixes, "Prefix", common, listing->url_encoded);
        vb_xml_end(&listing->prefixes, "CommonPrefixes");
        memcpy(listing->last_prefix, common, sizeof(common));
    }
    return true;
}

static int add_upload(void *context, const struct vb_engine_upload *upload)
{
    struct upload_listing *listing = context;
    struct vb_strbuf *out = &listing->document;

    snprintf(listing->last_key, sizeof(listing->last_key), "%s", upload->key);
    snprintf(listing->last_id, sizeof(listing->last_id), "%s", upload->upload_id);
    if (in_common_prefix(listing, upload->key))
        return 0;
    vb_xml_start(out, "Upload", NULL);
    vb_store_xml_name(out, "Key", upload->key, listing->url_encoded);
    vb_xml_element(out, "UploadId", upload->upload_id);
    vb_store_xml_owner(out, "Initiator", listing->call->server);
    vb_store_xml_owner(out, "Owner", listing->call->server);
    vb_xml_element(out, "StorageClass", "STANDARD");
    vb_store_xml_time(out, "Initiated", upload->created_ms);
    vb_xml_end(out, "Upload");
    return 0;
}

/* Writes the document up to its first upload. */
static void begin(struct upload_listing *listing, const char *key_marker, const char *id_marker)
{
    struct vb_store_call *call = listing->call;

    listing->url_encoded = strcmp(vb_store_call_query(call, "encoding-type"), "url") == 0;
    listing->prefix = vb_store_call_query(call, "prefix");
    listing->delimiter = vb_store_call_query(call, "delimiter");
    vb_store_document_begin(&listing->document, root);
    vb_strbuf_init(&listing->prefixes, listing->document.max);
    vb_xml_element(&listing->document, "Bucket", call->target.bucket);
    vb_store_xml_name(&listing->document, "KeyMarker", key_marker, listing->url_encoded);
    vb_xml_element(&listing->document, "UploadIdMarker", id_marker);
    vb_store_xml_name(&listing->document, "Prefix", listing->prefix, listing->url_encoded);
    if (*listing->delimiter)
        vb_store_xml_name(&listing->document, "Delimiter", listing->delimiter, listing->url_encoded);
    if (listing->url_encoded)
        vb_xml_element(&listing->document, "EncodingType", "url");
}

/* Writes the rest of the document, after its last upload. */
static void finish(struct upload_listing *listing, unsigned max, bool truncated)
{
    vb_store_xml_name(&listing->document, "NextKeyMarker", truncated ? listing->last_key : "",
                      listing->url_encoded);
    vb_xml_element(&listing->document, "NextUploadIdMarker", truncated ? listing->last_id : "");
    vb_xml_element_int(&listing->document, "MaxUploads", max);
    vb_xml_element_bool(&listing->document, "IsTruncated", truncated);
    vb_strbuf_add(&listing->document, listing->prefixes.data, listing->prefixes.length);
    vb_xml_end(&listing->document, root);
}

void vb_store_list_multipart_uploads(struct vb_store_call *call)
{
    const char *key_marker = vb_store_call_query(call, "key-marker");
    const char *id_marker = vb_store_call_query(call, "upload-id-marker");
    struct upload_listing listing = {.call = call};
    struct vb_error err = {0};
    bool truncated = false;
    unsigned max;
    int r;

    if (!vb_store_call_query_number(call, "max-uploads", LIST_MAX, LIST_MAX, &max))
        return;
    begin(&listing, key_marker, id_marker);
    if (max == 0)
        r = vb_engine_bucket_stat(call->engine, call->target.bucket, NULL, &err);
    else
        r = vb_engine_multipart_list(call->engine, call->target.bucket, listing.prefix, key_marker, id_marker,
                                     max, add_upload, &listing, &truncated, &err);
    finish(&listing, max, truncated);
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else
        vb_store_call_answer_xml(call, &listing.document);
    vb_strbuf_release(&listing.document);
    vb_strbuf_release(&listing.prefixes);
}
