/* What handlers read of a request: headers, the parameters of the path and of the query. */
#include "http/internal.h"

#include "base/encode.h"

#include <string.h>

const char *vb_http_header(const struct vb_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request_of_const(request)->connection, MHD_HEADER_KIND, name);
}

struct visit {
    bool (*function)(void *context, const char *name, const char *value);
    void *context;
};

static enum MHD_Result visit_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct visit *visit = cls;

    (void)kind;
    return visit->function(visit->context, name, value ? value : "") ? MHD_YES : MHD_NO;
}

void vb_http_headers(const struct vb_http_request *request,
                     bool (*function)(void *context, const char *name, const char *value), void *context)
{
    struct visit visit = {function, context};

    MHD_get_connection_values(request_of_const(request)->connection, MHD_HEADER_KIND, visit_header, &visit);
}

/* Percent-decodes into the arena; NULL if malformed or holding a NUL. */
static const char *decode(struct vb_http_request *request, const char *text, size_t length,
                          bool plus_is_space)
{
    struct vb_strbuf decoded;
    const char *copy = NULL;

    if (!memchr(text, '%', length) && !(plus_is_space && memchr(text, '+', length)))
        return vb_arena_strndup(&request->arena, text, length);
    vb_strbuf_init(&decoded, length);
    if (vb_percent_decode(&decoded, text, length, plus_is_space) == 0 && !vb_strbuf_failed(&decoded) &&
        !memchr(decoded.data, '\0', decoded.length))
        copy = vb_arena_strndup(&request->arena, decoded.data, decoded.length);
    vb_strbuf_release(&decoded);
    return copy;
}

const char *vb_http_param(struct vb_http_request *http, const char *name)
{
    struct request *request = request_of(http);
    size_t length = strlen(name);

    for (unsigned i = 0; i < request->params.count; i++)
        if (request->params.items[i].name_length == length &&
            memcmp(request->params.items[i].name, name, length) == 0)
            return decode(http, request->params.items[i].value, request->params.items[i].value_length, false);
    return NULL;
}

const char *vb_http_query(struct vb_http_request *request, const char *name)
{
    size_t name_length = strlen(name);

    for (const char *at = request->query; *at;) {
        size_t length = strcspn(at, "&");
        const char *equals = memchr(at, '=', length);
        size_t key_length = equals ? (size_t)(equals - at) : length;

        if (key_length == name_length && memcmp(at, name, name_length) == 0)
            return equals ? decode(request, equals + 1, length - key_length - 1, true) : "";
        at += length + (at[length] == '&');
    }
    return NULL;
}
