/* The string builder: limits, failure, numbers, and out of memory. */
#include "base/strbuf.h"

#include "base/cleanup.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static void new_builder_is_the_empty_string(void **state)
{
    struct vb_strbuf sb;

    (void)state;
    vb_strbuf_init(&sb, 10);
    assert_string_equal(sb.data, "");
    assert_int_equal(sb.length, 0);
    assert_false(vb_strbuf_failed(&sb));
    vb_strbuf_release(&sb);
    vb_strbuf_release(&sb);
}

static void holds_exactly_its_maximum_and_not_a_byte_more(void **state)
{
    static const size_t limits[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 4095, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct vb_strbuf sb;

        vb_strbuf_init(&sb, limits[i]);
        for (size_t n = 0; n < limits[i]; n++)
            vb_strbuf_addc(&sb, 'x');
        assert_false(vb_strbuf_failed(&sb));
        assert_int_equal(sb.length, limits[i]);
        assert_int_equal(strlen(sb.data), limits[i]);
        vb_strbuf_addc(&sb, 'y');
        assert_true(vb_strbuf_failed(&sb));
        assert_int_equal(strlen(sb.data), limits[i]);
        vb_strbuf_release(&sb);
    }
}

static void one_addition_of_the_maximum_fits_in_every_form(void **state)
{
    static const char text[] = "0123456789";
    struct vb_strbuf sb;

    (void)state;
    vb_strbuf_init(&sb, 10);
    vb_strbuf_adds(&sb, text);
    assert_string_equal(sb.data, text);
    vb_strbuf_clear(&sb);
    vb_strbuf_addf(&sb, "%s", text);
    assert_string_equal(sb.data, text);
    vb_strbuf_clear(&sb);
    vb_strbuf_addu(&sb, 1234567890);
    assert_string_equal(sb.data, "1234567890");
    vb_strbuf_clear(&sb);
    memcpy(vb_strbuf_reserve(&sb, 10), text, 10);
    vb_strbuf_commit(&sb, 10);
    assert_string_equal(sb.data, text);
    assert_false(vb_strbuf_failed(&sb));
    vb_strbuf_release(&sb);
}

static void failure_lasts_and_later_additions_do_nothing(void **state)
{
    struct vb_strbuf sb;

    (void)state;
    vb_strbuf_init(&sb, 5);
    vb_strbuf_adds(&sb, "abc");
    vb_strbuf_adds(&sb, "def");
    assert_true(vb_strbuf_failed(&sb));
    vb_strbuf_adds(&sb, "g"); /* would fit */
    vb_strbuf_addf(&sb, "%d", 1);
    vb_strbuf_addu(&sb, 1);
    assert_null(vb_strbuf_reserve(&sb, 0));
    assert_string_equal(sb.data, "abc");
    vb_strbuf_clear(&sb);
    assert_false(vb_strbuf_failed(&sb));
    vb_strbuf_adds(&sb, "defgh");
    assert_string_equal(sb.data, "defgh");
    vb_strbuf_release(&sb);
}

static void refuses_a_size_that_would_overflow(void **state)
{
    struct vb_strbuf sb;

    (void)state;
    vb_strbuf_init(&sb, 100);
    vb_strbuf_adds(&sb, "x");
    assert_null(vb_strbuf_reserve(&sb, SIZE_MAX));
    assert_true(vb_strbuf_failed(&sb));
    vb_strbuf_clear(&sb);
    assert_null(vb_strbuf_reserve(&sb, SIZE_MAX - 1));
    vb_strbuf_release(&sb);
}

static void detach_gives_the_string_away(void **state)
{
    struct vb_strbuf sb;
    char *text;

    (void)state;
    vb_strbuf_init(&sb, 100);
    text = vb_strbuf_detach(&sb);
    assert_string_equal(text, "");
    free(text);
    vb_strbuf_adds(&sb, "first");
    text = vb_strbuf_detach(&sb);
    vb_strbuf_adds(&sb, "second");
    assert_string_equal(text, "first");
    assert_string_equal(sb.data, "second");
    free(text);
    vb_strbuf_release(&sb);
}

static void detach_after_a_failure_leaves_nothing_to_release(void **state)
{
    struct vb_strbuf sb;

    (void)state;
    vb_strbuf_init(&sb, 3);
    vb_strbuf_adds(&sb, "abc");
    vb_strbuf_adds(&sb, "d");
    assert_null(vb_strbuf_detach(&sb));
    assert_int_equal(sb.capacity, 0); /* else this test leaks, too */
    assert_string_equal(sb.data, "");
    assert_false(vb_strbuf_failed(&sb));
}

static void formatting_is_whole_at_every_length(void **state)
{
    struct vb_strbuf sb;
    char expected[600];

    (void)state;
    vb_strbuf_init(&sb, 600);
    for (int length = 0; length < 550; length++) {
        snprintf(expected, sizeof(expected), "<%*s|%d>", length, "x", length);
        vb_strbuf_clear(&sb);
        vb_strbuf_addf(&sb, "<%*s|%d>", length, "x", length);
        assert_false(vb_strbuf_failed(&sb));
        assert_string_equal(sb.data, expected);
    }
    vb_strbuf_release(&sb);
}

static void formatting_that_fails_fails_the_builder(void **state)
{
    struct vb_strbuf sb;

    (void)state;
    vb_strbuf_init(&sb, 1000);
    vb_strbuf_adds(&sb, "before");
    vb_strbuf_addf(&sb, "%lc", (wint_t)0x7fffffff); /* no such character: vsnprintf() returns -1 */
    assert_true(vb_strbuf_failed(&sb));
    assert_string_equal(sb.data, "before");
    vb_strbuf_release(&sb);
}

static void numbers_read_as_printf_writes_them(void **state)
{
    static const int64_t edges[] = {0,  1,   -1,        9,         10,        -10,
                                    99, 100, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    uint64_t seed = 1;
    struct vb_strbuf sb;
    char expected[64];

    (void)state;
    vb_strbuf_init(&sb, 100);
    for (size_t i = 0; i < 10000; i++) {
        int64_t value = i < sizeof(edges) / sizeof(edges[0])
                            ? edges[i]
                            : (int64_t)(test_random(&seed) >> (test_random(&seed) % 64));

        snprintf(expected, sizeof(expected), "%lld %llu", (long long)value, (unsigned long long)value);
        vb_strbuf_clear(&sb);
        vb_strbuf_addi(&sb, value);
        vb_strbuf_addc(&sb, ' ');
        vb_strbuf_addu(&sb, (uint64_t)value);
        assert_string_equal(sb.data, expected);
    }
    vb_strbuf_release(&sb);
}

static void any_sequence_of_additions_equals_their_concatenation(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int round = 0; round < 300; round++) {
        char reference[5000], piece[700];
        size_t length = 0, max = test_random(&seed) % sizeof(reference);
        struct vb_strbuf sb;
        bool failed = false;

        vb_strbuf_init(&sb, max);
        while (!failed && length < max) {
            size_t size = test_random(&seed) % sizeof(piece);

            test_random_fill(&seed, piece, size); /* NUL bytes among them */
            vb_strbuf_add(&sb, piece, size);
            failed = size > max - length;
            assert_int_equal(vb_strbuf_failed(&sb), failed);
            if (!failed) {
                memcpy(reference + length, piece, size);
                length += size;
            }
        }
        assert_int_equal(sb.length, length);
        assert_memory_equal(sb.data, reference, length);
        assert_int_equal(sb.data[length], 0);
        vb_strbuf_release(&sb);
    }
}

static void out_of_memory_fails_the_builder_and_keeps_its_string(void **state)
{
    (void)state;
    for (long allow = 0;; allow++) {
        char piece[100];
        struct vb_strbuf sb;
        size_t length = 0;
        long refused;

        memset(piece, 'p', sizeof(piece));
        vb_strbuf_init(&sb, 100000);
        fail_one_allocation_after(allow);
        for (int i = 0; i < 100; i++) {
            vb_strbuf_add(&sb, piece, sizeof(piece));
            if (!vb_strbuf_failed(&sb))
                length += sizeof(piece);
        }
        refused = stop_failing_allocations();
        assert_int_equal(vb_strbuf_failed(&sb), refused > 0);
        assert_int_equal(sb.length, length);
        assert_int_equal(strlen(sb.data), length);
        vb_strbuf_release(&sb);
        if (refused == 0)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_builder_is_the_empty_string),
        cmocka_unit_test(holds_exactly_its_maximum_and_not_a_byte_more),
        cmocka_unit_test(one_addition_of_the_maximum_fits_in_every_form),
        cmocka_unit_test(failure_lasts_and_later_additions_do_nothing),
        cmocka_unit_test(refuses_a_size_that_would_overflow),
        cmocka_unit_test(detach_gives_the_string_away),
        cmocka_unit_test(detach_after_a_failure_leaves_nothing_to_release),
        cmocka_unit_test(formatting_is_whole_at_every_length),
        cmocka_unit_test(formatting_that_fails_fails_the_builder),
        cmocka_unit_test(numbers_read_as_printf_writes_them),
        cmocka_unit_test(any_sequence_of_additions_equals_their_concatenation),
        cmocka_unit_test(out_of_memory_fails_the_builder_and_keeps_its_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
