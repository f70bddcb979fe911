/* The URLs that an answer names: see urls.h. */
#include "api/urls.h"

#include "api/context.h"
#include "base/number.h"
#include "ingest/ingest.h"

#include <string.h>

/* The length of the host in a Host header, without its port; 0 for text that is no host. */
static size_t host_length(const char *host)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    static const char ipv6[] = "0123456789abcdefABCDEF:.";
    size_t length;

    if (*host == '[') {
        length = 1 + strspn(host + 1, ipv6);
        if (length < 3 || host[length] != ']')
            return 0;
        length++;
    } else {
        length = strspn(host, name);
    }
    if (length > 253 || (host[length] && host[length] != ':'))
        return 0;
    if (host[length] == ':' && host[length + 1 + strspn(host + length + 1, "0123456789")])
        return 0;
    return length;
}

const char *vb_api_follow_host(struct vb_http_request *request, uint16_t port)
{
    size_t length = port ? host_length(request->host) : 0;
    char *joined = length ? vb_arena_alloc(&request->arena, length + sizeof(":65535")) : NULL;

    if (!joined)
        return NULL;
    memcpy(joined, request->host, length);
    joined[length++] = ':';
    *vb_uint_write(joined + length, port) = '\0';
    return joined;
}

const char *vb_api_cdn_url(struct vb_http_request *request, const char *key, const char *stored)
{
    const struct vb_api *api = vb_api_of(request);
    const char *host = vb_api_follow_host(request, api->follow_host_cdn_port), *copy = NULL;
    struct vb_strbuf url;

    if (!key)
        return stored;
    vb_strbuf_init(&url, 8192);
    if (host)
        vb_strbuf_adds(&url, "http://");
    vb_ingest_add_cdn_url(&url, host ? host : api->cdn_base_url, key);
    if (!vb_strbuf_failed(&url))
        copy = vb_arena_strndup(&request->arena, url.data, url.length);
    vb_strbuf_release(&url);
    return copy;
}
