/* Digests and checksums: see hash.h. */
#include "base/hash.h"

#include "base/encode.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>

/* For SHA256_Init() and its kin: see vb_sha256(). */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#define HMAC_BLOCK_SIZE 64

static EVP_MD *evp_digests[VB_HASH_ALGORITHMS];
/* crc_tables[a][k][b]: the CRC of byte b followed by k zero bytes, for eight bytes at a time. */
static uint64_t crc_tables[3][8][256];
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

/* reflected polynomials */
static const uint64_t crc_polynomials[3] = {0xedb88320, 0x82f63b78, 0x9a6c9329ac4bc9b5};

static void prepare_crc_table(uint64_t table[8][256], uint64_t polynomial)
{
    for (uint64_t b = 0; b < 256; b++) {
        uint64_t crc = b;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
        table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 0xff];
}

static void prepare(void)
{
    evp_digests[VB_HASH_SHA256] = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    evp_digests[VB_HASH_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
    evp_digests[VB_HASH_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
    vb_assert(evp_digests[VB_HASH_SHA256] && evp_digests[VB_HASH_SHA1] && evp_digests[VB_HASH_MD5]);
    for (int i = 0; i < 3; i++)
        prepare_crc_table(crc_tables[i], crc_polynomials[i]);
}

size_t vb_hash_size(enum vb_hash_algorithm algorithm)
{
    static const size_t sizes[VB_HASH_ALGORITHMS] = {
        [VB_HASH_SHA256] = 32, [VB_HASH_SHA1] = 20,  [VB_HASH_MD5] = 16,
        [VB_HASH_CRC32] = 4,   [VB_HASH_CRC32C] = 4, [VB_HASH_CRC64NVME] = 8};

    vb_assert((unsigned)algorithm < VB_HASH_ALGORITHMS);
    return sizes[algorithm];
}

static uint64_t crc_update(enum vb_hash_algorithm algorithm, uint64_t crc, const unsigned char *data,
                           size_t size)
{
    uint64_t(*table)[256] = crc_tables[algorithm - VB_HASH_CRC32];

    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;

        _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the tables want the first byte lowest");
        memcpy(&word, data, sizeof(word));
        word ^= crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= table[7 - k][word >> (8 * k) & 0xff];
    }
    for (; size > 0; size--, data++)
        crc = crc >> 8 ^ table[0][(crc ^ *data) & 0xff];
    return crc;
}

static uint64_t crc_mask(enum vb_hash_algorithm algorithm)
{
    return algorithm == VB_HASH_CRC64NVME ? UINT64_MAX : UINT32_MAX;
}

void vb_hash_init(struct vb_hash *hash, enum vb_hash_algorithm algorithm)
{
    vb_assert((unsigned)algorithm < VB_HASH_ALGORITHMS);
    pthread_once(&prepared, prepare);
    *hash = (struct vb_hash){.algorithm = algorithm};
    if (algorithm < VB_HASH_CRC32) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();

        vb_assert(context && EVP_DigestInit_ex2(context, evp_digests[algorithm], NULL));
        hash->context = context;
    } else {
        hash->crc = crc_mask(algorithm);
    }
}

void vb_hash_update(struct vb_hash *hash, const void *data, size_t size)
{
    if (hash->algorithm < VB_HASH_CRC32)
        vb_assert(EVP_DigestUpdate(hash->context, data, size));
    else
        hash->crc = crc_update(hash->algorithm, hash->crc, data, size);
}

void vb_hash_final(struct vb_hash *hash, unsigned char *digest)
{
    if (hash->algorithm < VB_HASH_CRC32) {
        vb_assert(EVP_DigestFinal_ex(hash->context, digest, NULL));
    } else {
        uint64_t crc = hash->crc ^ crc_mask(hash->algorithm);
        size_t size = vb_hash_size(hash->algorithm);

        for (size_t i = 0; i < size; i++)
            digest[i] = (unsigned char)(crc >> (8 * (size - 1 - i)));
    }
    vb_hash_release(hash);
}

void vb_hash_release(struct vb_hash *hash)
{
    EVP_MD_CTX_free(hash->context);
    hash->context = NULL;
}

void vb_hash_data(enum vb_hash_algorithm algorithm, const void *data, size_t size, unsigned char *digest)
{
    struct vb_hash hash;

    if (algorithm == VB_HASH_SHA256) {
        vb_sha256(data, size, digest);
        return;
    }
    vb_hash_init(&hash, algorithm);
    vb_hash_update(&hash, data, size);
    vb_hash_final(&hash, digest);
}

/*
 * Signatures cover a few hundred bytes, for which EVP's own work costs as much as the hashing. OpenSSL's
 * SHA256_* functions run the same code without that work. Their state is plain memory, so an HMAC key's state
 * can be kept and copied. OpenSSL 3 calls them deprecated because they ignore providers.
 */
void vb_sha256(const void *data, size_t size, unsigned char digest[VB_SHA256_SIZE])
{
    SHA256_CTX context;

    vb_assert(SHA256_Init(&context) && SHA256_Update(&context, data, size) && SHA256_Final(digest, &context));
}

void vb_sha256_hex(const void *data, size_t size, char hex[2 * VB_SHA256_SIZE + 1])
{
    unsigned char digest[VB_SHA256_SIZE];

    vb_sha256(data, size, digest);
    vb_hex_encode(digest, sizeof(digest), hex);
}

void vb_hmac_key_init(struct vb_hmac_key *key, const void *secret, size_t size)
{
    unsigned char block[HMAC_BLOCK_SIZE] = {0};
    SHA256_CTX context;

    _Static_assert(sizeof(context) == sizeof(key->inner), "a key holds two states of SHA-256");
    if (size > sizeof(block))
        vb_sha256(secret, size, block);
    else if (size > 0)
        memcpy(block, secret, size);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36;
    vb_assert(SHA256_Init(&context) && SHA256_Update(&context, block, sizeof(block)));
    memcpy(key->inner, &context, sizeof(context));
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36 ^ 0x5c;
    vb_assert(SHA256_Init(&context) && SHA256_Update(&context, block, sizeof(block)));
    memcpy(key->outer, &context, sizeof(context));
    explicit_bzero(block, sizeof(block));
    explicit_bzero(&context, sizeof(context));
}

void vb_hmac(const struct vb_hmac_key *key, const void *data, size_t size, unsigned char mac[VB_SHA256_SIZE])
{
    unsigned char inner[VB_SHA256_SIZE];
    SHA256_CTX context;

    memcpy(&context, key->inner, sizeof(context));
    vb_assert(SHA256_Update(&context, data, size) && SHA256_Final(inner, &context));
    memcpy(&context, key->outer, sizeof(context));
    vb_assert(SHA256_Update(&context, inner, sizeof(inner)) && SHA256_Final(mac, &context));
    explicit_bzero(inner, sizeof(inner));
    explicit_bzero(&context, sizeof(context));
}

void vb_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                    unsigned char mac[VB_SHA256_SIZE])
{
    struct vb_hmac_key prepared_key;

    vb_hmac_key_init(&prepared_key, key, key_size);
    vb_hmac(&prepared_key, data, size, mac);
    explicit_bzero(&prepared_key, sizeof(prepared_key));
}
