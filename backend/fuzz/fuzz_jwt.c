/* Fuzzes access tokens: as strangers send them, and with a good signature, so that the payload is read,
 * too. */
#include "api/auth/jwt.h"
#include "base/encode.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW    1790000000
#define SECRET "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(const struct vb_keys *keys, const char *token, size_t length)
{
    struct vb_jwt_claims claims = {0};

    if (vb_jwt_verify(keys, token, length, NOW, &claims) != VB_JWT_OK)
        return;
    if (!claims.subject[0] || claims.expires_s + VB_JWT_LEEWAY_S <= NOW ||
        claims.issued_s > NOW + VB_JWT_LEEWAY_S)
        abort();
}

/* size: small enough for the result to be within VB_JWT_TOKEN_MAX. */
static void check_signed(const struct vb_keys *keys, const unsigned char *payload, size_t size)
{
    char token[VB_JWT_TOKEN_MAX + 1], header[128], kid[VB_KEY_ID_SIZE];
    unsigned char mac[VB_SHA256_SIZE];
    size_t length;

    vb_keys_id(keys, kid);
    length = (size_t)snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
    length = vb_base64url_encode(header, length, token);
    token[length++] = '.';
    length += vb_base64url_encode(payload, size, token + length);
    vb_keys_sign(keys, VB_KEY_TOKEN, token, length, mac);
    token[length++] = '.';
    length += vb_base64url_encode(mac, sizeof(mac), token + length);
    check(keys, token, length);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct vb_keys *keys;
    char *copy = malloc(size ? size : 1); /* exact, without a NUL behind it */

    if (!copy || (!keys && vb_keys_create((const char *[]){SECRET, NULL}, &keys) < 0))
        abort();
    if (size)
        memcpy(copy, data, size);
    check(keys, copy, size);
    if (size <= 640)
        check_signed(keys, data, size);
    free(copy);
    return 0;
}
