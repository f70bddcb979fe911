/* String builder: see strbuf.h. */
#include "base/strbuf.h"

#include "base/memory.h"
#include "base/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an unallocated builder points at, so that data is always a string. Never written to. */
static char empty_string[1];

void vb_strbuf_init(struct vb_strbuf *sb, size_t max)
{
    vb_assert(max < SIZE_MAX / 2);
    *sb = (struct vb_strbuf){.data = empty_string, .max = max};
}

void vb_strbuf_release(struct vb_strbuf *sb)
{
    if (sb->capacity)
        free(sb->data);
    vb_strbuf_init(sb, sb->max);
}

void vb_strbuf_clear(struct vb_strbuf *sb)
{
    sb->length = 0;
    sb->failed = false;
    if (sb->capacity)
        sb->data[0] = '\0';
}

char *vb_strbuf_detach(struct vb_strbuf *sb)
{
    char *text;

    if (sb->failed) {
        vb_strbuf_release(sb);
        return NULL;
    }
    text = sb->capacity ? sb->data : vb_xstrdup("");
    vb_strbuf_init(sb, sb->max);
    return text;
}

char *vb_strbuf_reserve(struct vb_strbuf *sb, size_t size)
{
    size_t need, capacity;
    char *grown;

    if (sb->failed)
        return NULL;
    if (size > sb->max - sb->length) {
        sb->failed = true;
        return NULL;
    }
    need = sb->length + size + 1;
    if (need <= sb->capacity)
        return sb->data + sb->length;
    capacity = sb->capacity ? sb->capacity * 2 : 64;
    if (capacity < need)
        capacity = need;
    if (capacity > sb->max + 1)
        capacity = sb->max + 1;
    grown = realloc(sb->capacity ? sb->data : NULL, capacity);
    if (!grown) {
        sb->failed = true;
        return NULL;
    }
    sb->data = grown;
    sb->capacity = capacity;
    sb->data[sb->length] = '\0';
    return sb->data + sb->length;
}

void vb_strbuf_commit(struct vb_strbuf *sb, size_t size)
{
    vb_assert(sb->length + size < sb->capacity);
    sb->length += size;
    sb->data[sb->length] = '\0';
}

void vb_strbuf_add_slowly(struct vb_strbuf *sb, const void *data, size_t size)
{
    char *to = vb_strbuf_reserve(sb, size);

    if (!to)
        return;
    memcpy(to, data, size);
    vb_strbuf_commit(sb, size);
}

void vb_strbuf_vaddf(struct vb_strbuf *sb, const char *format, va_list args)
{
    va_list again;
    char small[256];
    int size;

    va_copy(again, args);
    size = vsnprintf(small, sizeof(small), format, args);
    if (size < 0) { /* more than INT_MAX bytes, or an impossible character */
        sb->failed = true;
    } else if ((size_t)size < sizeof(small)) {
        vb_strbuf_add(sb, small, (size_t)size);
    } else {
        char *to = vb_strbuf_reserve(sb, (size_t)size);

        if (to) {
            vsnprintf(to, (size_t)size + 1, format, again);
            vb_strbuf_commit(sb, (size_t)size);
        }
    }
    va_end(again);
}

void vb_strbuf_addf(struct vb_strbuf *sb, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vb_strbuf_vaddf(sb, format, args);
    va_end(args);
}

void vb_strbuf_addu(struct vb_strbuf *sb, uint64_t value)
{
    char digits[VB_UINT_DIGITS_MAX];

    vb_strbuf_add(sb, digits, (size_t)(vb_uint_write(digits, value) - digits));
}

void vb_strbuf_addi(struct vb_strbuf *sb, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;

    if (value < 0) {
        vb_strbuf_addc(sb, '-');
        magnitude = 0 - magnitude;
    }
    vb_strbuf_addu(sb, magnitude);
}
