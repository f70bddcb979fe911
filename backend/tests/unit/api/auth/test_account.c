/* The rules for e-mail addresses, names and passwords. */
#include "api/auth/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void valid_addresses_are_normalised(void **state)
{
    static const struct {
        const char *text, *normalised;
    } cases[] = {
        {"a@example.com", "a@example.com"},
        {"  Anna.Smith+vibe@EXAMPLE.Com\r\n", "Anna.Smith+vibe@example.com"},
        {"o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk"},
        {"\xc3\xbc"
         "ser@b\xc3\xbc"
         "cher.example",
         "\xc3\xbc"
         "ser@b\xc3\xbc"
         "cher.example"},
        {"1@1.de", "1@1.de"},
    };
    char email[VB_EMAIL_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(vb_account_check_email(cases[i].text, email));
        assert_string_equal(email, cases[i].normalised);
    }
}

static void invalid_addresses_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "a",
        "@",
        "a@",
        "@b.de",
        "a@b",
        "a@.de",
        "a@b.",
        "a@b..de",
        "a@-b.de",
        "a@b-.de",
        "a b@c.de",
        "a@b c.de",
        "a@b@c.de",
        ".a@b.de",
        "a.@b.de",
        "a..b@c.de",
        "\"a\"@b.de",
        "a@[127.0.0.1]",
        "a\n@b.de",
        "<a@b.de>",
        "a@b.de,c@d.de",
        "a@b.de\x01",
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg@b.de", /* 65 before the @ */
    };
    char email[VB_EMAIL_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_non_null(vb_account_check_email(cases[i], email));
}

static void an_address_has_at_most_254_bytes(void **state)
{
    char text[300] = "a@", email[VB_EMAIL_SIZE];

    (void)state;
    for (int i = 0; i < 63; i++)
        strcat(text, "ab."); /* labels of two letters: 2 + 189 */
    memset(text + strlen(text), 'c', 254 - 191);
    text[254] = '\0';
    assert_null(vb_account_check_email(text, email));
    assert_string_equal(email, text);
    strcat(text, "c");
    assert_non_null(vb_account_check_email(text, email));
}

static void names_take_unicode_but_no_control_characters(void **state)
{
    char long_name[400] = "";

    (void)state;
    assert_null(vb_account_check_name("A"));
    assert_null(vb_account_check_name("  Zo\xc3\xab \xf0\x9f\x8c\xb8 \xe6\x9d\x8e"));
    assert_non_null(vb_account_check_name(""));
    assert_non_null(vb_account_check_name("   "));
    assert_non_null(vb_account_check_name("a\nb"));
    assert_non_null(vb_account_check_name("a\x7f"));
    assert_non_null(vb_account_check_name("a\xc2\x85")); /* U+0085 */
    for (int i = 0; i < 100; i++)
        strcat(long_name, "\xc3\xa9");
    assert_null(vb_account_check_name(long_name));
    strcat(long_name, "e");
    assert_non_null(vb_account_check_name(long_name));
}

static void passwords_have_8_to_256_bytes(void **state)
{
    char text[300];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[257] = '\0';
    assert_non_null(vb_account_check_password(text));
    text[256] = '\0';
    assert_null(vb_account_check_password(text));
    text[8] = '\0';
    assert_null(vb_account_check_password(text));
    text[7] = '\0';
    assert_non_null(vb_account_check_password(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_addresses_are_normalised),
        cmocka_unit_test(invalid_addresses_are_refused),
        cmocka_unit_test(an_address_has_at_most_254_bytes),
        cmocka_unit_test(names_take_unicode_but_no_control_characters),
        cmocka_unit_test(passwords_have_8_to_256_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
