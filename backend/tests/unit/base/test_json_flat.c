/* Reading of flat JSON objects. */
#include "base/json_flat.h"

#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Reads text out of memory that ends where it does; returns the number of members or -EINVAL. */
static int count_members(const char *text, size_t length)
{
    struct vb_json_flat reader;
    struct vb_json_flat_member member;
    char *copy = vb_xmalloc(length ? length : 1);
    int count = 0, r;

    memcpy(copy, text, length);
    vb_json_flat_init(&reader, copy, length);
    while ((r = vb_json_flat_next(&reader, &member)) > 0)
        count++;
    free(copy);
    return r < 0 ? r : count;
}

static void members_come_in_their_order(void **state)
{
    static const char text[] = " { \"a\" : \"x\\/\\\"y\" ,\n\"b\":-15,\t\"c\":null,\"\":0 }\r\n";
    struct vb_json_flat reader;
    struct vb_json_flat_member member;
    char copy[6];

    (void)state;
    vb_json_flat_init(&reader, text, strlen(text));
    assert_int_equal(vb_json_flat_next(&reader, &member), 1);
    assert_true(vb_json_flat_named(&member, "a"));
    assert_false(vb_json_flat_named(&member, "ab"));
    assert_int_equal(member.kind, VB_JSON_FLAT_TEXT);
    assert_int_equal(vb_json_flat_copy(&member, copy, 4), -ENOSPC);
    assert_int_equal(vb_json_flat_copy(&member, copy, 5), 0);
    assert_string_equal(copy, "x/\"y");
    assert_int_equal(vb_json_flat_next(&reader, &member), 1);
    assert_true(vb_json_flat_named(&member, "b"));
    assert_int_equal(member.kind, VB_JSON_FLAT_INTEGER);
    assert_int_equal(member.integer, -15);
    assert_int_equal(vb_json_flat_next(&reader, &member), 1);
    assert_int_equal(member.kind, VB_JSON_FLAT_WORD);
    assert_int_equal(vb_json_flat_next(&reader, &member), 1);
    assert_true(vb_json_flat_named(&member, ""));
    assert_int_equal(vb_json_flat_next(&reader, &member), 0);
}

static void what_is_not_flat_json_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "\"a\"",
                                        "{,}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{\"a\":{}}",
                                        "{\"a\":[]}",
                                        "{\"a\":1.5}",
                                        "{\"a\":1e3}",
                                        "{\"a\":01}",
                                        "{\"a\":-}",
                                        "{\"a\":- 1}",
                                        "{\"a\":nul}",
                                        "{\"a\":\"x}",
                                        "{\"a\":\"\\",
                                        "{a:1}",
                                        "{\"a\":1}{}",
                                        "{\"a\":1 \"b\":2}",
                                        "{}x",
                                        "{\"a\":\"\\u0041\"}",
                                        "{\"a\":\"\\n\"}",
                                        "{\"a\":\"\n\"}",
                                        "{\"a\":\"\x7f\"}",
                                        "{\"a\":1234567890123456}"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(texts); i++)
        assert_int_equal(count_members(texts[i], strlen(texts[i])), -EINVAL);
    assert_int_equal(count_members("{\"a\":\"\0\"}", 9), -EINVAL);
}

static void every_beginning_of_an_object_is_refused_but_the_whole(void **state)
{
    static const char text[] = "{\"sub\":\"a\\\\b\",\"iat\":123456789012345,\"ok\":true}";

    (void)state;
    for (size_t length = 0; length < strlen(text); length++)
        assert_int_equal(count_members(text, length), -EINVAL);
    assert_int_equal(count_members(text, strlen(text)), 3);
    assert_int_equal(count_members("{}", 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_their_order),
        cmocka_unit_test(what_is_not_flat_json_is_refused),
        cmocka_unit_test(every_beginning_of_an_object_is_refused_but_the_whole),
    };

    return cmocka_run_group_tests_name("base/json_flat", tests, NULL, NULL);
}
