/* Arrays of text: written, read back, read as the server writes them, and malformed ones. */
#include "db/text_array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define ELEMENTS_MAX 8

/* Elements are joined with '|' in out; a NULL is "~". Returns how many there were. */
static unsigned read_all(const char *text, char *out, size_t out_size)
{
    struct vb_text_array array;
    struct vb_strbuf element;
    unsigned count = 0;
    size_t length = 0;
    bool is_null;

    vb_strbuf_init(&element, 1024);
    vb_text_array_init(&array, text);
    while (vb_text_array_next(&array, &element, &is_null)) {
        const char *value = is_null ? "~" : element.data ? element.data : "";

        assert_true(count < ELEMENTS_MAX && length + strlen(value) + 2 < out_size);
        if (count++ > 0)
            out[length++] = '|';
        memcpy(out + length, value, strlen(value));
        length += strlen(value);
    }
    out[length] = '\0';
    vb_strbuf_release(&element);
    return count;
}

static void assert_read(const char *text, unsigned count, const char *joined)
{
    char out[256];

    assert_int_equal(read_all(text, out, sizeof(out)), count);
    assert_string_equal(out, joined);
}

static void what_is_written_is_read_back(void **state)
{
    static const char *const elements[] = {
        "plain", "", "NULL", "a \"b\" c", "back\\slash\\", "{x,\"y\"}", "\xf0\x9f\x8c\x8a \xd7\xa9",
        " \n\t,"};
    struct vb_text_array array;
    struct vb_strbuf text, element;
    bool is_null;

    (void)state;
    vb_strbuf_init(&text, 1024);
    vb_strbuf_init(&element, 1024);
    vb_text_array_begin(&text);
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
        vb_text_array_add(&text, elements[i]);
    vb_text_array_end(&text);
    vb_text_array_init(&array, text.data);
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        assert_true(vb_text_array_next(&array, &element, &is_null));
        assert_false(is_null);
        assert_int_equal(element.length, strlen(elements[i]));
        assert_memory_equal(element.length ? element.data : "", elements[i], element.length);
    }
    assert_false(vb_text_array_next(&array, &element, &is_null));
    vb_strbuf_release(&element);
    vb_strbuf_release(&text);
}

static void an_empty_array_is_written_as_the_server_does(void **state)
{
    struct vb_strbuf text;

    (void)state;
    vb_strbuf_init(&text, 16);
    vb_text_array_begin(&text);
    vb_text_array_end(&text);
    assert_string_equal(text.data, "{}");
    vb_strbuf_release(&text);
}

static void each_form_that_the_server_writes_is_read(void **state)
{
    (void)state;
    assert_read("{}", 0, "");
    assert_read("{a}", 1, "a");
    assert_read("{a,b c,d}", 3, "a|b c|d");
    assert_read("{NULL,\"NULL\",\"\",NULL}", 4, "~|NULL||~");
    assert_read("{\"a,b\",\"c}d\",\"e\\\"f\",\"g\\\\\"}", 4, "a,b|c}d|e\"f|g\\");
}

static void anything_but_an_array_of_one_dimension_is_empty(void **state)
{
    (void)state;
    assert_read(NULL, 0, "");
    assert_read("", 0, "");
    assert_read("a,b", 0, "");
    assert_read("{{a,b},{c,d}}", 0, "");
    assert_read("[2:3]={a,b}", 0, "");
}

/* Every beginning of an array: reading ends, and never past the text (the sanitizer watches). */
static void a_truncated_array_ends(void **state)
{
    static const char whole[] = "{a,\"b\\\"c\",NULL,\"\\\\\",d}";
    char text[sizeof(whole)], out[256];

    (void)state;
    for (size_t length = 0; length < sizeof(whole); length++) {
        memcpy(text, whole, length);
        text[length] = '\0';
        assert_true(read_all(text, out, sizeof(out)) <= 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(an_empty_array_is_written_as_the_server_does),
        cmocka_unit_test(each_form_that_the_server_writes_is_read),
        cmocka_unit_test(anything_but_an_array_of_one_dimension_is_empty),
        cmocka_unit_test(a_truncated_array_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
