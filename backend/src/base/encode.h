/*
 * Hexadecimal, base64 (RFC 4648) and percent-encoding (RFC 3986), and comparison in constant time.
 */
#ifndef VB_BASE_ENCODE_H
#define VB_BASE_ENCODE_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* The value of a hexadecimal digit of either case; negative for any other character. A table (16 + the
 * value), as the digits of random bytes leave branches to chance. */
extern const unsigned char vb_hex_values[256];
static inline int vb_hex_digit(char digit)
{
    return vb_hex_values[(unsigned char)digit] - 16;
}

/* Upper-case digits, as percent-encoding and character references write them. */
extern const char vb_hex_upper[16];

/* Writes 2*size lower-case digits and a NUL. */
void vb_hex_encode(const void *data, size_t size, char *buffer);
/* Reads exactly 2*size digits of either case. Returns 0 or -EINVAL. */
int vb_hex_decode(const char *text, size_t length, void *buffer, size_t size);

#define VB_BASE64_SIZE(n) ((((n) + 2) / 3) * 4 + 1)
/* Writes VB_BASE64_SIZE(size) bytes at the most, the final NUL among them; returns the length without it. */
size_t vb_base64_encode(const void *data, size_t size, char *buffer);
/* The URL-safe alphabet, without padding. */
size_t vb_base64url_encode(const void *data, size_t size, char *buffer);
/* Each decodes strictly (no white space, canonical padding or none for the URL form, no stray bits) into at
 * most capacity bytes. Returns 0, -EINVAL for malformed text, -ENOSPC when it does not fit. */
int vb_base64_decode(const char *text, size_t length, void *buffer, size_t capacity, size_t *ret_size);
int vb_base64url_decode(const char *text, size_t length, void *buffer, size_t capacity, size_t *ret_size);

/* Whether percent-encoding leaves the byte as it is: A-Z a-z 0-9 - _ . ~ (unreserved in RFC 3986 2.3), and
 * '/' if keep_slash. */
extern const bool vb_percent_plain[2][256];
static inline bool vb_percent_is_plain(unsigned char byte, bool keep_slash)
{
    return vb_percent_plain[keep_slash][byte];
}
/* Writes "%XX" and returns where it ends. */
static inline char *vb_percent_write(char *to, unsigned char byte)
{
    *to++ = '%';
    *to++ = vb_hex_upper[byte >> 4];
    *to++ = vb_hex_upper[byte & 15];
    return to;
}
/* Appends data with every byte but RFC 3986 unreserved ones as %XX; keep_slash leaves '/' as it is. This is
 * the UriEncode() of "Create a signed AWS API request". */
void vb_percent_encode(struct vb_strbuf *out, const char *data, size_t size, bool keep_slash);
/* Appends the decoded text; plus_is_space as in application/x-www-form-urlencoded. Returns 0, or -EINVAL for
 * a '%' without two digits (out is useless then). The result may hold NUL and any other byte. */
int vb_percent_decode(struct vb_strbuf *out, const char *text, size_t length, bool plus_is_space);

/* True if the text is well-formed UTF-8 (RFC 3629: no surrogates, no over-long forms, up to U+10FFFF). */
bool vb_utf8_valid(const char *text, size_t length);

/* Compares in a time that does not depend on the contents. */
bool vb_equal_constant_time(const void *a, size_t a_size, const void *b, size_t b_size);

#endif
