/*
 * What an upload sends: a file on disk, or bytes in memory, with what its ticket must say of it. For one
 * thread at a time.
 */
#ifndef VB_CLIENT_SOURCE_H
#define VB_CLIENT_SOURCE_H

#include "base/encode.h"
#include "base/error.h"
#include "base/hash.h"
#include "client/progress.h"
#include "media/sniff.h"

#include <stddef.h>
#include <stdint.h>

struct vb_source {
    int64_t size; /* bytes */
    enum vb_media_type type;
    char checksum[VB_BASE64_SIZE(VB_SHA256_SIZE)]; /* base64 of its SHA-256 */
    const unsigned char *memory;                   /* NULL: a file */
    int fd;                                        /* -1: none */
    int64_t at;                                    /* where vb_source_read() goes on */
    struct vb_progress_bar *progress;              /* follows what is read; NULL: nothing does */
};

/* Opens a file and reads it once, for its type and its digest. -EINVAL: it is none of the types that may
 * be uploaded. */
int vb_source_open(struct vb_source *source, const char *path, struct vb_error *err);
/* Bytes in memory, which must outlive the source. */
void vb_source_memory(struct vb_source *source, const void *data, size_t size);
/* Also one that could not be opened. */
void vb_source_close(struct vb_source *source);

/* Reads the next bytes. Returns how many; 0: the end; -errno. */
int64_t vb_source_read(struct vb_source *source, char *buffer, size_t capacity);
/* Where to read on. */
void vb_source_seek(struct vb_source *source, int64_t offset);

#endif
