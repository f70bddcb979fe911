/* Time and its text forms: see clock.h. */
#include "base/clock.h"

#include "base/memory.h"
#include "base/number.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const weekdays[7] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_weekdays[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                             "Thursday", "Friday", "Saturday"};
static const char *const months[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t read_clock(clockid_t id, int64_t units_per_s)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * units_per_s + now.tv_nsec / (1000000000 / units_per_s);
}

int64_t vb_clock_realtime_ms(void)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

int64_t vb_clock_realtime_s(void)
{
    return read_clock(CLOCK_REALTIME, 1);
}

int64_t vb_clock_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000);
}

int64_t vb_clock_coarse_ms(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE, 1000);
}

int64_t vb_clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

/* Breaks a time into UTC fields. Years outside 0-9999 become the nearest of those: no text form here has room
 * for them. */
static void split_utc(int64_t time_s, struct tm *ret_tm)
{
    time_t t = (time_t)time_s;

    if (time_s < -62167219200)
        t = -62167219200;
    if (time_s > 253402300799)
        t = 253402300799;
    gmtime_r(&t, ret_tm);
}

/* "2026-11-22" and "21:10:26" */
static char *put_three(char *to, int first, unsigned first_digits, int second, int third, char separator)
{
    to = vb_uint_write_fixed(to, (unsigned)first, first_digits);
    *to++ = separator;
    to = vb_uint_write_fixed(to, (unsigned)second, 2);
    *to++ = separator;
    return vb_uint_write_fixed(to, (unsigned)third, 2);
}

void vb_clock_format_iso8601(int64_t time_ms, char buffer[VB_CLOCK_ISO8601_SIZE])
{
    int64_t s = time_ms / 1000, ms = time_ms % 1000;
    char *to = buffer;
    struct tm tm;

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    split_utc(s, &tm);
    to = put_three(to, tm.tm_year + 1900, 4, tm.tm_mon + 1, tm.tm_mday, '-');
    *to++ = 'T';
    to = put_three(to, tm.tm_hour, 2, tm.tm_min, tm.tm_sec, ':');
    *to++ = '.';
    to = vb_uint_write_fixed(to, (unsigned)ms, 3);
    memcpy(to, "Z", 2);
}

void vb_clock_format_amz_date(int64_t time_s, char buffer[VB_CLOCK_AMZ_DATE_SIZE])
{
    char *to = buffer;
    struct tm tm;

    split_utc(time_s, &tm);
    to = vb_uint_write_fixed(to, (unsigned)(tm.tm_year + 1900), 4);
    to = vb_uint_write_fixed(to, (unsigned)(tm.tm_mon + 1), 2);
    to = vb_uint_write_fixed(to, (unsigned)tm.tm_mday, 2);
    *to++ = 'T';
    to = vb_uint_write_fixed(to, (unsigned)tm.tm_hour, 2);
    to = vb_uint_write_fixed(to, (unsigned)tm.tm_min, 2);
    to = vb_uint_write_fixed(to, (unsigned)tm.tm_sec, 2);
    memcpy(to, "Z", 2);
}

void vb_clock_format_http_date(int64_t time_s, char buffer[VB_CLOCK_HTTP_DATE_SIZE])
{
    char *to = buffer;
    struct tm tm;

    split_utc(time_s, &tm);
    memcpy(to, weekdays[tm.tm_wday], 3);
    memcpy(to + 3, ", ", 2);
    to = vb_uint_write_fixed(to + 5, (unsigned)tm.tm_mday, 2);
    *to++ = ' ';
    memcpy(to, months[tm.tm_mon], 3);
    to[3] = ' ';
    to = vb_uint_write_fixed(to + 4, (unsigned)(tm.tm_year + 1900), 4);
    *to++ = ' ';
    to = put_three(to, tm.tm_hour, 2, tm.tm_min, tm.tm_sec, ':');
    memcpy(to, " GMT", 5);
}

/* Turns UTC fields into a time; refuses impossible ones such as 31 June. Second 60 is a leap second and
 * counts as the first of the next minute. */
static int join_utc(struct tm *tm, int64_t *ret_time_s)
{
    const int leap = tm->tm_sec == 60;
    struct tm asked;
    time_t t;

    tm->tm_sec -= leap;
    asked = *tm;
    t = timegm(tm);
    if (tm->tm_mday != asked.tm_mday || tm->tm_mon != asked.tm_mon || tm->tm_hour != asked.tm_hour ||
        tm->tm_min != asked.tm_min || tm->tm_sec != asked.tm_sec)
        return -EINVAL;
    *ret_time_s = (int64_t)t + leap;
    return 0;
}

/* Reads exactly count digits. Returns what follows them, or NULL. */
static const char *scan_digits(const char *text, int count, int *ret_value)
{
    uint64_t value;

    if (vb_uint_parse(text, (size_t)count, INT_MAX, &value) < 0)
        return NULL;
    *ret_value = (int)value;
    return text + count;
}

/* Reads one of the names. Returns what follows it, or NULL. */
static const char *scan_name(const char *text, const char *const *names, int count, int *ret_index)
{
    for (int i = 0; i < count; i++) {
        size_t length = strlen(names[i]);

        if (strncmp(text, names[i], length) == 0) {
            *ret_index = i;
            return text + length;
        }
    }
    return NULL;
}

/* A year of two digits lies at the most 50 years ahead: RFC 9110 5.6.7. */
static int full_year(int two_digits)
{
    time_t now = time(NULL);
    struct tm tm;
    int this_year, year;

    gmtime_r(&now, &tm);
    this_year = tm.tm_year + 1900;
    year = this_year - this_year % 100 + two_digits;
    return year > this_year + 50 ? year - 100 : year;
}

static const char *scan_field(const char *text, char field, struct tm *tm)
{
    switch (field) {
    case 'a':
        return scan_name(text, weekdays, 7, &tm->tm_wday);
    case 'A':
        return scan_name(text, long_weekdays, 7, &tm->tm_wday);
    case 'b':
        return scan_name(text, months, 12, &tm->tm_mon);
    case 'm':
        text = scan_digits(text, 2, &tm->tm_mon);
        tm->tm_mon -= 1;
        return text;
    case 'e':
        return *text == ' ' ? scan_digits(text + 1, 1, &tm->tm_mday) : scan_digits(text, 2, &tm->tm_mday);
    case 'd':
        return scan_digits(text, 2, &tm->tm_mday);
    case 'Y':
        text = scan_digits(text, 4, &tm->tm_year);
        tm->tm_year -= 1900;
        return text;
    case 'y':
        text = scan_digits(text, 2, &tm->tm_year);
        tm->tm_year = full_year(tm->tm_year) - 1900;
        return text;
    case 'H':
        return scan_digits(text, 2, &tm->tm_hour);
    case 'M':
        return scan_digits(text, 2, &tm->tm_min);
    default:
        vb_assert(field == 'S');
        return scan_digits(text, 2, &tm->tm_sec);
    }
}

/* A small strptime() that is exact (fixed widths, no stray blanks, case counts) and the same in every locale.
 * Returns what follows the form, or NULL. */
static const char *scan(const char *text, const char *form, struct tm *tm)
{
    for (; text && *form; form++) {
        if (*form == '%')
            text = scan_field(text, *++form, tm);
        else
            text = *text == *form ? text + 1 : NULL;
    }
    return text;
}

int vb_clock_parse_amz_date(const char *text, int64_t *ret_time_s)
{
    struct tm tm = {0};
    const char *rest = scan(text, "%Y%m%dT%H%M%SZ", &tm);

    if (!rest || *rest)
        return -EINVAL;
    return join_utc(&tm, ret_time_s);
}

/* "Z" or "+01:30": how far local time is ahead of UTC. Returns 0 or -EINVAL. */
static int parse_zone(const char *text, int64_t *ret_offset_s)
{
    int hours, minutes;
    bool behind = *text == '-';

    if (strcmp(text, "Z") == 0) {
        *ret_offset_s = 0;
        return 0;
    }
    if (*text != '+' && *text != '-')
        return -EINVAL;
    text = scan_digits(text + 1, 2, &hours);
    if (!text || *text != ':')
        return -EINVAL;
    text = scan_digits(text + 1, 2, &minutes);
    if (!text || *text || hours > 23 || minutes > 59)
        return -EINVAL;
    *ret_offset_s = (behind ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
    return 0;
}

int vb_clock_parse_iso8601(const char *text, int64_t *ret_time_ms)
{
    struct tm tm = {0};
    int64_t time_s, offset_s;
    int ms = 0;

    text = scan(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!text)
        return -EINVAL;
    if (*text == '.') {
        const char *fraction = ++text;

        for (int scale = 100; *text >= '0' && *text <= '9'; text++, scale /= 10)
            ms += (*text - '0') * scale;
        if (text == fraction)
            return -EINVAL;
    }
    if (parse_zone(text, &offset_s) < 0 || join_utc(&tm, &time_s) < 0)
        return -EINVAL;
    *ret_time_ms = (time_s - offset_s) * 1000 + ms;
    return 0;
}

int vb_clock_parse_http_date(const char *text, int64_t *ret_time_s)
{
    /* IMF-fixdate, RFC 850, asctime: RFC 9110 5.6.7 obliges a recipient to take all three. */
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};

    for (size_t i = 0; i < VB_ARRAY_SIZE(forms); i++) {
        struct tm tm = {0};
        const char *rest = scan(text, forms[i], &tm);

        if (rest && *rest == '\0')
            return join_utc(&tm, ret_time_s);
    }
    return -EINVAL;
}
