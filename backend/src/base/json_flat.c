/* Flat JSON objects: see json_flat.h. */
#include "base/json_flat.h"

#include "base/number.h"

#include <errno.h>
#include <string.h>

#define DIGITS_MAX 15

void vb_json_flat_init(struct vb_json_flat *reader, const char *text, size_t length)
{
    *reader = (struct vb_json_flat){text, text + length, false};
}

static void skip_space(struct vb_json_flat *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static bool take(struct vb_json_flat *reader, char c)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool read_text(struct vb_json_flat *reader, const char **ret_text, size_t *ret_length)
{
    const char *at, *end = reader->end;

    if (!take(reader, '"'))
        return false;
    for (at = reader->at; at < end && *at != '"'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
        if (*at == '\\' && (++at == end || (*at != '"' && *at != '\\' && *at != '/')))
            return false;
    }
    if (at == end)
        return false;
    *ret_text = reader->at;
    *ret_length = (size_t)(at - reader->at);
    reader->at = at + 1;
    return true;
}

static bool read_integer(struct vb_json_flat *reader, int64_t *ret_value)
{
    bool negative = take(reader, '-');
    size_t length = vb_digits_length(reader->at, (size_t)(reader->end - reader->at));
    uint64_t value;

    if (length > DIGITS_MAX || (length > 1 && *reader->at == '0') ||
        vb_uint_parse(reader->at, length, INT64_MAX, &value) < 0)
        return false;
    reader->at += length;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool read_word(struct vb_json_flat *reader)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);

        if ((size_t)(reader->end - reader->at) >= length && memcmp(reader->at, words[i], length) == 0) {
            reader->at += length;
            return true;
        }
    }
    return false;
}

static bool read_member(struct vb_json_flat *reader, struct vb_json_flat_member *member)
{
    if (!read_text(reader, &member->name, &member->name_length) || !take(reader, ':'))
        return false;
    skip_space(reader);
    if (reader->at == reader->end)
        return false;
    if (*reader->at == '"') {
        member->kind = VB_JSON_FLAT_TEXT;
        return read_text(reader, &member->text, &member->text_length);
    }
    if (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9')) {
        member->kind = VB_JSON_FLAT_INTEGER;
        return read_integer(reader, &member->integer);
    }
    member->kind = VB_JSON_FLAT_WORD;
    return read_word(reader);
}

static int read_end(struct vb_json_flat *reader)
{
    skip_space(reader);
    return reader->at == reader->end ? 0 : -EINVAL;
}

int vb_json_flat_next(struct vb_json_flat *reader, struct vb_json_flat_member *ret_member)
{
    if (!reader->begun) {
        if (!take(reader, '{'))
            return -EINVAL;
        reader->begun = true;
        if (take(reader, '}'))
            return read_end(reader);
    } else if (take(reader, '}')) {
        return read_end(reader);
    } else if (!take(reader, ',')) {
        return -EINVAL;
    }
    return read_member(reader, ret_member) ? 1 : -EINVAL;
}

bool vb_json_flat_named(const struct vb_json_flat_member *member, const char *name)
{
    return strlen(name) == member->name_length && memcmp(member->name, name, member->name_length) == 0;
}

int vb_json_flat_copy(const struct vb_json_flat_member *member, char *buffer, size_t capacity)
{
    size_t length = 0;

    for (size_t i = 0; i < member->text_length; i++) {
        if (member->text[i] == '\\')
            i++;
        if (length + 1 >= capacity)
            return -ENOSPC;
        buffer[length++] = member->text[i];
    }
    buffer[length] = '\0';
    return 0;
}
