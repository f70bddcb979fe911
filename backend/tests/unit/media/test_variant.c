/* The sizes and formats of variants. */
#include "media/variant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void widths_ascend_up_to_the_largest_side(void **state)
{
    const uint16_t *at = vb_variant_widths;

    (void)state;
    assert_true(at[0] > 0);
    for (; at[1]; at++)
        assert_true(at[0] < at[1]);
    assert_int_equal(at[0], VB_VARIANT_SIDE_MAX);
}

static void every_format_has_a_type_and_a_quality(void **state)
{
    static const struct {
        enum vb_format format;
        const char *mime;
    } formats[] = {
        {VB_FORMAT_JPEG, "image/jpeg"}, {VB_FORMAT_WEBP, "image/webp"}, {VB_FORMAT_AVIF, "image/avif"}};

    (void)state;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        assert_string_equal(vb_format_mime(formats[i].format), formats[i].mime);
        assert_in_range(vb_format_quality(formats[i].format), 1, 100);
    }
    /* AVIF's scale is another one: the same look has a lower number */
    assert_true(vb_format_quality(VB_FORMAT_AVIF) < vb_format_quality(VB_FORMAT_WEBP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_ascend_up_to_the_largest_side),
        cmocka_unit_test(every_format_has_a_type_and_a_quality),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
