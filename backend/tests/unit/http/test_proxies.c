/* Whose X-Forwarded-For is believed, and whom it names. */
#include "http/proxies.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_client(const char *trusted, const char *peer, const char *forwarded, const char *wanted)
{
    struct vb_proxies *proxies;
    char client[46];

    assert_int_equal(vb_proxies_parse(trusted, &proxies, NULL), 0);
    vb_proxies_client(proxies, peer, forwarded, client, sizeof(client));
    assert_string_equal(client, wanted);
    vb_proxies_destroy(proxies);
}

static void blocks_contain_their_addresses_only(void **state)
{
    struct vb_proxies *proxies;

    (void)state;
    assert_int_equal(vb_proxies_parse("10.0.0.0/9, 192.168.1.1,, fd00::/8 ,2001:db8::1", &proxies, NULL), 0);
    assert_true(vb_proxies_trusts(proxies, "10.127.255.255"));
    assert_false(vb_proxies_trusts(proxies, "10.128.0.0"));
    assert_true(vb_proxies_trusts(proxies, "192.168.1.1"));
    assert_false(vb_proxies_trusts(proxies, "192.168.1.2"));
    assert_true(vb_proxies_trusts(proxies, "fdff::1"));
    assert_false(vb_proxies_trusts(proxies, "fe00::1"));
    assert_true(vb_proxies_trusts(proxies, "2001:db8::1"));
    assert_false(vb_proxies_trusts(proxies, "not an address"));
    vb_proxies_destroy(proxies);
}

static void block_of_zero_bits_contains_all_of_its_family(void **state)
{
    struct vb_proxies *proxies;

    (void)state;
    assert_int_equal(vb_proxies_parse("0.0.0.0/0", &proxies, NULL), 0);
    assert_true(vb_proxies_trusts(proxies, "255.1.2.3"));
    assert_false(vb_proxies_trusts(proxies, "2001:db8::1"));
    vb_proxies_destroy(proxies);
}

static void nonsense_is_named(void **state)
{
    static const char *const wrong[] = {"10.0.0.0/33", "::1/129",    "10.0.0",      "example.com",
                                        "10.0.0.1/",   "10.0.0.1/x", "10.0.0.1/-1", "1.2.3.4 5.6.7.8"};
    struct vb_proxies *proxies;
    struct vb_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(vb_proxies_parse(wrong[i], &proxies, &err), -EINVAL);
        assert_non_null(strstr(err.message, wrong[i]));
    }
}

static void without_trust_the_header_is_ignored(void **state)
{
    (void)state;
    expect_client("", "1.2.3.4", "6.6.6.6", "1.2.3.4");
    expect_client(NULL, "1.2.3.4", "6.6.6.6", "1.2.3.4");
    expect_client("10.0.0.0/8", "1.2.3.4", "6.6.6.6", "1.2.3.4");
}

static void last_untrusted_address_is_the_client(void **state)
{
    (void)state;
    expect_client("10.0.0.0/8", "10.0.0.1", "6.6.6.6", "6.6.6.6");
    expect_client("10.0.0.0/8", "10.0.0.1", "forged, 7.7.7.7 , 10.9.9.9", "7.7.7.7");
    expect_client("10.0.0.0/8", "10.0.0.1", "10.1.1.1,10.2.2.2", "10.1.1.1");
    expect_client("10.0.0.0/8", "10.0.0.1", "2001:db8::5", "2001:db8::5");
}

static void header_that_names_no_address_ends_the_search(void **state)
{
    (void)state;
    expect_client("10.0.0.0/8", "10.0.0.1", NULL, "10.0.0.1");
    expect_client("10.0.0.0/8", "10.0.0.1", "", "10.0.0.1");
    expect_client("10.0.0.0/8", "10.0.0.1", ",", "10.0.0.1");
    expect_client("10.0.0.0/8", "10.0.0.1", "unknown", "10.0.0.1");
    expect_client("10.0.0.0/8", "10.0.0.1", "6.6.6.6, garbage", "10.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_contain_their_addresses_only),
        cmocka_unit_test(block_of_zero_bits_contains_all_of_its_family),
        cmocka_unit_test(nonsense_is_named),
        cmocka_unit_test(without_trust_the_header_is_ignored),
        cmocka_unit_test(last_untrusted_address_is_the_client),
        cmocka_unit_test(header_that_names_no_address_ends_the_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
