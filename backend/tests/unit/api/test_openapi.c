/* The OpenAPI document and the table of routes agree. */
#include "api/embedded.h"
#include "api/routes.h"
#include "base/memory.h"

#include <ctype.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name; /* as in the document */
    unsigned method;
} methods[] = {
    {"get", VB_HTTP_GET},     {"post", VB_HTTP_POST},     {"put", VB_HTTP_PUT},
    {"patch", VB_HTTP_PATCH}, {"delete", VB_HTTP_DELETE},
};

static struct vb_route *routes;

static int load(void **state)
{
    routes = vb_api_join_routes();
    *state = json_loadb(vb_embedded_openapi.text, vb_embedded_openapi.size, JSON_REJECT_DUPLICATES, NULL);
    return *state ? 0 : -1;
}

static int unload(void **state)
{
    json_decref(*state);
    free(routes);
    return 0;
}

static void every_route_is_documented(void **state)
{
    const json_t *paths = json_object_get(*state, "paths");
    unsigned missing = 0;

    for (const struct vb_route *route = routes; route->pattern; route++)
        for (size_t i = 0; i < VB_ARRAY_SIZE(methods); i++)
            if (route->methods & methods[i].method &&
                !json_object_get(json_object_get(paths, route->pattern), methods[i].name)) {
                print_error("docs/openapi.yaml lacks %s %s\n", methods[i].name, route->pattern);
                missing++;
            }
    assert_int_equal(missing, 0);
}

static bool is_routed(const char *path, const char *name)
{
    for (const struct vb_route *route = routes; route->pattern; route++)
        for (size_t i = 0; i < VB_ARRAY_SIZE(methods); i++)
            if (route->methods & methods[i].method && strcmp(methods[i].name, name) == 0 &&
                strcmp(route->pattern, path) == 0)
                return true;
    return false;
}

static void every_documented_operation_has_a_route(void **state)
{
    json_t *paths = json_object_get(*state, "paths"), *item, *operation;
    const char *path, *name;
    unsigned missing = 0;

    json_object_foreach(paths, path, item) json_object_foreach(
        item, name, operation) if (strcmp(name, "parameters") != 0 && !is_routed(path, name))
    {
        print_error("docs/openapi.yaml has %s %s, which is no route\n", name, path);
        missing++;
    }
    assert_int_equal(missing, 0);
}

static void a_body_that_is_documented_is_one_that_the_route_takes(void **state)
{
    const json_t *paths = json_object_get(*state, "paths");

    for (const struct vb_route *route = routes; route->pattern; route++)
        for (size_t i = 0; i < VB_ARRAY_SIZE(methods); i++) {
            const json_t *operation =
                json_object_get(json_object_get(paths, route->pattern), methods[i].name);

            if (route->methods & methods[i].method && json_object_get(operation, "requestBody") &&
                route->body_max == 0)
                fail_msg("%s %s takes no body", methods[i].name, route->pattern);
        }
}

/* The policy allows the page's own style and script by their hashes, and nothing else. */
static void the_page_loads_nothing(void **state)
{
    static const char *const loaders[] = {"src=", "<link", "@import", "url(", "<iframe", "<img"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(loaders); i++)
        if (strstr(vb_embedded_docs.text, loaders[i]))
            fail_msg("the page has %s in it", loaders[i]);
    assert_non_null(strstr(vb_embedded_docs.content_security_policy, "default-src 'none'"));
    assert_null(strstr(vb_embedded_docs.content_security_policy, "unsafe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_documented),
        cmocka_unit_test(every_documented_operation_has_a_route),
        cmocka_unit_test(a_body_that_is_documented_is_one_that_the_route_takes),
        cmocka_unit_test(the_page_loads_nothing),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
