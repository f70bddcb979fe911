/* S3 client, the operations on single objects and on the bucket: see client.h. */
#include "s3/client.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/memory.h"
#include "s3/client_call.h"
#include "s3/client_multipart.h"
#include "s3/xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vb_s3_client *vb_s3_client_create(const struct vb_s3_config *config)
{
    struct vb_s3_client *client = vb_xcalloc(1, sizeof(*client));
    const char *public_endpoint = config->public_endpoint ? config->public_endpoint : config->endpoint;

    client->region = vb_xstrdup(config->region);
    client->bucket = vb_xstrdup(config->bucket);
    client->credentials = config->credentials;
    client->http = config->http;
    client->attempts = config->attempts ? config->attempts : 4;
    client->timeout_ms = config->timeout_ms ? config->timeout_ms : 15000;
    if (vb_s3_endpoint_init(&client->endpoint, config->endpoint, config->region, config->bucket) < 0 ||
        vb_s3_endpoint_init(&client->public_endpoint, public_endpoint, config->region, config->bucket) < 0) {
        vb_s3_client_destroy(client);
        return NULL;
    }
    return client;
}

void vb_s3_client_destroy(struct vb_s3_client *client)
{
    if (!client)
        return;
    free(client->region);
    free(client->bucket);
    free(client);
}

/* One PUT of an object whose body the call has been given. */
static int perform_put(struct vb_s3_call *call, const struct vb_s3_put *options,
                       struct vb_s3_object *ret_object, struct vb_error *err)
{
    unsigned char digest[VB_SHA256_SIZE];
    char checksum[VB_BASE64_SIZE(VB_SHA256_SIZE)];
    int r;

    /* Besides the hash in the signature: S3 stores this one and returns it. */
    r = vb_hex_decode(call->payload_hash, 2 * VB_SHA256_SIZE, digest, sizeof(digest));
    vb_assert(r == 0);
    vb_base64_encode(digest, sizeof(digest), checksum);
    vb_s3_call_header(call, "x-amz-checksum-sha256", checksum);
    vb_s3_call_options(call, options);
    if (options && options->if_none_match) {
        call->if_none_match = true;
        vb_s3_call_header(call, "if-none-match", "*");
    }
    r = vb_s3_call_perform(call, err);
    if (r == 0 && ret_object) {
        *ret_object = call->object;
        ret_object->size = call->body_size;
    }
    return r;
}

int vb_s3_put(struct vb_s3_client *client, const char *key, const void *data, size_t size,
              const struct vb_s3_put *options, struct vb_s3_object *ret_object, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);

    vb_s3_call_init(&call, client, "PUT", key, "", 0);
    vb_s3_call_body(&call, data, size);
    return perform_put(&call, options, ret_object, err);
}

int vb_s3_put_file(struct vb_s3_client *client, const char *key, int fd, int64_t size,
                   const struct vb_s3_put *options, struct vb_s3_object *ret_object, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    int r;

    vb_s3_call_init(&call, client, "PUT", key, "", 0);
    if (size < 0)
        return vb_error_set(err, EINVAL, "a file cannot have a negative size");
    if (size > VB_S3_MULTIPART_MIN)
        return vb_s3_put_multipart(client, key, fd, size, options, ret_object, err);
    r = vb_s3_call_body_file(&call, fd, 0, size, err);
    if (r < 0)
        return r;
    return perform_put(&call, options, ret_object, err);
}

int vb_s3_head(struct vb_s3_client *client, const char *key, struct vb_s3_object *ret_object,
               struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    int r;

    vb_s3_call_init(&call, client, "HEAD", key, "", 0);
    vb_s3_call_header(&call, "x-amz-checksum-mode", "ENABLED");
    r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;
    if (call.object.size < 0)
        return vb_error_set(err, EIO, "S3 sent no size for \"%s\"", key);
    if (ret_object)
        *ret_object = call.object;
    return 0;
}

int vb_s3_get(struct vb_s3_client *client, const char *key, int64_t offset, int64_t size,
              const char *if_match, int (*sink)(void *context, const char *data, size_t size), void *context,
              struct vb_s3_object *ret_object, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    int r;

    vb_s3_call_init(&call, client, "GET", key, "", 0);
    if (offset < 0 || size == 0 || size > INT64_MAX - offset)
        return vb_error_set(err, EINVAL, "the range asked for of \"%s\" is empty or negative", key);
    call.get.sink = sink;
    call.get.context = context;
    call.get.offset = offset;
    call.get.size = size;
    call.get.if_match = if_match;
    r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;
    if (call.object.size < 0) /* neither Content-Length nor a total: chunked, and sent whole */
        call.object.size = offset + call.get.delivered;
    if (ret_object)
        *ret_object = call.object;
    return 0;
}

static int add_to_strbuf(void *context, const char *data, size_t size)
{
    struct vb_strbuf *out = context;

    vb_strbuf_add(out, data, size);
    return vb_strbuf_failed(out) ? -EFBIG : 0;
}

int vb_s3_get_data(struct vb_s3_client *client, const char *key, int64_t offset, int64_t size,
                   const char *if_match, struct vb_strbuf *out, struct vb_s3_object *ret_object,
                   struct vb_error *err)
{
    int r = vb_s3_get(client, key, offset, size, if_match, add_to_strbuf, out, ret_object, err);

    if (r == -ECANCELED && vb_strbuf_failed(out))
        return vb_error_set(err, EFBIG, "\"%s\" is larger than the limit of %zu bytes", key, out->max);
    return r;
}

int vb_s3_delete(struct vb_s3_client *client, const char *key, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    int r;

    vb_s3_call_init(&call, client, "DELETE", key, "", 0);
    r = vb_s3_call_perform(&call, err);
    /* Some stores answer 404 where S3 reports success. */
    return r == -ENOENT && strcmp(call.failure.code, "NoSuchKey") == 0 ? 0 : r;
}

int vb_s3_copy(struct vb_s3_client *client, const char *from_key, const char *to_key, const char *if_match,
               const struct vb_s3_put *options, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    struct vb_strbuf source VB_CLEANUP(vb_strbuf_release) = {0};
    size_t length = strlen(from_key);

    vb_s3_call_init(&call, client, "PUT", to_key, "", 0);
    if (length == 0 || length > VB_S3_KEY_MAX || !vb_utf8_valid(from_key, length))
        return vb_error_set(err, EINVAL, "an S3 key must be UTF-8 of 1 to %d bytes", VB_S3_KEY_MAX);
    vb_strbuf_init(&source, 4096);
    vb_strbuf_addf(&source, "/%s/", client->bucket);
    vb_percent_encode(&source, from_key, length, true);
    call.result = "CopyObjectResult";
    vb_s3_call_header(&call, "x-amz-copy-source", source.data);
    vb_s3_call_header(&call, "x-amz-copy-source-if-match", if_match);
    if (options) {
        vb_s3_call_header(&call, "x-amz-metadata-directive", "REPLACE");
        vb_s3_call_options(&call, options);
        if (options->if_none_match) {
            call.if_none_match = !if_match;
            vb_s3_call_header(&call, "if-none-match", "*");
        }
    }
    return vb_s3_call_perform(&call, err);
}

int vb_s3_head_bucket(struct vb_s3_client *client, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    int r;

    vb_s3_call_init(&call, client, "HEAD", NULL, "", 0);
    r = vb_s3_call_perform(&call, err);
    if (r == -ENOENT) {
        r = vb_error_set(err, ENOENT, "there is no bucket \"%s\" at %s://%s", client->bucket,
                         client->endpoint.scheme, client->endpoint.host);
        vb_error_hint(err, "check S3_BUCKET_NAME and the endpoint, or create the bucket");
    }
    return r;
}

int vb_s3_create_bucket(struct vb_s3_client *client, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    struct vb_strbuf body VB_CLEANUP(vb_strbuf_release) = {0};
    int r;

    vb_strbuf_init(&body, 1024);
    vb_s3_call_init(&call, client, "PUT", NULL, "", 0);
    if (strcmp(client->region, "us-east-1") != 0) { /* the one region that must not be named */
        vb_xml_start(&body, "CreateBucketConfiguration", VB_XML_S3_NAMESPACE);
        vb_xml_element(&body, "LocationConstraint", client->region);
        vb_xml_end(&body, "CreateBucketConfiguration");
    }
    vb_s3_call_body(&call, body.data, body.length);
    r = vb_s3_call_perform(&call, err);
    if (r < 0 && strcmp(call.failure.code, "BucketAlreadyOwnedByYou") == 0)
        return 0;
    if (r < 0 && strcmp(call.failure.code, "BucketAlreadyExists") == 0) {
        r = vb_error_set(err, EEXIST, "the bucket name \"%s\" belongs to another account", client->bucket);
        vb_error_hint(err, "names of buckets are unique in all of AWS: choose another S3_BUCKET_NAME");
    }
    return r;
}
