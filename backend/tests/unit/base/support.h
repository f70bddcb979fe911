/*
 * What several tests of base/ share: cmocka with its prerequisites, repeatable random data, and allocations
 * that fail on demand (the test program is linked with --wrap, see meson.build).
 */
#ifndef VB_TESTS_BASE_SUPPORT_H
#define VB_TESTS_BASE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Repeatable pseudo-random numbers (xorshift64*): a failure shows again on the next run. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

static inline void test_random_fill(uint64_t *state, void *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)(test_random(state) >> 32);
}

/* Lets `allow` more allocations of this program succeed, then fails the next one, or it and all after it. */
void fail_one_allocation_after(long allow);
void fail_all_allocations_after(long allow);
/* Ends that. Returns how many were refused. */
long stop_failing_allocations(void);

#endif
