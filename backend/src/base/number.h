/*
 * Numbers and their digits: the one parser and the one writer.
 *
 * The parser is strict. It takes digits alone: no sign, no blank, no prefix, nothing after them; leading
 * zeros are digits like others. The text has a length and needs no NUL. Each function returns 0, -EINVAL for
 * text that is no number (the empty text, too), or -ERANGE for a number outside the bounds; ret_value is
 * untouched on failure.
 */
#ifndef VB_BASE_NUMBER_H
#define VB_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

int vb_uint_parse(const char *text, size_t length, uint64_t max, uint64_t *ret_value);
/* The same with a '-' before the digits of a negative number. */
int vb_int_parse(const char *text, size_t length, int64_t min, int64_t max, int64_t *ret_value);
/* Hexadecimal digits of either case, without "0x". */
int vb_hex_parse(const char *text, size_t length, uint64_t max, uint64_t *ret_value);

/* A decimal number: digits, with a '-' before them if it is negative, and with '.' and more digits after them
 * if it has a fraction. No exponent; the locale does not matter. The result is the nearest double, or one
 * beside it when there are more than 15 digits. -ERANGE: 10^18 or more. */
int vb_decimal_parse(const char *text, size_t length, double *ret_value);

/* With how many digits the text begins; it ends at max_length or at a NUL. */
size_t vb_digits_length(const char *text, size_t max_length);
size_t vb_hex_digits_length(const char *text, size_t max_length);

#define VB_UINT_DIGITS_MAX 20
/* Writes the digits, VB_UINT_DIGITS_MAX at the most and no NUL, and returns where they end. printf would be
 * most of the time of an answer. */
char *vb_uint_write(char *to, uint64_t value);
/* The same with leading zeros, or the last digits alone, so that there are exactly that many. */
char *vb_uint_write_fixed(char *to, unsigned value, unsigned digits);

#endif
