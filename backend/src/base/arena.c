/* Request-lifetime memory: see arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small enough for malloc's per-thread cache: most requests need one block. */
#define BLOCK_SIZE ((size_t)1008)

struct vb_arena_block {
    struct vb_arena_block *next;
    alignas(max_align_t) char data[];
};

void vb_arena_init(struct vb_arena *arena, size_t max)
{
    *arena = (struct vb_arena){.max = max};
}

void vb_arena_release(struct vb_arena *arena)
{
    struct vb_arena_block *block = arena->blocks;

    while (block) {
        struct vb_arena_block *next = block->next;

        free(block);
        block = next;
    }
    vb_arena_init(arena, arena->max);
}

void *vb_arena_alloc(struct vb_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    void *memory;

    if (size > arena->max - arena->used || size > SIZE_MAX / 2)
        return NULL;
    if (size == 0) /* its own byte: NULL means failure alone */
        size = 1;
    size = (size + align - 1) & ~(align - 1);
    if (size > (size_t)(arena->end - arena->next)) {
        size_t room = size > BLOCK_SIZE / 2 ? size : BLOCK_SIZE - sizeof(struct vb_arena_block);
        struct vb_arena_block *block = malloc(sizeof(*block) + room);

        if (!block)
            return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
        if (room == size) { /* a block of its own: keep filling the older one */
            arena->used += size < arena->max - arena->used ? size : arena->max - arena->used;
            return block->data;
        }
        arena->next = block->data;
        arena->end = block->data + room;
    }
    memory = arena->next;
    arena->next += size;
    arena->used += size < arena->max - arena->used ? size : arena->max - arena->used;
    return memory;
}

void *vb_arena_calloc(struct vb_arena *arena, size_t size)
{
    void *memory = vb_arena_alloc(arena, size);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

char *vb_arena_strndup(struct vb_arena *arena, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? vb_arena_alloc(arena, length + 1) : NULL;

    if (copy) {
        if (length > 0) /* text may be NULL else */
            memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *vb_arena_strdup(struct vb_arena *arena, const char *text)
{
    return vb_arena_strndup(arena, text, strlen(text));
}

char *vb_arena_printf(struct vb_arena *arena, const char *format, ...)
{
    va_list args;
    char *text;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0) /* more than INT_MAX bytes */
        return NULL;
    text = vb_arena_alloc(arena, (size_t)size + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}
