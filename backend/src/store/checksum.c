/* S3's names of checksums, and the checksums of multipart objects: see checksum.h. */
#include "store/checksum.h"

#include "base/encode.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const enum vb_hash_algorithm vb_store_checksum_algorithms[] = {
    VB_HASH_CRC32, VB_HASH_CRC32C, VB_HASH_CRC64NVME, VB_HASH_SHA1, VB_HASH_SHA256, VB_HASH_ALGORITHMS};

static const struct {
    const char *name, *header, *element;
} names[VB_HASH_ALGORITHMS] = {
    [VB_HASH_CRC32] = {"CRC32", "x-amz-checksum-crc32", "ChecksumCRC32"},
    [VB_HASH_CRC32C] = {"CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C"},
    [VB_HASH_CRC64NVME] = {"CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"},
    [VB_HASH_SHA1] = {"SHA1", "x-amz-checksum-sha1", "ChecksumSHA1"},
    [VB_HASH_SHA256] = {"SHA256", "x-amz-checksum-sha256", "ChecksumSHA256"},
};

const char *vb_store_checksum_name(enum vb_hash_algorithm algorithm)
{
    vb_assert((unsigned)algorithm < VB_HASH_ALGORITHMS && names[algorithm].name);
    return names[algorithm].name;
}

const char *vb_store_checksum_header(enum vb_hash_algorithm algorithm)
{
    vb_assert((unsigned)algorithm < VB_HASH_ALGORITHMS && names[algorithm].header);
    return names[algorithm].header;
}

const char *vb_store_checksum_element(enum vb_hash_algorithm algorithm)
{
    vb_assert((unsigned)algorithm < VB_HASH_ALGORITHMS && names[algorithm].element);
    return names[algorithm].element;
}

const char *vb_store_checksum_type(const struct vb_engine_checksum *checksum)
{
    return checksum->full_object ? "FULL_OBJECT" : "COMPOSITE";
}

int vb_store_checksum_parse_name(const char *name, enum vb_hash_algorithm *ret_algorithm)
{
    for (const enum vb_hash_algorithm *a = vb_store_checksum_algorithms; *a != VB_HASH_ALGORITHMS; a++) {
        if (strcasecmp(name, names[*a].name) == 0) {
            *ret_algorithm = *a;
            return 0;
        }
    }
    return -EINVAL;
}

int vb_store_checksum_parse_header(const char *header, enum vb_hash_algorithm *ret_algorithm)
{
    for (const enum vb_hash_algorithm *a = vb_store_checksum_algorithms; *a != VB_HASH_ALGORITHMS; a++) {
        if (strcasecmp(header, names[*a].header) == 0) {
            *ret_algorithm = *a;
            return 0;
        }
    }
    return -EINVAL;
}

bool vb_store_checksum_value_valid(enum vb_hash_algorithm algorithm, const char *value)
{
    unsigned char digest[VB_HASH_MAX_SIZE];
    size_t size;

    return vb_base64_decode(value, strlen(value), digest, sizeof(digest), &size) == 0 &&
           size == vb_hash_size(algorithm);
}

void vb_store_checksum_set(struct vb_engine_checksum *checksum, enum vb_hash_algorithm algorithm,
                           const unsigned char *digest)
{
    *checksum = (struct vb_engine_checksum){.present = true, .algorithm = algorithm, .full_object = true};
    vb_base64_encode(digest, vb_hash_size(algorithm), checksum->value);
}

/*
 * CRCs as polynomials over GF(2), bit-reflected: the highest bit is the coefficient of x^0. Appending n zero
 * bits to a message multiplies its CRC by x^n modulo the generator polynomial. Combining two CRCs needs
 * nothing else.
 */
struct crc_field {
    uint64_t polynomial; /* reflected, without its highest term */
    uint64_t one;        /* the polynomial 1 */
};

static struct crc_field crc_field(enum vb_hash_algorithm algorithm)
{
    switch (algorithm) {
    case VB_HASH_CRC32:
        return (struct crc_field){0xedb88320, UINT64_C(1) << 31};
    case VB_HASH_CRC32C:
        return (struct crc_field){0x82f63b78, UINT64_C(1) << 31};
    case VB_HASH_CRC64NVME:
        return (struct crc_field){0x9a6c9329ac4bc9b5, UINT64_C(1) << 63};
    default:
        vb_assert(!"a CRC");
    }
}

static uint64_t multiply(const struct crc_field *field, uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    for (uint64_t bit = field->one; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? b >> 1 ^ field->polynomial : b >> 1; /* times x */
    }
    return product;
}

uint64_t vb_store_checksum_combine(enum vb_hash_algorithm algorithm, uint64_t crc_a, uint64_t crc_b,
                                   uint64_t size_b_bytes)
{
    const struct crc_field field = crc_field(algorithm);
    uint64_t shift = field.one;      /* x^(8 · size_b_bytes) in the end */
    uint64_t power = field.one >> 8; /* x^8, x^16, x^32 … */

    for (; size_b_bytes; size_b_bytes >>= 1) {
        if (size_b_bytes & 1)
            shift = multiply(&field, shift, power);
        power = multiply(&field, power, power);
    }
    return multiply(&field, shift, crc_a) ^ crc_b;
}

void vb_store_checksum_parts_init(struct vb_store_checksum_parts *parts, enum vb_hash_algorithm algorithm,
                                  bool full_object)
{
    *parts = (struct vb_store_checksum_parts){.algorithm = algorithm, .full_object = full_object};
    vb_hash_init(&parts->hash, algorithm);
}

int vb_store_checksum_parts_add(struct vb_store_checksum_parts *parts,
                                const struct vb_engine_checksum *checksum, int64_t size_bytes)
{
    unsigned char digest[VB_HASH_MAX_SIZE];
    size_t size = 0;

    if (!checksum->present || checksum->algorithm != parts->algorithm ||
        vb_base64_decode(checksum->value, strlen(checksum->value), digest, sizeof(digest), &size) < 0 ||
        size != vb_hash_size(parts->algorithm))
        return -EINVAL;
    if (parts->full_object) {
        uint64_t crc = 0;

        for (size_t i = 0; i < size; i++)
            crc = crc << 8 | digest[i];
        parts->crc = parts->count == 0
                         ? crc
                         : vb_store_checksum_combine(parts->algorithm, parts->crc, crc, (uint64_t)size_bytes);
    } else {
        vb_hash_update(&parts->hash, digest, size);
    }
    parts->count++;
    return 0;
}

void vb_store_checksum_parts_final(struct vb_store_checksum_parts *parts,
                                   struct vb_engine_checksum *ret_checksum)
{
    unsigned char digest[VB_HASH_MAX_SIZE];
    size_t size = vb_hash_size(parts->algorithm);

    if (!ret_checksum) {
        vb_hash_release(&parts->hash);
        return;
    }
    vb_hash_final(&parts->hash, digest);
    if (parts->full_object)
        for (size_t i = 0; i < size; i++)
            digest[i] = (unsigned char)(parts->crc >> (8 * (size - 1 - i)));
    vb_store_checksum_set(ret_checksum, parts->algorithm, digest);
    ret_checksum->full_object = parts->full_object;
    if (!parts->full_object) {
        size_t length = strlen(ret_checksum->value);

        snprintf(ret_checksum->value + length, sizeof(ret_checksum->value) - length, "-%u", parts->count);
    }
}
