/* How a worker says that a job failed: see verdict.h. */
#include "jail/verdict.h"

#include <stdarg.h>
#include <stdio.h>

void vb_jail_bad(struct vb_media_result *result, const char *format, ...)
{
    va_list arguments;

    result->status = VB_MEDIA_BAD;
    va_start(arguments, format);
    vsnprintf(result->problem, sizeof(result->problem), format, arguments);
    va_end(arguments);
}

void vb_jail_trouble(struct vb_media_result *result, const char *what)
{
    result->status = VB_MEDIA_TROUBLE;
    snprintf(result->problem, sizeof(result->problem), "%s", what);
}
