/* Key sets for tests: of one secret, or of one and the secret before it. */
#ifndef VB_TESTS_KEYS_FIXTURE_H
#define VB_TESTS_KEYS_FIXTURE_H

#include "base/keys.h"

#include <stdlib.h>

#define KEYS_SECRET "0123456789abcdef0123456789abcdef"
#define KEYS_OTHER  "0123456789abcdef0123456789abcdeF"

/* previous: NULL for none. To be destroyed with vb_keys_destroy(). */
static inline struct vb_keys *keys_of(const char *newest, const char *previous)
{
    struct vb_keys *keys = NULL;

    if (vb_keys_create((const char *[]){newest, previous, NULL}, &keys) < 0)
        abort();
    return keys;
}

#endif
