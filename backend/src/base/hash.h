/*
 * Digests and checksums: SHA-256, SHA-1, MD5 and HMAC-SHA-256 from OpenSSL 3 (each algorithm fetched once),
 * the CRCs of S3 from our own tables. Thread-safe, except that threads must not share a struct that changes.
 */
#ifndef VB_BASE_HASH_H
#define VB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum vb_hash_algorithm {
    VB_HASH_SHA256,
    VB_HASH_SHA1,
    VB_HASH_MD5,
    VB_HASH_CRC32,     /* IEEE 802.3 */
    VB_HASH_CRC32C,    /* Castagnoli, RFC 3720 */
    VB_HASH_CRC64NVME, /* NVM Express, as in S3's default integrity checks */
    VB_HASH_ALGORITHMS
};

#define VB_SHA256_SIZE   32
#define VB_HASH_MAX_SIZE 32

/* Digest length in bytes. */
size_t vb_hash_size(enum vb_hash_algorithm algorithm);

/* A running digest. vb_hash_init, any number of vb_hash_update, then vb_hash_final or vb_hash_release. */
struct vb_hash {
    enum vb_hash_algorithm algorithm;
    uint64_t crc;
    void *context; /* EVP_MD_CTX of the OpenSSL algorithms; NULL for CRCs and when done */
};

void vb_hash_init(struct vb_hash *hash, enum vb_hash_algorithm algorithm);
void vb_hash_update(struct vb_hash *hash, const void *data, size_t size);
/* Writes vb_hash_size() bytes (CRCs big-endian, as S3 sends them) and releases the struct. */
void vb_hash_final(struct vb_hash *hash, unsigned char *digest);
void vb_hash_release(struct vb_hash *hash);

/* The whole of it at once. */
void vb_hash_data(enum vb_hash_algorithm algorithm, const void *data, size_t size, unsigned char *digest);
void vb_sha256(const void *data, size_t size, unsigned char digest[VB_SHA256_SIZE]);
void vb_sha256_hex(const void *data, size_t size, char hex[2 * VB_SHA256_SIZE + 1]);

/* RFC 2104. A key with the work done that depends on the key alone, for keys that sign again and again. It is
 * as secret as the key: wipe it. */
struct vb_hmac_key {
    uint32_t inner[28], outer[28]; /* states of SHA-256 after the padded key */
};

void vb_hmac_key_init(struct vb_hmac_key *key, const void *secret, size_t size);
void vb_hmac(const struct vb_hmac_key *key, const void *data, size_t size, unsigned char mac[VB_SHA256_SIZE]);

/* With a key that is used once. */
void vb_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                    unsigned char mac[VB_SHA256_SIZE]);

#endif
