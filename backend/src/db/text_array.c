/* Arrays of text: see text_array.h. */
#include "db/text_array.h"

void vb_text_array_init(struct vb_text_array *array, const char *text)
{
    array->at = text && text[0] == '{' && text[1] != '}' && text[1] != '{' ? text + 1 : NULL;
}

/* Reads up to the closing quote; returns what follows it, or NULL if there is none. */
static const char *read_quoted(const char *at, struct vb_strbuf *element)
{
    for (; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        vb_strbuf_addc(element, *at);
    }
    return *at ? at + 1 : NULL;
}

bool vb_text_array_next(struct vb_text_array *array, struct vb_strbuf *element, bool *ret_null)
{
    const char *at = array->at;

    vb_strbuf_clear(element);
    *ret_null = false;
    if (!at)
        return false;
    if (*at == '"') {
        at = read_quoted(at + 1, element);
    } else {
        size_t length = strcspn(at, ",}");

        vb_strbuf_add(element, at, length);
        *ret_null = length == 4 && memcmp(at, "NULL", 4) == 0;
        at += length;
    }
    array->at = at && *at == ',' ? at + 1 : NULL;
    return at != NULL;
}

void vb_text_array_begin(struct vb_strbuf *out)
{
    vb_strbuf_addc(out, '{');
}

void vb_text_array_add(struct vb_strbuf *out, const char *element)
{
    vb_strbuf_adds(out, out->length > 0 && out->data[out->length - 1] != '{' ? ",\"" : "\"");
    for (; *element; element++) {
        if (*element == '"' || *element == '\\')
            vb_strbuf_addc(out, '\\');
        vb_strbuf_addc(out, *element);
    }
    vb_strbuf_addc(out, '"');
}

void vb_text_array_end(struct vb_strbuf *out)
{
    vb_strbuf_addc(out, '}');
}
