/* Times in the API's form. */
#include "api/time_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void a_time_always_has_milliseconds(void **state)
{
    static const char *const cases[][2] = {
        {"2026-11-25 18:00:00+00", "2026-11-25T18:00:00.000Z"},
        {"2026-11-25 18:00:00.5+00", "2026-11-25T18:00:00.500Z"},
        {"2026-11-25 18:00:00.25+00", "2026-11-25T18:00:00.250Z"},
        {"2026-11-25 18:00:00.123456+00", "2026-11-25T18:00:00.123Z"},
        {"2026-11-25 18:00:00.999999+00", "2026-11-25T18:00:00.999Z"},
        {"0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000Z"},
        {"9999-12-31 23:59:59.9+00", "9999-12-31T23:59:59.900Z"},
    };
    char buffer[VB_CLOCK_ISO8601_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_ptr_equal(vb_api_time(cases[i][0], buffer), buffer);
        assert_string_equal(buffer, cases[i][1]);
    }
}

static void a_time_outside_the_apis_form_is_null(void **state)
{
    static const char *const cases[] = {NULL,
                                        "",
                                        "infinity",
                                        "-infinity",
                                        "10000-01-01 00:00:00+00",
                                        "0044-03-15 12:00:00+00 BC",
                                        "2026-11-25 18:00:00",
                                        "2026-11-25 18:00:00+01",
                                        "2026-11-25 18:00:00+05:30",
                                        "2026-11-25 18:00:00.",
                                        "2026-11-25",
                                        "2026-11-25T18:00:00+00"};
    char buffer[VB_CLOCK_ISO8601_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_null(vb_api_time(cases[i], buffer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_always_has_milliseconds),
        cmocka_unit_test(a_time_outside_the_apis_form_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
