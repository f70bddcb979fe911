/* The key set: the newest secret signs, all of them verify, and what was signed once stays good. */
#include "keys_fixture.h"

#include "base/encode.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define MESSAGE "a message"

static const char *const labels[VB_KEY_PURPOSES] = {[VB_KEY_UPLOAD] = "vibe upload ticket 1"};

/* The MAC by its definition: HMAC with the secret, or with HMAC(secret, label). */
static void define(const char *secret, enum vb_key_purpose purpose, unsigned char mac[VB_SHA256_SIZE])
{
    const char *label = labels[purpose];
    unsigned char key[VB_SHA256_SIZE];

    if (!label) {
        vb_hmac_sha256(secret, strlen(secret), MESSAGE, strlen(MESSAGE), mac);
        return;
    }
    vb_hmac_sha256(secret, strlen(secret), label, strlen(label), key);
    vb_hmac_sha256(key, sizeof(key), MESSAGE, strlen(MESSAGE), mac);
}

static bool verifies(const struct vb_keys *keys, enum vb_key_purpose purpose, const unsigned char *mac)
{
    return vb_keys_verify(keys, purpose, MESSAGE, strlen(MESSAGE), mac, VB_SHA256_SIZE);
}

static void each_purpose_signs_as_it_always_did(void **state)
{
    struct vb_keys *keys = keys_of(KEYS_SECRET, NULL);

    (void)state;
    for (enum vb_key_purpose purpose = 0; purpose < VB_KEY_PURPOSES; purpose++) {
        unsigned char mac[VB_SHA256_SIZE], expected[VB_SHA256_SIZE];

        vb_keys_sign(keys, purpose, MESSAGE, strlen(MESSAGE), mac);
        define(KEYS_SECRET, purpose, expected);
        assert_memory_equal(mac, expected, sizeof(mac));
        assert_true(verifies(keys, purpose, mac));
    }
    vb_keys_destroy(keys);
}

static void the_newest_secret_signs_and_all_of_them_verify(void **state)
{
    struct vb_keys *old = keys_of(KEYS_SECRET, NULL), *new = keys_of(KEYS_OTHER, NULL),
                   *both = keys_of(KEYS_OTHER, KEYS_SECRET);

    (void)state;
    for (enum vb_key_purpose purpose = 0; purpose < VB_KEY_PURPOSES; purpose++) {
        unsigned char by_old[VB_SHA256_SIZE], by_both[VB_SHA256_SIZE];

        vb_keys_sign(old, purpose, MESSAGE, strlen(MESSAGE), by_old);
        vb_keys_sign(both, purpose, MESSAGE, strlen(MESSAGE), by_both);
        assert_true(verifies(both, purpose, by_old));
        assert_true(verifies(both, purpose, by_both) && verifies(new, purpose, by_both));
        assert_false(verifies(new, purpose, by_old));
        assert_false(verifies(old, purpose, by_both));
    }
    vb_keys_destroy(old);
    vb_keys_destroy(new);
    vb_keys_destroy(both);
}

static void a_mac_of_one_purpose_is_none_of_another(void **state)
{
    struct vb_keys *keys = keys_of(KEYS_SECRET, KEYS_OTHER);
    unsigned char mac[VB_SHA256_SIZE];

    (void)state;
    vb_keys_sign(keys, VB_KEY_TOKEN, MESSAGE, strlen(MESSAGE), mac);
    assert_false(verifies(keys, VB_KEY_UPLOAD, mac));
    vb_keys_sign(keys, VB_KEY_UPLOAD, MESSAGE, strlen(MESSAGE), mac);
    assert_false(verifies(keys, VB_KEY_TOKEN, mac));
    vb_keys_destroy(keys);
}

static void every_changed_bit_is_noticed(void **state)
{
    struct vb_keys *keys = keys_of(KEYS_SECRET, KEYS_OTHER);
    unsigned char mac[VB_SHA256_SIZE];

    (void)state;
    vb_keys_sign(keys, VB_KEY_UPLOAD, MESSAGE, strlen(MESSAGE), mac);
    for (size_t bit = 0; bit < 8 * sizeof(mac); bit++) {
        mac[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(verifies(keys, VB_KEY_UPLOAD, mac));
        mac[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_true(verifies(keys, VB_KEY_UPLOAD, mac));
    assert_false(vb_keys_verify(keys, VB_KEY_UPLOAD, MESSAGE, strlen(MESSAGE) - 1, mac, sizeof(mac)));
    assert_true(vb_keys_verify(keys, VB_KEY_UPLOAD, MESSAGE, strlen(MESSAGE), mac, 16));
    mac[16] ^= 1;
    assert_true(vb_keys_verify(keys, VB_KEY_UPLOAD, MESSAGE, strlen(MESSAGE), mac, 16));
    vb_keys_destroy(keys);
}

static void sign_each_signs_with_every_secret_newest_first(void **state)
{
    struct vb_keys *keys = keys_of(KEYS_OTHER, KEYS_SECRET);
    unsigned char macs[VB_KEYS_MAX][VB_SHA256_SIZE], expected[VB_SHA256_SIZE];

    (void)state;
    assert_int_equal(vb_keys_sign_each(keys, VB_KEY_TOKEN, MESSAGE, strlen(MESSAGE), macs), 2);
    define(KEYS_OTHER, VB_KEY_TOKEN, expected);
    assert_memory_equal(macs[0], expected, sizeof(expected));
    define(KEYS_SECRET, VB_KEY_TOKEN, expected);
    assert_memory_equal(macs[1], expected, sizeof(expected));
    vb_keys_destroy(keys);
}

static void an_id_names_the_newest_secret_and_finds_each(void **state)
{
    struct vb_keys *old = keys_of(KEYS_SECRET, NULL), *both = keys_of(KEYS_OTHER, KEYS_SECRET);
    unsigned char mac[VB_SHA256_SIZE], expected[VB_SHA256_SIZE];
    char old_id[VB_KEY_ID_SIZE], new_id[VB_KEY_ID_SIZE];

    (void)state;
    vb_keys_id(old, old_id);
    vb_keys_id(both, new_id);
    assert_string_equal(old_id, "44f4ca3e67a661da"); /* what tokens that are in use have as their kid */
    assert_string_not_equal(old_id, new_id);
    assert_int_equal(vb_keys_sign_as(both, old_id, VB_KEY_TOKEN, MESSAGE, strlen(MESSAGE), mac), 0);
    define(KEYS_SECRET, VB_KEY_TOKEN, expected);
    assert_memory_equal(mac, expected, sizeof(mac));
    assert_int_equal(vb_keys_sign_as(both, new_id, VB_KEY_TOKEN, MESSAGE, strlen(MESSAGE), mac), 0);
    define(KEYS_OTHER, VB_KEY_TOKEN, expected);
    assert_memory_equal(mac, expected, sizeof(mac));
    assert_int_equal(vb_keys_sign_as(old, new_id, VB_KEY_TOKEN, MESSAGE, strlen(MESSAGE), mac), -ENOENT);
    assert_int_equal(vb_keys_sign_as(both, "", VB_KEY_TOKEN, MESSAGE, strlen(MESSAGE), mac), -ENOENT);
    vb_keys_destroy(old);
    vb_keys_destroy(both);
}

static void a_set_without_a_secret_with_a_short_one_or_with_too_many_is_refused(void **state)
{
    static const char *const sets[][VB_KEYS_MAX + 2] = {
        {NULL},
        {"0123456789abcdef0123456789abcde"},
        {KEYS_SECRET, "", NULL},
        {KEYS_SECRET, KEYS_OTHER, KEYS_SECRET, KEYS_OTHER, KEYS_SECRET},
    };
    struct vb_keys *keys = NULL;

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(sets); i++) {
        assert_int_equal(vb_keys_create(sets[i], &keys), -EINVAL);
        assert_null(keys);
    }
    assert_int_equal(
        vb_keys_create((const char *[]){KEYS_SECRET, KEYS_OTHER, KEYS_SECRET, KEYS_OTHER, NULL}, &keys), 0);
    vb_keys_destroy(keys);
    vb_keys_destroy(NULL);
}

/* RFC 2104: a key that is longer than a block is hashed first. */
static void a_secret_longer_than_a_block_signs_as_hmac_defines_it(void **state)
{
    static const char secret[] =
        "a secret of more than sixty-four bytes, which RFC 2104 wants to be hashed before its use as a key";
    struct vb_keys *keys = keys_of(secret, NULL);
    unsigned char mac[VB_SHA256_SIZE], expected[VB_SHA256_SIZE];

    (void)state;
    vb_keys_sign(keys, VB_KEY_TOKEN, MESSAGE, strlen(MESSAGE), mac);
    define(secret, VB_KEY_TOKEN, expected);
    assert_memory_equal(mac, expected, sizeof(mac));
    vb_keys_destroy(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_purpose_signs_as_it_always_did),
        cmocka_unit_test(the_newest_secret_signs_and_all_of_them_verify),
        cmocka_unit_test(a_mac_of_one_purpose_is_none_of_another),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(sign_each_signs_with_every_secret_newest_first),
        cmocka_unit_test(an_id_names_the_newest_secret_and_finds_each),
        cmocka_unit_test(a_set_without_a_secret_with_a_short_one_or_with_too_many_is_refused),
        cmocka_unit_test(a_secret_longer_than_a_block_signs_as_hmac_defines_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
