/* Byte ranges and conditions: examples of RFC 9110, and a property test against a naive model. */
#include "http/range.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MODIFIED   784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define AT         "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE     "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER      "Sun, 06 Nov 1994 08:49:38 GMT"
#define AT_RFC850  "Sunday, 06-Nov-94 08:49:37 GMT"
#define AT_ASCTIME "Sun Nov  6 08:49:37 1994"

static void assert_range(const char *header, int64_t total, int64_t offset, int64_t size)
{
    int64_t got_offset = -1, got_size = -1;

    assert_int_equal(vb_range_parse(header, total, &got_offset, &got_size), VB_RANGE_PARTIAL);
    assert_int_equal(got_offset, offset);
    assert_int_equal(got_size, size);
}

static void assert_no_range(const char *header, int64_t total, enum vb_range_result result)
{
    int64_t offset = -7, size = -7;

    assert_int_equal(vb_range_parse(header, total, &offset, &size), result);
    assert_int_equal(offset, -7);
    assert_int_equal(size, -7);
}

static void one_range_gives_its_bytes(void **state)
{
    (void)state;
    assert_range("bytes=0-499", 10000, 0, 500);
    assert_range("bytes=500-999", 10000, 500, 500);
    assert_range("bytes=-500", 10000, 9500, 500);
    assert_range("bytes=9500-", 10000, 9500, 500);
    assert_range("bytes=0-0", 10000, 0, 1);
    assert_range("bytes=-1", 10000, 9999, 1);
    assert_range("Bytes=0-1", 10000, 0, 2);
    assert_range(" bytes= 0-1 ", 10000, 0, 2);
}

static void a_range_past_the_end_is_cut(void **state)
{
    (void)state;
    assert_range("bytes=0-", 1, 0, 1);
    assert_range("bytes=5-999", 10, 5, 5);
    assert_range("bytes=-999", 10, 0, 10);
    assert_range("bytes=9-99999999999999999999999999", 10, 9, 1);
    assert_range("bytes=-99999999999999999999999999", 10, 0, 10);
    assert_range("bytes=9223372036854775806-", INT64_MAX, INT64_MAX - 1, 1);
}

static void a_range_with_no_byte_is_unsatisfiable(void **state)
{
    (void)state;
    assert_no_range("bytes=10-", 10, VB_RANGE_UNSATISFIABLE);
    assert_no_range("bytes=10-20", 10, VB_RANGE_UNSATISFIABLE);
    assert_no_range("bytes=99999999999999999999999999-", 10, VB_RANGE_UNSATISFIABLE);
    assert_no_range("bytes=-0", 10, VB_RANGE_UNSATISFIABLE);
    assert_no_range("bytes=0-", 0, VB_RANGE_UNSATISFIABLE);
    assert_no_range("bytes=-5", 0, VB_RANGE_UNSATISFIABLE);
}

static void anything_but_a_single_byte_range_is_ignored(void **state)
{
    static const char *const ignored[] = {
        "",          "bytes",       "bytes=",     "bytes=-",       "bytes=a-b",
        "bytes=1",   "bytes=2-1",   "bytes=1-2x", "bytes=1-2,4-5", "bytes=0-1,",
        "items=0-1", "bytes 0-1",   "bytes=--1",  "bytes=+1-2",    "bytes=1 - 2",
        "bytes=-1-", "bytes=0x1-2", "bytes =0-1", "bytes=1-2;q=1"};

    (void)state;
    assert_no_range(NULL, 10, VB_RANGE_NONE);
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        assert_no_range(ignored[i], 10, VB_RANGE_NONE);
}

/* The model: a byte is sent if it lies in the range as written down. */
static bool model_has(int first, int last, int total, int byte)
{
    if (first < 0)
        return byte >= total - last && byte < total;
    return byte >= first && (last < 0 || byte <= last) && byte < total;
}

static void every_small_range_agrees_with_the_model(void **state)
{
    (void)state;
    for (int total = 0; total <= 6; total++) {
        for (int first = -1; first <= 8; first++) {
            for (int last = -1; last <= 8; last++) {
                char header[64], first_text[16] = "", last_text[16] = "";
                int64_t offset = 0, size = 0;
                int sent = 0;
                enum vb_range_result result;

                if (first >= 0)
                    snprintf(first_text, sizeof(first_text), "%d", first);
                if (last >= 0)
                    snprintf(last_text, sizeof(last_text), "%d", last);
                snprintf(header, sizeof(header), "bytes=%s-%s", first_text, last_text);
                result = vb_range_parse(header, total, &offset, &size);
                if ((first < 0 && last < 0) || (first >= 0 && last >= 0 && last < first)) {
                    assert_int_equal(result, VB_RANGE_NONE);
                    continue;
                }
                for (int byte = 0; byte < total; byte++) {
                    bool in = byte >= offset && byte < offset + size;

                    assert_int_equal(in, model_has(first, last, total, byte));
                    sent += in;
                }
                assert_int_equal(result, sent ? VB_RANGE_PARTIAL : VB_RANGE_UNSATISFIABLE);
                assert_int_equal(sent, size);
            }
        }
    }
}

static void random_text_never_gives_bytes_that_do_not_exist(void **state)
{
    static const char alphabet[] = "bytes==--0123456789, \tx";

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char header[40] = "bytes=";
        size_t length = 6 + vb_random_below(sizeof(header) - 7);
        int64_t total = vb_random_below(2) ? vb_random_below(1000) : INT64_MAX - vb_random_below(3);
        int64_t offset = 0, size = 0;

        for (size_t i = 6; i < length; i++)
            header[i] = alphabet[vb_random_below(sizeof(alphabet) - 1)];
        if (vb_range_parse(header, total, &offset, &size) == VB_RANGE_PARTIAL) {
            assert_true(offset >= 0 && size > 0);
            assert_true(size <= total - offset);
        }
    }
}

static enum vb_condition_result evaluate(struct vb_conditions conditions, bool is_read, const char *etag)
{
    return vb_conditions_evaluate(&conditions, is_read, etag, MODIFIED);
}

static void if_match_compares_strongly(void **state)
{
    (void)state;
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "\"a\""}, true, "\"a\""),
                     VB_CONDITION_PROCEED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "\"b\""}, true, "\"a\""),
                     VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "W/\"a\""}, true, "\"a\""),
                     VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "\"a\""}, true, "W/\"a\""),
                     VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "W/\"a\""}, true, "W/\"a\""),
                     VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "*"}, false, "\"a\""), VB_CONDITION_PROCEED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "*"}, false, NULL), VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "\"a\""}, false, NULL), VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = ""}, true, "\"a\""), VB_CONDITION_FAILED);
}

static void if_none_match_compares_weakly(void **state)
{
    const struct vb_conditions same = {.if_none_match = "\"a\""}, weak = {.if_none_match = "W/\"a\""},
                               other = {.if_none_match = "\"b\""}, any = {.if_none_match = "*"};

    (void)state;
    assert_int_equal(evaluate(same, true, "\"a\""), VB_CONDITION_NOT_MODIFIED);
    assert_int_equal(evaluate(weak, true, "\"a\""), VB_CONDITION_NOT_MODIFIED);
    assert_int_equal(evaluate(same, true, "W/\"a\""), VB_CONDITION_NOT_MODIFIED);
    assert_int_equal(evaluate(same, false, "\"a\""), VB_CONDITION_FAILED);
    assert_int_equal(evaluate(other, true, "\"a\""), VB_CONDITION_PROCEED);
    assert_int_equal(evaluate(any, true, "\"a\""), VB_CONDITION_NOT_MODIFIED);
    assert_int_equal(evaluate(any, false, "\"a\""), VB_CONDITION_FAILED);
    assert_int_equal(evaluate(any, false, NULL), VB_CONDITION_PROCEED);
    assert_int_equal(evaluate(same, true, NULL), VB_CONDITION_PROCEED);
}

static void lists_of_tags_may_hold_commas_in_quotes(void **state)
{
    const struct vb_conditions list = {.if_match = " \"x, y\" ,,\t\"a,b\", W/\"c\""};
    const struct vb_conditions bare = {.if_match = "abc, def"};

    (void)state;
    assert_int_equal(evaluate(list, true, "\"x, y\""), VB_CONDITION_PROCEED);
    assert_int_equal(evaluate(list, true, "\"a,b\""), VB_CONDITION_PROCEED);
    assert_int_equal(evaluate(list, true, "\"x\""), VB_CONDITION_FAILED);
    assert_int_equal(evaluate(list, true, "\"b\""), VB_CONDITION_FAILED);
    assert_int_equal(evaluate(list, true, "\"c\""), VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "\"a"}, true, "\"a\""), VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "\"b\" \"a\""}, true, "\"a\""),
                     VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_match = "\"*\""}, true, "\"a\""),
                     VB_CONDITION_FAILED);
    assert_int_equal(evaluate(bare, true, "\"def\""),
                     VB_CONDITION_PROCEED); /* without quotes, as S3 lets pass */
}

static void dates_decide_only_without_tags(void **state)
{
    const struct vb_conditions
        /* RFC 9110 13.2.2: If-Match goes before If-Unmodified-Since, If-None-Match before If-Modified-Since.
         */
        match_wins = {.if_match = "\"a\"", .if_unmodified_since = BEFORE},
        match_fails = {.if_match = "\"b\"", .if_unmodified_since = AFTER},
        none_match_wins = {.if_none_match = "\"b\"", .if_modified_since = AFTER},
        none_match_same = {.if_none_match = "\"a\"", .if_modified_since = BEFORE},
        both = {.if_match = "\"a\"", .if_none_match = "\"a\""};

    (void)state;
    assert_int_equal(evaluate(match_wins, true, "\"a\""), VB_CONDITION_PROCEED);
    assert_int_equal(evaluate(match_fails, true, "\"a\""), VB_CONDITION_FAILED);
    assert_int_equal(evaluate(none_match_wins, true, "\"a\""), VB_CONDITION_PROCEED);
    assert_int_equal(evaluate(none_match_same, true, "\"a\""), VB_CONDITION_NOT_MODIFIED);
    assert_int_equal(evaluate(both, true, "\"a\""), VB_CONDITION_NOT_MODIFIED);
}

static void dates_compare_to_the_second(void **state)
{
    static const char *const same[] = {AT, AT_RFC850, AT_ASCTIME};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(evaluate((struct vb_conditions){.if_modified_since = same[i]}, true, "\"a\""),
                         VB_CONDITION_NOT_MODIFIED);
        assert_int_equal(evaluate((struct vb_conditions){.if_unmodified_since = same[i]}, true, "\"a\""),
                         VB_CONDITION_PROCEED);
    }
    assert_int_equal(evaluate((struct vb_conditions){.if_modified_since = AFTER}, true, "\"a\""),
                     VB_CONDITION_NOT_MODIFIED);
    assert_int_equal(evaluate((struct vb_conditions){.if_modified_since = BEFORE}, true, "\"a\""),
                     VB_CONDITION_PROCEED);
    assert_int_equal(evaluate((struct vb_conditions){.if_unmodified_since = BEFORE}, true, "\"a\""),
                     VB_CONDITION_FAILED);
    assert_int_equal(evaluate((struct vb_conditions){.if_unmodified_since = BEFORE}, false, "\"a\""),
                     VB_CONDITION_FAILED);
    /* If-Modified-Since is for GET and HEAD alone; what is no date, or compares with nothing, is ignored. */
    assert_int_equal(evaluate((struct vb_conditions){.if_modified_since = AT}, false, "\"a\""),
                     VB_CONDITION_PROCEED);
    assert_int_equal(evaluate((struct vb_conditions){.if_modified_since = "yesterday"}, true, "\"a\""),
                     VB_CONDITION_PROCEED);
    assert_int_equal(evaluate((struct vb_conditions){.if_unmodified_since = "1"}, true, "\"a\""),
                     VB_CONDITION_PROCEED);
    assert_int_equal(evaluate((struct vb_conditions){.if_unmodified_since = BEFORE}, true, NULL),
                     VB_CONDITION_PROCEED);
}

static void if_range_wants_the_very_same_representation(void **state)
{
    (void)state;
    assert_true(vb_if_range_holds(NULL, "\"a\"", MODIFIED));
    assert_true(vb_if_range_holds(NULL, NULL, MODIFIED));
    assert_true(vb_if_range_holds("\"a\"", "\"a\"", MODIFIED));
    assert_true(vb_if_range_holds(AT, "\"a\"", MODIFIED));
    assert_false(vb_if_range_holds("\"b\"", "\"a\"", MODIFIED));
    assert_false(vb_if_range_holds("W/\"a\"", "W/\"a\"", MODIFIED));
    assert_false(vb_if_range_holds("\"a\", \"b\"", "\"a\"", MODIFIED));
    assert_false(vb_if_range_holds(AFTER, "\"a\"", MODIFIED));
    assert_false(vb_if_range_holds(BEFORE, "\"a\"", MODIFIED));
    assert_false(vb_if_range_holds("\"a\"", NULL, MODIFIED));
    assert_false(vb_if_range_holds("*", "\"a\"", MODIFIED));
    assert_false(vb_if_range_holds("", "\"a\"", MODIFIED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_range_gives_its_bytes),
        cmocka_unit_test(a_range_past_the_end_is_cut),
        cmocka_unit_test(a_range_with_no_byte_is_unsatisfiable),
        cmocka_unit_test(anything_but_a_single_byte_range_is_ignored),
        cmocka_unit_test(every_small_range_agrees_with_the_model),
        cmocka_unit_test(random_text_never_gives_bytes_that_do_not_exist),
        cmocka_unit_test(if_match_compares_strongly),
        cmocka_unit_test(if_none_match_compares_weakly),
        cmocka_unit_test(lists_of_tags_may_hold_commas_in_quotes),
        cmocka_unit_test(dates_decide_only_without_tags),
        cmocka_unit_test(dates_compare_to_the_second),
        cmocka_unit_test(if_range_wants_the_very_same_representation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
