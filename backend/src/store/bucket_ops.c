/* Operations on buckets: list, create, head, delete, location. */
#include "store/call.h"

#include <errno.h>
#include <string.h>

static int add_bucket(void *context, const char *bucket, int64_t created_ms)
{
    struct vb_strbuf *document = context;

    vb_xml_start(document, "Bucket", NULL);
    vb_xml_element(document, "Name", bucket);
    vb_store_xml_time(document, "CreationDate", created_ms);
    vb_xml_end(document, "Bucket");
    return 0;
}

void vb_store_list_buckets(struct vb_store_call *call)
{
    struct vb_strbuf document;
    struct vb_error err = {0};
    int r;

    vb_store_document_begin(&document, "ListAllMyBucketsResult");
    vb_store_xml_owner(&document, "Owner", call->server);
    vb_xml_start(&document, "Buckets", NULL);
    r = vb_engine_bucket_list(call->engine, add_bucket, &document, &err);
    vb_xml_end(&document, "Buckets");
    vb_xml_end(&document, "ListAllMyBucketsResult");
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else
        vb_store_call_answer_xml(call, &document);
    vb_strbuf_release(&document);
}

struct create_request {
    struct vb_arena *arena;
    const char *location;
    bool root;
};

static int on_create_start(void *context, const char *path)
{
    struct create_request *create = context;

    create->root = create->root || strcmp(path, "CreateBucketConfiguration") == 0;
    return create->root ? 0 : -EINVAL;
}

static int on_create_end(void *context, const char *path, const char *text)
{
    struct create_request *create = context;

    if (strcmp(path, "CreateBucketConfiguration/LocationConstraint") != 0)
        return 0;
    create->location = vb_arena_strdup(create->arena, text);
    return create->location ? 0 : -ENOMEM;
}

/* Returns false after answering. */
static bool read_location(struct vb_store_call *call, const char **ret_location)
{
    struct create_request create = {.arena = &call->http->arena, .location = ""};
    const struct vb_xml_reader reader = {.size_max = 16 * 1024,
                                         .elements_max = 100,
                                         .on_start = on_create_start,
                                         .on_end = on_create_end,
                                         .context = &create};

    if (call->body.collected.length > 0 &&
        vb_xml_read(&reader, call->body.collected.data, call->body.collected.length, NULL) < 0) {
        vb_store_fail(call->http, VB_STORE_MALFORMED_XML, NULL);
        return false;
    }
    *ret_location = create.location;
    return true;
}

void vb_store_create_bucket(struct vb_store_call *call)
{
    struct vb_error err = {0};
    const char *location;
    int r;

    if (!vb_store_call_check_write_headers(call) || !read_location(call, &location))
        return;
    if (*location && strcmp(location, call->server->region) != 0 &&
        !(strcmp(location, "US") == 0 && strcmp(call->server->region, "us-east-1") == 0)) {
        vb_store_fail_fields(
            call->http, VB_STORE_ILLEGAL_LOCATION,
            (const struct vb_store_error_field[]){{"LocationConstraint", location}, {NULL, NULL}},
            "The %.100s location constraint is incompatible for the region specific endpoint this "
            "request was sent to: this store is in %s.",
            location, call->server->region);
        return;
    }
    r = vb_engine_bucket_create(call->engine, call->target.bucket, &err);
    if (r == -EEXIST) {
        vb_store_call_fail_bucket(call, VB_STORE_BUCKET_ALREADY_OWNED);
    } else if (r < 0) {
        vb_store_call_fail(call, r, &err);
    } else {
        vb_http_add_headerf(call->http, "Location", "/%s", call->target.bucket);
        vb_store_call_answer_empty(call, 200);
    }
}

void vb_store_head_bucket(struct vb_store_call *call)
{
    if (!vb_store_call_find_bucket(call))
        return;
    vb_http_add_header(call->http, "x-amz-bucket-region", call->server->region);
    vb_store_call_answer_empty(call, 200);
}

void vb_store_delete_bucket(struct vb_store_call *call)
{
    struct vb_error err = {0};
    int r = vb_engine_bucket_delete(call->engine, call->target.bucket, &err);

    if (r == -ENOTEMPTY) {
        vb_store_call_fail_bucket(call, VB_STORE_BUCKET_NOT_EMPTY);
    } else if (r < 0) {
        vb_store_call_fail(call, r, &err);
    } else {
        vb_store_cors_cache_set(call->server->cors_cache, call->target.bucket, NULL);
        vb_store_call_answer_empty(call, 204);
    }
}

void vb_store_get_location(struct vb_store_call *call)
{
    struct vb_strbuf document;

    if (!vb_store_call_find_bucket(call))
        return;
    vb_store_document_begin(&document, "LocationConstraint");
    if (strcmp(call->server->region, "us-east-1") != 0)
        vb_xml_text(&document, call->server->region, strlen(call->server->region));
    vb_xml_end(&document, "LocationConstraint");
    vb_store_call_answer_xml(call, &document);
}
