/* The head of a request: its method and target, whose it is, and where its body ends. */
#include "http/internal.h"

#include "base/memory.h"
#include "base/number.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum vb_http_method method;
} method_names[] = {
    {"GET", VB_HTTP_GET},     {"HEAD", VB_HTTP_HEAD},     {"POST", VB_HTTP_POST},       {"PUT", VB_HTTP_PUT},
    {"PATCH", VB_HTTP_PATCH}, {"DELETE", VB_HTTP_DELETE}, {"OPTIONS", VB_HTTP_OPTIONS},
};

const char *vb_http_method_name(unsigned method)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(method_names); i++)
        if (method == method_names[i].method)
            return method_names[i].name;
    return NULL;
}

void vb_http_list_methods(unsigned methods, char list[VB_HTTP_METHODS_SIZE])
{
    size_t length = 0;

    list[0] = '\0';
    for (size_t i = 0; i < VB_ARRAY_SIZE(method_names); i++)
        if (methods & method_names[i].method)
            length += (size_t)snprintf(list + length, VB_HTTP_METHODS_SIZE - length, "%s%s",
                                       length ? ", " : "", method_names[i].name);
}

/* Cuts the target into path and query. RFC 9112 3.2.2: a proxy's absolute form is taken as well. */
static bool split_target(struct vb_http_request *http)
{
    const char *target = http->target, *question;

    if (strncmp(target, "http://", 7) == 0 || strncmp(target, "https://", 8) == 0) {
        target = strchr(strstr(target, "//") + 2, '/');
        if (!target)
            target = "/";
    }
    if (*target != '/' && strcmp(target, "*") != 0)
        return false;
    question = strchr(target, '?');
    http->query = question ? question + 1 : "";
    http->path = target;
    if (question)
        http->path = vb_arena_strndup(&http->arena, target, (size_t)(question - target));
    return http->path != NULL;
}

static void find_client(struct request *request)
{
    struct vb_http_request *http = &request->http;
    const struct connection *peer = request->peer;
    const char *forwarded, *scheme;
    char address[VB_HTTP_ADDRESS_SIZE];

    http->client_address = peer->address;
    http->secure = request->server->config.tls != NULL;
    if (!peer->trusted_proxy)
        return;
    forwarded = vb_http_header(http, "X-Forwarded-For");
    vb_proxies_client(request->server->proxies, peer->address, forwarded, address, sizeof(address));
    http->client_address = vb_arena_strdup(&http->arena, address);
    if (!http->client_address)
        http->client_address = peer->address;
    scheme = vb_http_header(http, "X-Forwarded-Proto");
    if (scheme)
        http->secure = strcmp(scheme, "https") == 0;
}

/* What says where the request ends and whom it is for, found in one pass. */
struct framing {
    unsigned lengths, codings, hosts;
    const char *length, *host;
};

static enum MHD_Result read_framing(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *framing = cls;

    (void)kind;
    switch (*name | 0x20) { /* lower case */
    case 'c':
        if (strcasecmp(name, "Content-Length") == 0) {
            framing->lengths++;
            framing->length = value;
        }
        break;
    case 't':
        framing->codings += strcasecmp(name, "Transfer-Encoding") == 0;
        break;
    case 'h':
        if (strcasecmp(name, "Host") == 0) {
            framing->hosts++;
            framing->host = value;
        }
        break;
    default:
        break;
    }
    return MHD_YES;
}

/* RFC 9112 sections 3.2 and 6.3. Refuses two lengths, or a length and a coding: a proxy may believe the other
 * one and miss a request (request smuggling). */
static bool is_unambiguous(const struct framing *framing, const char *version)
{
    return framing->lengths + framing->codings <= 1 && framing->hosts <= 1 &&
           (framing->hosts == 1 || strcmp(version, MHD_HTTP_VERSION_1_1) != 0);
}

static bool read_content_length(const struct framing *framing, int64_t *ret_length)
{
    uint64_t length;

    if (framing->codings) {
        *ret_length = VB_HTTP_LENGTH_UNKNOWN;
        return true;
    }
    if (!framing->lengths)
        return true;
    if (!framing->length || vb_uint_parse(framing->length, strlen(framing->length), INT64_MAX, &length) < 0)
        return false;
    *ret_length = (int64_t)length;
    return true;
}

bool vb_http_read_head(struct request *request, const char *method, const char *version)
{
    struct vb_http_request *http = &request->http;
    const union MHD_ConnectionInfo *info;
    struct framing framing = {0};

    http->method_name = method;
    for (size_t i = 0; i < VB_ARRAY_SIZE(method_names); i++)
        if (strcmp(method, method_names[i].name) == 0)
            http->method = method_names[i].method;
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, read_framing, &framing);
    http->host = framing.host ? framing.host : "";
    find_client(request);
    info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info && info->header_size > request->server->config.header_max_bytes) {
        vb_http_error(request, 431, "headers_too_large", "The request line and headers are too large");
        return false;
    }
    if (!is_unambiguous(&framing, version)) {
        vb_http_add_header(http, "Connection", "close");
        vb_http_error(request, 400, "bad_request",
                      "Host, Content-Length or Transfer-Encoding is missing, repeated or contradictory");
        return false;
    }
    if (!http->target || !split_target(http) || !read_content_length(&framing, &http->content_length)) {
        vb_http_error(request, 400, "bad_request", "The request target or Content-Length is malformed");
        return false;
    }
    return true;
}
