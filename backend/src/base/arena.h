/*
 * Memory with the life of one request, freed whole, after nginx's pools. Not thread-safe: one owner at a
 * time.
 */
#ifndef VB_BASE_ARENA_H
#define VB_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct vb_arena_block;

struct vb_arena {
    struct vb_arena_block *blocks; /* newest first */
    char *next, *end;              /* free part of the newest block */
    size_t used, max;              /* bytes handed out; the most that may be */
};

/* max: bytes after which allocation fails, padding between them counted. Allocates nothing yet. */
void vb_arena_init(struct vb_arena *arena, size_t max);
/* Frees everything taken from the arena; it may be used again. */
void vb_arena_release(struct vb_arena *arena);

/* Aligned for any type, not zeroed. NULL when max is reached or memory is out: sizes come from peers. */
void *vb_arena_alloc(struct vb_arena *arena, size_t size);
void *vb_arena_calloc(struct vb_arena *arena, size_t size);
/* Copies exactly length bytes, whatever they are, and adds a NUL. */
char *vb_arena_strndup(struct vb_arena *arena, const char *text, size_t length);
char *vb_arena_strdup(struct vb_arena *arena, const char *text);
char *vb_arena_printf(struct vb_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
