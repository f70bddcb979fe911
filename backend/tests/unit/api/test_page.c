/* Pages of lists: which rows they take, and where the next one begins. */
#include "api/page.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define LIST "0123456789abcdef" /* as vb_cursor_list() makes it */

/* A page of at most two rows, from a query that gives that many. */
static void write_page(struct vb_http_request *request, int rows, struct vb_strbuf *body)
{
    static const char *const ids[] = {"a", "b", "c"}, *const values[] = {"1", "2", "3"};
    struct vb_page page;

    vb_strbuf_init(body, 4096);
    vb_page_begin(&page, request, "things", LIST, 2, body);
    for (int i = 0; i < rows; i++)
        if (vb_page_takes(&page)) {
            vb_json_string(&page.json, ids[i]);
            vb_page_wrote(&page, values[i], ids[i]);
        }
    vb_page_end(&page);
}

static void assert_page(int rows, const char *expected)
{
    struct vb_strbuf body VB_CLEANUP(vb_strbuf_release);
    struct vb_http_request request = {0};

    vb_arena_init(&request.arena, 4096);
    write_page(&request, rows, &body);
    assert_string_equal(body.data, expected);
    vb_arena_release(&request.arena);
}

static void a_page_without_rows_is_the_last_one(void **state)
{
    (void)state;
    assert_page(0, "{\"things\":[],\"nextCursor\":null}");
}

static void a_full_page_without_another_row_is_the_last_one(void **state)
{
    (void)state;
    assert_page(2, "{\"things\":[\"a\",\"b\"],\"nextCursor\":null}");
}

static void the_row_beyond_the_limit_is_not_written_and_the_cursor_names_the_row_before(void **state)
{
    struct vb_http_request request = {0};
    char expected[256];

    (void)state;
    vb_arena_init(&request.arena, 4096);
    snprintf(expected, sizeof(expected), "{\"things\":[\"a\",\"b\"],\"nextCursor\":\"%s\"}",
             vb_cursor_make(&request, LIST, "2", "b"));
    vb_arena_release(&request.arena);
    assert_page(3, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_without_rows_is_the_last_one),
        cmocka_unit_test(a_full_page_without_another_row_is_the_last_one),
        cmocka_unit_test(the_row_beyond_the_limit_is_not_written_and_the_cursor_names_the_row_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
