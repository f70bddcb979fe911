/* Access tokens: as they come from strangers, and, with a good signature put on, as they would come from
 * somebody with the key: then the payload is read too. */
#include "api/auth/jwt.h"
#include "base/encode.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1790000000

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(const struct vb_jwt_key *key, const char *token, size_t length)
{
    struct vb_jwt_claims claims = {0};

    if (vb_jwt_verify(key, 1, token, length, NOW, &claims) != VB_JWT_OK)
        return;
    if (!claims.subject[0] || claims.expires_s + VB_JWT_LEEWAY_S <= NOW ||
        claims.issued_s > NOW + VB_JWT_LEEWAY_S)
        abort();
}

/* size: small enough for the result to be within VB_JWT_TOKEN_MAX. */
static void check_signed(const struct vb_jwt_key *key, const unsigned char *payload, size_t size)
{
    char token[VB_JWT_TOKEN_MAX + 1];
    unsigned char mac[VB_SHA256_SIZE];
    size_t length = key->header_length;

    memcpy(token, key->header, length);
    length += vb_base64url_encode(payload, size, token + length);
    vb_hmac(&key->hmac, token, length, mac);
    token[length++] = '.';
    length += vb_base64url_encode(mac, sizeof(mac), token + length);
    check(key, token, length);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct vb_jwt_key key;
    char *copy = malloc(size ? size : 1); /* exact, without a NUL behind it */

    if (!copy || vb_jwt_key_init(&key, "0123456789abcdef0123456789abcdef") < 0)
        abort();
    if (size)
        memcpy(copy, data, size);
    check(&key, copy, size);
    if (size <= 640)
        check_signed(&key, data, size);
    free(copy);
    return 0;
}
