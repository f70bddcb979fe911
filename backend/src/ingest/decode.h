/*
 * Second step of the ingest: the file is fetched, and a jailed worker decodes and re-encodes it.
 */
#ifndef VB_INGEST_DECODE_H
#define VB_INGEST_DECODE_H

#include "ingest/inspect.h"

/* Fetches the object that was inspected into a file without a name, open for reading. The caller closes it.
 * NOT_ARRIVED, BUSY (no room for the file), STORAGE. */
enum vb_outcome vb_fetch(const struct vb_ingest *ingest, const char *key,
                         const struct vb_inspection *inspection, int *ret_file, struct vb_error *err);

/* A file to decode. */
struct vb_original {
    int file; /* open for reading */
    int64_t size;
    enum vb_media_type type; /* by its bytes */
    const char *owner;       /* a user's id: workers are shared out by owner */
};

/* What was made of it, in files that only this process has. */
struct vb_made {
    struct vb_media_result result; /* of the worker; its status is VB_MEDIA_OK */
    int output, poster; /* -1: none. A video that is as it should be has no output: publish the original */
    int64_t bytes, poster_bytes;
    char sha256[65];
    char thumbhash[2 * VB_THUMBHASH_MAX]; /* base64 */
    char color[8];
    enum vb_media_type type; /* VB_MEDIA_JPEG or VB_MEDIA_MP4 */
};
#define VB_MADE_NOTHING ((struct vb_made){.output = -1, .poster = -1})
void vb_made_release(struct vb_made *made); /* VB_MADE_NOTHING is fine */

/* BAD_MEDIA, or BUSY: no worker or no room now, or the worker failed. *ret_made is to be released in any
 * case. */
enum vb_outcome vb_decode(struct vb_workers *workers, const struct vb_original *original,
                          struct vb_made *ret_made, struct vb_error *err);

#endif
