/* The addresses of a server of ours. */
#include "app/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_url(const char *bind_address, const char *expected)
{
    char *url = vb_address_url(bind_address, 3000);

    assert_string_equal(url, expected);
    free(url);
}

static void programs_on_this_machine_reach_a_server_where_it_listens(void **state)
{
    (void)state;
    assert_url("127.0.0.1", "http://127.0.0.1:3000");
    assert_url("127.0.0.2", "http://127.0.0.2:3000");
    assert_url("::1", "http://[::1]:3000");
    assert_url("fe80::1", "http://[fe80::1]:3000");
}

static void a_server_on_every_network_is_reached_at_the_loopback_address(void **state)
{
    (void)state;
    assert_url("0.0.0.0", "http://127.0.0.1:3000");
    assert_url("::", "http://127.0.0.1:3000");
    assert_true(vb_address_is_any("0.0.0.0") && vb_address_is_any("::"));
    assert_false(vb_address_is_any("127.0.0.1") || vb_address_is_any("::1"));
}

static void the_address_for_a_phone_is_none_of_this_machine_alone(void **state)
{
    char lan[INET_ADDRSTRLEN];
    struct in_addr parsed;

    (void)state;
    vb_address_lan(lan);
    assert_true(!*lan || (inet_pton(AF_INET, lan, &parsed) == 1 && strncmp(lan, "127.", 4) != 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_on_this_machine_reach_a_server_where_it_listens),
        cmocka_unit_test(a_server_on_every_network_is_reached_at_the_loopback_address),
        cmocka_unit_test(the_address_for_a_phone_is_none_of_this_machine_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
