/*
 * Files that arrive in parts. A file of more than 16 MiB is an S3 multipart upload: the server begins it,
 * with the metadata that a small file has as headers of its PUT. The phone PUTs each part to a presigned URL,
 * whose signature covers the part's length. The server makes one object of the parts.
 *
 * The database knows nothing of it: S3 lists the multipart upload of a staging key, and the ticket's
 * signature binds the key to its user. Blocking and thread-safe.
 */
#ifndef VB_INGEST_PARTS_H
#define VB_INGEST_PARTS_H

#include "ingest/outcome.h"
#include "ingest/staged.h"
#include "s3/multipart.h"

#define VB_PARTS_ABOVE ((int64_t)16 * 1024 * 1024) /* bytes of a file: longer ones go in parts */
#define VB_PART_SIZE   ((int64_t)8 * 1024 * 1024)  /* bytes of every part but the last */
#define VB_PARTS_MAX   64

_Static_assert(VB_PART_SIZE >= VB_S3_PART_MIN, "S3 takes no smaller parts");

static inline bool vb_parts_wanted(int64_t length)
{
    return length > VB_PARTS_ABOVE;
}
unsigned vb_parts_count(int64_t length);
/* Bytes of a part, numbered from 1. */
int64_t vb_parts_length(int64_t length, unsigned number);

/* What S3 has of a file. */
struct vb_parts {
    char id[VB_S3_UPLOAD_ID_SIZE];        /* the multipart upload's, which is S3's own */
    unsigned count;                       /* of all parts */
    unsigned arrived;                     /* of those that S3 has, with the right length */
    struct vb_s3_part list[VB_PARTS_MAX]; /* by number - 1; one with number 0 is missing */
};
/* Reads it from S3. -ENOENT: the file was assembled, or given up, or never begun. */
int vb_parts_read(struct vb_s3_client *s3, const char *staging_key, int64_t length,
                  struct vb_parts *ret_parts, struct vb_error *err);

/* The metadata that holds the SHA-256 of the whole file in base64, if the request for the ticket named one.
 * S3 itself checks the SHA-256 of single parts only. */
#define VB_PARTS_CHECKSUM "vibe-sha256"

/* Makes one object of a file that was sent in parts, and checks its checksum: the step before the inspection.
 * A file that is an object already is checked only. Safe to run twice at once. NOT_ARRIVED: the multipart
 * upload is over, and there is no object; INCOMPLETE, DAMAGED, STORAGE. */
enum vb_outcome vb_parts_assemble(struct vb_s3_client *s3, const struct vb_staged *staged,
                                  struct vb_error *err);

/* Aborts the multipart uploads of the key, if there are any. */
int vb_parts_abort(struct vb_s3_client *s3, const char *staging_key, struct vb_error *err);

#endif
