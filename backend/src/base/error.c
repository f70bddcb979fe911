/* Error descriptions: see error.h. */
#include "base/error.h"

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int vb_error_set(struct vb_error *err, int code, const char *format, ...)
{
    vb_assert(code > 0);
    if (err) {
        char message[VB_ERROR_MESSAGE_MAX]; /* apart, as the arguments may be the old message */
        va_list args;

        va_start(args, format);
        vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        memcpy(err->message, message, strlen(message) + 1);
        err->code = code;
        err->hint[0] = '\0';
    }
    return -code;
}

int vb_error_hint(struct vb_error *err, const char *format, ...)
{
    char hint[VB_ERROR_HINT_MAX];
    va_list args;

    if (!err)
        return -EIO;
    va_start(args, format);
    vsnprintf(hint, sizeof(hint), format, args);
    va_end(args);
    memcpy(err->hint, hint, strlen(hint) + 1);
    return -err->code;
}

int vb_error_prefix(struct vb_error *err, const char *format, ...)
{
    char prefix[VB_ERROR_MESSAGE_MAX];
    char joined[2 * VB_ERROR_MESSAGE_MAX + 2];
    va_list args;

    if (!err)
        return -EIO;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    snprintf(joined, sizeof(joined), "%s: %s", prefix, err->message);
    snprintf(err->message, sizeof(err->message), "%.*s", (int)sizeof(err->message) - 1, joined);
    return -err->code;
}
