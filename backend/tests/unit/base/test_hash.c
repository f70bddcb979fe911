/* Digests and checksums against published values, and in any split. */
#include "base/hash.h"

#include "base/encode.h"
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_digest(enum vb_hash_algorithm algorithm, const void *data, size_t size,
                          const char *expected)
{
    unsigned char digest[VB_HASH_MAX_SIZE];
    char hex[2 * VB_HASH_MAX_SIZE + 1];

    vb_hash_data(algorithm, data, size, digest);
    vb_hex_encode(digest, vb_hash_size(algorithm), hex);
    assert_string_equal(hex, expected);
}

static void published_digests(void **state)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

    (void)state;
    /* FIPS 180-4 examples */
    assert_digest(VB_HASH_SHA256, "abc", 3,
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(VB_HASH_SHA256, "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(VB_HASH_SHA256, two_blocks, strlen(two_blocks),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_digest(VB_HASH_SHA1, "abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_digest(VB_HASH_SHA1, two_blocks, strlen(two_blocks), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    /* RFC 1321 */
    assert_digest(VB_HASH_MD5, "", 0, "d41d8cd98f00b204e9800998ecf8427e");
    assert_digest(VB_HASH_MD5, "message digest", 14, "f96b697d7cb7938d525a2f31aaf161d0");
    assert_digest(VB_HASH_SHA256, NULL, 0,
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_million_times_a(void **state)
{
    char *data = malloc(1000000);

    (void)state;
    memset(data, 'a', 1000000);
    assert_digest(VB_HASH_SHA256, data, 1000000,
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_digest(VB_HASH_SHA1, data, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    free(data);
}

static void crc_check_values(void **state)
{
    unsigned char data[32];

    (void)state;
    assert_digest(VB_HASH_CRC32, "123456789", 9, "cbf43926");
    assert_digest(VB_HASH_CRC32C, "123456789", 9, "e3069283");
    assert_digest(VB_HASH_CRC64NVME, "123456789", 9, "ae8b14860a799888");
    assert_digest(VB_HASH_CRC32, "", 0, "00000000");
    assert_digest(VB_HASH_CRC32C, NULL, 0, "00000000");
    assert_digest(VB_HASH_CRC64NVME, "", 0, "0000000000000000");
    /* RFC 3720, B.4 (its bytes are in the order of the wire; S3 wants the most significant first) */
    memset(data, 0, 32);
    assert_digest(VB_HASH_CRC32C, data, 32, "8a9136aa");
    memset(data, 0xff, 32);
    assert_digest(VB_HASH_CRC32C, data, 32, "62a8ab43");
    for (int i = 0; i < 32; i++)
        data[i] = (unsigned char)i;
    assert_digest(VB_HASH_CRC32C, data, 32, "46dd794e");
}

/* As the definition has it, a bit at a time. */
static uint64_t slow_crc(uint64_t polynomial, uint64_t ones, const unsigned char *data, size_t size)
{
    uint64_t crc = ones;

    for (; size > 0; size--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
    }
    return crc ^ ones;
}

static void crcs_equal_their_definition_at_every_size_and_alignment(void **state)
{
    static const struct {
        enum vb_hash_algorithm algorithm;
        uint64_t polynomial, ones;
    } crcs[] = {{VB_HASH_CRC32, 0xedb88320, UINT32_MAX},
                {VB_HASH_CRC32C, 0x82f63b78, UINT32_MAX},
                {VB_HASH_CRC64NVME, 0x9a6c9329ac4bc9b5, UINT64_MAX}};
    unsigned char data[120];
    uint64_t seed = 11;

    (void)state;
    test_random_fill(&seed, data, sizeof(data));
    for (size_t i = 0; i < 3; i++)
        for (size_t start = 0; start < 9; start++)
            for (size_t size = 0; size <= 100; size++) {
                uint64_t crc = slow_crc(crcs[i].polynomial, crcs[i].ones, data + start, size);
                char expected[17];

                snprintf(expected, sizeof(expected), "%0*llx", (int)vb_hash_size(crcs[i].algorithm) * 2,
                         (unsigned long long)crc);
                assert_digest(crcs[i].algorithm, data + start, size, expected);
            }
}

static void any_split_gives_the_same_digest(void **state)
{
    unsigned char data[1000], whole[VB_HASH_MAX_SIZE], split[VB_HASH_MAX_SIZE];
    uint64_t seed = 12;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        enum vb_hash_algorithm algorithm = (enum vb_hash_algorithm)(round % VB_HASH_ALGORITHMS);
        size_t size = test_random(&seed) % sizeof(data), at = 0;
        struct vb_hash hash;

        test_random_fill(&seed, data, size);
        vb_hash_data(algorithm, data, size, whole);
        vb_hash_init(&hash, algorithm);
        while (at < size) {
            size_t piece = test_random(&seed) % (size - at + 1);

            vb_hash_update(&hash, data + at, piece); /* sometimes nothing */
            at += piece;
        }
        vb_hash_final(&hash, split);
        assert_null(hash.context);
        assert_memory_equal(split, whole, vb_hash_size(algorithm));
    }
}

static void sizes_are_those_of_the_algorithms(void **state)
{
    (void)state;
    assert_int_equal(vb_hash_size(VB_HASH_SHA256), 32);
    assert_int_equal(vb_hash_size(VB_HASH_SHA1), 20);
    assert_int_equal(vb_hash_size(VB_HASH_MD5), 16);
    assert_int_equal(vb_hash_size(VB_HASH_CRC32), 4);
    assert_int_equal(vb_hash_size(VB_HASH_CRC32C), 4);
    assert_int_equal(vb_hash_size(VB_HASH_CRC64NVME), 8);
}

static void a_digest_may_be_abandoned(void **state)
{
    (void)state;
    for (int algorithm = 0; algorithm < VB_HASH_ALGORITHMS; algorithm++) {
        struct vb_hash hash;

        vb_hash_init(&hash, (enum vb_hash_algorithm)algorithm);
        vb_hash_update(&hash, "x", 1);
        vb_hash_release(&hash);
        vb_hash_release(&hash);
    }
}

static void rfc_4231_hmac_vectors(void **state)
{
    unsigned char long_key[131], mac[VB_SHA256_SIZE], key_20[20], key_25[25], data_50[50];
    const struct {
        const void *key;
        size_t key_size;
        const void *data;
        size_t size;
        const char *mac;
    } cases[] = {
        {key_20, 20, "Hi There", 8, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", 4, "what do ya want for nothing?", 28,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {long_key, 20, data_50, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {key_25, 25, data_50, 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {long_key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {long_key, 131,
         "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
         "to be "
         "hashed before being used by the HMAC algorithm.",
         152, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };

    (void)state;
    memset(long_key, 0xaa, sizeof(long_key));
    memset(key_20, 0x0b, sizeof(key_20));
    for (int i = 0; i < 25; i++)
        key_25[i] = (unsigned char)(i + 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char hex[2 * VB_SHA256_SIZE + 1];

        memset(data_50, i == 2 ? 0xdd : 0xcd, sizeof(data_50));
        vb_hmac_sha256(cases[i].key, cases[i].key_size, cases[i].data, cases[i].size, mac);
        vb_hex_encode(mac, sizeof(mac), hex);
        assert_string_equal(hex, cases[i].mac);
    }
}

static void hmac_takes_keys_around_the_block_size_and_none(void **state)
{
    /* keys of 63, 64 and 65 bytes of 0x61, data "m": computed with Python's hmac module */
    static const char *const expected[] = {
        "ad3806466bae96aeb1e2d141e377ef1247b4aa44d3abf714ffff2e26a844766f",
        "cd11329ff173063b748ca80406312ca140e95e65d03ba7fa546fdaab1aac03f1",
        "5d5f27064dc43c62a01463f9866c581d865b2ddcbb928b616b43a5f0e71f5de5"};
    unsigned char key[65], mac[VB_SHA256_SIZE];
    char hex[2 * VB_SHA256_SIZE + 1];

    (void)state;
    memset(key, 0x61, sizeof(key));
    for (size_t i = 0; i < 3; i++) {
        vb_hmac_sha256(key, 63 + i, "m", 1, mac);
        vb_hex_encode(mac, sizeof(mac), hex);
        assert_string_equal(hex, expected[i]);
    }
    vb_hmac_sha256(NULL, 0, NULL, 0, mac);
    vb_hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void the_mac_may_be_the_key_of_the_next(void **state)
{
    unsigned char chained[VB_SHA256_SIZE], first[VB_SHA256_SIZE], second[VB_SHA256_SIZE];

    (void)state;
    vb_hmac_sha256("k", 1, "a", 1, first);
    vb_hmac_sha256(first, sizeof(first), "b", 1, second);
    vb_hmac_sha256("k", 1, "a", 1, chained);
    vb_hmac_sha256(chained, sizeof(chained), "b", 1, chained); /* as a SigV4 signing key is derived */
    assert_memory_equal(chained, second, sizeof(second));
}

static void a_prepared_key_signs_any_number_of_messages(void **state)
{
    unsigned char secret[130], message[200] = {7}, mac[VB_SHA256_SIZE], expected[VB_SHA256_SIZE];

    (void)state;
    memset(secret, 0x5a, sizeof(secret));
    for (size_t size = 0; size <= sizeof(secret); size += 13) {
        struct vb_hmac_key key;

        vb_hmac_key_init(&key, secret, size);
        for (size_t length = 0; length <= sizeof(message); length += 25) {
            vb_hmac(&key, message, length, mac);
            vb_hmac_sha256(secret, size, message, length, expected);
            assert_memory_equal(mac, expected, sizeof(mac));
        }
    }
}

static void *hash_much(void *argument)
{
    unsigned char first[VB_HASH_MAX_SIZE], digest[VB_HASH_MAX_SIZE];
    const enum vb_hash_algorithm algorithm =
        (enum vb_hash_algorithm)((uintptr_t)argument % VB_HASH_ALGORITHMS);
    intptr_t wrong = 0;

    vb_hash_data(algorithm, argument, 0, first);
    for (int i = 0; i < 500; i++) {
        vb_hash_data(algorithm, "x", 0, digest);
        wrong += memcmp(digest, first, vb_hash_size(algorithm)) != 0;
        vb_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
        wrong += digest[0] != 0x5b || digest[31] != 0x43;
    }
    return (void *)wrong;
}

static void threads_hash_at_once(void **state)
{
    pthread_t thread[6];
    void *wrong;

    (void)state;
    for (uintptr_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, hash_much, (void *)i), 0);
    for (int i = 0; i < 6; i++) {
        pthread_join(thread[i], &wrong);
        assert_ptr_equal(wrong, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_hash_at_once), /* first: preparing the tables must be safe, too */
        cmocka_unit_test(published_digests),
        cmocka_unit_test(a_million_times_a),
        cmocka_unit_test(crc_check_values),
        cmocka_unit_test(crcs_equal_their_definition_at_every_size_and_alignment),
        cmocka_unit_test(any_split_gives_the_same_digest),
        cmocka_unit_test(sizes_are_those_of_the_algorithms),
        cmocka_unit_test(a_digest_may_be_abandoned),
        cmocka_unit_test(rfc_4231_hmac_vectors),
        cmocka_unit_test(hmac_takes_keys_around_the_block_size_and_none),
        cmocka_unit_test(the_mac_may_be_the_key_of_the_next),
        cmocka_unit_test(a_prepared_key_signs_any_number_of_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
