/* Allocation that cannot fail, and assertions that stay on in release. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(size_t size) __attribute__((noreturn, cold));
static void out_of_memory(size_t size)
{
    fprintf(stderr, "vibe: out of memory: %zu bytes could not be allocated\n", size);
    abort();
}

void *vb_xmalloc(size_t size)
{
    void *pointer = malloc(size ? size : 1);

    if (!pointer)
        out_of_memory(size);
    return pointer;
}

void *vb_xcalloc(size_t count, size_t size)
{
    void *pointer = calloc(count ? count : 1, size ? size : 1);

    if (!pointer)
        out_of_memory(size);
    return pointer;
}

void *vb_xrealloc(void *pointer, size_t size)
{
    void *grown = realloc(pointer, size ? size : 1);

    if (!grown)
        out_of_memory(size);
    return grown;
}

char *vb_xstrdup(const char *text)
{
    return vb_xstrndup(text, strlen(text));
}

char *vb_xstrndup(const char *text, size_t length)
{
    char *copy = vb_xmalloc(length + 1);

    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *vb_xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        out_of_memory(strlen(format));
    va_end(args);
    return text;
}

void vb_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "vibe: bug: %s:%d: %s: '%s' does not hold\n", file, line, function, condition);
    abort();
}
