/* Answers: from memory, files and streams to libmicrohttpd's responses. */
#include "http/internal.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Response splitting ends here: no CR, LF or other control character gets into a header. */
static bool header_safe(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

void vb_http_add_header_borrowed(struct vb_http_request *http, const char *name, const char *value)
{
    struct request *request = request_of(http);
    struct added_header *header;

    if (!name || !value || !header_safe(name) || !header_safe(value))
        return;
    header = vb_arena_alloc(&http->arena, sizeof(*header));
    if (!header)
        return;
    *header = (struct added_header){NULL, name, value};
    *request->headers_end = header;
    request->headers_end = &header->next;
}

void vb_http_add_header(struct vb_http_request *request, const char *name, const char *value)
{
    if (value)
        vb_http_add_header_borrowed(request, vb_arena_strdup(&request->arena, name),
                                    vb_arena_strdup(&request->arena, value));
}

void vb_http_add_headerf(struct vb_http_request *request, const char *name, const char *format, ...)
{
    struct vb_strbuf value;
    va_list args;

    vb_strbuf_init(&value, 8192);
    va_start(args, format);
    vb_strbuf_vaddf(&value, format, args);
    va_end(args);
    if (!vb_strbuf_failed(&value))
        vb_http_add_header(request, name, value.data);
    vb_strbuf_release(&value);
}

bool vb_http_has_header(const struct vb_http_request *request, const char *name)
{
    for (const struct added_header *header = request_of_const(request)->headers; header;
         header = header->next)
        if (strcasecmp(header->name, name) == 0)
            return true;
    return false;
}

/* What the server says with its answers, where the handler has not said it itself. Probes need none of it,
 * and come all day. */
static void add_own_headers(const struct request *request, struct MHD_Response *response)
{
    const struct vb_http_config *config = &request->server->config;
    bool is_probe = request->http.route && request->http.route->flags & VB_ROUTE_QUIET;

    for (const struct vb_http_header *header = config->headers; !is_probe && header && header->name; header++)
        if (!request->headers || !vb_http_has_header(&request->http, header->name))
            MHD_add_response_header(response, header->name, header->value);
    if (request->http.secure && config->strict_transport_security)
        MHD_add_response_header(response, MHD_HTTP_HEADER_STRICT_TRANSPORT_SECURITY,
                                config->strict_transport_security);
    MHD_add_response_header(response, "X-Request-Id", request->id);
    vb_http_add_limits(request, response);
}

void vb_http_set_answer(struct request *request, int status, const char *content_type,
                        struct MHD_Response *response, int64_t size)
{
    vb_assert(!request->response);
    if (!response) {
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        vb_assert(response);
        status = 503;
    }
    if (content_type && header_safe(content_type))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    for (struct added_header *header = request->headers; header; header = header->next)
        MHD_add_response_header(response, header->name, header->value);
    add_own_headers(request, response);
    if (atomic_load_explicit(&request->server->draining, memory_order_relaxed))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    request->response = response;
    request->status = status;
    request->answer_size = size;
}

void vb_http_answer(struct vb_http_request *request, int status, const char *content_type, const void *data,
                    size_t size)
{
    /* libmicrohttpd copies, so the const is kept in truth */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);

    vb_http_set_answer(request_of(request), status, content_type, response, (int64_t)size);
}

void vb_http_answer_strbuf(struct vb_http_request *request, int status, const char *content_type,
                           struct vb_strbuf *body)
{
    size_t size = body->length;
    char *text = vb_strbuf_detach(body);
    struct MHD_Response *response;

    if (!text) {
        vb_strbuf_release(body);
        vb_http_error(request_of(request), 500, "internal", "The answer could not be put together");
        return;
    }
    response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(text);
    vb_http_set_answer(request_of(request), status, content_type, response, (int64_t)size);
}

void vb_http_answer_static(struct vb_http_request *request, int status, const char *content_type,
                           const void *data, size_t size, void (*release)(void *context), void *context)
{
    struct MHD_Response *response;

    if (release) {
        response = MHD_create_response_from_buffer_with_free_callback_cls(size, (void *)(uintptr_t)data,
                                                                          release, context);
        if (!response)
            release(context);
    } else {
        response = MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT);
    }
    vb_http_set_answer(request_of(request), status, content_type, response, (int64_t)size);
}

void vb_http_answer_fd(struct vb_http_request *request, int status, const char *content_type, int fd,
                       int64_t offset, int64_t size)
{
    struct MHD_Response *response;

    if (size == 0) { /* libmicrohttpd refuses files of no bytes */
        close(fd);
        vb_http_answer(request, status, content_type, "", 0);
        return;
    }
    response = MHD_create_response_from_fd_at_offset64((uint64_t)size, fd, (uint64_t)offset);
    if (!response)
        close(fd);
    vb_http_set_answer(request_of(request), status, content_type, response, size);
}

bool vb_http_answered(const struct vb_http_request *request)
{
    return request_of_const(request)->response != NULL;
}

void vb_http_error(struct request *request, int status, const char *code, const char *detail)
{
    const struct vb_http_config *config = &request->server->config;

    if (request->response) { /* a handler's half-made answer gives way */
        MHD_destroy_response(request->response);
        request->response = NULL;
    }
    if (config->error) {
        config->error(&request->http, status, code, detail);
    } else {
        char text[256];
        int length = snprintf(text, sizeof(text), "%d %s: %s\n", status, code, detail);

        vb_http_answer(&request->http, status, "text/plain; charset=utf-8", text, (size_t)length);
    }
}
