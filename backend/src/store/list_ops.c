/* Listing a bucket: ListObjects (v1), ListObjectsV2 and ListObjectVersions, which lists the one version that
 * every object has. */
#include "store/call.h"

#include "base/encode.h"

#include <string.h>

#define KEYS_MAX 1000

struct listing {
    struct vb_store_call *call;
    struct vb_strbuf document;
    struct vb_strbuf prefixes; /* <CommonPrefixes> come after all <Contents> */
    bool url_encoded, with_owner, versions;
    unsigned count;
};

static void add_object(struct listing *listing, const struct vb_engine_entry *entry)
{
    struct vb_strbuf *out = &listing->document;
    const char *element = listing->versions ? "Version" : "Contents";

    vb_xml_start(out, element, NULL);
    vb_store_xml_name(out, "Key", entry->key, listing->url_encoded);
    if (listing->versions)
        vb_strbuf_adds(out, "<VersionId>null</VersionId><IsLatest>true</IsLatest>");
    vb_store_xml_time(out, "LastModified", entry->last_modified_ms);
    vb_store_xml_etag(out, entry->etag);
    if (entry->checksum.present) {
        vb_xml_element(out, "ChecksumAlgorithm", vb_store_checksum_name(entry->checksum.algorithm));
        vb_xml_element(out, "ChecksumType", vb_store_checksum_type(&entry->checksum));
    }
    vb_xml_element_int(out, "Size", entry->size);
    if (listing->with_owner)
        vb_store_xml_owner(out, "Owner", listing->call->server);
    vb_strbuf_adds(out, "<StorageClass>STANDARD</StorageClass>");
    vb_xml_end(out, element);
}

static int add_entry(void *context, const struct vb_engine_entry *entry)
{
    struct listing *listing = context;

    listing->count++;
    if (!entry->is_prefix) {
        add_object(listing, entry);
        return 0;
    }
    vb_xml_start(&listing->prefixes, "CommonPrefixes", NULL);
    vb_store_xml_name(&listing->prefixes, "Prefix", entry->key, listing->url_encoded);
    vb_xml_end(&listing->prefixes, "CommonPrefixes");
    return 0;
}

struct list_request {
    const char *prefix, *delimiter, *start_after; /* start_after: a marker, a token or start-after */
    unsigned max_keys;
};

/* Reads the parameters that all three operations share, and begins the document. Returns false after
 * answering. */
static bool begin(struct vb_store_call *call, const char *root, struct listing *listing,
                  struct list_request *request)
{
    const char *encoding = vb_store_call_query(call, "encoding-type");

    *listing = (struct listing){.call = call, .url_encoded = strcmp(encoding, "url") == 0};
    request->prefix = vb_store_call_query(call, "prefix");
    request->delimiter = vb_store_call_query(call, "delimiter");
    if (*encoding && !listing->url_encoded) {
        vb_store_call_fail_argument(call, "encoding-type", encoding,
                                    "Invalid Encoding Method specified in Request");
        return false;
    }
    if (!vb_store_call_query_number(call, "max-keys", KEYS_MAX, KEYS_MAX, &request->max_keys))
        return false;
    vb_store_document_begin(&listing->document, root);
    vb_strbuf_init(&listing->prefixes, listing->document.max);
    vb_xml_element(&listing->document, "Name", call->target.bucket);
    vb_store_xml_name(&listing->document, "Prefix", request->prefix, listing->url_encoded);
    if (*request->delimiter)
        vb_store_xml_name(&listing->document, "Delimiter", request->delimiter, listing->url_encoded);
    vb_xml_element_int(&listing->document, "MaxKeys", request->max_keys);
    if (listing->url_encoded)
        vb_xml_element(&listing->document, "EncodingType", "url");
    return true;
}

/* Returns false after answering. */
static bool run(struct listing *listing, const struct list_request *request, bool *ret_truncated,
                char ret_next[VB_ENGINE_KEY_MAX + 1])
{
    struct vb_store_call *call = listing->call;
    const struct vb_engine_list list = {.prefix = request->prefix,
                                        .delimiter = request->delimiter,
                                        .start_after = request->start_after,
                                        .max = request->max_keys};
    struct vb_error err = {0};
    int r;

    *ret_truncated = false;
    ret_next[0] = '\0';
    if (request->max_keys == 0)
        r = vb_engine_bucket_stat(call->engine, call->target.bucket, NULL, &err);
    else
        r = vb_engine_list(call->engine, call->target.bucket, &list, add_entry, listing, ret_truncated,
                           ret_next, &err);
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        vb_strbuf_release(&listing->document);
        vb_strbuf_release(&listing->prefixes);
    }
    return r == 0;
}

static void finish(struct listing *listing, const char *root)
{
    vb_strbuf_add(&listing->document, listing->prefixes.data, listing->prefixes.length);
    if (vb_strbuf_failed(&listing->prefixes))
        listing->document.failed = true;
    vb_strbuf_release(&listing->prefixes);
    vb_xml_end(&listing->document, root);
    vb_store_call_answer_xml(listing->call, &listing->document);
}

void vb_store_list_objects(struct vb_store_call *call)
{
    static const char root[] = "ListBucketResult";
    char next[VB_ENGINE_KEY_MAX + 1];
    struct list_request request;
    struct listing listing;
    bool truncated;

    if (!begin(call, root, &listing, &request))
        return;
    listing.with_owner = true;
    request.start_after = vb_store_call_query(call, "marker");
    vb_store_xml_name(&listing.document, "Marker", request.start_after, listing.url_encoded);
    if (!run(&listing, &request, &truncated, next))
        return;
    vb_xml_element_bool(&listing.document, "IsTruncated", truncated);
    if (truncated && *request.delimiter)
        vb_store_xml_name(&listing.document, "NextMarker", next, listing.url_encoded);
    finish(&listing, root);
}

/* The token is the last key in base64: it stays valid whatever happens to the bucket. */
static const char *read_token(struct vb_store_call *call, const char *token)
{
    char *key = vb_arena_calloc(&call->http->arena, VB_ENGINE_KEY_MAX + 1);
    size_t size;

    if (!key)
        return NULL;
    if (vb_base64url_decode(token, strlen(token), key, VB_ENGINE_KEY_MAX, &size) < 0 || size == 0 ||
        strlen(key) != size || !vb_utf8_valid(key, size)) {
        vb_store_call_fail_argument(call, "continuation-token", NULL,
                                    "The continuation token provided is incorrect");
        return NULL;
    }
    return key;
}

void vb_store_list_objects_v2(struct vb_store_call *call)
{
    static const char root[] = "ListBucketResult";
    const char *token = vb_store_call_query(call, "continuation-token");
    const char *start_after = vb_store_call_query(call, "start-after");
    char next[VB_ENGINE_KEY_MAX + 1], next_token[VB_BASE64_SIZE(VB_ENGINE_KEY_MAX)];
    struct list_request request;
    struct listing listing;
    bool truncated;

    request.start_after = *token ? read_token(call, token) : start_after;
    if (!request.start_after) {
        vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
        return;
    }
    if (!begin(call, root, &listing, &request))
        return;
    listing.with_owner = strcmp(vb_store_call_query(call, "fetch-owner"), "true") == 0;
    if (*token)
        vb_xml_element(&listing.document, "ContinuationToken", token);
    if (*start_after)
        vb_store_xml_name(&listing.document, "StartAfter", start_after, listing.url_encoded);
    if (!run(&listing, &request, &truncated, next))
        return;
    vb_xml_element_int(&listing.document, "KeyCount", listing.count);
    vb_xml_element_bool(&listing.document, "IsTruncated", truncated);
    if (truncated) {
        vb_base64url_encode(next, strlen(next), next_token);
        vb_xml_element(&listing.document, "NextContinuationToken", next_token);
    }
    finish(&listing, root);
}

void vb_store_list_object_versions(struct vb_store_call *call)
{
    static const char root[] = "ListVersionsResult";
    char next[VB_ENGINE_KEY_MAX + 1];
    struct list_request request;
    struct listing listing;
    bool truncated;

    if (!begin(call, root, &listing, &request))
        return;
    listing.with_owner = listing.versions = true;
    request.start_after = vb_store_call_query(call, "key-marker");
    vb_store_xml_name(&listing.document, "KeyMarker", request.start_after, listing.url_encoded);
    vb_xml_element(&listing.document, "VersionIdMarker", vb_store_call_query(call, "version-id-marker"));
    if (!run(&listing, &request, &truncated, next))
        return;
    vb_xml_element_bool(&listing.document, "IsTruncated", truncated);
    if (truncated) {
        vb_store_xml_name(&listing.document, "NextKeyMarker", next, listing.url_encoded);
        vb_xml_element(&listing.document, "NextVersionIdMarker", "null");
    }
    finish(&listing, root);
}
