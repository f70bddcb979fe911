/*
 * Allocation that cannot fail, for small sizes of our own. Memory whose size a peer decides is taken with
 * malloc() and checked instead.
 */
#ifndef VB_BASE_MEMORY_H
#define VB_BASE_MEMORY_H

#include <stddef.h>

/* Each aborts the process, with a line on stderr, when memory is out. The caller frees with free(). */
void *vb_xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *vb_xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *vb_xrealloc(void *pointer, size_t size) __attribute__((returns_nonnull));
char *vb_xstrdup(const char *text) __attribute__((malloc, returns_nonnull, nonnull));
/* Copies exactly length bytes, whatever they are, and adds a NUL. */
char *vb_xstrndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull, nonnull));
char *vb_xasprintf(const char *format, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* Aborts in release builds too: for what only a bug of ours can break. */
#define vb_assert(condition)                                                                                 \
    ((condition) ? (void)0 : vb_assert_failed(#condition, __FILE__, __LINE__, __func__))
void vb_assert_failed(const char *condition, const char *file, int line, const char *function)
    __attribute__((noreturn, cold));

#define VB_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
