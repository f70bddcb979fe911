/*
 * What a request claims about its signature, in either form: internal to verify.c, which checks the claim.
 */
#ifndef VB_S3_CLAIM_H
#define VB_S3_CLAIM_H

#include "base/arena.h"
#include "base/clock.h"
#include "s3/canonical.h"
#include "s3/sigv4.h"

#define VB_SIGV4_ALGORITHM "AWS4-HMAC-SHA256"

/* What a request claims about its signature; nothing of it is verified yet. */
struct vb_sigv4_claim {
    struct vb_text access_key_id, scope; /* scope: "date/region/service/aws4_request" */
    struct vb_text date, region, service;
    const char *signed_headers;
    struct vb_text signature;
    struct vb_text token; /* data NULL: none */
    char amz_date[VB_CLOCK_AMZ_DATE_SIZE];
    int64_t time_s;
    int64_t expires_s; /* query form */
};

/* One verification: what it works on and what it finds. */
struct vb_sigv4_verification {
    struct vb_arena arena;
    const struct vb_sigv4_request *request;
    const struct vb_sigv4_credentials *credentials;
    struct vb_sigv4_verified *verified;
    struct vb_canonical_query query;
    struct vb_canonical_names names;
    struct vb_sigv4_claim claim;
};

/* Returns the result, with the sentence for the answer in v->verified. */
enum vb_sigv4_result vb_sigv4_fail(struct vb_sigv4_verification *v, enum vb_sigv4_result result,
                                   const char *detail);

/* Finds out which form the request uses, if any, and reads its claim and its query. */
enum vb_sigv4_result vb_sigv4_claim_read(struct vb_sigv4_verification *v);

/* The number of headers of that name; the first one's value goes to ret_value. */
size_t vb_sigv4_header_find(const struct vb_sigv4_request *request, const char *name, const char **ret_value);
/* Decodes a parameter that the query has exactly once. Returns false for any other number, or a NUL in it. */
bool vb_sigv4_query_value(struct vb_sigv4_verification *v, const char *name, const char **ret_text);

#endif
