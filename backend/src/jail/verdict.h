/*
 * The two ways a worker says that a job failed: the file is at fault, or we are. In the jail: linked into
 * vibe-media alone.
 */
#ifndef VB_JAIL_VERDICT_H
#define VB_JAIL_VERDICT_H

#include "media/job.h"

/* VB_MEDIA_BAD: a sentence for the owner of the file. */
void vb_jail_bad(struct vb_media_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* VB_MEDIA_TROUBLE: what was missing, for the operator. */
void vb_jail_trouble(struct vb_media_result *result, const char *what);

#endif
