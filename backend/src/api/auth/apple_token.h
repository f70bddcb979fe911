/*
 * Identity tokens of Sign in with Apple (OpenID Connect Core 1.0, "Verifying a user" in Apple's
 * documentation): JSON Web Tokens signed with RS256 (RFC 7518 3.3) by one of the keys in Apple's JSON Web Key
 * Set (RFC 7517). Pure and thread-safe.
 */
#ifndef VB_API_AUTH_APPLE_TOKEN_H
#define VB_API_AUTH_APPLE_TOKEN_H

#include "api/auth/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_APPLE_TOKEN_MAX  8192 /* bytes; longer ones are refused unread */
#define VB_APPLE_KEYS_BYTES ((size_t)64 * 1024)
#define VB_APPLE_KEYS_MAX   16
#define VB_APPLE_SUB_MAX    255
#define VB_APPLE_LEEWAY_S   60

/* A set of public keys with a reference count: the last reference frees it. */
struct vb_apple_keys;

/* Reads a key set; skips keys that are not for RS256 signatures, or have less than 2048 bits. Returns 0, or
 * -EINVAL for text that is no key set or has no such key. */
int vb_apple_keys_read(const char *json, size_t length, struct vb_apple_keys **ret_keys);
struct vb_apple_keys *vb_apple_keys_ref(struct vb_apple_keys *keys);
void vb_apple_keys_unref(struct vb_apple_keys *keys); /* NULL is fine */

/* The claims that a token must have. */
struct vb_apple_expected {
    const char *issuer;
    const char *audiences; /* comma-separated; one of them */
    const char *nonce;     /* the token has it, or its SHA-256 in hex; NULL: the token must have none */
    int64_t now_s;
};

struct vb_apple_identity {
    char sub[VB_APPLE_SUB_MAX + 1];
    char email[VB_EMAIL_SIZE]; /* an address that Apple verified; "" if there is none */
};

enum vb_apple_result {
    VB_APPLE_OK,
    VB_APPLE_MALFORMED,
    VB_APPLE_WRONG_ALGORITHM,
    VB_APPLE_UNKNOWN_KEY, /* the key set may be stale */
    VB_APPLE_BAD_SIGNATURE,
    VB_APPLE_WRONG_ISSUER,
    VB_APPLE_WRONG_AUDIENCE,
    VB_APPLE_EXPIRED,
    VB_APPLE_NOT_YET_VALID,
    VB_APPLE_WRONG_NONCE
};

/* Verifies the signature before it reads anything of the payload. */
enum vb_apple_result vb_apple_token_verify(struct vb_apple_keys *keys, const char *token, size_t length,
                                           const struct vb_apple_expected *expected,
                                           struct vb_apple_identity *ret_identity);

#endif
