/* Whole numbers and their digits: strict in reading, exact at the limits of 64 bits. */
#include "base/number.h"

#include "base/memory.h"
#include "support.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define UNTOUCHED 4711

static void check_uint(const char *text, uint64_t max, int expected, uint64_t expected_value)
{
    uint64_t value = UNTOUCHED;

    assert_int_equal(vb_uint_parse(text, strlen(text), max, &value), expected);
    assert_true(value == (expected == 0 ? expected_value : UNTOUCHED));
}

static void digits_are_a_number_up_to_the_largest(void **state)
{
    (void)state;
    check_uint("0", 0, 0, 0);
    check_uint("7", UINT64_MAX, 0, 7);
    check_uint("007", UINT64_MAX, 0, 7);
    check_uint("100", 100, 0, 100);
    check_uint("101", 100, -ERANGE, 0);
    check_uint("18446744073709551615", UINT64_MAX, 0, UINT64_MAX);
    check_uint("18446744073709551616", UINT64_MAX, -ERANGE, 0);
    check_uint("36893488147419103232", UINT64_MAX, -ERANGE, 0); /* 2^65: wraps to 0 */
    check_uint("99999999999999999999999999999999999999", UINT64_MAX, -ERANGE, 0);
    check_uint("00000000000000000000000000000000000001", 1, 0, 1);
}

static void what_is_not_digits_alone_is_no_number(void **state)
{
    static const char *const texts[] = {"",   " ",  "+1", "-1", " 1", "1 ",   "1\n", "0x1",
                                        "1a", "1.", "1,", "/",  ":",  "\xb1", "1e3", "99999999999999999999x"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(texts); i++)
        check_uint(texts[i], UINT64_MAX, -EINVAL, 0);
}

static void reading_ends_at_the_length(void **state)
{
    static const char digits[3] = {'1', '2', '3'}; /* no NUL */
    uint64_t value;

    (void)state;
    assert_int_equal(vb_uint_parse(digits, 3, UINT64_MAX, &value), 0);
    assert_int_equal(value, 123);
    assert_int_equal(vb_uint_parse(digits, 2, UINT64_MAX, &value), 0);
    assert_int_equal(value, 12);
    assert_int_equal(vb_uint_parse(digits, 0, UINT64_MAX, &value), -EINVAL);
    assert_int_equal(vb_uint_parse("1\0002", 3, UINT64_MAX, &value), -EINVAL);
    assert_int_equal(vb_digits_length(digits, 3), 3);
    assert_int_equal(vb_digits_length(digits, 1), 1);
    assert_int_equal(vb_digits_length("12x3", SIZE_MAX), 2);
    assert_int_equal(vb_digits_length("12", SIZE_MAX), 2);
    assert_int_equal(vb_digits_length("", SIZE_MAX), 0);
    assert_int_equal(vb_hex_digits_length("09afAFgG", SIZE_MAX), 6);
    assert_int_equal(vb_hex_digits_length("ff", 1), 1);
}

static void signed_numbers_keep_their_bounds(void **state)
{
    static const struct {
        const char *text;
        int64_t min, max;
        int expected;
        int64_t value;
    } cases[] = {
        {"0", INT64_MIN, INT64_MAX, 0, 0},
        {"-0", INT64_MIN, INT64_MAX, 0, 0},
        {"9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX},
        {"9223372036854775808", INT64_MIN, INT64_MAX, -ERANGE, 0},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, -ERANGE, 0},
        {"-5", -5, 5, 0, -5},
        {"-6", -5, 5, -ERANGE, 0},
        {"6", -5, 5, -ERANGE, 0},
        {"", -5, 5, -EINVAL, 0},
        {"-", -5, 5, -EINVAL, 0},
        {"--1", -5, 5, -EINVAL, 0},
        {"- 1", -5, 5, -EINVAL, 0},
        {"+1", -5, 5, -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        int64_t value = UNTOUCHED;

        assert_int_equal(
            vb_int_parse(cases[i].text, strlen(cases[i].text), cases[i].min, cases[i].max, &value),
            cases[i].expected);
        assert_true(value == (cases[i].expected == 0 ? cases[i].value : UNTOUCHED));
    }
}

static void hexadecimal_digits_of_either_case_are_a_number(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        int expected;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0, 0},
        {"fF", 255, 0, 255},
        {"100", 255, -ERANGE, 0},
        {"ffffffffffffffff", UINT64_MAX, 0, UINT64_MAX},
        {"10000000000000000", UINT64_MAX, -ERANGE, 0},
        {"00000000000000001", 1, 0, 1},
        {"", 1, -EINVAL, 0},
        {"0x1", UINT64_MAX, -EINVAL, 0},
        {"g", UINT64_MAX, -EINVAL, 0},
        {"-1", UINT64_MAX, -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        uint64_t value = UNTOUCHED;

        assert_int_equal(vb_hex_parse(cases[i].text, strlen(cases[i].text), cases[i].max, &value),
                         cases[i].expected);
        assert_true(value == (cases[i].expected == 0 ? cases[i].value : UNTOUCHED));
    }
}

static void check_written(uint64_t value)
{
    char expected[32], written[VB_UINT_DIGITS_MAX];
    int length = snprintf(expected, sizeof(expected), "%" PRIu64, value);
    uint64_t read;

    assert_int_equal(vb_uint_write(written, value) - written, length);
    assert_memory_equal(written, expected, (size_t)length);
    assert_int_equal(vb_uint_parse(written, (size_t)length, UINT64_MAX, &read), 0);
    assert_true(read == value);
}

static void what_is_written_is_what_printf_writes_and_reads_back(void **state)
{
    uint64_t random = 20261201;

    (void)state;
    check_written(0);
    check_written(UINT64_MAX);
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
        check_written(power - 1);
        check_written(power);
        check_written(power + 1);
    }
    for (int i = 0; i < 10000; i++)
        check_written(test_random(&random) >> (i % 64));
}

static void fixed_width_pads_with_zeros_and_keeps_the_last_digits(void **state)
{
    char text[8] = "xxxxxxx";

    (void)state;
    assert_ptr_equal(vb_uint_write_fixed(text, 7, 4), text + 4);
    assert_string_equal(text, "0007xxx");
    vb_uint_write_fixed(text, 12345, 2);
    assert_string_equal(text, "4507xxx");
    assert_ptr_equal(vb_uint_write_fixed(text, 9, 0), text);
    assert_string_equal(text, "4507xxx");
}

static int parse_decimal(const char *text, double *ret_value)
{
    return vb_decimal_parse(text, strlen(text), ret_value);
}

static void decimal_numbers_are_exact(void **state)
{
    static const struct {
        const char *text;
        double value;
    } all[] = {{"0", 0},
               {"52.52", 52.52},
               {"-13.405", -13.405},
               {"007.50", 7.5},
               {"-0.000001", -0.000001},
               {"0.0000000000000000000000001", 0},
               {"179.99999999999997", 179.99999999999997},
               {"999999999999999999", 1e18}};
    double value;

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        assert_int_equal(parse_decimal(all[i].text, &value), 0);
        assert_true(value >= all[i].value - 3e-14 && value <= all[i].value + 3e-14);
    }
    assert_int_equal(parse_decimal("52.52", &value), 0);
    assert_true(value == 52.52);
    assert_int_equal(vb_decimal_parse("1.25,9", 4, &value), 0);
    assert_true(value == 1.25);
}

static void other_forms_are_no_decimal_number(void **state)
{
    static const char *const all[] = {"",    "-",   ".",    "+1",  ".5", "5.", "-.5", "1e3",   "0x1",
                                      "inf", "nan", "1..2", "1,5", " 1", "1 ", "--1", "1.2.3", "1.-2"};
    double value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        assert_int_equal(parse_decimal(all[i], &value), -EINVAL);
    assert_int_equal(parse_decimal("1000000000000000000", &value), -ERANGE);
    assert_true(value == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_a_number_up_to_the_largest),
        cmocka_unit_test(what_is_not_digits_alone_is_no_number),
        cmocka_unit_test(reading_ends_at_the_length),
        cmocka_unit_test(signed_numbers_keep_their_bounds),
        cmocka_unit_test(hexadecimal_digits_of_either_case_are_a_number),
        cmocka_unit_test(decimal_numbers_are_exact),
        cmocka_unit_test(other_forms_are_no_decimal_number),
        cmocka_unit_test(what_is_written_is_what_printf_writes_and_reads_back),
        cmocka_unit_test(fixed_width_pads_with_zeros_and_keeps_the_last_digits),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
