/* Failing allocations for the tests of base/: see support.h. Meant for one thread. */
#include "support.h"

#include <stdbool.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

static struct {
    bool active, persistent;
    long allowed, refused;
} fault;

static void start(long allow, bool persistent)
{
    fault.active = true;
    fault.persistent = persistent;
    fault.allowed = allow;
    fault.refused = 0;
}

void fail_one_allocation_after(long allow)
{
    start(allow, false);
}

void fail_all_allocations_after(long allow)
{
    start(allow, true);
}

long stop_failing_allocations(void)
{
    fault.active = false;
    return fault.refused;
}

static bool refuse(void)
{
    if (!fault.active)
        return false;
    if (fault.allowed > 0) {
        fault.allowed--;
        return false;
    }
    if (fault.refused > 0 && !fault.persistent)
        return false;
    fault.refused++;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
    return refuse() ? NULL : __real_realloc(pointer, size);
}
