/*
 * Time: reading it, and the text forms that HTTP and AWS use.
 */
#ifndef VB_BASE_CLOCK_H
#define VB_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Wall-clock time since 1970, UTC. */
int64_t vb_clock_realtime_ms(void);
int64_t vb_clock_realtime_s(void);
/* Time for measuring and deadlines: never jumps. */
int64_t vb_clock_monotonic_ms(void);
int64_t vb_clock_monotonic_us(void);
/* The same clock as vb_clock_monotonic_ms, a few ms behind at the most, at a third of its cost. */
int64_t vb_clock_coarse_ms(void);

#define VB_CLOCK_ISO8601_SIZE   32 /* "2026-11-22T21:10:26.123Z" */
#define VB_CLOCK_AMZ_DATE_SIZE  17 /* "20261122T211026Z" */
#define VB_CLOCK_HTTP_DATE_SIZE 30 /* "Sun, 22 Nov 2026 21:10:26 GMT", IMF-fixdate of RFC 9110 */

void vb_clock_format_iso8601(int64_t time_ms, char buffer[VB_CLOCK_ISO8601_SIZE]);
void vb_clock_format_amz_date(int64_t time_s, char buffer[VB_CLOCK_AMZ_DATE_SIZE]);
void vb_clock_format_http_date(int64_t time_s, char buffer[VB_CLOCK_HTTP_DATE_SIZE]);

/* Each returns 0, or -EINVAL for text that is not of the form. HTTP dates: all three forms of RFC 9110 5.6.7.
 */
int vb_clock_parse_amz_date(const char *text, int64_t *ret_time_s);
int vb_clock_parse_http_date(const char *text, int64_t *ret_time_s);
int vb_clock_parse_iso8601(const char *text, int64_t *ret_time_ms);

#endif
