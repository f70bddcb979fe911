/*
 * The service's key set: its secrets, each with an HMAC-SHA-256 key for each purpose. The newest secret
 * signs, all of them verify, so that a secret can be rotated while what the earlier ones signed is still in
 * use. No other part of the program keeps a key: the copies of the secrets from which the set is made are
 * wiped after the start. Only the process's environment still has them. Signing and verifying allocate
 * nothing, take less than a microsecond and are thread-safe.
 */
#ifndef VB_BASE_KEYS_H
#define VB_BASE_KEYS_H

#include "base/hash.h"

#include <stdbool.h>

#define VB_KEYS_MAX        4  /* secrets in a set */
#define VB_KEYS_SECRET_MIN 32 /* bytes of a secret: RFC 7518 3.2 wants at least the hash's length */
#define VB_KEY_ID_SIZE     17 /* with the final NUL */

/* What is signed with one purpose's key never verifies under another's. Messages of one purpose tell
 * themselves apart. */
enum vb_key_purpose {
    VB_KEY_TOKEN, /* access tokens, and the refresh tokens that follow others: the secret itself is the key */
    VB_KEY_UPLOAD, /* upload ids, and the seals of targets */
    VB_KEY_PURPOSES
};

struct vb_keys;

/* secrets: newest first, NULL-terminated; they are not kept. -EINVAL: none, more than VB_KEYS_MAX, or one
 * that is shorter than VB_KEYS_SECRET_MIN. */
int vb_keys_create(const char *const *secrets, struct vb_keys **ret_keys);
/* Wipes the keys. NULL is fine. */
void vb_keys_destroy(struct vb_keys *keys);

/* Signs with the newest secret. */
void vb_keys_sign(const struct vb_keys *keys, enum vb_key_purpose purpose, const void *data, size_t size,
                  unsigned char mac[VB_SHA256_SIZE]);
/* Whether one of the secrets signed the data. mac: the first mac_size bytes of it. */
bool vb_keys_verify(const struct vb_keys *keys, enum vb_key_purpose purpose, const void *data, size_t size,
                    const unsigned char *mac, size_t mac_size);
/* Signs with every secret, newest first; returns how many there are. For tokens that are recomputed, not
 * stored. */
size_t vb_keys_sign_each(const struct vb_keys *keys, enum vb_key_purpose purpose, const void *data,
                         size_t size, unsigned char macs[VB_KEYS_MAX][VB_SHA256_SIZE]);

/* The id of the newest secret. An id names a secret and does not tell it; the `kid` of access tokens. */
void vb_keys_id(const struct vb_keys *keys, char ret_id[VB_KEY_ID_SIZE]);
/* Signs with the secret of that id, for a message that names its key. -ENOENT: it is none of the set. */
int vb_keys_sign_as(const struct vb_keys *keys, const char *id, enum vb_key_purpose purpose, const void *data,
                    size_t size, unsigned char mac[VB_SHA256_SIZE]);

#endif
