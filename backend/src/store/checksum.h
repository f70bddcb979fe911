/*
 * S3's x-amz-checksum-*: names, values, and the checksum of a multipart object from those of its parts.
 * Source: "Checking object integrity in Amazon S3" (Amazon S3 User Guide). Free of I/O, thread-safe.
 */
#ifndef VB_STORE_CHECKSUM_H
#define VB_STORE_CHECKSUM_H

#include "store/engine/engine.h"

/* The algorithms that S3 accepts as a checksum; the list ends with VB_HASH_ALGORITHMS. */
extern const enum vb_hash_algorithm vb_store_checksum_algorithms[];

/* "CRC32" · "x-amz-checksum-crc32" · "ChecksumCRC32"; static text. */
const char *vb_store_checksum_name(enum vb_hash_algorithm algorithm);
const char *vb_store_checksum_header(enum vb_hash_algorithm algorithm);
const char *vb_store_checksum_element(enum vb_hash_algorithm algorithm);
/* "COMPOSITE" or "FULL_OBJECT". */
const char *vb_store_checksum_type(const struct vb_engine_checksum *checksum);

/* "CRC32" in any case, or the header's name. Returns 0 or -EINVAL. */
int vb_store_checksum_parse_name(const char *name, enum vb_hash_algorithm *ret_algorithm);
int vb_store_checksum_parse_header(const char *header, enum vb_hash_algorithm *ret_algorithm);

/* Whether value is the base64 of a digest of this algorithm's size. */
bool vb_store_checksum_value_valid(enum vb_hash_algorithm algorithm, const char *value);
/* Makes a checksum of the whole object from a digest. */
void vb_store_checksum_set(struct vb_engine_checksum *checksum, enum vb_hash_algorithm algorithm,
                           const unsigned char *digest);

/* The CRC of A followed by B, from the CRCs of both and the length of B. Only for the CRCs. */
uint64_t vb_store_checksum_combine(enum vb_hash_algorithm algorithm, uint64_t crc_a, uint64_t crc_b,
                                   uint64_t size_b_bytes);

/* The checksum of a whole object from those of its parts, added in order. */
struct vb_store_checksum_parts {
    enum vb_hash_algorithm algorithm;
    bool full_object; /* FULL_OBJECT (CRCs only) or COMPOSITE */
    unsigned count;
    uint64_t crc;
    struct vb_hash hash; /* of the digests of the parts, for COMPOSITE */
};
void vb_store_checksum_parts_init(struct vb_store_checksum_parts *parts, enum vb_hash_algorithm algorithm,
                                  bool full_object);
/* Returns 0, or -EINVAL when the part has no checksum of this algorithm. */
int vb_store_checksum_parts_add(struct vb_store_checksum_parts *parts,
                                const struct vb_engine_checksum *checksum, int64_t size_bytes);
/* Ends the computation. ret_checksum may be NULL. */
void vb_store_checksum_parts_final(struct vb_store_checksum_parts *parts,
                                   struct vb_engine_checksum *ret_checksum);

#endif
