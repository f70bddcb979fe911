/* Requests of Amazon's documentation, signed, and bent before they are verified. */
#ifndef VB_TESTS_SIGV4_FIXTURE_H
#define VB_TESTS_SIGV4_FIXTURE_H

#include "s3/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DOC_TIME_S   1369353600 /* 20130524T000000Z */
#define DOC_DATE     "20130524T000000Z"
#define DOC_HOST     "examplebucket.s3.amazonaws.com"
#define HEADERS_MAX  16

extern const struct vb_sigv4_credentials doc_credentials, token_credentials;

/* A signed request that a test bends before it is verified. */
struct signed_request {
    struct vb_sigv4_header headers[HEADERS_MAX];
    struct vb_sigv4_request request;
    struct vb_strbuf authorization;
};

struct vb_sigv4_request make_request(const char *method, const char *path, const char *query,
                                     const struct vb_sigv4_header *headers);
void add_header(struct signed_request *s, const char *name, const char *value);
/* Header form, signed at DOC_TIME_S for us-east-1: host, x-amz-date and x-amz-content-sha256 and what extra
 * names. */
void sign_request(struct signed_request *s, const struct vb_sigv4_credentials *credentials,
                  const struct vb_sigv4_header *extra);
enum vb_sigv4_result verify(const struct signed_request *s);
/* Verifies a presigned URL as a server would see it: with its Host and any further headers. */
enum vb_sigv4_result verify_url(const char *url, const char *method, const struct vb_sigv4_header *extra,
                                const struct vb_sigv4_credentials *credentials, int64_t now_s,
                                struct vb_sigv4_verified *ret_verified);

#endif
