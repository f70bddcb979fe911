/* Where a bucket is: see endpoint.h. */
#include "s3/endpoint.h"

#include "base/encode.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "s3.eu-central-1.amazonaws.com" and its kin, before which the bucket's name goes. */
static bool is_aws(const char *host)
{
    const char *domain = strstr(host, ".amazonaws.com");

    if (!starts_with(host, "s3.") && !starts_with(host, "s3-"))
        return false;
    return domain && (strcmp(domain, ".amazonaws.com") == 0 || strcmp(domain, ".amazonaws.com.cn") == 0);
}

/* Where the port begins (at its ':'), or the end of the host. */
static const char *find_port(const char *host)
{
    const char *bracket = strrchr(host, ']');
    const char *colon = strchr(bracket ? bracket : host, ':');

    return colon ? colon : host + strlen(host);
}

static bool valid_authority(const char *host)
{
    const char *port = find_port(host);

    if (port == host || strpbrk(host, "@?#\\% \t\r\n"))
        return false;
    if (*port == '\0')
        return true;
    return port[1] != '\0' && strspn(port + 1, "0123456789") == strlen(port + 1) && strlen(port + 1) <= 5;
}

/* Splits scheme://host[:port][/base] into the endpoint; ret_base keeps its slashes but the last. */
static int read_url(struct vb_s3_endpoint *endpoint, const char *url, char *ret_base, size_t base_size)
{
    bool secure = strncasecmp(url, "https://", 8) == 0;
    const char *default_port = secure ? ":443" : ":80";
    size_t length;
    char *port;

    if (!secure && strncasecmp(url, "http://", 7) != 0)
        return -EINVAL;
    url += secure ? 8 : 7;
    length = strcspn(url, "/");
    if (length >= sizeof(endpoint->host) - 128 || strlen(url + length) >= base_size || strpbrk(url, "?#"))
        return -EINVAL;

    endpoint->scheme = secure ? "https" : "http";
    for (size_t i = 0; i < length; i++)
        endpoint->host[i] = (char)tolower((unsigned char)url[i]);
    endpoint->host[length] = '\0';
    if (!valid_authority(endpoint->host))
        return -EINVAL;
    port = endpoint->host + (find_port(endpoint->host) - endpoint->host);
    if (strcmp(port, default_port) == 0) /* HTTP clients leave it out of Host, which is signed */
        *port = '\0';

    memcpy(ret_base, url + length, strlen(url + length) + 1);
    for (length = strlen(ret_base); length && ret_base[length - 1] == '/'; length--)
        ret_base[length - 1] = '\0';
    return 0;
}

int vb_s3_endpoint_init(struct vb_s3_endpoint *endpoint, const char *url, const char *region,
                        const char *bucket)
{
    char base[128] = "", aws[256];
    int size;

    *endpoint = (struct vb_s3_endpoint){0};
    if (!url) {
        size = snprintf(aws, sizeof(aws), "https://s3.%s.amazonaws.com%s", region,
                        starts_with(region, "cn-") ? ".cn" : "");
        if (size < 0 || (size_t)size >= sizeof(aws))
            return -EINVAL;
        url = aws;
    }
    if (strlen(bucket) == 0 || strlen(bucket) > 63 || strchr(bucket, '/') ||
        read_url(endpoint, url, base, sizeof(base)) < 0)
        return -EINVAL;

    endpoint->virtual_hosted = is_aws(endpoint->host) && base[0] == '\0' && !strchr(bucket, '.');
    if (endpoint->virtual_hosted) {
        size_t length = strlen(bucket);

        memmove(endpoint->host + length + 1, endpoint->host, strlen(endpoint->host) + 1);
        memcpy(endpoint->host, bucket, length);
        endpoint->host[length] = '.';
    } else {
        snprintf(endpoint->bucket_path, sizeof(endpoint->bucket_path), "%s/%s", base, bucket);
    }
    return 0;
}

void vb_s3_endpoint_path(const struct vb_s3_endpoint *endpoint, const char *key, struct vb_strbuf *out)
{
    vb_strbuf_adds(out, endpoint->bucket_path);
    if (key || endpoint->virtual_hosted)
        vb_strbuf_addc(out, '/');
    if (key)
        vb_percent_encode(out, key, strlen(key), true);
}

void vb_s3_endpoint_host(const struct vb_s3_endpoint *endpoint, const char *instead, struct vb_strbuf *out)
{
    if (!instead || endpoint->virtual_hosted) {
        vb_strbuf_adds(out, endpoint->host);
        return;
    }
    vb_strbuf_adds(out, instead);
    if (*find_port(instead) == '\0')
        vb_strbuf_adds(out, find_port(endpoint->host));
}
