/* Time in the text forms of HTTP (RFC 9110 5.6.7) and AWS. */
#include "base/clock.h"

#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNTOUCHED (-4242)

static const struct {
    int64_t time_s;
    const char *http, *amz, *iso;
} known[] = {
    {0, "Thu, 01 Jan 1970 00:00:00 GMT", "19700101T000000Z", "1970-01-01T00:00:00.000Z"},
    {-1, "Wed, 31 Dec 1969 23:59:59 GMT", "19691231T235959Z", "1969-12-31T23:59:59.000Z"},
    {784111777, "Sun, 06 Nov 1994 08:49:37 GMT", "19941106T084937Z", "1994-11-06T08:49:37.000Z"},
    {951782400, "Tue, 29 Feb 2000 00:00:00 GMT", "20000229T000000Z", "2000-02-29T00:00:00.000Z"},
    {1369353600, "Fri, 24 May 2013 00:00:00 GMT", "20130524T000000Z", "2013-05-24T00:00:00.000Z"},
    {2147483648, "Tue, 19 Jan 2038 03:14:08 GMT", "20380119T031408Z", "2038-01-19T03:14:08.000Z"},
    {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT", "99991231T235959Z", "9999-12-31T23:59:59.000Z"},
};

static void known_times_format_and_parse_in_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char http[VB_CLOCK_HTTP_DATE_SIZE], amz[VB_CLOCK_AMZ_DATE_SIZE], iso[VB_CLOCK_ISO8601_SIZE];
        int64_t time;

        vb_clock_format_http_date(known[i].time_s, http);
        vb_clock_format_amz_date(known[i].time_s, amz);
        vb_clock_format_iso8601(known[i].time_s * 1000, iso);
        assert_string_equal(http, known[i].http);
        assert_string_equal(amz, known[i].amz);
        assert_string_equal(iso, known[i].iso);
        assert_int_equal(vb_clock_parse_http_date(http, &time), 0);
        assert_int_equal(time, known[i].time_s);
        assert_int_equal(vb_clock_parse_amz_date(amz, &time), 0);
        assert_int_equal(time, known[i].time_s);
        assert_int_equal(vb_clock_parse_iso8601(iso, &time), 0);
        assert_int_equal(time, known[i].time_s * 1000);
    }
}

static void every_form_survives_a_round_trip(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        int64_t ms = (int64_t)(test_random(&seed) % 315569519999999) - 62167219200000; /* years 0 to 9999 */
        char http[VB_CLOCK_HTTP_DATE_SIZE], amz[VB_CLOCK_AMZ_DATE_SIZE], iso[VB_CLOCK_ISO8601_SIZE];
        int64_t back, s = ms >= 0 ? ms / 1000 : -((999 - ms) / 1000);

        vb_clock_format_iso8601(ms, iso);
        assert_int_equal(strlen(iso), 24);
        assert_int_equal(vb_clock_parse_iso8601(iso, &back), 0);
        assert_int_equal(back, ms);
        vb_clock_format_amz_date(s, amz);
        assert_int_equal(strlen(amz), 16);
        assert_int_equal(vb_clock_parse_amz_date(amz, &back), 0);
        assert_int_equal(back, s);
        vb_clock_format_http_date(s, http);
        assert_int_equal(strlen(http), 29);
        assert_int_equal(vb_clock_parse_http_date(http, &back), 0);
        assert_int_equal(back, s);
    }
}

static void all_three_http_forms_are_read(void **state)
{
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    int64_t time;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vb_clock_parse_http_date(forms[i], &time), 0);
        assert_int_equal(time, 784111777);
    }
    assert_int_equal(vb_clock_parse_http_date("Wed Nov 16 08:49:37 1994", &time), 0);
    assert_int_equal(time, 784111777 + 10 * 86400);
}

static void a_year_of_two_digits_is_at_most_50_years_ahead(void **state)
{
    const time_t now = time(NULL);
    struct tm tm;
    int this_year;

    (void)state;
    gmtime_r(&now, &tm);
    this_year = tm.tm_year + 1900;
    for (int two_digits = 0; two_digits < 100; two_digits++) {
        char text[64];
        int64_t parsed;
        time_t parsed_t;
        int year;

        snprintf(text, sizeof(text), "Monday, 15-Jun-%02d 12:00:00 GMT", two_digits);
        assert_int_equal(vb_clock_parse_http_date(text, &parsed), 0);
        parsed_t = (time_t)parsed;
        gmtime_r(&parsed_t, &tm);
        year = tm.tm_year + 1900;
        assert_int_equal(year % 100, two_digits);
        assert_true(year <= this_year + 50);
        assert_true(year > this_year - 100);
    }
}

static void malformed_http_dates_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "0",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 November 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Dec 1994 08:49:37 GMT",
        "Tue, 29 Feb 1900 00:00:00 GMT",
        "Mon, 29 Feb 2100 00:00:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994  8:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  0 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t time = UNTOUCHED;

        if (vb_clock_parse_http_date(bad[i], &time) != -EINVAL)
            fail_msg("\"%s\" was taken for a date", bad[i]);
        assert_int_equal(time, UNTOUCHED);
    }
}

static void malformed_amz_and_iso_dates_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2",
        "20130524T000000",
        "20130524T000000z",
        "20130524t000000Z",
        "20130524T000000ZZ",
        "20130524 000000Z",
        "20131324T000000Z",
        "20130024T000000Z",
        "20130532T000000Z",
        "20130229T000000Z",
        "20130524T240000Z",
        "20130524T006000Z",
        "20130524T000061Z",
        "2013052xT000000Z",
        "+2130524T000000Z",
        "2013-05-24T00:00:00",
        "2013-05-24T00:00:00.Z",
        "2013-05-24T00:00:00.",
        "2013-05-24T00:00:00.1",
        "2013-05-24T00:00:00,1Z",
        "2013-05-24T00:00:00.1x",
        "2013-05-24T00:00:00+0000",
        "2013-05-24T00:00:00+24:00",
        "2013-05-24T00:00:00+01:60",
        "2013-05-24T00:00:00+1:00",
        "2013-05-24 00:00:00Z",
        "2013-5-24T00:00:00Z",
        "2013-02-30T00:00:00Z",
        "2013-05-24T25:00:00Z",
        "2013-05-24T00:00:00Z ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t time = UNTOUCHED;

        if (vb_clock_parse_amz_date(bad[i], &time) != -EINVAL ||
            vb_clock_parse_iso8601(bad[i], &time) != -EINVAL)
            fail_msg("\"%s\" was taken for a date", bad[i]);
        assert_int_equal(time, UNTOUCHED);
    }
}

static void every_truncation_is_refused(void **state)
{
    char text[64];
    int64_t time = UNTOUCHED;

    (void)state;
    for (size_t i = 2; i < 4; i++) {
        for (size_t length = 0; length < 29; length++) {
            snprintf(text, length + 1, "%s", known[i].http);
            assert_int_equal(vb_clock_parse_http_date(text, &time), -EINVAL);
        }
        for (size_t length = 0; length < 16; length++) {
            snprintf(text, length + 1, "%s", known[i].amz);
            assert_int_equal(vb_clock_parse_amz_date(text, &time), -EINVAL);
        }
        for (size_t length = 0; length < 24; length++) {
            snprintf(text, length + 1, "%s", known[i].iso);
            assert_int_equal(vb_clock_parse_iso8601(text, &time), -EINVAL);
        }
    }
    assert_int_equal(time, UNTOUCHED);
}

static void a_leap_second_is_the_next_second(void **state)
{
    int64_t time;

    (void)state;
    assert_int_equal(vb_clock_parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", &time), 0);
    assert_int_equal(time, 1483228800);
    assert_int_equal(vb_clock_parse_amz_date("20161231T235960Z", &time), 0);
    assert_int_equal(time, 1483228800);
    assert_int_equal(vb_clock_parse_iso8601("2016-12-31T23:59:60.500Z", &time), 0);
    assert_int_equal(time, 1483228800500);
}

static void fractions_of_any_length_are_cut_to_milliseconds(void **state)
{
    static const struct {
        const char *text;
        int ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},          {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.05Z", 50},      {"1970-01-01T00:00:00.005Z", 5},
        {"1970-01-01T00:00:00.0009Z", 0},     {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T00:00:00.999999Z", 999}, {"1970-01-01T00:00:00.9999999999999999999999999Z", 999}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t time;

        assert_int_equal(vb_clock_parse_iso8601(cases[i].text, &time), 0);
        assert_int_equal(time, cases[i].ms);
    }
}

static void an_iso_8601_time_may_be_of_any_zone(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00+00:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00.250-05:30", 19800250},
        {"1970-01-01T00:00:00+23:59", -86340000},
    };
    static const char *const bad[] = {"+1:00",   "+0100", "+01",   "+24:00", "-01:60",
                                      "+01:00Z", "+01:0", "01:00", " +01:00"};
    int64_t time;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(vb_clock_parse_iso8601(cases[i].text, &time), 0);
        assert_int_equal(time, cases[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[64];

        snprintf(text, sizeof(text), "1970-01-01T00:00:00%s", bad[i]);
        if (vb_clock_parse_iso8601(text, &time) != -EINVAL)
            fail_msg("\"%s\" was taken for a time", text);
    }
}

static void times_beyond_the_text_forms_are_held_at_their_edge(void **state)
{
    static const int64_t far[] = {INT64_MIN, INT64_MIN + 1, -62167219201, 253402300800, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        char http[VB_CLOCK_HTTP_DATE_SIZE], amz[VB_CLOCK_AMZ_DATE_SIZE], iso[VB_CLOCK_ISO8601_SIZE];

        vb_clock_format_http_date(far[i], http);
        vb_clock_format_amz_date(far[i], amz);
        vb_clock_format_iso8601(far[i], iso);
        assert_int_equal(strlen(iso), 24);
        assert_string_equal(amz, far[i] < 0 ? "00000101T000000Z" : "99991231T235959Z");
        assert_string_equal(http + 5, far[i] < 0 ? "01 Jan 0000 00:00:00 GMT" : "31 Dec 9999 23:59:59 GMT");
    }
}

static void clocks_agree_with_the_system_and_do_not_go_back(void **state)
{
    int64_t before_us = vb_clock_monotonic_us(), seconds = time(NULL);

    (void)state;
    assert_in_range(vb_clock_realtime_s(), seconds, seconds + 5);
    assert_in_range(vb_clock_realtime_ms(), seconds * 1000, (seconds + 5) * 1000);
    for (int i = 0; i < 100000; i++) {
        int64_t now_us = vb_clock_monotonic_us();

        assert_true(now_us >= before_us);
        before_us = now_us;
    }
    assert_in_range(vb_clock_monotonic_ms(), before_us / 1000, before_us / 1000 + 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times_format_and_parse_in_every_form),
        cmocka_unit_test(every_form_survives_a_round_trip),
        cmocka_unit_test(all_three_http_forms_are_read),
        cmocka_unit_test(a_year_of_two_digits_is_at_most_50_years_ahead),
        cmocka_unit_test(malformed_http_dates_are_refused),
        cmocka_unit_test(malformed_amz_and_iso_dates_are_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_leap_second_is_the_next_second),
        cmocka_unit_test(fractions_of_any_length_are_cut_to_milliseconds),
        cmocka_unit_test(an_iso_8601_time_may_be_of_any_zone),
        cmocka_unit_test(times_beyond_the_text_forms_are_held_at_their_edge),
        cmocka_unit_test(clocks_agree_with_the_system_and_do_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
