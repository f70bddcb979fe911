/*
 * Verifying presigned URLs of AWS Signature Version 2, which boto3 and s3cmd still make by default for custom
 * endpoints. Only the query form: no client signs headers that way by default. Source: "Signing and
 * authenticating REST requests (AWS signature version 2)" (Amazon S3 User Guide). No I/O. Thread-safe.
 */
#ifndef VB_STORE_SIGV2_H
#define VB_STORE_SIGV2_H

#include "base/arena.h"
#include "s3/sigv4.h"

/* Whether the query holds such a signature. */
bool vb_store_sigv2_present(const char *query);

/* request: its method, path, query and headers are signed. host_bucket: the bucket that the Host header
 * names; NULL for path style. Returns VB_SIGV4_OK, _MALFORMED, _UNKNOWN_KEY, _MISMATCH, _EXPIRED or
 * _BAD_TOKEN. */
enum vb_sigv4_result vb_store_sigv2_verify(struct vb_arena *arena, const struct vb_sigv4_request *request,
                                           const char *host_bucket,
                                           const struct vb_sigv4_credentials *credentials, int64_t now_s);

#endif
