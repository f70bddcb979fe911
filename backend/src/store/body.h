/*
 * Receiving the body of a request: it is decoded (aws-chunked), counted, hashed, and passed to a writer of
 * the engine or collected in memory. An object becomes visible only after vb_store_body_finish() has checked
 * every digest.
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
    int64_t expected_size;           /* decoded bytes that the headers announce; -1: unknown */
    int64_t size;                    /* decoded bytes so far */
    struct vb_s3_chunked *chunked;   /* NULL: plain */
    struct vb_engine_writer *writer; /* an object's bytes; opened at the first byte */
    struct vb_strbuf collected;      /* an XML document */
    bool want_sha256, want_md5;      /* x-amz-content-sha256, Content-MD5 */
    char expected_sha256[2 * VB_SHA256_SIZE + 1];
    unsigned char expected_md5[16];
    struct vb_hash sha256, md5; /* md5 only for collected bodies: the writer has its own */
    bool hashing;               /* checksum_hash is running */
    struct vb_hash checksum_hash;
    struct vb_engine_checksum checksum; /* the algorithm from the start, the value after finish */
    const char *expected_checksum;      /* base64, from a header; NULL: in the trailer, or none */
    bool checksum_in_trailer;
};

/* Reads the headers that announce the body. No I/O. Returns false after answering. */
bool vb_store_body_begin(struct vb_store_call *call);
/* Takes a piece of the body as the client sent it. May block. */
void vb_store_body_write(struct vb_store_call *call, const char *data, size_t size);
/* Ends the body: checks its length and digests. Afterwards there is a writer, even for an empty object.
 * Returns false after answering. */
bool vb_store_body_finish(struct vb_store_call *call);
/* Also computes this checksum, which the client did not announce. Only before the first byte. */
void vb_store_body_compute(struct vb_store_body *body, enum vb_hash_algorithm algorithm);
void vb_store_body_release(struct vb_store_body *body);

#endif
