/*
 * A string builder with a mandatory maximum, after git's strbuf and curl's dynbuf.
 *
 * `data` is always a NUL-terminated string (it may hold NUL bytes before that, as `length` says). Adding past
 * `max`, or running out of memory, makes the builder fail for good: later additions do nothing, and
 * vb_strbuf_failed() tells. So a sequence of additions is checked once, at its end.
 */
#ifndef VB_BASE_STRBUF_H
#define VB_BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct vb_strbuf {
    char *data;      /* never NULL; owned by the builder */
    size_t length;   /* bytes, without the final NUL */
    size_t capacity; /* bytes allocated; 0 while data points at the shared empty string */
    size_t max;      /* length never exceeds this */
    bool failed;
};

/* max: the longest the string may become, in bytes. Allocates nothing yet. */
void vb_strbuf_init(struct vb_strbuf *sb, size_t max);
/* Frees the memory; the builder may be used again, empty, with the same max. */
void vb_strbuf_release(struct vb_strbuf *sb);
/* Empties the string and forgets a failure; keeps the memory. */
void vb_strbuf_clear(struct vb_strbuf *sb);
/* Gives the string to the caller, who frees it with free(); NULL if the builder has failed. The builder is
 * empty and sound afterwards, whichever it was: there is nothing left to release. */
char *vb_strbuf_detach(struct vb_strbuf *sb);

/* What is added must not lie inside the builder itself. */
static inline void vb_strbuf_add(struct vb_strbuf *sb, const void *data, size_t size);
static inline void vb_strbuf_adds(struct vb_strbuf *sb, const char *text);
static inline void vb_strbuf_addc(struct vb_strbuf *sb, char c);
void vb_strbuf_addf(struct vb_strbuf *sb, const char *format, ...) __attribute__((format(printf, 2, 3)));
void vb_strbuf_vaddf(struct vb_strbuf *sb, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Decimal, without the cost of printf. */
void vb_strbuf_addu(struct vb_strbuf *sb, uint64_t value);
void vb_strbuf_addi(struct vb_strbuf *sb, int64_t value);
/* Makes room for size more bytes and returns where to write them (NULL: failed); then vb_strbuf_commit(). */
char *vb_strbuf_reserve(struct vb_strbuf *sb, size_t size);
void vb_strbuf_commit(struct vb_strbuf *sb, size_t size);

static inline bool vb_strbuf_failed(const struct vb_strbuf *sb)
{
    return sb->failed;
}

/* The way for what does not fit into the memory at hand. */
void vb_strbuf_add_slowly(struct vb_strbuf *sb, const void *data, size_t size);

/* Answers are built of many small pieces: those that fit are added without a call. */
static inline void vb_strbuf_add(struct vb_strbuf *sb, const void *data, size_t size)
{
    if (size == 0)
        return; /* data may be NULL then */
    if (sb->failed || sb->capacity - sb->length <= size) {
        vb_strbuf_add_slowly(sb, data, size);
        return;
    }
    memcpy(sb->data + sb->length, data, size);
    sb->length += size;
    sb->data[sb->length] = '\0';
}

static inline void vb_strbuf_adds(struct vb_strbuf *sb, const char *text)
{
    vb_strbuf_add(sb, text, strlen(text));
}

static inline void vb_strbuf_addc(struct vb_strbuf *sb, char c)
{
    vb_strbuf_add(sb, &c, 1);
}

#endif
