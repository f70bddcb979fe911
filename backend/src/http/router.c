/* Route matching: see router.h. */
#include "http/router.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct segment {
    const char *text;
    size_t length;
    bool is_param; /* text is the name between the braces */
    bool is_rest;  /* "*" */
};

struct compiled {
    const struct vb_route *route;
    unsigned count;
    struct segment segments[VB_HTTP_SEGMENTS_MAX];
};

struct vb_router {
    size_t count;
    struct compiled routes[];
};

/* Cuts "/a/b" into "a", "b". Returns the number of segments, or VB_HTTP_SEGMENTS_MAX + 1 for more than fit.
 */
static unsigned split(const char *path, struct segment *segments)
{
    unsigned count = 0;

    while (*path == '/') {
        const char *start = path + 1;
        size_t length = strcspn(start, "/");

        if (count == VB_HTTP_SEGMENTS_MAX)
            return VB_HTTP_SEGMENTS_MAX + 1;
        segments[count++] = (struct segment){.text = start, .length = length};
        path = start + length;
    }
    return count;
}

static void compile(const struct vb_route *route, struct compiled *compiled)
{
    compiled->route = route;
    compiled->count = split(route->pattern, compiled->segments);
    vb_assert(compiled->count > 0 && compiled->count <= VB_HTTP_SEGMENTS_MAX);
    for (unsigned i = 0; i < compiled->count; i++) {
        struct segment *segment = &compiled->segments[i];

        if (segment->length == 1 && segment->text[0] == '*') {
            segment->is_rest = true;
            vb_assert(i + 1 == compiled->count);
        } else if (segment->length > 2 && segment->text[0] == '{') {
            vb_assert(segment->text[segment->length - 1] == '}');
            segment->is_param = true;
            segment->text++;
            segment->length -= 2;
        }
    }
}

struct vb_router *vb_router_create(const struct vb_route *routes)
{
    struct vb_router *router;
    size_t count = 0;

    while (routes[count].pattern)
        count++;
    router = vb_xcalloc(1, sizeof(*router) + count * sizeof(router->routes[0]));
    router->count = count;
    for (size_t i = 0; i < count; i++)
        compile(&routes[i], &router->routes[i]);
    return router;
}

void vb_router_destroy(struct vb_router *router)
{
    free(router);
}

static void add_param(struct vb_http_params *params, const struct segment *name, const char *value,
                      size_t length)
{
    vb_assert(params->count < VB_HTTP_PARAMS_MAX);
    params->items[params->count].name = name->text;
    params->items[params->count].name_length = name->length;
    params->items[params->count].value = value;
    params->items[params->count].value_length = length;
    params->count++;
}

/* parts: the path's segments; count: how many, one more than the maximum when there are too many to hold. */
static bool matches(const struct compiled *compiled, const struct segment *parts, unsigned count,
                    struct vb_http_params *params)
{
    params->count = 0;
    for (unsigned i = 0; i < compiled->count; i++) {
        const struct segment *want = &compiled->segments[i], *have = &parts[i];

        if (i >= count)
            return false;
        if (want->is_rest) {
            add_param(params, want, have->text, strlen(have->text));
            return true;
        }
        if (want->is_param) {
            if (have->length == 0)
                return false;
            add_param(params, want, have->text, have->length);
        } else if (want->length != have->length || memcmp(want->text, have->text, want->length) != 0) {
            return false;
        }
    }
    return count == compiled->count;
}

const struct vb_route *vb_router_match(const struct vb_router *router, unsigned method, const char *path,
                                       struct vb_http_params *ret_params, unsigned *ret_allowed)
{
    struct segment parts[VB_HTTP_SEGMENTS_MAX];
    unsigned count = split(path, parts);

    *ret_allowed = 0;
    for (size_t i = 0; i < router->count; i++) {
        const struct compiled *compiled = &router->routes[i];
        unsigned methods = compiled->route->methods;

        if (!matches(compiled, parts, count, ret_params))
            continue;
        if (methods & VB_HTTP_GET)
            methods |= VB_HTTP_HEAD;
        if (methods & method)
            return compiled->route;
        *ret_allowed |= methods;
    }
    ret_params->count = 0;
    return NULL;
}
