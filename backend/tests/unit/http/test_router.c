/* Which route a method and path lead to, and what its names take. */
#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct vb_route routes[] = {
    {.methods = VB_HTTP_GET | VB_HTTP_PATCH, .pattern = "/api/users/me"},
    {.methods = VB_HTTP_GET, .pattern = "/api/users/{id}"},
    {.methods = VB_HTTP_POST, .pattern = "/api/upload/{uploadId}/parts/{part}"},
    {.methods = VB_HTTP_GET, .pattern = "/media/*"},
    {.methods = VB_HTTP_GET, .pattern = "/"},
    {.pattern = NULL}};

static int setup(void **state)
{
    *state = vb_router_create(routes);
    return 0;
}

static int teardown(void **state)
{
    vb_router_destroy(*state);
    return 0;
}

/* Index of the matched route, or -1. */
static int match(void **state, unsigned method, const char *path, struct vb_http_params *params,
                 unsigned *allowed)
{
    const struct vb_route *route = vb_router_match(*state, method, path, params, allowed);

    return route ? (int)(route - routes) : -1;
}

static void first_match_wins(void **state)
{
    struct vb_http_params params;
    unsigned allowed;

    assert_int_equal(match(state, VB_HTTP_GET, "/api/users/me", &params, &allowed), 0);
    assert_int_equal(match(state, VB_HTTP_GET, "/api/users/mee", &params, &allowed), 1);
    assert_int_equal(match(state, VB_HTTP_HEAD, "/api/users/me", &params, &allowed), 0);
}

static void names_take_one_segment_and_star_takes_the_rest(void **state)
{
    struct vb_http_params params;
    unsigned allowed;

    assert_int_equal(match(state, VB_HTTP_POST, "/api/upload/a%2Fb/parts/7", &params, &allowed), 2);
    assert_int_equal(params.count, 2);
    assert_memory_equal(params.items[0].name, "uploadId", params.items[0].name_length);
    assert_int_equal(params.items[0].value_length, strlen("a%2Fb"));
    assert_memory_equal(params.items[1].value, "7", params.items[1].value_length);
    assert_int_equal(match(state, VB_HTTP_GET, "/media/a/b//c", &params, &allowed), 3);
    assert_int_equal(params.items[0].value_length, strlen("a/b//c"));
    assert_int_equal(match(state, VB_HTTP_GET, "/media/", &params, &allowed), 3);
    assert_int_equal(match(state, VB_HTTP_GET, "/media", &params, &allowed), -1);
}

static void empty_segment_matches_no_name(void **state)
{
    struct vb_http_params params;
    unsigned allowed;

    assert_int_equal(match(state, VB_HTTP_GET, "/api/users/", &params, &allowed), -1);
    assert_int_equal(allowed, 0);
    assert_int_equal(match(state, VB_HTTP_GET, "/", &params, &allowed), 4);
    assert_int_equal(match(state, VB_HTTP_GET, "", &params, &allowed), -1);
}

static void wrong_method_tells_the_allowed_ones(void **state)
{
    struct vb_http_params params;
    unsigned allowed;

    assert_int_equal(match(state, VB_HTTP_DELETE, "/api/users/me", &params, &allowed), -1);
    assert_int_equal(allowed, VB_HTTP_GET | VB_HTTP_HEAD | VB_HTTP_PATCH);
    assert_int_equal(match(state, 0, "/media/x", &params, &allowed), -1);
    assert_int_equal(allowed, VB_HTTP_GET | VB_HTTP_HEAD);
}

static void endless_paths_are_bounded(void **state)
{
    struct vb_http_params params;
    unsigned allowed;
    char path[2002];

    for (size_t i = 0; i < 2000; i += 2)
        memcpy(path + i, "/a", 2);
    path[2000] = '\0';
    assert_int_equal(match(state, VB_HTTP_GET, path, &params, &allowed), -1);
    memcpy(path, "/media", 6);
    assert_int_equal(match(state, VB_HTTP_GET, path, &params, &allowed), 3);
    assert_int_equal(params.items[0].value_length, 2000 - strlen("/media/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_match_wins),
        cmocka_unit_test(names_take_one_segment_and_star_takes_the_rest),
        cmocka_unit_test(empty_segment_matches_no_name),
        cmocka_unit_test(wrong_method_tells_the_allowed_ones),
        cmocka_unit_test(endless_paths_are_bounded),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
