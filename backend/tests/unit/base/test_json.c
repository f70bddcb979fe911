/* The JSON writer: what it writes reads back with jansson as what was meant, whatever the bytes. */
#include "base/json.h"

#include "base/encode.h"
#include "support.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(const struct vb_strbuf *text)
{
    json_error_t error;
    json_t *value = json_loadb(text->data, text->length, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

    if (!value)
        fail_msg("%s at %d of: %s", error.text, error.position, text->data);
    return value;
}

static void nested_values_have_their_commas(void **state)
{
    struct vb_strbuf out;
    struct vb_json json;

    (void)state;
    vb_strbuf_init(&out, 1000);
    vb_json_init(&json, &out);
    vb_json_object_begin(&json);
    vb_json_key(&json, "empty");
    vb_json_object_begin(&json);
    vb_json_object_end(&json);
    vb_json_key(&json, "list");
    vb_json_array_begin(&json);
    vb_json_array_begin(&json);
    vb_json_array_end(&json);
    vb_json_int(&json, 1);
    vb_json_object_begin(&json);
    vb_json_key_bool(&json, "b", true);
    vb_json_key_string(&json, "n", NULL);
    vb_json_object_end(&json);
    vb_json_null(&json);
    vb_json_raw(&json, "[1.5]");
    vb_json_string(&json, "s");
    vb_json_array_end(&json);
    vb_json_key_int(&json, "last", -7);
    vb_json_object_end(&json);
    assert_string_equal(
        out.data, "{\"empty\":{},\"list\":[[],1,{\"b\":true,\"n\":null},null,[1.5],\"s\"],\"last\":-7}");
    json_decref(parse(&out));
    vb_strbuf_release(&out);
}

static void integers_are_exact_to_their_limits(void **state)
{
    static const int64_t values[] = {0, -1, 9007199254740993, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct vb_strbuf out;
        struct vb_json json;
        json_t *value;

        vb_strbuf_init(&out, 100);
        vb_json_init(&json, &out);
        vb_json_int(&json, values[i]);
        value = parse(&out);
        assert_int_equal(json_integer_value(value), values[i]);
        json_decref(value);
        vb_strbuf_release(&out);
    }
}

/* What the reader must find: the text with U+FFFD for each byte that is no part of a well-formed sequence. */
static void repair(struct vb_strbuf *out, const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t size = 0;

        for (size_t n = 1; n <= 4 && at + n <= length && !size; n++)
            if (vb_utf8_valid(text + at, n))
                size = n;
        if (size)
            vb_strbuf_add(out, text + at, size);
        else
            vb_strbuf_adds(out, "\xef\xbf\xbd");
        at += size ? size : 1;
    }
}

static void assert_string_survives(const char *text, size_t length)
{
    struct vb_strbuf out, expected;
    struct vb_json json;
    json_t *value;

    vb_strbuf_init(&out, 6 * length + 2);
    vb_strbuf_init(&expected, 3 * length);
    repair(&expected, text, length);
    vb_json_init(&json, &out);
    vb_json_stringn(&json, text, length);
    assert_false(vb_strbuf_failed(&out)); /* no byte takes more than six */
    assert_true(vb_utf8_valid(out.data, out.length));
    for (size_t i = 0; i < out.length; i++) {
        unsigned char c = (unsigned char)out.data[i];

        assert_true(c >= 0x20 && c != 0x7f);
        assert_false(c == 0xc2 && (unsigned char)out.data[i + 1] < 0xa0);
    }
    value = parse(&out);
    assert_int_equal(json_string_length(value), expected.length);
    assert_memory_equal(json_string_value(value), expected.data, expected.length);
    json_decref(value);
    vb_strbuf_release(&out);
    vb_strbuf_release(&expected);
}

static void every_byte_and_pair_of_bytes_survives(void **state)
{
    (void)state;
    assert_string_survives(NULL, 0);
    for (int first = 0; first < 256; first++) {
        char text[2] = {(char)first};

        assert_string_survives(text, 1);
        for (int second = 0; second < 256; second++) {
            text[1] = (char)second;
            assert_string_survives(text, 2);
        }
    }
}

static void any_bytes_read_back_with_the_bad_ones_replaced(void **state)
{
    uint64_t seed = 13;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t length = test_random(&seed) % 60;
        char *text = malloc(length ? length : 1); /* exact, so that ASan sees a byte too many */

        for (size_t at = 0; at < length; at++)
            text[at] = test_random(&seed) % 3
                           ? "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9\"\\\n\x7f/"[test_random(&seed) % 14]
                           : (char)test_random(&seed);
        assert_string_survives(text, length);
        free(text);
    }
}

static void well_formed_text_is_written_as_it_is(void **state)
{
    static const char text[] = "Grüße, 世界 😀 </script> a/b";
    struct vb_strbuf out;
    struct vb_json json;

    (void)state;
    vb_strbuf_init(&out, 200);
    vb_json_init(&json, &out);
    vb_json_string(&json, text);
    assert_int_equal(out.length, strlen(text) + 2);
    assert_memory_equal(out.data + 1, text, strlen(text));
    vb_strbuf_release(&out);
}

static void keys_are_escaped_as_well(void **state)
{
    struct vb_strbuf out;
    struct vb_json json;
    json_t *value;

    (void)state;
    vb_strbuf_init(&out, 200);
    vb_json_init(&json, &out);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "a\"},{\n", "v");
    vb_json_object_end(&json);
    value = parse(&out);
    assert_string_equal(json_string_value(json_object_get(value, "a\"},{\n")), "v");
    assert_int_equal(json_object_size(value), 1);
    json_decref(value);
    vb_strbuf_release(&out);
}

static void a_document_past_the_maximum_fails_its_builder(void **state)
{
    (void)state;
    for (size_t max = 0; max < 26; max++) {
        struct vb_strbuf out;
        struct vb_json json;

        vb_strbuf_init(&out, max);
        vb_json_init(&json, &out);
        vb_json_object_begin(&json);
        vb_json_key_string(&json, "key", "a\nb");
        vb_json_key_int(&json, "n", 12345);
        vb_json_object_end(&json);
        assert_int_equal(vb_strbuf_failed(&out), max < 24);
        if (max >= 24)
            assert_string_equal(out.data, "{\"key\":\"a\\nb\",\"n\":12345}");
        vb_strbuf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_values_have_their_commas),
        cmocka_unit_test(integers_are_exact_to_their_limits),
        cmocka_unit_test(every_byte_and_pair_of_bytes_survives),
        cmocka_unit_test(any_bytes_read_back_with_the_bad_ones_replaced),
        cmocka_unit_test(well_formed_text_is_written_as_it_is),
        cmocka_unit_test(keys_are_escaped_as_well),
        cmocka_unit_test(a_document_past_the_maximum_fails_its_builder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
