/* Mails as messages: what a header may hold, and what must never become one. (That they arrive is tested
 * against a server, in tests/integration/test_auth.py.) */
#include "mail/mail.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1790000000 /* Mon, 21 Sep 2026 14:13:20 UTC */

static int write_mail(const char *from, const char *to, const char *subject, const char *text,
                      struct vb_strbuf *out)
{
    vb_strbuf_init(out, 16384);
    return vb_mail_write(from, &(struct vb_mail){.to = to, .subject = subject, .text = text}, NOW, out);
}

static void a_mail_has_the_headers_it_needs(void **state)
{
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);

    (void)state;
    assert_int_equal(write_mail("Vibe <a@vibe.example>", "b@example.com", "Hello there",
                                "Gr\xc3\xbc\xc3\x9f"
                                "e\n",
                                &out),
                     0);
    assert_non_null(strstr(out.data, "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"));
    assert_non_null(strstr(out.data, "\r\nFrom: Vibe <a@vibe.example>\r\n"));
    assert_non_null(strstr(out.data, "\r\nTo: <b@example.com>\r\n"));
    assert_non_null(strstr(out.data, "\r\nSubject: Hello there\r\n"));
    assert_non_null(strstr(out.data, "@vibe.example>\r\nMIME-Version: 1.0\r\n"));
    assert_non_null(strstr(out.data, "charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"));
    assert_non_null(strstr(out.data, "\r\n\r\nR3LDvMOfZQ0K\r\n"));
}

static void names_and_subjects_of_any_script_are_encoded_words(void **state)
{
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);

    (void)state;
    assert_int_equal(
        write_mail("\xf0\x9f\x8c\xb8, Inc. <a@vibe.example>", "b@example.com", "\xf0\x9f\x8c\xb8", "x", &out),
        0);
    assert_non_null(strstr(out.data, "From: =?UTF-8?B?8J+MuCwgSW5jLg==?= <a@vibe.example>\r\n"));
    assert_non_null(strstr(out.data, "Subject: =?UTF-8?B?8J+MuA==?=\r\n"));
}

static void no_line_is_longer_than_78(void **state)
{
    char subject[601] = {0};
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);

    (void)state;
    for (size_t i = 0; i < 600; i += 4)
        memcpy(subject + i, "\xf0\x9f\x8c\xb8", 4);
    assert_int_equal(write_mail("a@vibe.example", "b@example.com", subject, subject, &out), 0);
    for (const char *line = out.data; *line; line = strstr(line, "\r\n") + 2)
        assert_true(strstr(line, "\r\n") - line <= 78);
}

static void nothing_that_could_become_a_header_is_sent(void **state)
{
    static const char *const addresses[] = {
        "",     "@",     "a@",    "@b",    "plain",   "a@b\r\nBcc: c@d", "a@b\nx", "a@b,c@d",
        "a@b>", "<a@b>", "a b@c", "a@b;c", "\"a\"@b", "a@b\x7f",         "\xff@b"};
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);

    (void)state;
    vb_strbuf_init(&out, 16384);
    for (size_t i = 0; i < VB_ARRAY_SIZE(addresses); i++) {
        vb_strbuf_release(&out);
        assert_int_equal(write_mail("a@vibe.example", addresses[i], "x", "x", &out), -EINVAL);
        assert_int_equal(out.length, 0);
    }
    assert_int_equal(write_mail("a@vibe.example", "b@example.com", "x\r\nBcc: c@d", "x", &out), -EINVAL);
    assert_non_null(vb_mail_check_from("Vibe\r\nBcc: x@y <a@vibe.example>"));
    assert_non_null(vb_mail_check_from("Vibe <a@vibe.example> x"));
    assert_non_null(vb_mail_check_from(">"));
    assert_null(vb_mail_check_from("a@vibe.example"));
}

static void only_smtp_urls_are_accepted(void **state)
{
    static const char *const good[] = {"smtp://mail.example.com", "smtps://user:p%40ss@mail.example.com:465",
                                       "smtp://127.0.0.1:2525", "smtp://[::1]:25/"};
    static const char *const wrong[] = {"",           "mail.example.com", "http://mail.example.com",
                                        "smtp://",    "smtp:///",         "smtp://a/b",
                                        "smtp://a?b", "smtp://a:99999"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(good); i++)
        if (vb_mail_check_url(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < VB_ARRAY_SIZE(wrong); i++)
        if (!vb_mail_check_url(wrong[i]))
            fail_msg("%s", wrong[i]);
}

static void a_server_that_is_not_there_is_an_error_without_the_password(void **state)
{
    struct vb_mailer *mailer = vb_mailer_create(&(struct vb_mailer_config){
        .smtp_url = "smtp://user:hunter2@127.0.0.1:1", .from = "a@vibe.example", .retry_after_ms = 1});
    struct vb_error err = {0};

    (void)state;
    assert_int_equal(
        vb_mailer_send(mailer, &(struct vb_mail){.to = "b@example.com", .subject = "x", .text = "x"}, &err),
        -EIO);
    assert_null(strstr(err.message, "hunter2"));
    vb_mailer_stop(mailer);
    assert_int_equal(
        vb_mailer_send(mailer, &(struct vb_mail){.to = "b@example.com", .subject = "x", .text = "x"}, &err),
        -ECANCELED);
    vb_mailer_destroy(mailer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_has_the_headers_it_needs),
        cmocka_unit_test(names_and_subjects_of_any_script_are_encoded_words),
        cmocka_unit_test(no_line_is_longer_than_78),
        cmocka_unit_test(nothing_that_could_become_a_header_is_sent),
        cmocka_unit_test(only_smtp_urls_are_accepted),
        cmocka_unit_test(a_server_that_is_not_there_is_an_error_without_the_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
