/* Tokens of which only the hash is kept: see secret_token.h. */
#include "base/secret_token.h"

#include "base/random.h"

#include <string.h>

void vb_secret_token_of(const unsigned char value[VB_SECRET_TOKEN_BYTES], struct vb_secret_token *ret_token)
{
    size_t length = vb_base64url_encode(value, VB_SECRET_TOKEN_BYTES, ret_token->text);

    vb_sha256(ret_token->text, length, ret_token->hash);
}

void vb_secret_token_make(struct vb_secret_token *ret_token)
{
    unsigned char value[VB_SECRET_TOKEN_BYTES];

    vb_random_bytes(value, sizeof(value));
    vb_secret_token_of(value, ret_token);
    explicit_bzero(value, sizeof(value));
}

void vb_secret_token_hash(const char *text, unsigned char ret_hash[VB_SHA256_SIZE])
{
    vb_sha256(text, strlen(text), ret_hash);
}
