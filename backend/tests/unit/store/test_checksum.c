/* S3's checksums: names, values, and the checksum of a whole object from those of its parts. */
#include "store/checksum.h"

#include "base/encode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "The quick brown fox jumps over the lazy dog";

static uint64_t crc_of(enum vb_hash_algorithm algorithm, const void *data, size_t size)
{
    unsigned char digest[VB_HASH_MAX_SIZE];
    uint64_t crc = 0;

    vb_hash_data(algorithm, data, size, digest);
    for (size_t i = 0; i < vb_hash_size(algorithm); i++)
        crc = crc << 8 | digest[i];
    return crc;
}

static void names_are_those_of_s3(void **state)
{
    enum vb_hash_algorithm algorithm;

    (void)state;
    assert_int_equal(vb_store_checksum_parse_name("crc64nvme", &algorithm), 0);
    assert_int_equal(algorithm, VB_HASH_CRC64NVME);
    assert_string_equal(vb_store_checksum_name(algorithm), "CRC64NVME");
    assert_string_equal(vb_store_checksum_header(algorithm), "x-amz-checksum-crc64nvme");
    assert_string_equal(vb_store_checksum_element(algorithm), "ChecksumCRC64NVME");
    assert_int_equal(vb_store_checksum_parse_header("X-Amz-Checksum-Sha1", &algorithm), 0);
    assert_int_equal(algorithm, VB_HASH_SHA1);
    assert_int_equal(vb_store_checksum_parse_name("MD5", &algorithm), -EINVAL);
    assert_int_equal(vb_store_checksum_parse_header("x-amz-checksum-mode", &algorithm), -EINVAL);
}

static void known_values_are_written_as_s3_writes_them(void **state)
{
    /* check values of "123456789" from the CRC catalogue: cbf43926, e3069283, ae8b14860a799888 */
    static const struct {
        enum vb_hash_algorithm algorithm;
        const char *value;
    } cases[] = {
        {VB_HASH_CRC32, "y/Q5Jg=="}, {VB_HASH_CRC32C, "4waSgw=="}, {VB_HASH_CRC64NVME, "rosUhgp5mIg="}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        unsigned char digest[VB_HASH_MAX_SIZE];
        struct vb_engine_checksum checksum;

        vb_hash_data(cases[i].algorithm, "123456789", 9, digest);
        vb_store_checksum_set(&checksum, cases[i].algorithm, digest);
        assert_string_equal(checksum.value, cases[i].value);
        assert_true(checksum.present && checksum.full_object);
    }
}

static void a_value_must_have_the_length_of_its_digest(void **state)
{
    (void)state;
    assert_true(vb_store_checksum_value_valid(VB_HASH_CRC32, "y/Q5Jg=="));
    assert_false(vb_store_checksum_value_valid(VB_HASH_CRC32, "y/Q5Jg"));
    assert_false(vb_store_checksum_value_valid(VB_HASH_CRC32, "rosUhgp5mIg="));
    assert_false(vb_store_checksum_value_valid(VB_HASH_CRC64NVME, "y/Q5Jg=="));
    assert_false(vb_store_checksum_value_valid(VB_HASH_CRC32, ""));
    assert_false(vb_store_checksum_value_valid(VB_HASH_CRC32, "y/Q5Jg==\n"));
}

static void combining_equals_the_crc_of_the_whole_at_every_cut(void **state)
{
    static const enum vb_hash_algorithm crcs[] = {VB_HASH_CRC32, VB_HASH_CRC32C, VB_HASH_CRC64NVME};
    const size_t size = sizeof(text) - 1;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (size_t cut = 0; cut <= size; cut++)
            assert_int_equal(vb_store_checksum_combine(crcs[i], crc_of(crcs[i], text, cut),
                                                       crc_of(crcs[i], text + cut, size - cut), size - cut),
                             crc_of(crcs[i], text, size));
}

static void combining_holds_for_lengths_beyond_32_bits(void **state)
{
    /* appending the zeros in two steps or in one gives the same CRC */
    const uint64_t half = UINT64_C(5) << 30;
    uint64_t crc = 0x9ae0daaf, zeros = 0x12345678;

    (void)state;
    assert_int_equal(vb_store_checksum_combine(
                         VB_HASH_CRC32, vb_store_checksum_combine(VB_HASH_CRC32, crc, 0, half), 0, half) ^
                         zeros,
                     vb_store_checksum_combine(VB_HASH_CRC32, crc, zeros, 2 * half));
}

static void sum_parts(struct vb_engine_checksum *ret_checksum, enum vb_hash_algorithm algorithm,
                      bool full_object)
{
    const size_t cuts[] = {0, 10, 11, sizeof(text) - 1};
    struct vb_store_checksum_parts parts;

    vb_store_checksum_parts_init(&parts, algorithm, full_object);
    for (size_t i = 0; i < 3; i++) {
        unsigned char digest[VB_HASH_MAX_SIZE];
        struct vb_engine_checksum checksum;

        vb_hash_data(algorithm, text + cuts[i], cuts[i + 1] - cuts[i], digest);
        vb_store_checksum_set(&checksum, algorithm, digest);
        assert_int_equal(vb_store_checksum_parts_add(&parts, &checksum, (int64_t)(cuts[i + 1] - cuts[i])), 0);
    }
    vb_store_checksum_parts_final(&parts, ret_checksum);
}

static void the_full_object_checksum_of_parts_equals_that_of_one_put(void **state)
{
    struct vb_engine_checksum whole, summed;
    unsigned char digest[VB_HASH_MAX_SIZE];

    (void)state;
    vb_hash_data(VB_HASH_CRC64NVME, text, sizeof(text) - 1, digest);
    vb_store_checksum_set(&whole, VB_HASH_CRC64NVME, digest);
    sum_parts(&summed, VB_HASH_CRC64NVME, true);
    assert_string_equal(summed.value, whole.value);
    assert_string_equal(vb_store_checksum_type(&summed), "FULL_OBJECT");
}

static void a_composite_checksum_is_the_digest_of_the_digests_and_the_count(void **state)
{
    struct vb_engine_checksum summed;
    unsigned char digests[3 * VB_SHA256_SIZE], digest[VB_SHA256_SIZE];
    char expected[VB_BASE64_SIZE(VB_SHA256_SIZE) + 2];

    (void)state;
    vb_sha256(text, 10, digests);
    vb_sha256(text + 10, 1, digests + VB_SHA256_SIZE);
    vb_sha256(text + 11, sizeof(text) - 1 - 11, digests + 2 * VB_SHA256_SIZE);
    vb_sha256(digests, sizeof(digests), digest);
    strcpy(expected + vb_base64_encode(digest, sizeof(digest), expected), "-3");
    sum_parts(&summed, VB_HASH_SHA256, false);
    assert_string_equal(summed.value, expected);
    assert_string_equal(vb_store_checksum_type(&summed), "COMPOSITE");
}

static void a_part_without_the_checksum_is_refused(void **state)
{
    struct vb_engine_checksum other = {.present = true, .algorithm = VB_HASH_CRC32, .value = "y/Q5Jg=="};
    struct vb_engine_checksum none = {0};
    struct vb_store_checksum_parts parts;

    (void)state;
    vb_store_checksum_parts_init(&parts, VB_HASH_SHA256, false);
    assert_int_equal(vb_store_checksum_parts_add(&parts, &none, 1), -EINVAL);
    assert_int_equal(vb_store_checksum_parts_add(&parts, &other, 1), -EINVAL);
    vb_store_checksum_parts_final(&parts, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_s3),
        cmocka_unit_test(known_values_are_written_as_s3_writes_them),
        cmocka_unit_test(a_value_must_have_the_length_of_its_digest),
        cmocka_unit_test(combining_equals_the_crc_of_the_whole_at_every_cut),
        cmocka_unit_test(combining_holds_for_lengths_beyond_32_bits),
        cmocka_unit_test(the_full_object_checksum_of_parts_equals_that_of_one_put),
        cmocka_unit_test(a_composite_checksum_is_the_digest_of_the_digests_and_the_count),
        cmocka_unit_test(a_part_without_the_checksum_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
