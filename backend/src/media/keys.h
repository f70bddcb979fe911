/*
 * Where media lie in the bucket: under which prefixes an object is published, so that the CDN serves it, and
 * where an upload is staged, which nobody may read.
 */
#ifndef VB_MEDIA_KEYS_H
#define VB_MEDIA_KEYS_H

#define VB_STAGED_PREFIX "user-uploads/"

/* Of published media; ended by NULL. */
extern const char *const vb_media_public_prefixes[];

#endif
