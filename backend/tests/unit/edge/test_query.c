/* What a CDN URL's query asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "edge/query.h"

static struct vb_query parse(const char *text)
{
    struct vb_query query;
    struct vb_error err;
    if (vb_query_parse(text, &query, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    return query;
}

static void assert_text(const char *query_text, const char *expected)
{
    struct vb_query query = parse(query_text);
    struct vb_variant variant = vb_query_variant(&query, VB_FORMAT_WEBP);
    char text[VB_QUERY_TEXT_SIZE];
    vb_query_format(&variant, text);
    assert_string_equal(text, expected);
}

static void without_variant_parameters_it_is_the_canonical_file(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "&", "utm_source=x", "W=640", "width=1&ww=3", "=5"};
    for (size_t i = 0; i < VB_ARRAY_SIZE(texts); i++)
        assert_false(parse(texts[i]).is_variant);
}

static void equal_variants_have_one_text(void **state)
{
    (void)state;
    assert_text("w=640", "w=640&fm=webp&q=80");
    assert_text("fm=auto&w=640&utm=1", "w=640&fm=webp&q=80");
    assert_text("q=81&w=640&fit=contain", "w=640&fm=webp&q=80");
    assert_text("w=640&fit=cover", "w=640&fm=webp&q=80"); /* nothing to fill without a second side */
    assert_text("h=300&fit=cover&w=320&fm=jpeg", "w=320&h=300&fit=cover&fm=jpeg&q=80");
    assert_text("fm=avif", "w=2560&fm=avif&q=60");
    assert_text("q=1", "w=2560&fm=webp&q=30");
    assert_text("q=100&h=2560", "h=2560&fm=webp&q=95");
    assert_text("h=7&q=38", "h=7&fm=webp&q=40");
}

static void a_value_that_is_not_allowed_is_refused_with_its_rule(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"w=641",
         "w is the width in pixels, one of 64 96 128 160 256 320 480 640 750 828 1080 1280 1920 2560"},
        {"w=", "w is"},
        {"w", "w is"},
        {"w=0640", "w is"},
        {"w=%36%34", "w is"},
        {"w=-64", "w is"},
        {"w=64000000000000000000000064", "w is"},
        {"h=0", "h is the height in pixels, a number from 1 to 2560"},
        {"h=2561", "h is"},
        {"fit=fill", "fit is contain or cover"},
        {"fm=png", "fm is the format: auto, jpeg, webp or avif"},
        {"fm=", "fm is"},
        {"q=0", "q is the quality, a number from 1 to 100"},
        {"q=101", "q is"},
        {"q=8 0", "q is"},
        {"w=64&w=64", "w is given twice"},
    };
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct vb_query query;
        struct vb_error err = {0};
        assert_int_equal(vb_query_parse(cases[i].text, &query, &err), -EINVAL);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s: %s", cases[i].text, err.message);
    }
}

/* All orders of all values of a small set: the text is the same for each, and parses to itself. */
static void the_order_of_parameters_does_not_matter(void **state)
{
    (void)state;
    static const char *const sides[] = {"w=64", "w=2560", "h=1", "h=2560", "utm=7"},
                             *const fits[] = {"fit=cover", "fit=contain", ""},
                             *const rest[] = {"fm=avif&q=33", "q=33&fm=avif", "fm=auto", ""};
    for (size_t a = 0; a < VB_ARRAY_SIZE(sides); a++)
        for (size_t b = 0; b < VB_ARRAY_SIZE(fits); b++)
            for (size_t c = 0; c < VB_ARRAY_SIZE(rest); c++) {
                char one[128], other[128], text[VB_QUERY_TEXT_SIZE];
                snprintf(one, sizeof(one), "%s&%s&%s", sides[a], fits[b], rest[c]);
                snprintf(other, sizeof(other), "%s&%s&%s", rest[c], fits[b], sides[a]);
                struct vb_query query = parse(one);
                if (!query.is_variant) {
                    assert_false(parse(other).is_variant);
                    continue;
                }
                struct vb_variant variant = vb_query_variant(&query, VB_FORMAT_WEBP);
                vb_query_format(&variant, text);
                assert_text(other, text);
                assert_text(text, text);
            }
}

static void assert_fits(const char *query_text, uint32_t width, uint32_t height, const char *expected)
{
    struct vb_query query = parse(query_text);
    struct vb_variant variant = vb_query_variant(&query, VB_FORMAT_JPEG);
    char text[VB_QUERY_TEXT_SIZE];
    variant = vb_query_fit_source(&variant, &(struct vb_dimensions){width, height});
    vb_query_format(&variant, text);
    assert_string_equal(text, expected);
    struct vb_variant again = vb_query_fit_source(&variant, &(struct vb_dimensions){width, height});
    assert_memory_equal(&again, &variant, sizeof(again));
}

static void sizes_that_would_enlarge_are_one_variant(void **state)
{
    (void)state;
    assert_fits("w=640", 500, 400, "w=640&fm=jpeg&q=80");
    assert_fits("w=1080", 500, 400, "w=640&fm=jpeg&q=80");
    assert_fits("h=400", 500, 400, "w=640&fm=jpeg&q=80");
    assert_fits("h=399", 500, 400, "h=399&fm=jpeg&q=80");
    assert_fits("w=480&h=2560", 500, 400, "w=480&fm=jpeg&q=80");
    assert_fits("w=480&h=100", 500, 400, "h=100&fm=jpeg&q=80");
    assert_fits("w=2560", 2560, 1, "w=2560&fm=jpeg&q=80");
    assert_fits("w=1920", 2560, 1, "w=1920&fm=jpeg&q=80");
    assert_fits("w=640&h=640&fit=cover", 50, 40, "w=640&h=640&fit=cover&fm=jpeg&q=80");
}

static void accept_counts_the_formats_that_it_names(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool webp, avif;
    } cases[] = {
        {NULL, false, false},
        {"*/*", false, false},
        {"image/*", false, false},
        {"image/webp", true, false},
        {"image/avif,image/webp,image/apng,*/*;q=0.8", true, true},
        {"IMAGE/AVIF ; q=0.5", false, true},
        {"image/avif;q=0, image/webp;q=0.0", false, false},
        {"image/avif;q=0.01", false, true},
        {"image/avifx, ximage/webp", false, false},
    };
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct vb_accepts accepts = vb_query_accepts(cases[i].accept);
        assert_int_equal(accepts.webp, cases[i].webp);
        assert_int_equal(accepts.avif, cases[i].avif);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_variant_parameters_it_is_the_canonical_file),
        cmocka_unit_test(equal_variants_have_one_text),
        cmocka_unit_test(a_value_that_is_not_allowed_is_refused_with_its_rule),
        cmocka_unit_test(the_order_of_parameters_does_not_matter),
        cmocka_unit_test(sizes_that_would_enlarge_are_one_variant),
        cmocka_unit_test(accept_counts_the_formats_that_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
