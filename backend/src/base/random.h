/*
 * Randomness from the kernel, and the identifiers made of it. Thread-safe, and a child made by
 * fork() gets other numbers than its parent (one made by a bare clone() system call must call exec first).
 */
#ifndef VB_BASE_RANDOM_H
#define VB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills the buffer with cryptographic randomness. Cannot fail. */
void vb_random_bytes(void *buffer, size_t size);
/* Uniform in [0, bound); bound > 0. */
uint32_t vb_random_below(uint32_t bound);

#define VB_UUID_SIZE 37
/* A UUID version 7 (RFC 9562): sorts by time of creation to a quarter of a microsecond, 62 random bits. Lower
 * case. */
void vb_random_uuid(char buffer[VB_UUID_SIZE]);

#endif
