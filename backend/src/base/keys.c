/* The service's key set: see keys.h. */
#include "base/keys.h"

#include "base/encode.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ID_LABEL "vibe jwt kid"

struct key {
    char id[VB_KEY_ID_SIZE];
    struct vb_hmac_key hmac[VB_KEY_PURPOSES];
};

struct vb_keys {
    size_t count;
    struct key list[VB_KEYS_MAX]; /* newest first */
};

/* The label from which each purpose's key is derived; NULL: the secret itself is the key. Changing a label
 * invalidates everything signed with it. */
static const char *const labels[VB_KEY_PURPOSES] = {
    [VB_KEY_TOKEN] = NULL,
    [VB_KEY_UPLOAD] = "vibe upload ticket 1",
};

static void derive(struct key *key, const char *secret)
{
    struct vb_hmac_key whole;
    unsigned char mac[VB_SHA256_SIZE];

    vb_hmac_key_init(&whole, secret, strlen(secret));
    vb_hmac(&whole, ID_LABEL, strlen(ID_LABEL), mac);
    vb_hex_encode(mac, (VB_KEY_ID_SIZE - 1) / 2, key->id);
    for (int purpose = 0; purpose < VB_KEY_PURPOSES; purpose++) {
        if (!labels[purpose]) {
            key->hmac[purpose] = whole;
            continue;
        }
        vb_hmac(&whole, labels[purpose], strlen(labels[purpose]), mac);
        vb_hmac_key_init(&key->hmac[purpose], mac, sizeof(mac));
    }
    explicit_bzero(mac, sizeof(mac));
    explicit_bzero(&whole, sizeof(whole));
}

int vb_keys_create(const char *const *secrets, struct vb_keys **ret_keys)
{
    struct vb_keys *keys;
    size_t count = 0;

    for (; secrets[count]; count++)
        if (count == VB_KEYS_MAX || strlen(secrets[count]) < VB_KEYS_SECRET_MIN)
            return -EINVAL;
    if (count == 0)
        return -EINVAL;
    keys = vb_xcalloc(1, sizeof(*keys));
    for (size_t i = 0; i < count; i++)
        derive(&keys->list[i], secrets[i]);
    keys->count = count;
    *ret_keys = keys;
    return 0;
}

void vb_keys_destroy(struct vb_keys *keys)
{
    if (!keys)
        return;
    explicit_bzero(keys, sizeof(*keys));
    free(keys);
}

void vb_keys_sign(const struct vb_keys *keys, enum vb_key_purpose purpose, const void *data, size_t size,
                  unsigned char mac[VB_SHA256_SIZE])
{
    vb_hmac(&keys->list[0].hmac[purpose], data, size, mac);
}

bool vb_keys_verify(const struct vb_keys *keys, enum vb_key_purpose purpose, const void *data, size_t size,
                    const unsigned char *mac, size_t mac_size)
{
    unsigned char expected[VB_SHA256_SIZE];

    vb_assert(mac_size > 0 && mac_size <= sizeof(expected));
    for (size_t i = 0; i < keys->count; i++) {
        vb_hmac(&keys->list[i].hmac[purpose], data, size, expected);
        if (vb_equal_constant_time(expected, mac_size, mac, mac_size))
            return true;
    }
    return false;
}

size_t vb_keys_sign_each(const struct vb_keys *keys, enum vb_key_purpose purpose, const void *data,
                         size_t size, unsigned char macs[VB_KEYS_MAX][VB_SHA256_SIZE])
{
    for (size_t i = 0; i < keys->count; i++)
        vb_hmac(&keys->list[i].hmac[purpose], data, size, macs[i]);
    return keys->count;
}

void vb_keys_id(const struct vb_keys *keys, char ret_id[VB_KEY_ID_SIZE])
{
    memcpy(ret_id, keys->list[0].id, VB_KEY_ID_SIZE);
}

int vb_keys_sign_as(const struct vb_keys *keys, const char *id, enum vb_key_purpose purpose, const void *data,
                    size_t size, unsigned char mac[VB_SHA256_SIZE])
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->list[i].id, id) == 0) {
            vb_hmac(&keys->list[i].hmac[purpose], data, size, mac);
            return 0;
        }
    return -ENOENT;
}
