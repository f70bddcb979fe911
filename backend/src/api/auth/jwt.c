/* Access tokens: see jwt.h. */
#include "api/auth/jwt.h"

#include "base/encode.h"
#include "base/json.h"
#include "base/json_flat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DECODED_MAX (VB_JWT_TOKEN_MAX * 3 / 4)

/* The header of our tokens, without the kid in its middle. */
#define HEADER_START     "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\""
#define HEADER_END       "\"}"
#define HEADER_SIZE      (sizeof(HEADER_START) - 1 + VB_KEY_ID_SIZE - 1 + sizeof(HEADER_END) - 1)
#define SIGNATURE_LENGTH 44 /* of the encoded signature, with its dot */

/* Writes the encoded header with its dot; returns its length. */
static size_t write_header(const char *kid, char ret_encoded[VB_BASE64_SIZE(HEADER_SIZE)])
{
    char json[HEADER_SIZE + 1];
    int size = snprintf(json, sizeof(json), HEADER_START "%s" HEADER_END, kid);
    size_t length = vb_base64url_encode(json, (size_t)size, ret_encoded);

    ret_encoded[length++] = '.';
    return length;
}

int vb_jwt_sign_ms(const struct vb_keys *keys, const char *subject, int64_t now_ms, unsigned lifetime_s,
                   struct vb_strbuf *out)
{
    struct vb_strbuf claims;
    struct vb_json json;
    char encoded[VB_BASE64_SIZE(DECODED_MAX)];
    char token[VB_JWT_TOKEN_MAX + 1];
    char kid[VB_KEY_ID_SIZE];
    unsigned char mac[VB_SHA256_SIZE];
    size_t length, encoded_length;

    if (!*subject || strlen(subject) > VB_JWT_SUBJECT_MAX)
        return -EINVAL;
    for (const char *c = subject; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return -EINVAL;
    vb_strbuf_init(&claims, DECODED_MAX);
    vb_json_init(&json, &claims);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "sub", subject);
    vb_json_key_int(&json, "iat", now_ms / 1000);
    vb_json_key_int(&json, "iat_ms", now_ms);
    vb_json_key_int(&json, "exp", now_ms / 1000 + lifetime_s);
    vb_json_key_string(&json, "iss", VB_JWT_ISSUER);
    vb_json_object_end(&json);
    if (vb_strbuf_failed(&claims)) {
        vb_strbuf_release(&claims);
        return -EINVAL;
    }
    encoded_length = vb_base64url_encode(claims.data, claims.length, encoded);
    vb_strbuf_release(&claims);

    vb_keys_id(keys, kid);
    length = write_header(kid, token);
    if (length + encoded_length + SIGNATURE_LENGTH > VB_JWT_TOKEN_MAX)
        return -EINVAL;
    memcpy(token + length, encoded, encoded_length);
    length += encoded_length;
    if (vb_keys_sign_as(keys, kid, VB_KEY_TOKEN, token, length, mac) < 0)
        return -EINVAL;
    token[length++] = '.';
    length += vb_base64url_encode(mac, sizeof(mac), token + length);
    vb_strbuf_add(out, token, length);
    return vb_strbuf_failed(out) ? -EINVAL : 0;
}

int vb_jwt_sign(const struct vb_keys *keys, const char *subject, int64_t now_s, unsigned lifetime_s,
                struct vb_strbuf *out)
{
    return vb_jwt_sign_ms(keys, subject, now_s * 1000, lifetime_s, out);
}

static bool is_text(const struct vb_json_flat_member *member, const char *text)
{
    return member->kind == VB_JSON_FLAT_TEXT && strlen(text) == member->text_length &&
           memcmp(member->text, text, member->text_length) == 0;
}

struct header {
    bool algorithm_seen, type_seen, kid_seen;
    char kid[VB_KEY_ID_SIZE];
};

static bool take_header_member(struct header *header, const struct vb_json_flat_member *member)
{
    if (vb_json_flat_named(member, "alg")) {
        if (header->algorithm_seen || !is_text(member, "HS256"))
            return false;
        header->algorithm_seen = true;
    } else if (vb_json_flat_named(member, "typ")) {
        if (header->type_seen || !is_text(member, "JWT"))
            return false;
        header->type_seen = true;
    } else if (vb_json_flat_named(member, "kid")) {
        if (header->kid_seen || member->kind != VB_JSON_FLAT_TEXT)
            return false;
        header->kid_seen = true;
        /* a longer kid is not ours: it stays empty and matches no key */
        if (vb_json_flat_copy(member, header->kid, sizeof(header->kid)) < 0)
            header->kid[0] = '\0';
    } else if (vb_json_flat_named(member, "crit")) {
        return false; /* RFC 7515 4.1.11: extensions that a reader must know; we know none */
    }
    return true;
}

static bool read_header(const char *json, size_t size, struct header *header)
{
    struct vb_json_flat reader;
    struct vb_json_flat_member member;
    int r;

    vb_json_flat_init(&reader, json, size);
    while ((r = vb_json_flat_next(&reader, &member)) > 0)
        if (!take_header_member(header, &member))
            return false;
    return r == 0 && header->algorithm_seen && header->kid_seen;
}

/* Reads the kid of a header that our own vb_jwt_sign() wrote; false for any other. */
static bool read_own_header(const char *json, size_t size, char kid[VB_KEY_ID_SIZE])
{
    const char *end = json + HEADER_SIZE - (sizeof(HEADER_END) - 1);

    if (size != HEADER_SIZE || memcmp(json, HEADER_START, sizeof(HEADER_START) - 1) != 0 ||
        memcmp(end, HEADER_END, sizeof(HEADER_END) - 1) != 0)
        return false;
    memcpy(kid, json + sizeof(HEADER_START) - 1, VB_KEY_ID_SIZE - 1);
    kid[VB_KEY_ID_SIZE - 1] = '\0';
    return true;
}

static enum vb_jwt_result check_signature(const struct vb_keys *keys, const char *token, size_t header_length,
                                          size_t signed_length, const unsigned char sent[VB_SHA256_SIZE])
{
    unsigned char mac[VB_SHA256_SIZE];
    struct header header = {0};
    char json[128];
    size_t size;

    if (vb_base64url_decode(token, header_length, json, sizeof(json), &size) < 0)
        return VB_JWT_MALFORMED;
    /* Another library that has the secret may write the header in another way. */
    if (!read_own_header(json, size, header.kid) && !read_header(json, size, &header))
        return VB_JWT_MALFORMED;
    if (vb_keys_sign_as(keys, header.kid, VB_KEY_TOKEN, token, signed_length, mac) < 0)
        return VB_JWT_UNKNOWN_KEY;
    return vb_equal_constant_time(mac, sizeof(mac), sent, VB_SHA256_SIZE) ? VB_JWT_OK : VB_JWT_BAD_SIGNATURE;
}

struct payload {
    struct vb_jwt_claims claims;
    int64_t not_before_s;
    unsigned seen; /* a bit for each claim below: a name that comes twice is refused */
};

enum {
    SEEN_SUBJECT = 1,
    SEEN_ISSUED = 2,
    SEEN_EXPIRES = 4,
    SEEN_ISSUER = 8,
    SEEN_NOT_BEFORE = 16,
    SEEN_ISSUED_MS = 32
};
#define SEEN_REQUIRED (SEEN_SUBJECT | SEEN_ISSUED | SEEN_EXPIRES | SEEN_ISSUER)

static bool take_claim(struct payload *payload, const struct vb_json_flat_member *member)
{
    unsigned claim = 0;
    int64_t *integer = NULL;

    if (vb_json_flat_named(member, "sub")) {
        if (member->kind != VB_JSON_FLAT_TEXT || member->text_length == 0 ||
            vb_json_flat_copy(member, payload->claims.subject, sizeof(payload->claims.subject)) < 0)
            return false;
        claim = SEEN_SUBJECT;
    } else if (vb_json_flat_named(member, "iss")) {
        if (!is_text(member, VB_JWT_ISSUER))
            return false;
        claim = SEEN_ISSUER;
    } else if (vb_json_flat_named(member, "iat")) {
        claim = SEEN_ISSUED;
        integer = &payload->claims.issued_s;
    } else if (vb_json_flat_named(member, "iat_ms")) {
        claim = SEEN_ISSUED_MS;
        integer = &payload->claims.issued_ms;
    } else if (vb_json_flat_named(member, "exp")) {
        claim = SEEN_EXPIRES;
        integer = &payload->claims.expires_s;
    } else if (vb_json_flat_named(member, "nbf")) {
        claim = SEEN_NOT_BEFORE;
        integer = &payload->not_before_s;
    }
    if (integer) {
        if (member->kind != VB_JSON_FLAT_INTEGER)
            return false;
        *integer = member->integer;
    }
    if (payload->seen & claim)
        return false;
    payload->seen |= claim;
    return true;
}

static bool read_payload(const char *json, size_t size, struct payload *payload)
{
    struct vb_json_flat reader;
    struct vb_json_flat_member member;
    int r;

    vb_json_flat_init(&reader, json, size);
    while ((r = vb_json_flat_next(&reader, &member)) > 0)
        if (!take_claim(payload, &member))
            return false;
    return r == 0 && (payload->seen & SEEN_REQUIRED) == SEEN_REQUIRED;
}

static enum vb_jwt_result check_payload(const char *encoded, size_t length, int64_t now_s,
                                        struct vb_jwt_claims *ret_claims)
{
    struct payload payload = {.not_before_s = INT64_MIN};
    char json[DECODED_MAX];
    size_t size;

    if (vb_base64url_decode(encoded, length, json, sizeof(json), &size) < 0 ||
        !read_payload(json, size, &payload))
        return VB_JWT_MALFORMED;
    if (now_s >= payload.claims.expires_s + VB_JWT_LEEWAY_S)
        return VB_JWT_EXPIRED;
    if (payload.claims.issued_s > now_s + VB_JWT_LEEWAY_S || payload.not_before_s > now_s + VB_JWT_LEEWAY_S)
        return VB_JWT_NOT_YET_VALID;
    if (!(payload.seen & SEEN_ISSUED_MS))
        payload.claims.issued_ms = payload.claims.issued_s * 1000;
    else if (payload.claims.issued_ms / 1000 != payload.claims.issued_s)
        return VB_JWT_MALFORMED;
    *ret_claims = payload.claims;
    return VB_JWT_OK;
}

enum vb_jwt_result vb_jwt_verify(const struct vb_keys *keys, const char *token, size_t length, int64_t now_s,
                                 struct vb_jwt_claims *ret_claims)
{
    const char *first_dot, *second_dot, *end = token + length;
    unsigned char sent[VB_SHA256_SIZE];
    enum vb_jwt_result result;
    size_t sent_size;

    if (length > VB_JWT_TOKEN_MAX)
        return VB_JWT_MALFORMED;
    first_dot = memchr(token, '.', length);
    if (!first_dot || first_dot == token)
        return VB_JWT_MALFORMED;
    second_dot = memchr(first_dot + 1, '.', (size_t)(end - first_dot - 1));
    if (!second_dot || second_dot == first_dot + 1 ||
        vb_base64url_decode(second_dot + 1, (size_t)(end - second_dot - 1), sent, sizeof(sent), &sent_size) <
            0 ||
        sent_size != sizeof(sent))
        return VB_JWT_MALFORMED;
    result = check_signature(keys, token, (size_t)(first_dot - token), (size_t)(second_dot - token), sent);
    return result != VB_JWT_OK
               ? result
               : check_payload(first_dot + 1, (size_t)(second_dot - first_dot - 1), now_s, ret_claims);
}
