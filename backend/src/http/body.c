/* The body of a request as it comes: collected whole, or gathered for the route in parts. */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_FIRST ((size_t)16 * 1024)

static bool grow_chunk(struct request *request, size_t need)
{
    size_t capacity = request->chunk_capacity ? request->chunk_capacity : CHUNK_FIRST;
    char *grown;

    while (capacity < need && capacity < VB_HTTP_BODY_CHUNK)
        capacity *= 2;
    if (capacity == request->chunk_capacity)
        return true;
    grown = realloc(request->chunk, capacity);
    if (!grown)
        return false;
    request->chunk = grown;
    request->chunk_capacity = capacity;
    return true;
}

size_t vb_http_take_body(struct request *request, const char *data, size_t size)
{
    const struct vb_route *route = request->http.route;

    if (request->body_failed || request->body_too_large)
        return size;
    if (request->received + (int64_t)size > route->body_max) {
        request->body_too_large = true;
        request->chunk_size = 0;
        return size;
    }
    if (!route->body) {
        vb_strbuf_add(&request->http.body, data, size);
        return size;
    }
    if (!grow_chunk(request, request->chunk_size + size)) {
        request->body_failed = true;
        request->chunk_size = 0;
        vb_http_error(request, 503, "overloaded", "The server is out of memory; try again in a second");
        return size;
    }
    if (size > request->chunk_capacity - request->chunk_size)
        size = request->chunk_capacity - request->chunk_size;
    memcpy(request->chunk + request->chunk_size, data, size);
    request->chunk_size += size;
    return size;
}
