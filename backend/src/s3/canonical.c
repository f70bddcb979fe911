/* The canonical request of AWS Signature Version 4: see canonical.h. */
#include "s3/canonical.h"

#include "base/encode.h"

#include <errno.h>
#include <string.h>

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool vb_text_equal(struct vb_text text, const char *string)
{
    return strlen(string) == text.length && memcmp(text.data, string, text.length) == 0;
}

bool vb_text_equal_nocase(struct vb_text text, const char *string)
{
    for (size_t i = 0; i < text.length; i++) /* string's NUL differs from any character of a text */
        if (lower(text.data[i]) != lower(string[i]) || string[i] == '\0')
            return false;
    return string[text.length] == '\0';
}

static int compare_text(struct vb_text a, struct vb_text b)
{
    int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);

    return order ? order : (a.length > b.length) - (a.length < b.length);
}

/* How '/' and '+' are read in the two parts of a request target. */
enum part { PATH, QUERY };

/* What UriEncode() leaves alone: the unreserved characters of RFC 3986, and the slashes of a path. */
static bool stays(unsigned char c, enum part part)
{
    return vb_percent_is_plain(c, part == PATH);
}

/* The byte that stands at *at, moving past it; -EINVAL for a '%' without two digits. */
static int decode_byte(struct vb_text text, enum part part, size_t *at)
{
    char c = text.data[(*at)++];
    int high, low;

    if (c == '+' && part == QUERY)
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    if (text.length - *at < 2)
        return -EINVAL;
    high = vb_hex_digit(text.data[*at]);
    low = vb_hex_digit(text.data[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -EINVAL : high << 4 | low;
}

/* Whether the text is encoded already as the canonical request wants it; most clients send it so. */
static bool is_canonical(struct vb_text text, enum part part)
{
    for (size_t i = 0; i < text.length; i++) {
        const char *at = text.data + i;

        if (stays((unsigned char)*at, part))
            continue;
        if (*at != '%' || text.length - i < 3 || vb_hex_digit(at[1]) < 0 || vb_hex_digit(at[2]) < 0 ||
            at[1] >= 'a' || at[2] >= 'a' ||
            stays((unsigned char)(vb_hex_digit(at[1]) << 4 | vb_hex_digit(at[2])), part))
            return false;
        i += 2;
    }
    return true;
}

static char *encode_byte(unsigned char c, enum part part, char *to)
{
    if (!stays(c, part))
        return vb_percent_write(to, c);
    *to++ = (char)c;
    return to;
}

static int recode(struct vb_arena *arena, struct vb_text text, enum part part, struct vb_text *ret_text)
{
    char *buffer, *to;

    if (is_canonical(text, part)) {
        *ret_text = text;
        return 0;
    }
    buffer = to = vb_arena_alloc(arena, 3 * text.length);
    if (!buffer)
        return -ENOMEM;
    for (size_t at = 0; at < text.length;) {
        int c = decode_byte(text, part, &at);

        if (c < 0)
            return c;
        to = encode_byte((unsigned char)c, part, to);
    }
    *ret_text = (struct vb_text){buffer, (size_t)(to - buffer)};
    return 0;
}

int vb_canonical_path(struct vb_arena *arena, const char *path, struct vb_text *ret_path)
{
    if (*path == '\0')
        path = "/";
    return recode(arena, (struct vb_text){path, strlen(path)}, PATH, ret_path);
}

static int parse_parameter(struct vb_arena *arena, struct vb_text text,
                           struct vb_canonical_parameter *ret_parameter)
{
    const char *equals = memchr(text.data, '=', text.length);
    struct vb_text name = {text.data, equals ? (size_t)(equals - text.data) : text.length};
    struct vb_text value = {"", 0};
    int r;

    if (equals)
        value = (struct vb_text){equals + 1, text.length - name.length - 1};
    r = recode(arena, name, QUERY, &ret_parameter->name);
    if (r < 0)
        return r;
    return recode(arena, value, QUERY, &ret_parameter->value);
}

static int compare_parameters(const struct vb_canonical_parameter *a, const struct vb_canonical_parameter *b)
{
    int order = compare_text(a->name, b->name);

    return order ? order : compare_text(a->value, b->value);
}

/* Insertion sort: there are few, and clients send them nearly sorted. */
static void sort_parameters(struct vb_canonical_query *query)
{
    struct vb_canonical_parameter *list = query->parameters;

    for (size_t i = 1; i < query->count; i++) {
        struct vb_canonical_parameter moving = list[i];
        size_t at = i;

        for (; at > 0 && compare_parameters(&moving, &list[at - 1]) < 0; at--)
            list[at] = list[at - 1];
        list[at] = moving;
    }
}

int vb_canonical_query_parse(struct vb_arena *arena, const char *query, struct vb_canonical_query *ret_query,
                             struct vb_text *ret_signature)
{
    ret_query->count = 0;
    if (ret_signature)
        *ret_signature = (struct vb_text){NULL, 0};
    while (*query) {
        struct vb_text text = {query, strcspn(query, "&")};
        struct vb_canonical_parameter parameter;
        int r;

        query += text.length + (query[text.length] == '&');
        if (text.length == 0)
            continue;
        r = parse_parameter(arena, text, &parameter);
        if (r < 0)
            return r;
        if (vb_text_equal(parameter.name, "X-Amz-Signature")) {
            if (ret_signature && ret_signature->data)
                return -EINVAL;
            if (ret_signature)
                *ret_signature = parameter.value;
            continue;
        }
        if (ret_query->count == VB_CANONICAL_PARAMETERS_MAX)
            return -EINVAL;
        ret_query->parameters[ret_query->count++] = parameter;
    }
    sort_parameters(ret_query);
    return 0;
}

void vb_canonical_query_write(const struct vb_canonical_query *query, struct vb_strbuf *out)
{
    for (size_t i = 0; i < query->count; i++) {
        const struct vb_canonical_parameter *parameter = &query->parameters[i];

        if (i > 0)
            vb_strbuf_addc(out, '&');
        vb_strbuf_add(out, parameter->name.data, parameter->name.length);
        vb_strbuf_addc(out, '=');
        vb_strbuf_add(out, parameter->value.data, parameter->value.length);
    }
}

size_t vb_canonical_query_find(const struct vb_canonical_query *query, const char *name,
                               struct vb_text *ret_value)
{
    size_t found = 0;

    for (size_t i = 0; i < query->count; i++)
        if (vb_text_equal(query->parameters[i].name, name) && found++ == 0)
            *ret_value = query->parameters[i].value;
    return found;
}

int vb_canonical_names_parse(const char *signed_headers, struct vb_canonical_names *ret_names)
{
    ret_names->count = 0;
    for (;;) {
        size_t length = strcspn(signed_headers, ";");

        if (length == 0 || ret_names->count == VB_CANONICAL_HEADERS_MAX)
            return -EINVAL;
        ret_names->names[ret_names->count++] = (struct vb_text){signed_headers, length};
        if (signed_headers[length] == '\0')
            return 0;
        signed_headers += length + 1;
    }
}

bool vb_canonical_names_have(const struct vb_canonical_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (vb_text_equal_nocase(names->names[i], name))
            return true;
    return false;
}

static int compare_names(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) - lower(*b);
}

/* Whether the name is valid: nothing in it ends it early in the list, or ends the line in the canonical
 * request. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[strcspn(name, ";: \t\r\n")] == '\0';
}

int vb_canonical_headers_add(struct vb_canonical_headers *headers, const struct vb_sigv4_header *header)
{
    size_t at = headers->count;

    if (!is_name(header->name) || headers->count == VB_CANONICAL_HEADERS_MAX)
        return -EINVAL;
    for (; at > 0 && compare_names(header->name, headers->sorted[at - 1]->name) < 0; at--)
        headers->sorted[at] = headers->sorted[at - 1];
    headers->sorted[at] = header;
    headers->count++;
    return 0;
}

/* Whether the header at i has the name of the one before it. */
static bool is_repeated(const struct vb_canonical_headers *headers, size_t i)
{
    if (i == 0 || i >= headers->count)
        return false;
    return compare_names(headers->sorted[i - 1]->name, headers->sorted[i]->name) == 0;
}

static void write_lower(struct vb_text text, struct vb_strbuf *out)
{
    char *to = vb_strbuf_reserve(out, text.length);

    if (!to)
        return;
    for (size_t i = 0; i < text.length; i++)
        to[i] = (char)lower(text.data[i]);
    vb_strbuf_commit(out, text.length);
}

void vb_canonical_headers_write_names(const struct vb_canonical_headers *headers, struct vb_strbuf *out)
{
    for (size_t i = 0; i < headers->count; i++) {
        const char *name = headers->sorted[i]->name;

        if (is_repeated(headers, i))
            continue;
        if (i > 0)
            vb_strbuf_addc(out, ';');
        write_lower((struct vb_text){name, strlen(name)}, out);
    }
}

/* Trimmed, and runs of white space as one space. */
static int write_value(const char *value, struct vb_strbuf *out)
{
    value += strspn(value, " \t");
    while (*value) {
        size_t length = strcspn(value, " \t\r\n");

        vb_strbuf_add(out, value, length);
        value += length;
        if (*value == '\r' || *value == '\n')
            return -EINVAL;
        value += strspn(value, " \t");
        if (*value)
            vb_strbuf_addc(out, ' ');
    }
    return 0;
}

int vb_canonical_headers_write(const struct vb_canonical_headers *headers, struct vb_strbuf *out)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct vb_sigv4_header *header = headers->sorted[i];

        if (is_repeated(headers, i)) {
            vb_strbuf_addc(out, ',');
        } else {
            if (i > 0)
                vb_strbuf_addc(out, '\n');
            write_lower((struct vb_text){header->name, strlen(header->name)}, out);
            vb_strbuf_addc(out, ':');
        }
        if (write_value(header->value, out) < 0)
            return -EINVAL;
    }
    vb_strbuf_addc(out, '\n');
    return 0;
}

/* "name:value,value\n" with all headers of that name, in their order. */
static int write_header(const struct vb_canonical_request *request, struct vb_text name,
                        struct vb_strbuf *out)
{
    bool found = false;

    write_lower(name, out);
    for (size_t i = 0; i < request->header_count; i++) {
        if (!vb_text_equal_nocase(name, request->headers[i].name))
            continue;
        vb_strbuf_addc(out, found ? ',' : ':');
        found = true;
        if (write_value(request->headers[i].value, out) < 0)
            return -EINVAL;
    }
    vb_strbuf_addc(out, '\n');
    return found ? 0 : -ENOENT;
}

int vb_canonical_write(const struct vb_canonical_request *request, struct vb_strbuf *out)
{
    vb_strbuf_adds(out, request->method);
    vb_strbuf_addc(out, '\n');
    vb_strbuf_add(out, request->path.data, request->path.length);
    vb_strbuf_addc(out, '\n');
    vb_canonical_query_write(request->query, out);
    vb_strbuf_addc(out, '\n');
    for (size_t i = 0; i < request->names->count; i++) {
        int r = write_header(request, request->names->names[i], out);

        if (r < 0)
            return r;
    }
    vb_strbuf_addc(out, '\n');
    vb_strbuf_adds(out, request->signed_headers);
    vb_strbuf_addc(out, '\n');
    vb_strbuf_adds(out, request->payload_hash);
    return vb_strbuf_failed(out) ? -ENOMEM : 0;
}
