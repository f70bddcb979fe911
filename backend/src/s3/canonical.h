/*
 * The canonical request of AWS Signature Version 4, in pieces: internal to sigv4.c and verify.c, which need
 * the pieces in different order. Source: "Create a canonical request" (IAM User Guide) with S3's exceptions.
 */
#ifndef VB_S3_CANONICAL_H
#define VB_S3_CANONICAL_H

#include "base/arena.h"
#include "s3/sigv4.h"

#define VB_CANONICAL_HEADERS_MAX    100 /* more is malformed */
#define VB_CANONICAL_PARAMETERS_MAX 100
#define VB_CANONICAL_ARENA_MAX      ((size_t)512 * 1024)
#define VB_CANONICAL_REQUEST_MAX    ((size_t)512 * 1024)

struct vb_text {
    const char *data;
    size_t length;
};

/* A query's parameters in canonical encoding. Text points into the query where that was canonical already,
 * else into the arena. */
struct vb_canonical_parameter {
    struct vb_text name, value;
};
struct vb_canonical_query {
    struct vb_canonical_parameter parameters[VB_CANONICAL_PARAMETERS_MAX];
    size_t count;
};

/* The names of SignedHeaders, split. */
struct vb_canonical_names {
    struct vb_text names[VB_CANONICAL_HEADERS_MAX];
    size_t count;
};

bool vb_text_equal(struct vb_text text, const char *string);
/* Compares ASCII letters without their case, whatever the locale. */
bool vb_text_equal_nocase(struct vb_text text, const char *string);

/* UriEncode(decode(text)): one spelling for what clients encode differently. Returns 0, -EINVAL or -ENOMEM.
 */
int vb_canonical_path(struct vb_arena *arena, const char *path, struct vb_text *ret_path);
/* Parses, encodes and sorts; '+' is a space, as S3 (and every server of HTML forms) reads it. X-Amz-Signature
 * is left out and goes to ret_signature (may be NULL). Returns 0, -EINVAL or -ENOMEM. */
int vb_canonical_query_parse(struct vb_arena *arena, const char *query, struct vb_canonical_query *ret_query,
                             struct vb_text *ret_signature);
void vb_canonical_query_write(const struct vb_canonical_query *query, struct vb_strbuf *out);
/* The number of parameters of that name (one that needs no encoding); the first one's value goes to
 * ret_value. */
size_t vb_canonical_query_find(const struct vb_canonical_query *query, const char *name,
                               struct vb_text *ret_value);

/* Splits "host;x-amz-date". Returns 0 or -EINVAL. */
int vb_canonical_names_parse(const char *signed_headers, struct vb_canonical_names *ret_names);
bool vb_canonical_names_have(const struct vb_canonical_names *names, const char *name);

/* Headers to be signed, by name; those of one name keep their order. */
struct vb_canonical_headers {
    const struct vb_sigv4_header *sorted[VB_CANONICAL_HEADERS_MAX];
    size_t count;
};
/* Adds a header, by reference. Returns 0, or -EINVAL for an invalid name or one header too many. */
int vb_canonical_headers_add(struct vb_canonical_headers *headers, const struct vb_sigv4_header *header);
/* Appends "host;x-amz-date": lower case, each name once. */
void vb_canonical_headers_write_names(const struct vb_canonical_headers *headers, struct vb_strbuf *out);
/* Appends "host:…\nx-amz-date:…\n". Returns 0, or -EINVAL when a value has line breaks. */
int vb_canonical_headers_write(const struct vb_canonical_headers *headers, struct vb_strbuf *out);

struct vb_canonical_request {
    const char *method;
    struct vb_text path;
    const struct vb_canonical_query *query;
    const struct vb_sigv4_header *headers;
    size_t header_count;
    const char *signed_headers;
    const struct vb_canonical_names *names; /* the same, split */
    const char *payload_hash;
};
/* Appends the canonical request. Returns 0, -ENOENT (a signed header is not among headers), -EINVAL (a
 * header's value has line breaks) or -ENOMEM (past out->max). */
int vb_canonical_write(const struct vb_canonical_request *request, struct vb_strbuf *out);

#endif
