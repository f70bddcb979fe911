/* JSON writer: see json.h. */
#include "base/json.h"

#include "base/encode.h"

#include <string.h>

void vb_json_init(struct vb_json *json, struct vb_strbuf *out)
{
    *json = (struct vb_json){.out = out};
}

static void begin_value(struct vb_json *json)
{
    if (json->need_comma)
        vb_strbuf_addc(json->out, ',');
    json->need_comma = true;
}

static void begin(struct vb_json *json, char bracket)
{
    begin_value(json);
    vb_strbuf_addc(json->out, bracket);
    json->need_comma = false;
}

static void end(struct vb_json *json, char bracket)
{
    vb_strbuf_addc(json->out, bracket);
    json->need_comma = true;
}

void vb_json_object_begin(struct vb_json *json)
{
    begin(json, '{');
}

void vb_json_object_end(struct vb_json *json)
{
    end(json, '}');
}

void vb_json_array_begin(struct vb_json *json)
{
    begin(json, '[');
}

void vb_json_array_end(struct vb_json *json)
{
    end(json, ']');
}

static void add_escape(struct vb_strbuf *out, unsigned char c)
{
    switch (c) {
    case '"':
        vb_strbuf_adds(out, "\\\"");
        break;
    case '\\':
        vb_strbuf_adds(out, "\\\\");
        break;
    case '\n':
        vb_strbuf_adds(out, "\\n");
        break;
    case '\r':
        vb_strbuf_adds(out, "\\r");
        break;
    case '\t':
        vb_strbuf_adds(out, "\\t");
        break;
    default:
        vb_strbuf_addf(out, "\\u%04x", c);
    }
}

/* Length of the well-formed UTF-8 sequence at text (1-4), or 0. */
static size_t sequence_length(const char *text, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (vb_utf8_valid(text, n))
            return n;
    return 0;
}

#define EACH_BYTE(value) (0x0101010101010101ULL * (value))
#define HIGH_BITS        EACH_BYTE(0x80)

/* Whether one of eight bytes may need an escape: a control character, '"', '\\', DEL or a byte above ASCII.
 * The zero-byte test of "Hacker's Delight" 6-1: next to such a byte it may report another one by mistake, but
 * it misses none. */
static bool any_special(uint64_t eight)
{
    uint64_t quote = eight ^ EACH_BYTE('"'), backslash = eight ^ EACH_BYTE('\\'),
             del = eight ^ EACH_BYTE(0x7f);

    return ((eight | (eight - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) |
             (del - EACH_BYTE(1))) &
            HIGH_BITS) != 0;
}

/* Length of the run at text that needs no escape: printable ASCII without '"' and '\\'. */
static size_t plain_run(const char *text, size_t length)
{
    size_t i = 0;

    for (; length - i >= 8; i += 8) {
        uint64_t eight;

        memcpy(&eight, text + i, sizeof(eight));
        if (any_special(eight))
            break;
    }
    while (i < length && text[i] >= 0x20 && text[i] != '"' && text[i] != '\\' && text[i] != 0x7f)
        i++;
    return i;
}

static void add_string(struct vb_strbuf *out, const char *text, size_t length)
{
    size_t plain = 0, i = 0; /* plain: start of a run that needs no escape */

    vb_strbuf_addc(out, '"');
    if (length == 0) { /* text may be NULL then */
        vb_strbuf_addc(out, '"');
        return;
    }
    while ((i += plain_run(text + i, length - i)) < length) {
        unsigned char c = (unsigned char)text[i];
        size_t size = c < 0x80 ? 1 : sequence_length(text + i, length - i);

        /* U+0080-U+009F steer terminals as ESC does, and this text ends up in logs */
        bool c1_control = size == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;

        if (size > 1 && !c1_control) {
            i += size;
            continue;
        }
        vb_strbuf_add(out, text + plain, i - plain);
        if (size == 0)
            vb_strbuf_adds(out, "\xef\xbf\xbd");
        else
            add_escape(out, c1_control ? (unsigned char)text[i + 1] : c);
        i += size ? size : 1;
        plain = i;
    }
    vb_strbuf_add(out, text + plain, length - plain);
    vb_strbuf_addc(out, '"');
}

void vb_json_key(struct vb_json *json, const char *key)
{
    if (json->need_comma)
        vb_strbuf_addc(json->out, ',');
    add_string(json->out, key, strlen(key));
    vb_strbuf_addc(json->out, ':');
    json->need_comma = false;
}

void vb_json_stringn(struct vb_json *json, const char *text, size_t length)
{
    begin_value(json);
    add_string(json->out, text, length);
}

void vb_json_string(struct vb_json *json, const char *text)
{
    if (text)
        vb_json_stringn(json, text, strlen(text));
    else
        vb_json_null(json);
}

void vb_json_int(struct vb_json *json, int64_t value)
{
    begin_value(json);
    vb_strbuf_addi(json->out, value);
}

void vb_json_null(struct vb_json *json)
{
    vb_json_raw(json, "null");
}

void vb_json_raw(struct vb_json *json, const char *text)
{
    begin_value(json);
    vb_strbuf_adds(json->out, text);
}

void vb_json_key_string(struct vb_json *json, const char *key, const char *text)
{
    vb_json_key(json, key);
    vb_json_string(json, text);
}

void vb_json_key_int(struct vb_json *json, const char *key, int64_t value)
{
    vb_json_key(json, key);
    vb_json_int(json, value);
}

void vb_json_key_bool(struct vb_json *json, const char *key, bool value)
{
    vb_json_key(json, key);
    vb_json_raw(json, value ? "true" : "false");
}

bool vb_json_too_deep(const char *text, size_t length, unsigned depth_max)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}
