/*
 * The body of a request on its way in: undoes aws-chunked, counts, hashes, and passes it on to a writer of
 * the engine or into memory. Nothing is visible before vb_store_body_finish() has found every digest right.
 */
#ifndef VB_STORE_BODY_H
#define VB_STORE_BODY_H

#include "base/hash.h"
#include "s3/chunked.h"
#include "store/engine/engine.h"
#include "store/s3_error.h"

#define VB_STORE_XML_BODY_MAX ((size_t)4 * 1024 * 1024) /* 10000 parts with checksums */

struct vb_store_call;

struct vb_store_body {
    int64_t expected_size;           /* decoded bytes that were announced; -1: unknown */
    int64_t size;                    /* decoded bytes so far */
    struct vb_s3_chunked *chunked;   /* NULL: plain */
    struct vb_engine_writer *writer; /* an object's bytes; opened with the first of them */
    struct vb_strbuf collected;      /* an XML document */
    bool want_sha256, want_md5;      /* x-amz-content-sha256, Content-MD5 */
    char expected_sha256[2 * VB_SHA256_SIZE + 1];
    unsigned char expected_md5[16];
    struct vb_hash sha256, md5; /* md5 only for collected bodies: the writer has its own */
    bool hashing;               /* checksum_hash runs */
    struct vb_hash checksum_hash;
    struct vb_engine_checksum checksum; /* its algorithm while the body comes, its value afterwards */
    const char *expected_checksum;      /* base64, from a header; NULL: in the trailer, or none was sent */
    bool checksum_in_trailer;
};

/* Reads the headers that announce the body; free of I/O. Returns false having answered. */
bool vb_store_body_begin(struct vb_store_call *call);
/* A piece of the body as it was sent. May block. */
void vb_store_body_write(struct vb_store_call *call, const char *data, size_t size);
/* All of it is in: checks lengths and digests; the writer exists afterwards even for an empty object. Returns
 * false having answered. */
bool vb_store_body_finish(struct vb_store_call *call);
/* Computes this checksum although the client did not announce it. Only before the first byte. */
void vb_store_body_compute(struct vb_store_body *body, enum vb_hash_algorithm algorithm);
void vb_store_body_release(struct vb_store_body *body);

#endif
