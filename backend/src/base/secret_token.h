/*
 * Tokens that are given away and of which the database keeps only the hash: refresh tokens and those of a
 * password reset. Pure and thread-safe.
 */
#ifndef VB_BASE_SECRET_TOKEN_H
#define VB_BASE_SECRET_TOKEN_H

#include "base/encode.h"
#include "base/hash.h"

#define VB_SECRET_TOKEN_BYTES 32

struct vb_secret_token {
    char text[VB_BASE64_SIZE(VB_SECRET_TOKEN_BYTES)];
    unsigned char hash[VB_SHA256_SIZE]; /* of the text */
};

/* A random one. */
void vb_secret_token_make(struct vb_secret_token *ret_token);
/* The one whose text is this value in base64url. */
void vb_secret_token_of(const unsigned char value[VB_SECRET_TOKEN_BYTES], struct vb_secret_token *ret_token);
/* The hash of a token that a client sent. */
void vb_secret_token_hash(const char *text, unsigned char ret_hash[VB_SHA256_SIZE]);

#endif
