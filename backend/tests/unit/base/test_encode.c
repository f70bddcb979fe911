/* Hexadecimal, base64, percent-encoding, UTF-8: published vectors, round trips, strictness. */
#include "base/encode.h"

#include "support.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

/* RFC 4648, section 10 */
static const struct {
    const char *plain, *base64, *hex;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "66"},
    {"fo", "Zm8=", "666f"},
    {"foo", "Zm9v", "666f6f"},
    {"foob", "Zm9vYg==", "666f6f62"},
    {"fooba", "Zm9vYmE=", "666f6f6261"},
    {"foobar", "Zm9vYmFy", "666f6f626172"},
};

static void rfc_4648_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t length = strlen(vectors[i].plain), size;
        char text[32], data[32] = {0};

        assert_int_equal(vb_base64_encode(vectors[i].plain, length, text), strlen(vectors[i].base64));
        assert_string_equal(text, vectors[i].base64);
        assert_int_equal(vb_base64_decode(text, strlen(text), data, length, &size), 0);
        assert_int_equal(size, length);
        assert_memory_equal(data, vectors[i].plain, length);
        vb_hex_encode(vectors[i].plain, length, text);
        assert_string_equal(text, vectors[i].hex);
    }
}

static void the_two_alphabets_differ_in_62_and_63(void **state)
{
    static const unsigned char data[] = {0xfb, 0xff, 0xbf, 0xff};
    unsigned char back[4];
    char text[VB_BASE64_SIZE(sizeof(data))];
    size_t size;

    (void)state;
    vb_base64_encode(data, sizeof(data), text);
    assert_string_equal(text, "+/+//w==");
    assert_int_equal(vb_base64url_decode(text, 6, back, 4, &size), -EINVAL);
    vb_base64url_encode(data, sizeof(data), text);
    assert_string_equal(text, "-_-__w");
    assert_int_equal(vb_base64_decode("-_-__w==", 8, back, 4, &size), -EINVAL);
    assert_int_equal(vb_base64url_decode(text, 6, back, 4, &size), 0);
    assert_memory_equal(back, data, 4);
}

static void random_data_survives_every_encoding(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (size_t size = 0; size < 300; size++) {
        unsigned char *data = malloc(size + 1),
                      *back = malloc(size + 1); /* exact, so that ASan sees a byte too many */
        char *text = malloc(VB_BASE64_SIZE(size)), *hex = malloc(2 * size + 1);
        size_t length, got;

        data = realloc(data, size ? size : 1);
        back = realloc(back, size ? size : 1);
        test_random_fill(&seed, data, size);
        length = vb_base64_encode(data, size, text);
        assert_int_equal(length, VB_BASE64_SIZE(size) - 1);
        assert_int_equal(strlen(text), length);
        assert_int_equal(vb_base64_decode(text, length, back, size, &got), 0);
        assert_int_equal(got, size);
        assert_memory_equal(back, data, size);
        if (size > 0)
            assert_int_equal(vb_base64_decode(text, length, back, size - 1, &got), -ENOSPC);
        length = vb_base64url_encode(data, size, text);
        assert_int_equal(vb_base64url_decode(text, length, back, size, &got), 0);
        assert_int_equal(got, size);
        assert_memory_equal(back, data, size);
        assert_null(strpbrk(text, "+/="));
        vb_hex_encode(data, size, hex);
        assert_int_equal(vb_hex_decode(hex, 2 * size, back, size), 0);
        assert_memory_equal(back, data, size);
        free(data);
        free(back);
        free(text);
        free(hex);
    }
}

static void malformed_base64_is_refused(void **state)
{
    static const char *const bad[] = {
        "=",        "==",       "===",   "====",  "A",     "AA",         "AAA",
        "A===",     "AA=A",     "=AAA",  "A=AA",  "AAAA=", "AAA==",      "AAAAA===",
        "AB==",     "AAB=",     "Zg=\n", "Zg== ", " Zg==", "Zm9v\n",     "Zm 9v",
        "Zm9v====", "Zg==Zg==", "Zm9*",  "Zm9-",  "Zm9_",  "Z\xc3\xa9=", "Zg=\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned char data[16];
        size_t size = 4242;

        if (vb_base64_decode(bad[i], strlen(bad[i]), data, sizeof(data), &size) != -EINVAL)
            fail_msg("\"%s\" was taken for base64", bad[i]);
        assert_int_equal(size, 4242);
    }
}

static void malformed_base64url_is_refused(void **state)
{
    static const char *const bad[] = {
        "A", "AAAAA", "AB", "AAB", "Zg==", "Zm8=", "Zm9+", "Zm9/", "Zm9 ", "Zm\n9"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned char data[16];
        size_t size = 4242;

        if (vb_base64url_decode(bad[i], strlen(bad[i]), data, sizeof(data), &size) != -EINVAL)
            fail_msg("\"%s\" was taken for base64url", bad[i]);
        assert_int_equal(size, 4242);
    }
}

static void no_two_texts_decode_to_the_same_bytes(void **state)
{
    static const char alphabet[] = "ABgwz019+/-_= ";
    uint64_t seed = 6;
    int accepted = 0;

    (void)state;
    for (int i = 0; i < 300000; i++) {
        char text[9] = {0}, again[VB_BASE64_SIZE(8)];
        unsigned char data[8];
        size_t length = test_random(&seed) % 9, size;

        for (size_t at = 0; at < length; at++)
            text[at] = alphabet[test_random(&seed) % (sizeof(alphabet) - 1)];
        if (vb_base64_decode(text, length, data, sizeof(data), &size) == 0) {
            vb_base64_encode(data, size, again);
            assert_string_equal(again, text);
            accepted++;
        }
        if (vb_base64url_decode(text, length, data, sizeof(data), &size) == 0) {
            vb_base64url_encode(data, size, again);
            assert_string_equal(again, text);
            accepted++;
        }
    }
    assert_true(accepted > 1000);
}

static void hex_wants_exactly_two_digits_a_byte(void **state)
{
    unsigned char data[4];

    (void)state;
    assert_int_equal(vb_hex_decode("dEaDBeEf", 8, data, 4), 0);
    assert_memory_equal(data, "\xde\xad\xbe\xef", 4);
    assert_int_equal(vb_hex_decode("", 0, data, 0), 0);
    assert_int_equal(vb_hex_decode("deadbee", 7, data, 4), -EINVAL);
    assert_int_equal(vb_hex_decode("deadbeef0", 9, data, 4), -EINVAL);
    assert_int_equal(vb_hex_decode("deadbe", 6, data, 4), -EINVAL);
    assert_int_equal(vb_hex_decode("deadbeeg", 8, data, 4), -EINVAL);
    assert_int_equal(vb_hex_decode("0xadbeef", 8, data, 4), -EINVAL);
    assert_int_equal(vb_hex_decode(" eadbeef", 8, data, 4), -EINVAL);
    assert_int_equal(vb_hex_decode("dead\0eef", 8, data, 4), -EINVAL);
}

static void percent_encoding_keeps_only_unreserved_characters(void **state)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte, expected[4] = {c, '\0'};

        if (byte == 0 || !strchr(unreserved, byte)) {
            expected[0] = '%';
            expected[1] = "0123456789ABCDEF"[byte >> 4];
            expected[2] = "0123456789ABCDEF"[byte & 15];
            expected[3] = '\0';
        }
        vb_strbuf_clear(&out);
        vb_percent_encode(&out, &c, 1, false);
        assert_string_equal(out.data, expected);
        vb_strbuf_clear(&out);
        vb_percent_encode(&out, &c, 1, true);
        assert_string_equal(out.data, c == '/' ? "/" : expected);
    }
    vb_strbuf_clear(&out);
    vb_percent_encode(&out, NULL, 0, true);
    vb_percent_encode(&out, "a b/ü+%", strlen("a b/ü+%"), true);
    assert_string_equal(out.data, "a%20b/%C3%BC%2B%25");
    vb_strbuf_release(&out);
}

static void any_bytes_survive_percent_encoding(void **state)
{
    uint64_t seed = 7;
    struct vb_strbuf encoded, decoded;

    (void)state;
    vb_strbuf_init(&encoded, 3000);
    vb_strbuf_init(&decoded, 1000);
    for (int i = 0; i < 3000; i++) {
        char data[1000];
        size_t size = test_random(&seed) % sizeof(data);

        test_random_fill(&seed, data, size);
        vb_strbuf_clear(&encoded);
        vb_strbuf_clear(&decoded);
        vb_percent_encode(&encoded, data, size, i & 1);
        assert_false(vb_strbuf_failed(&encoded));
        assert_int_equal(vb_percent_decode(&decoded, encoded.data, encoded.length, i & 2), 0);
        assert_int_equal(decoded.length, size);
        assert_memory_equal(decoded.data, data, size);
    }
    vb_strbuf_release(&encoded);
    vb_strbuf_release(&decoded);
}

static void percent_decoding_wants_two_digits(void **state)
{
    static const char *const bad[] = {"%",   "%4",  "%%",  "a%",     "a%4", "%g0",
                                      "%0g", "% 1", "%+1", "%u0041", "%41%"};
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (vb_percent_decode(&out, bad[i], strlen(bad[i]), false) != -EINVAL)
            fail_msg("\"%s\" was decoded", bad[i]);
    assert_int_equal(vb_percent_decode(&out, "%41", 2, false), -EINVAL); /* does not look past its end */
    vb_strbuf_clear(&out);
    assert_int_equal(vb_percent_decode(&out, "%00%2f%2F+%252e", 15, false), 0);
    assert_int_equal(out.length, 7);
    assert_memory_equal(out.data, "\0//+%2e", 8); /* decoded once */
    vb_strbuf_clear(&out);
    assert_int_equal(vb_percent_decode(&out, "a+b%2Bc", 7, true), 0);
    assert_string_equal(out.data, "a b+c");
    vb_strbuf_release(&out);
}

static void random_text_never_breaks_percent_decoding(void **state)
{
    uint64_t seed = 8;
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 64);
    for (int i = 0; i < 100000; i++) {
        size_t length = test_random(&seed) % 12;
        char *text = malloc(length + 1);
        char *exact;

        for (size_t at = 0; at < length; at++)
            text[at] = "%%%0aF+/\0\xffzg"[test_random(&seed) % 12];
        exact = realloc(text, length ? length : 1);
        vb_strbuf_clear(&out);
        if (vb_percent_decode(&out, exact, length, true) == 0)
            assert_true(out.length <= length);
        free(exact);
    }
    vb_strbuf_release(&out);
}

static void utf8_stress_cases(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\x7f", true},
        {"\xc2\x80", true},         /* first of two bytes */
        {"\xdf\xbf", true},         /* last of two bytes */
        {"\xe0\xa0\x80", true},     /* first of three */
        {"\xef\xbf\xbf", true},     /* U+FFFF: a noncharacter, well-formed */
        {"\xed\x9f\xbf", true},     /* U+D7FF */
        {"\xee\x80\x80", true},     /* U+E000 */
        {"\xf0\x90\x80\x80", true}, /* first of four */
        {"\xf4\x8f\xbf\xbf", true}, /* U+10FFFF */
        {"\xf0\x9f\x98\x80", true}, /* an emoji */
        {"\x80", false},            /* continuation alone */
        {"\xbf", false},
        {"a\x80z", false},
        {"\xc0\x80", false}, /* NUL in two bytes */
        {"\xc0\xaf", false}, /* '/' in two, three, four bytes */
        {"\xc1\xbf", false},
        {"\xe0\x80\xaf", false},
        {"\xe0\x9f\xbf", false},
        {"\xf0\x80\x80\xaf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xed\xa0\x80", false}, /* surrogates */
        {"\xed\xbf\xbf", false},
        {"\xed\xa0\x80\xed\xb0\x80", false},
        {"\xf4\x90\x80\x80", false}, /* U+110000 */
        {"\xf5\x80\x80\x80", false},
        {"\xf7\xbf\xbf\xbf", false},
        {"\xf8\x88\x80\x80\x80", false},
        {"\xfc\x84\x80\x80\x80\x80", false},
        {"\xfe", false},
        {"\xff", false},
        {"\xc3", false}, /* cut short */
        {"\xe2\x82", false},
        {"\xe2", false},
        {"\xf0\x9f\x98", false},
        {"\xf0\x9f", false},
        {"\xc3(", false}, /* continued by something else */
        {"\xe2(\xac", false},
        {"\xe2\x82(", false},
        {"\xf0\x9f\x98(", false},
        {"\xc3\xc3\xa9", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (vb_utf8_valid(cases[i].text, strlen(cases[i].text)) != cases[i].valid)
            fail_msg("case %zu is judged wrongly", i);
    assert_true(vb_utf8_valid("a\0b", 3));
    assert_false(vb_utf8_valid("\xc3\xa9", 1));
}

static void utf8_is_what_iconv_says(void **state)
{
    /* bytes at the edges of what UTF-8 allows, so that random sequences are often nearly right */
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                          0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
    iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
    uint64_t seed = 9;
    int valid_count = 0;

    (void)state;
    assert_true(converter != (iconv_t)-1);
    for (int i = 0; i < 400000; i++) {
        char text[6], wide[64], *from = text, *to = wide;
        size_t length = test_random(&seed) % (sizeof(text) + 1), left = length, room = sizeof(wide);
        bool expected;

        for (size_t at = 0; at < length; at++)
            text[at] = (char)edges[(test_random(&seed) >> 20) % sizeof(edges)];
        iconv(converter, NULL, NULL, NULL, NULL);
        expected = iconv(converter, &from, &left, &to, &room) != (size_t)-1;
        if (vb_utf8_valid(text, length) != expected)
            fail_msg("%zu bytes %02x %02x %02x %02x: iconv says %d", length, (unsigned char)text[0],
                     (unsigned char)text[1], (unsigned char)text[2], (unsigned char)text[3], expected);
        valid_count += expected;
    }
    assert_in_range(valid_count, 10000, 390000);
    iconv_close(converter);
}

static void comparison_sees_every_difference(void **state)
{
    unsigned char a[40] = {0}, b[40] = {0};

    (void)state;
    assert_true(vb_equal_constant_time(a, 40, b, 40));
    assert_true(vb_equal_constant_time(NULL, 0, "", 0));
    assert_false(vb_equal_constant_time(a, 40, b, 39));
    assert_false(vb_equal_constant_time("", 0, b, 1));
    for (int bit = 0; bit < 320; bit++) {
        b[bit / 8] = (unsigned char)(1 << bit % 8);
        assert_false(vb_equal_constant_time(a, 40, b, 40));
        b[bit / 8] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_4648_vectors),
        cmocka_unit_test(the_two_alphabets_differ_in_62_and_63),
        cmocka_unit_test(random_data_survives_every_encoding),
        cmocka_unit_test(malformed_base64_is_refused),
        cmocka_unit_test(malformed_base64url_is_refused),
        cmocka_unit_test(no_two_texts_decode_to_the_same_bytes),
        cmocka_unit_test(hex_wants_exactly_two_digits_a_byte),
        cmocka_unit_test(percent_encoding_keeps_only_unreserved_characters),
        cmocka_unit_test(any_bytes_survive_percent_encoding),
        cmocka_unit_test(percent_decoding_wants_two_digits),
        cmocka_unit_test(random_text_never_breaks_percent_decoding),
        cmocka_unit_test(utf8_stress_cases),
        cmocka_unit_test(utf8_is_what_iconv_says),
        cmocka_unit_test(comparison_sees_every_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
