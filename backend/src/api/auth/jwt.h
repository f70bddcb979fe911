/*
 * Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else. Verification
 * allocates nothing and takes about a microsecond, so it may run on the event loop. Thread-safe.
 */
#ifndef VB_API_AUTH_JWT_H
#define VB_API_AUTH_JWT_H

#include "base/keys.h"
#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

#define VB_JWT_TOKEN_MAX   1024 /* longer ones are refused unread */
#define VB_JWT_SUBJECT_MAX 128
#define VB_JWT_LEEWAY_S    60 /* how far clocks may disagree */
#define VB_JWT_ISSUER      "vibe"

/* Appends a token. subject: at most VB_JWT_SUBJECT_MAX bytes without control characters. Returns 0 or
 * -EINVAL. iat has only seconds: the claim iat_ms holds the time of issue to the millisecond. */
int vb_jwt_sign_ms(const struct vb_keys *keys, const char *subject, int64_t now_ms, unsigned lifetime_s,
                   struct vb_strbuf *out);
int vb_jwt_sign(const struct vb_keys *keys, const char *subject, int64_t now_s, unsigned lifetime_s,
                struct vb_strbuf *out);

enum vb_jwt_result {
    VB_JWT_OK,
    VB_JWT_MALFORMED,     /* form, algorithm, issuer or claims are not those of our tokens */
    VB_JWT_UNKNOWN_KEY,   /* its kid names no key of the set */
    VB_JWT_BAD_SIGNATURE, /* changed, or signed with another secret */
    VB_JWT_EXPIRED,
    VB_JWT_NOT_YET_VALID /* nbf or iat in the future */
};

struct vb_jwt_claims {
    char subject[VB_JWT_SUBJECT_MAX + 1];
    int64_t issued_s, expires_s;
    int64_t issued_ms; /* iat_ms; without that claim, the beginning of the second issued_s */
};

/* Checks signature, issuer and times. Verifies the signature before it reads anything of the payload. */
enum vb_jwt_result vb_jwt_verify(const struct vb_keys *keys, const char *token, size_t length, int64_t now_s,
                                 struct vb_jwt_claims *ret_claims);

#endif
