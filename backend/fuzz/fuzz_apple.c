/* Fuzzes Sign in with Apple. The first byte says what the rest is: 't' a token as strangers send it, 'p' a
 * payload, which is signed here as Apple would, anything else a key set. */
#include "api/auth/apple_token.h"
#include "base/encode.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW    1790000000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k\"}"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static EVP_PKEY *rsa;
static struct vb_apple_keys *keys;

static void prepare(void)
{
    unsigned char bytes[256];
    char modulus[VB_BASE64_SIZE(sizeof(bytes))], json[512];
    BIGNUM *n = NULL;
    int length;

    rsa = EVP_RSA_gen(2048);
    if (!rsa || !EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n))
        abort();
    BN_bn2binpad(n, bytes, sizeof(bytes));
    BN_free(n);
    vb_base64url_encode(bytes, sizeof(bytes), modulus);
    length = snprintf(json, sizeof(json),
                      "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"AQAB\"}]}", modulus);
    if (vb_apple_keys_read(json, (size_t)length, &keys) < 0)
        abort();
}

static void check(const char *token, size_t length)
{
    const struct vb_apple_expected expected = {.issuer = "https://appleid.apple.com",
                                               .audiences = "com.example.vibe",
                                               .nonce = length % 2 ? "n" : NULL,
                                               .now_s = NOW};
    struct vb_apple_identity identity = {0};

    if (vb_apple_token_verify(keys, token, length, &expected, &identity) != VB_APPLE_OK)
        return;
    if (!identity.sub[0] || strlen(identity.sub) > VB_APPLE_SUB_MAX || strpbrk(identity.email, "\r\n <>"))
        abort();
}

static void check_signed(const unsigned char *payload, size_t size)
{
    char *token = malloc(VB_BASE64_SIZE(size) + 1024);
    unsigned char signature[256];
    size_t signature_size = sizeof(signature), length;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (!token || !context)
        abort();
    length = vb_base64url_encode(HEADER, strlen(HEADER), token);
    token[length++] = '.';
    length += vb_base64url_encode(payload, size, token + length);
    if (EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, rsa, NULL) != 1 ||
        EVP_DigestSign(context, signature, &signature_size, (const unsigned char *)token, length) != 1)
        abort();
    EVP_MD_CTX_free(context);
    token[length++] = '.';
    length += vb_base64url_encode(signature, signature_size, token + length);
    check(token, length);
    free(token);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct vb_apple_keys *read = NULL;
    char *copy;

    if (!keys)
        prepare();
    if (size == 0)
        return 0;
    copy = malloc(size); /* exact, without a NUL behind it */
    if (!copy)
        abort();
    memcpy(copy, data + 1, size - 1);
    if (data[0] == 't')
        check(copy, size - 1);
    else if (data[0] == 'p')
        check_signed(data + 1, size - 1);
    else if (vb_apple_keys_read(copy, size - 1, &read) == 0)
        vb_apple_keys_unref(read);
    free(copy);
    return 0;
}
