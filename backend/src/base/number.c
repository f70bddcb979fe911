/* Numbers and their digits: see number.h. */
#include "base/number.h"

#include "base/encode.h"

#include <errno.h>
#include <stdbool.h>

#define DECIMAL_MAX UINT64_C(1000000000000000000) /* 10^18 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int vb_uint_parse(const char *text, size_t length, uint64_t max, uint64_t *ret_value)
{
    bool too_large = false;
    uint64_t value = 0;

    if (length == 0)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i]))
            return -EINVAL;
        too_large = too_large || __builtin_mul_overflow(value, 10U, &value) ||
                    __builtin_add_overflow(value, (unsigned)(text[i] - '0'), &value);
    }
    if (too_large || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int vb_int_parse(const char *text, size_t length, int64_t min, int64_t max, int64_t *ret_value)
{
    bool negative = length > 0 && *text == '-';
    int64_t value;
    uint64_t magnitude;
    int r = vb_uint_parse(text + negative, length - negative, (uint64_t)INT64_MAX + negative, &magnitude);

    if (r < 0)
        return r;
    value = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (value < min || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int vb_hex_parse(const char *text, size_t length, uint64_t max, uint64_t *ret_value)
{
    bool too_large = false;
    uint64_t value = 0;

    if (length == 0)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        int digit = vb_hex_digit(text[i]);

        if (digit < 0)
            return -EINVAL;
        too_large = too_large || value >> 60;
        value = value << 4 | (unsigned)digit;
    }
    if (too_large || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int vb_decimal_parse(const char *text, size_t length, double *ret_value)
{
    bool negative = length > 0 && *text == '-';
    const char *end = text + length, *digits = text + negative;
    const char *point = digits + vb_digits_length(digits, length - negative);
    const char *fraction = point < end && *point == '.' ? point + 1 : point;
    uint64_t number;
    double scale = 1;
    int r = vb_uint_parse(digits, (size_t)(point - digits), DECIMAL_MAX - 1, &number);

    if (r < 0)
        return r;
    if (fraction + vb_digits_length(fraction, (size_t)(end - fraction)) != end ||
        (fraction > point && fraction == end))
        return -EINVAL;
    for (; fraction < end && number < DECIMAL_MAX / 10; fraction++) { /* later digits change nothing */
        number = number * 10 + (unsigned)(*fraction - '0');
        scale *= 10;
    }
    *ret_value = (negative ? -1 : 1) * ((double)number / scale);
    return 0;
}

size_t vb_digits_length(const char *text, size_t max_length)
{
    size_t length = 0;

    while (length < max_length && is_digit(text[length]))
        length++;
    return length;
}

size_t vb_hex_digits_length(const char *text, size_t max_length)
{
    size_t length = 0;

    while (length < max_length && vb_hex_digit(text[length]) >= 0)
        length++;
    return length;
}

char *vb_uint_write(char *to, uint64_t value)
{
    char digits[VB_UINT_DIGITS_MAX];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (at < sizeof(digits))
        *to++ = digits[at++];
    return to;
}

char *vb_uint_write_fixed(char *to, unsigned value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + digits;
}
