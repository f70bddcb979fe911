/* Identity tokens of Sign in with Apple: see apple_token.h. */
#include "api/auth/apple_token.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/bn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define JSON_DEPTH_MAX 8
#define KID_MAX        64
#define MODULUS_MIN    256 /* bytes: 2048 bits */
#define MODULUS_MAX    512
#define EXPONENT_MAX   8

struct key {
    char kid[KID_MAX + 1];
    EVP_PKEY *key;
};

struct vb_apple_keys {
    atomic_uint references;
    size_t count;
    struct key keys[VB_APPLE_KEYS_MAX];
};

static void clean_json(json_t **json)
{
    json_decref(*json);
}

/* An object, or NULL. */
static json_t *load_object(const char *text, size_t length)
{
    json_t *json;

    if (vb_json_too_deep(text, length, JSON_DEPTH_MAX))
        return NULL;
    json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (json && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* Whether the member has that text or is absent. */
static bool is_or_lacks(const json_t *object, const char *name, const char *text)
{
    const char *value = text_of(object, name);

    return !json_object_get(object, name) || (value && strcmp(value, text) == 0);
}

/* A number of a key: base64url, big-endian. */
static BIGNUM *read_number(const json_t *jwk, const char *name, size_t max)
{
    unsigned char bytes[MODULUS_MAX];
    const char *text = text_of(jwk, name);
    size_t size;

    if (!text || vb_base64url_decode(text, strlen(text), bytes, max, &size) < 0 || size == 0)
        return NULL;
    return BN_bin2bn(bytes, (int)size, NULL);
}

static EVP_PKEY *make_public_key(const BIGNUM *modulus, const BIGNUM *exponent)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (builder && context && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) &&
        (params = OSSL_PARAM_BLD_to_param(builder)) && EVP_PKEY_fromdata_init(context) > 0 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

/* The public key of a JWK; NULL for a key that is not for RS256 signatures. */
static EVP_PKEY *read_key(const json_t *jwk)
{
    BIGNUM *modulus = read_number(jwk, "n", MODULUS_MAX), *exponent = read_number(jwk, "e", EXPONENT_MAX);
    EVP_PKEY *key = NULL;

    if (modulus && exponent && BN_num_bytes(modulus) >= MODULUS_MIN && BN_is_odd(modulus) &&
        BN_is_odd(exponent) && !BN_is_one(exponent))
        key = make_public_key(modulus, exponent);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static void add_key(struct vb_apple_keys *keys, const json_t *jwk)
{
    const char *kid = text_of(jwk, "kid"), *type = text_of(jwk, "kty");
    struct key *key = &keys->keys[keys->count];

    if (!kid || !*kid || strlen(kid) > KID_MAX || !type || strcmp(type, "RSA") != 0 ||
        !is_or_lacks(jwk, "use", "sig") || !is_or_lacks(jwk, "alg", "RS256"))
        return;
    key->key = read_key(jwk);
    if (!key->key)
        return;
    memcpy(key->kid, kid, strlen(kid) + 1);
    keys->count++;
}

int vb_apple_keys_read(const char *json, size_t length, struct vb_apple_keys **ret_keys)
{
    json_t *set VB_CLEANUP(clean_json) = length <= VB_APPLE_KEYS_BYTES ? load_object(json, length) : NULL;
    const json_t *list = json_object_get(set, "keys");
    struct vb_apple_keys *keys;

    if (!json_is_array(list))
        return -EINVAL;
    keys = vb_xcalloc(1, sizeof(*keys));
    keys->references = 1;
    for (size_t i = 0; i < json_array_size(list) && keys->count < VB_APPLE_KEYS_MAX; i++)
        add_key(keys, json_array_get(list, i));
    if (keys->count == 0) {
        vb_apple_keys_unref(keys);
        return -EINVAL;
    }
    *ret_keys = keys;
    return 0;
}

struct vb_apple_keys *vb_apple_keys_ref(struct vb_apple_keys *keys)
{
    atomic_fetch_add(&keys->references, 1);
    return keys;
}

void vb_apple_keys_unref(struct vb_apple_keys *keys)
{
    if (!keys || atomic_fetch_sub(&keys->references, 1) != 1)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->keys[i].key);
    free(keys);
}

/* Decodes one part of the token as a JSON object; NULL if it is none. */
static json_t *decode_object(const char *encoded, size_t length)
{
    char *text VB_CLEANUP(vb_freep) = malloc(length + 1);
    size_t size;

    if (!text || vb_base64url_decode(encoded, length, text, length + 1, &size) < 0)
        return NULL;
    return load_object(text, size);
}

static enum vb_apple_result find_key(const struct vb_apple_keys *keys, const char *encoded, size_t length,
                                     EVP_PKEY **ret_key)
{
    json_t *header VB_CLEANUP(clean_json) = decode_object(encoded, length);
    const char *algorithm = text_of(header, "alg"), *kid = text_of(header, "kid");

    if (!header || !algorithm || json_object_get(header, "crit")) /* RFC 7515 4.1.11: we know no extensions */
        return VB_APPLE_MALFORMED;
    if (strcmp(algorithm, "RS256") != 0)
        return VB_APPLE_WRONG_ALGORITHM;
    if (!kid)
        return VB_APPLE_MALFORMED;
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].kid, kid) == 0) {
            *ret_key = keys->keys[i].key;
            return VB_APPLE_OK;
        }
    }
    return VB_APPLE_UNKNOWN_KEY;
}

/* RSASSA-PKCS1-v1_5 with SHA-256: OpenSSL's default padding for an RSA key. */
static bool is_signed(EVP_PKEY *key, const char *text, size_t length, const unsigned char *signature,
                      size_t size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) > 0 &&
                EVP_DigestVerify(context, signature, size, (const unsigned char *)text, length) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

static bool is_listed(const char *list, const char *text)
{
    for (size_t length; *list; list += length) {
        list += strspn(list, ", ");
        length = strcspn(list, ", ");
        if (length > 0 && strlen(text) == length && memcmp(list, text, length) == 0)
            return true;
    }
    return false;
}

static bool is_nonce(const json_t *payload, const char *expected)
{
    const char *nonce = text_of(payload, "nonce");
    char hex[2 * VB_SHA256_SIZE + 1];

    if (!expected)
        return !json_object_get(payload, "nonce");
    if (!nonce)
        return false;
    vb_sha256_hex(expected, strlen(expected), hex);
    return vb_equal_constant_time(nonce, strlen(nonce), expected, strlen(expected)) ||
           vb_equal_constant_time(nonce, strlen(nonce), hex, strlen(hex));
}

static bool read_sub(const json_t *payload, char sub[VB_APPLE_SUB_MAX + 1])
{
    const char *text = text_of(payload, "sub");

    if (!text || !*text || strlen(text) > VB_APPLE_SUB_MAX)
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return false;
    memcpy(sub, text, strlen(text) + 1);
    return true;
}

/* Apple writes email_verified as true or as "true". */
static void read_email(const json_t *payload, char email[VB_EMAIL_SIZE])
{
    const char *text = text_of(payload, "email"), *verified = text_of(payload, "email_verified");

    if (!text ||
        !(json_is_true(json_object_get(payload, "email_verified")) ||
          (verified && strcmp(verified, "true") == 0)) ||
        vb_account_check_email(text, email))
        email[0] = '\0';
}

static enum vb_apple_result check_payload(const json_t *payload, const struct vb_apple_expected *expected,
                                          struct vb_apple_identity *identity)
{
    const char *issuer = text_of(payload, "iss"), *audience = text_of(payload, "aud");
    const json_t *expires = json_object_get(payload, "exp"), *issued = json_object_get(payload, "iat");

    if (!issuer || !audience || !json_is_integer(expires) || !json_is_integer(issued) ||
        !read_sub(payload, identity->sub))
        return VB_APPLE_MALFORMED;
    if (strcmp(issuer, expected->issuer) != 0)
        return VB_APPLE_WRONG_ISSUER;
    if (!is_listed(expected->audiences, audience))
        return VB_APPLE_WRONG_AUDIENCE;
    if (json_integer_value(expires) <= expected->now_s - VB_APPLE_LEEWAY_S)
        return VB_APPLE_EXPIRED;
    if (json_integer_value(issued) > expected->now_s + VB_APPLE_LEEWAY_S)
        return VB_APPLE_NOT_YET_VALID;
    if (!is_nonce(payload, expected->nonce))
        return VB_APPLE_WRONG_NONCE;
    read_email(payload, identity->email);
    return VB_APPLE_OK;
}

enum vb_apple_result vb_apple_token_verify(struct vb_apple_keys *keys, const char *token, size_t length,
                                           const struct vb_apple_expected *expected,
                                           struct vb_apple_identity *ret_identity)
{
    json_t *payload VB_CLEANUP(clean_json) = NULL;
    struct vb_apple_identity identity = {0};
    const char *first, *second = NULL, *end = token + length;
    unsigned char signature[MODULUS_MAX];
    enum vb_apple_result result;
    EVP_PKEY *key = NULL;
    size_t size;

    if (length > VB_APPLE_TOKEN_MAX)
        return VB_APPLE_MALFORMED;
    first = memchr(token, '.', length);
    if (first)
        second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (!second)
        return VB_APPLE_MALFORMED;
    result = find_key(keys, token, (size_t)(first - token), &key);
    if (result != VB_APPLE_OK)
        return result;
    if (vb_base64url_decode(second + 1, (size_t)(end - second - 1), signature, sizeof(signature), &size) < 0)
        return VB_APPLE_MALFORMED;
    if (!is_signed(key, token, (size_t)(second - token), signature, size))
        return VB_APPLE_BAD_SIGNATURE;
    payload = decode_object(first + 1, (size_t)(second - first - 1));
    if (!payload)
        return VB_APPLE_MALFORMED;
    result = check_payload(payload, expected, &identity);
    if (result == VB_APPLE_OK)
        *ret_identity = identity;
    return result;
}
