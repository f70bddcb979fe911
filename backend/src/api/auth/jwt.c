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

int vb_jwt_key_init(struct vb_jwt_key *key, const char *secret)
{
    size_t size = strlen(secret);
    unsigned char mac[VB_SHA256_SIZE];
    char json[80];
    int length;

    if (size < VB_JWT_SECRET_MIN)
        return -EINVAL;
    memset(key, 0, sizeof(*key));
    vb_hmac_key_init(&key->hmac, secret, size);
    vb_hmac(&key->hmac, "vibe jwt kid", 12, mac);
    vb_hex_encode(mac, 8, key->kid);
    length = snprintf(json, sizeof(json), "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", key->kid);
    key->header_length = vb_base64url_encode(json, (size_t)length, key->header);
    key->header[key->header_length++] = '.';
    return 0;
}

int vb_jwt_sign_ms(const struct vb_jwt_key *key, const char *subject, int64_t now_ms, unsigned lifetime_s,
                   struct vb_strbuf *out)
{
    struct vb_strbuf claims;
    struct vb_json json;
    char encoded[VB_BASE64_SIZE(DECODED_MAX)];
    char token[VB_JWT_TOKEN_MAX + 1];
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

    length = key->header_length + encoded_length;
    if (length + 1 + 43 > VB_JWT_TOKEN_MAX)
        return -EINVAL;
    memcpy(token, key->header, key->header_length);
    memcpy(token + key->header_length, encoded, encoded_length);
    vb_hmac(&key->hmac, token, length, mac);
    token[length++] = '.';
    length += vb_base64url_encode(mac, sizeof(mac), token + length);
    vb_strbuf_add(out, token, length);
    return vb_strbuf_failed(out) ? -EINVAL : 0;
}

int vb_jwt_sign(const struct vb_jwt_key *key, const char *subject, int64_t now_s, unsigned lifetime_s,
                struct vb_strbuf *out)
{
    return vb_jwt_sign_ms(key, subject, now_s * 1000, lifetime_s, out);
}

static bool is_text(const struct vb_json_flat_member *member, const char *text)
{
    return member->kind == VB_JSON_FLAT_TEXT && strlen(text) == member->text_length &&
           memcmp(member->text, text, member->text_length) == 0;
}

struct header {
    bool algorithm_seen, type_seen, kid_seen;
    char kid[sizeof(((struct vb_jwt_key *)0)->kid)];
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
        /* a longer one is none of ours: left empty, it matches none */
        if (vb_json_flat_copy(member, header->kid, sizeof(header->kid)) < 0)
            header->kid[0] = '\0';
    } else if (vb_json_flat_named(member, "crit")) {
        return false; /* RFC 7515 4.1.11: extensions that must be understood; we know none */
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

/* header: encoded, with its dot. */
static enum vb_jwt_result find_key(const struct vb_jwt_key *keys, size_t key_count, const char *encoded,
                                   size_t length, const struct vb_jwt_key **ret_key)
{
    struct header header = {0};
    char json[128];
    size_t size;

    for (size_t i = 0; i < key_count; i++) {
        if (keys[i].header_length == length && memcmp(keys[i].header, encoded, length) == 0) {
            *ret_key = &keys[i];
            return VB_JWT_OK;
        }
    }
    /* Not written by us, but perhaps by another library that was given the key. */
    if (vb_base64url_decode(encoded, length - 1, json, sizeof(json), &size) < 0 ||
        !read_header(json, size, &header))
        return VB_JWT_MALFORMED;
    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(keys[i].kid, header.kid) == 0) {
            *ret_key = &keys[i];
            return VB_JWT_OK;
        }
    }
    return VB_JWT_UNKNOWN_KEY;
}

struct payload {
    struct vb_jwt_claims claims;
    int64_t not_before_s;
    unsigned seen; /* a bit for each claim below: a second one of the name is refused */
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

enum vb_jwt_result vb_jwt_verify(const struct vb_jwt_key *keys, size_t key_count, const char *token,
                                 size_t length, int64_t now_s, struct vb_jwt_claims *ret_claims)
{
    const struct vb_jwt_key *key = NULL;
    const char *first_dot, *second_dot, *end = token + length;
    unsigned char mac[VB_SHA256_SIZE], sent[VB_SHA256_SIZE];
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
    result = find_key(keys, key_count, token, (size_t)(first_dot + 1 - token), &key);
    if (result != VB_JWT_OK)
        return result;
    vb_hmac(&key->hmac, token, (size_t)(second_dot - token), mac);
    if (!vb_equal_constant_time(mac, sizeof(mac), sent, sizeof(sent)))
        return VB_JWT_BAD_SIGNATURE;
    return check_payload(first_dot + 1, (size_t)(second_dot - first_dot - 1), now_s, ret_claims);
}
