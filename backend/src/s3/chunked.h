/*
 * Decoder for `Content-Encoding: aws-chunked` bodies: signed and unsigned chunks, with and without trailers.
 * Sources: "Signature calculations for the Authorization header: Transferring payload in multiple chunks" and
 * "… Including trailing headers" (Amazon S3 API Reference). Streaming: memory does not grow with the body.
 */
#ifndef VB_S3_CHUNKED_H
#define VB_S3_CHUNKED_H

#include "s3/sigv4.h"

#define VB_S3_CHUNK_HEADER_MAX  256
#define VB_S3_CHUNK_TRAILER_MAX 4096

struct vb_s3_chunked;

/* verified: from vb_sigv4_verify; its payload_hash says which form is to come. The struct is copied. NULL
 * when payload_hash names none of the STREAMING forms. */
struct vb_s3_chunked *vb_s3_chunked_create(const struct vb_sigv4_verified *verified);
void vb_s3_chunked_destroy(struct vb_s3_chunked *chunked);

/* Decodes a piece of the encoded body; sink gets the decoded bytes (a negative result aborts and is
 * returned). Data of a signed chunk may reach the sink before its signature has been checked: keep it
 * invisible until vb_s3_chunked_finish(). Returns 0, -EINVAL (malformed: S3's IncompleteBody /
 * MalformedTrailerError) or -EACCES (a chunk signature does not match). */
int vb_s3_chunked_decode(struct vb_s3_chunked *chunked, const char *data, size_t size,
                         int (*sink)(void *context, const char *data, size_t size), void *context);
/* The body ended. Returns 0, -EINVAL when it ended early, or -EACCES. */
int vb_s3_chunked_finish(struct vb_s3_chunked *chunked);
/* Value of a trailer (lower-case name, e.g. "x-amz-checksum-crc32"), or NULL. Valid after finish. */
const char *vb_s3_chunked_trailer(const struct vb_s3_chunked *chunked, const char *name);

#endif
