/* URLs of objects, presigned and plain: see client.h. */
#include "s3/client_call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"

#include <errno.h>
#include <string.h>

int vb_s3_presign(struct vb_s3_client *client, const struct vb_s3_presign *presign, struct vb_strbuf *out,
                  struct vb_error *err)
{
    const struct vb_s3_endpoint *endpoint = &client->public_endpoint;
    struct vb_strbuf path VB_CLEANUP(vb_strbuf_release) = {0}, host VB_CLEANUP(vb_strbuf_release) = {0};
    struct vb_credentials snapshot;
    size_t length = strlen(presign->key);
    int r;

    vb_strbuf_init(&path, 4096);
    vb_strbuf_init(&host, 1024);
    vb_strbuf_reserve(&path, 400);
    vb_strbuf_reserve(&host, 200);
    if (length == 0 || length > VB_S3_KEY_MAX || !vb_utf8_valid(presign->key, length))
        return vb_error_set(err, EINVAL, "an S3 key must be UTF-8 of 1 to %d bytes", VB_S3_KEY_MAX);
    if (presign->expires_s == 0 || presign->expires_s > VB_SIGV4_EXPIRES_MAX_S)
        return vb_error_set(err, EINVAL, "a presigned URL can be valid for 1 second to 7 days");
    vb_s3_endpoint_path(endpoint, presign->key, &path);
    vb_s3_endpoint_host(endpoint, presign->host, &host);
    if (vb_strbuf_failed(&path) || vb_strbuf_failed(&host) || strpbrk(host.data, "/?#@\\ \t\r\n"))
        return vb_error_set(err, EINVAL, "the host of a presigned URL is malformed");
    if (vb_credentials_get(client->credentials, &snapshot) < 0)
        return vb_error_set(err, EKEYEXPIRED, "the AWS credentials have expired and could not be renewed");

    struct vb_sigv4_credentials credentials = vb_credentials_sigv4(&snapshot);
    struct vb_presign form = {.method = presign->method,
                              .scheme = endpoint->scheme,
                              .host = host.data,
                              .path = path.data,
                              .query = presign->query ? presign->query : "",
                              .headers = presign->headers,
                              .header_count = presign->header_count,
                              .region = client->region,
                              .time_s = vb_clock_realtime_s(),
                              .expires_s = presign->expires_s};
    r = vb_sigv4_presign(&form, &credentials, out);
    explicit_bzero(snapshot.secret_access_key, sizeof(snapshot.secret_access_key));
    if (r < 0)
        return vb_error_set(err, -r, "the URL for \"%s\" cannot be presigned", presign->key);
    return 0;
}

void vb_s3_object_url(const struct vb_s3_client *client, const char *key, struct vb_strbuf *out)
{
    vb_strbuf_addf(out, "%s://%s", client->public_endpoint.scheme, client->public_endpoint.host);
    vb_s3_endpoint_path(&client->public_endpoint, key, out);
}
