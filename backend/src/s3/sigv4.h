/*
 * AWS Signature Version 4: one core for signing (our client, presigned URLs) and for verifying (our store).
 * Sources: "AWS Signature Version 4 for API requests" (IAM User Guide), "Authenticating Requests: Using Query
 * Parameters" and "… chunked upload" (Amazon S3 API Reference). Everything here is free of I/O and
 * thread-safe.
 */
#ifndef VB_S3_SIGV4_H
#define VB_S3_SIGV4_H

#include "base/error.h"
#include "base/hash.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_SIGV4_EXPIRES_MAX_S     604800 /* seven days */
#define VB_SIGV4_SKEW_MAX_S        900    /* fifteen minutes */
#define VB_SIGV4_UNSIGNED          "UNSIGNED-PAYLOAD"
#define VB_SIGV4_STREAMING         "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
#define VB_SIGV4_STREAMING_TRAILER "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
#define VB_SIGV4_UNSIGNED_TRAILER  "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

struct vb_sigv4_credentials {
    const char *access_key_id, *secret_access_key;
    const char *session_token; /* NULL without one */
};

struct vb_sigv4_header {
    const char *name, *value; /* name in any case */
};

/* A request as it is signed. path and query are as they stand in the request target: percent-encoded. */
struct vb_sigv4_request {
    const char *method;
    const char *path;
    const char *query; /* without '?'; may be "" */
    const struct vb_sigv4_header *headers;
    size_t header_count;
    const char *payload_hash; /* hex SHA-256 of the body, or one of the words above */
};

/* The canonical request; signed_headers is "host;x-amz-date". For S3 the path is encoded once and not
 * normalised. The query parameter X-Amz-Signature is left out. Returns 0 or -EINVAL. */
int vb_sigv4_canonical_request(const struct vb_sigv4_request *request, const char *signed_headers,
                               struct vb_strbuf *out);

/* The key for a day, a region and a service, derived from the secret; a small cache makes it cheap. */
void vb_sigv4_signing_key(const char *secret_access_key, const char date[8], const char *region,
                          const char *service, unsigned char ret_key[VB_SHA256_SIZE]);

/* The hexadecimal HMAC of lines joined by line feeds: how requests, chunks and trailers are signed. At most
 * 511 bytes in all. */
void vb_sigv4_signature(const unsigned char key[VB_SHA256_SIZE], const char *const *lines, size_t count,
                        char ret_hex[2 * VB_SHA256_SIZE + 1]);

/* Signs request with an Authorization header. request->headers must hold host and x-amz-date (and
 * x-amz-security-token when there is a token); all headers given are signed. Appends the header's value to
 * out. */
int vb_sigv4_sign(const struct vb_sigv4_request *request, const struct vb_sigv4_credentials *credentials,
                  const char *region, const char *service, int64_t time_s, struct vb_strbuf *out);

/* A presigned URL: the query form. Appends scheme://host/path?query to out. headers: those the client must
 * send with exactly these values (host is added). query: further parameters, percent-encoded, or
 * "". */
struct vb_presign {
    const char *method;
    const char *scheme,
        *host;        /* "https", "bucket.s3.eu-central-1.amazonaws.com" (with a port unless the default) */
    const char *path; /* percent-encoded, begins with '/' */
    const char *query;
    const struct vb_sigv4_header *headers;
    size_t header_count;
    const char *region;
    int64_t time_s;
    unsigned expires_s; /* 1 … VB_SIGV4_EXPIRES_MAX_S */
};
int vb_sigv4_presign(const struct vb_presign *presign, const struct vb_sigv4_credentials *credentials,
                     struct vb_strbuf *out);

/* Verification. The comments name the S3 error code of each outcome. */
enum vb_sigv4_result {
    VB_SIGV4_OK,
    VB_SIGV4_ANONYMOUS,      /* no signature at all */
    VB_SIGV4_MALFORMED,      /* AuthorizationHeaderMalformed / AuthorizationQueryParametersError */
    VB_SIGV4_UNKNOWN_KEY,    /* InvalidAccessKeyId */
    VB_SIGV4_MISMATCH,       /* SignatureDoesNotMatch */
    VB_SIGV4_EXPIRED,        /* AccessDenied, "Request has expired" */
    VB_SIGV4_NOT_YET_VALID,  /* AccessDenied, "Request is not valid yet" */
    VB_SIGV4_SKEWED,         /* RequestTimeTooSkewed */
    VB_SIGV4_BAD_TOKEN,      /* InvalidToken */
    VB_SIGV4_WRONG_REGION,   /* AuthorizationHeaderMalformed, naming the expected region */
    VB_SIGV4_UNSIGNED_HEADER /* AccessDenied: an x-amz-* header is present but not signed */
};

struct vb_sigv4_verified {
    bool presigned; /* query form */
    /* x-amz-content-sha256 (hex, or one of the words above); "UNSIGNED-PAYLOAD" for a query form without it
     */
    char payload_hash[2 * VB_SHA256_SIZE + 1];
    /* what chunk signatures build on (aws-chunked) */
    unsigned char signing_key[VB_SHA256_SIZE];
    char seed_signature[2 * VB_SHA256_SIZE + 1];
    char amz_date[17];
    char scope[128];    /* "20261122/us-east-1/s3/aws4_request" */
    const char *detail; /* one static sentence for the answer, on failure */
};

/* Ignores request->payload_hash: the header decides, and the reader of the body checks the body. In the query
 * '+' is a space, as in S3: code that reads parameters of the request must decode them the same way. */
enum vb_sigv4_result vb_sigv4_verify(const struct vb_sigv4_request *request,
                                     const struct vb_sigv4_credentials *credentials, const char *region,
                                     int64_t now_s, struct vb_sigv4_verified *ret_verified);

#endif
