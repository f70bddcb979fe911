/* GetObjectAttributes: the metadata of an object, as XML. */
#include "store/call.h"

#include "base/clock.h"

#include <string.h>
#include <strings.h>

/* Looks for one attribute in the x-amz-object-attributes headers, which hold comma-separated lists. */
struct attribute_search {
    const char *name;
    bool found, any;
};

static bool search_attribute(void *context, const char *name, const char *value)
{
    struct attribute_search *search = context;

    if (strcasecmp(name, "x-amz-object-attributes") != 0)
        return true;
    search->any = true;
    while (*value) {
        size_t length;

        value += strspn(value, ", \t");
        length = strcspn(value, ", \t");
        if (length == strlen(search->name) && memcmp(value, search->name, length) == 0)
            search->found = true;
        value += length;
    }
    return true;
}

static bool wants(struct vb_store_call *call, const char *attribute)
{
    struct attribute_search search = {.name = attribute};

    vb_http_headers(call->http, search_attribute, &search);
    return search.found;
}

static void write_attributes(struct vb_store_call *call, struct vb_strbuf *document,
                             const struct vb_engine_meta *meta)
{
    if (wants(call, "ETag"))
        vb_xml_element(document, "ETag", meta->etag);
    if (wants(call, "Checksum") && meta->checksum.present && *meta->checksum.value) {
        vb_xml_start(document, "Checksum", NULL);
        vb_store_xml_checksum(document, &meta->checksum, true);
        vb_xml_end(document, "Checksum");
    }
    if (wants(call, "ObjectParts") && meta->parts) {
        vb_xml_start(document, "ObjectParts", NULL);
        vb_xml_element_int(document, "PartsCount", meta->parts);
        vb_xml_end(document, "ObjectParts");
    }
    if (wants(call, "StorageClass"))
        vb_xml_element(document, "StorageClass", "STANDARD");
    if (wants(call, "ObjectSize"))
        vb_xml_element_int(document, "ObjectSize", meta->size);
}

void vb_store_get_object_attributes(struct vb_store_call *call)
{
    struct attribute_search search = {.name = ""};
    char date[VB_CLOCK_HTTP_DATE_SIZE];
    struct vb_engine_meta meta = {0};
    struct vb_strbuf document;

    vb_http_headers(call->http, search_attribute, &search);
    if (!search.any) {
        vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                      "Missing required header for this request: x-amz-object-attributes");
        return;
    }
    if (!vb_store_call_check_version(call) || !vb_store_call_find_object(call, &meta))
        return;
    vb_clock_format_http_date(meta.last_modified_ms / 1000, date);
    vb_http_add_header(call->http, "Last-Modified", date);
    vb_store_document_begin(&document, "GetObjectAttributesResponse");
    write_attributes(call, &document, &meta);
    vb_xml_end(&document, "GetObjectAttributesResponse");
    vb_store_call_answer_xml(call, &document);
    vb_engine_meta_release(&meta);
}
