/* Text encodings of bytes: see encode.h. */
#include "base/encode.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char vb_hex_upper[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                               '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};

const unsigned char vb_hex_values[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
    ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
    ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f, ['A'] = 0x1a, ['B'] = 0x1b,
    ['C'] = 0x1c, ['D'] = 0x1d, ['E'] = 0x1e, ['F'] = 0x1f,
};

void vb_hex_encode(const void *data, size_t size, char *buffer)
{
    const unsigned char *from = data;

    for (size_t i = 0; i < size; i++) {
        buffer[2 * i] = hex_digits[from[i] >> 4];
        buffer[2 * i + 1] = hex_digits[from[i] & 15];
    }
    buffer[2 * size] = '\0';
}

int vb_hex_decode(const char *text, size_t length, void *buffer, size_t size)
{
    unsigned char *to = buffer;

    if (length != 2 * size)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        int high = vb_hex_digit(text[2 * i]), low = vb_hex_digit(text[2 * i + 1]);

        if ((high | low) < 0)
            return -EINVAL;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

static size_t encode_base64(const void *data, size_t size, const char *alphabet, bool pad, char *buffer)
{
    const unsigned char *from = data;
    char *to = buffer;

    for (; size >= 3; size -= 3, from += 3) {
        *to++ = alphabet[from[0] >> 2];
        *to++ = alphabet[(from[0] & 3) << 4 | from[1] >> 4];
        *to++ = alphabet[(from[1] & 15) << 2 | from[2] >> 6];
        *to++ = alphabet[from[2] & 63];
    }
    if (size > 0) {
        unsigned second = size == 2 ? from[1] : 0;

        *to++ = alphabet[from[0] >> 2];
        *to++ = alphabet[(from[0] & 3) << 4 | second >> 4];
        if (size == 2)
            *to++ = alphabet[(second & 15) << 2];
        else if (pad)
            *to++ = '=';
        if (pad)
            *to++ = '=';
    }
    *to = '\0';
    return (size_t)(to - buffer);
}

size_t vb_base64_encode(const void *data, size_t size, char *buffer)
{
    return encode_base64(data, size, base64_alphabet, true, buffer);
}

size_t vb_base64url_encode(const void *data, size_t size, char *buffer)
{
    return encode_base64(data, size, base64url_alphabet, false, buffer);
}

/* The value of each character of an alphabet, NOT_BASE64 for all others. */
#define NOT_BASE64 0x80
struct base64_values {
    unsigned char of[256];
};
static struct base64_values standard_values, url_values;
static pthread_once_t values_prepared = PTHREAD_ONCE_INIT;

static void prepare_values(void)
{
    memset(&standard_values, NOT_BASE64, sizeof(standard_values));
    memset(&url_values, NOT_BASE64, sizeof(url_values));
    for (unsigned char i = 0; i < 64; i++) {
        standard_values.of[(unsigned char)base64_alphabet[i]] = i;
        url_values.of[(unsigned char)base64url_alphabet[i]] = i;
    }
}

/* text without its padding */
static int decode_base64(const char *text, size_t length, const struct base64_values *values,
                         unsigned char *to, size_t capacity, size_t *ret_size)
{
    const unsigned char *from = (const unsigned char *)text, *end = from + length / 4 * 4;
    size_t rest = length % 4, size = length / 4 * 3 + (rest ? rest - 1 : 0);
    unsigned a, b, c, d;

    if (rest == 1)
        return -EINVAL;
    if (size > capacity)
        return -ENOSPC;
    for (; from < end; from += 4) {
        a = values->of[from[0]], b = values->of[from[1]], c = values->of[from[2]], d = values->of[from[3]];
        if ((a | b | c | d) & NOT_BASE64)
            return -EINVAL;
        *to++ = (unsigned char)(a << 2 | b >> 4);
        *to++ = (unsigned char)(b << 4 | c >> 2);
        *to++ = (unsigned char)(c << 6 | d);
    }
    if (rest > 0) {
        a = values->of[from[0]], b = values->of[from[1]], c = rest == 3 ? values->of[from[2]] : 0;
        if ((a | b | c) & NOT_BASE64 || (rest == 3 ? c & 3 : b & 15)) /* stray bits */
            return -EINVAL;
        *to++ = (unsigned char)(a << 2 | b >> 4);
        if (rest == 3)
            *to++ = (unsigned char)(b << 4 | c >> 2);
    }
    *ret_size = size;
    return 0;
}

int vb_base64_decode(const char *text, size_t length, void *buffer, size_t capacity, size_t *ret_size)
{
    if (length % 4 != 0)
        return -EINVAL;
    if (length > 0 && text[length - 1] == '=')
        length--;
    if (length % 4 == 3 && text[length - 1] == '=')
        length--;
    pthread_once(&values_prepared, prepare_values);
    return decode_base64(text, length, &standard_values, buffer, capacity, ret_size);
}

int vb_base64url_decode(const char *text, size_t length, void *buffer, size_t capacity, size_t *ret_size)
{
    pthread_once(&values_prepared, prepare_values);
    return decode_base64(text, length, &url_values, buffer, capacity, ret_size);
}

/* RFC 3986 2.3 */
#define UNRESERVED                                                                                           \
    ['A' ... 'Z'] = true, ['a' ... 'z'] = true,                                                              \
             ['0' ... '9'] = true, ['-'] = true, ['_'] = true, ['.'] = true, ['~'] = true
const bool vb_percent_plain[2][256] = {[false] = {UNRESERVED}, [true] = {UNRESERVED, ['/'] = true}};

void vb_percent_encode(struct vb_strbuf *out, const char *data, size_t size, bool keep_slash)
{
    size_t plain = 0; /* start of a run that needs no encoding */

    if (size == 0) /* data may be NULL then */
        return;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        char escaped[3];

        if (vb_percent_is_plain(c, keep_slash))
            continue;
        vb_percent_write(escaped, c);
        vb_strbuf_add(out, data + plain, i - plain);
        vb_strbuf_add(out, escaped, sizeof(escaped));
        plain = i + 1;
    }
    vb_strbuf_add(out, data + plain, size - plain);
}

int vb_percent_decode(struct vb_strbuf *out, const char *text, size_t length, bool plus_is_space)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%') {
            unsigned char byte;

            if (length - i < 3 || vb_hex_decode(text + i + 1, 2, &byte, 1) < 0)
                return -EINVAL;
            vb_strbuf_addc(out, (char)byte);
            i += 2;
        } else {
            vb_strbuf_addc(out, text[i] == '+' && plus_is_space ? ' ' : text[i]);
        }
    }
    return 0;
}

bool vb_utf8_valid(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text, *end = s + length;

    while (s < end) {
        size_t more;
        uint32_t code, least;
        uint64_t eight;

        if (end - s >= 8) { /* text is mostly ASCII */
            memcpy(&eight, s, sizeof(eight));
            if (!(eight & 0x8080808080808080)) {
                s += 8;
                continue;
            }
        }
        if (*s < 0x80) {
            s++;
            continue;
        }
        if ((*s & 0xe0) == 0xc0)
            more = 1, code = *s & 0x1f, least = 0x80;
        else if ((*s & 0xf0) == 0xe0)
            more = 2, code = *s & 0x0f, least = 0x800;
        else if ((*s & 0xf8) == 0xf0)
            more = 3, code = *s & 0x07, least = 0x10000;
        else
            return false;
        if ((size_t)(end - s) <= more)
            return false;
        for (size_t i = 1; i <= more; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (s[i] & 0x3f);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        s += more + 1;
    }
    return true;
}

bool vb_equal_constant_time(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a_size == b_size && CRYPTO_memcmp(a, b, a_size) == 0;
}
