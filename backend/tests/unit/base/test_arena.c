/* The request arena: alignment, no overlap, its limit, and out of memory. */
#include "base/arena.h"

#include "support.h"

#include <stdalign.h>
#include <string.h>

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    enum { PIECES = 2000 };
    static unsigned char *piece[PIECES];
    static size_t size[PIECES];
    struct vb_arena arena;
    uint64_t seed = 3;

    (void)state;
    vb_arena_init(&arena, (size_t)64 << 20);
    for (int i = 0; i < PIECES; i++) {
        /* small ones, some near half a block and a whole one, some far larger */
        size[i] = test_random(&seed) % (i % 50 == 0 ? 20000 : i % 10 == 0 ? 4200 : 100);
        piece[i] = vb_arena_alloc(&arena, size[i]);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % alignof(max_align_t), 0);
        memset(piece[i], i & 0xff, size[i]);
    }
    for (int i = 0; i < PIECES; i++)
        for (size_t at = 0; at < size[i]; at++)
            assert_int_equal(piece[i][at], i & 0xff);
    vb_arena_release(&arena);
}

static void every_size_around_the_block_size_is_usable(void **state)
{
    struct vb_arena arena;

    (void)state;
    vb_arena_init(&arena, (size_t)64 << 20);
    for (size_t size = 2000; size < 2100; size++)
        memset(vb_arena_alloc(&arena, size), 1, size);
    for (size_t size = 4050; size < 4130; size++)
        memset(vb_arena_alloc(&arena, size), 1, size);
    vb_arena_release(&arena);
}

static void a_large_piece_does_not_waste_the_open_block(void **state)
{
    struct vb_arena arena;
    char *before, *after;

    (void)state;
    vb_arena_init(&arena, 1 << 20);
    before = vb_arena_alloc(&arena, 16);
    assert_non_null(vb_arena_alloc(&arena, 10000));
    after = vb_arena_alloc(&arena, 16);
    assert_ptr_equal(after, before + 16);
    vb_arena_release(&arena);
}

static void the_maximum_can_be_allocated_and_not_a_byte_more(void **state)
{
    struct vb_arena arena;

    (void)state;
    vb_arena_init(&arena, 4096);
    assert_null(vb_arena_alloc(&arena, 4097));
    assert_non_null(vb_arena_alloc(&arena, 4096));
    assert_int_equal(arena.used, 4096);
    assert_null(vb_arena_alloc(&arena, 1));
    assert_null(vb_arena_strdup(&arena, ""));
    vb_arena_release(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(vb_arena_alloc(&arena, 4096));
    vb_arena_release(&arena);
}

static void many_small_pieces_stay_within_the_maximum(void **state)
{
    struct vb_arena arena;
    int count = 0;

    (void)state;
    vb_arena_init(&arena, 10001);
    while (vb_arena_alloc(&arena, 1))
        count++;
    assert_in_range(count, 10001 / alignof(max_align_t), 10001 / alignof(max_align_t) + 1);
    assert_true(arena.used <= arena.max);
    vb_arena_release(&arena);
}

static void an_allocation_of_no_bytes_has_an_address(void **state)
{
    struct vb_arena arena;
    void *first, *second;

    (void)state;
    vb_arena_init(&arena, 100);
    first = vb_arena_alloc(&arena, 0);
    second = vb_arena_alloc(&arena, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    assert_string_equal(vb_arena_strndup(&arena, NULL, 0), "");
    vb_arena_release(&arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct vb_arena arena;

    (void)state;
    vb_arena_init(&arena, SIZE_MAX);
    for (size_t below = 0; below < 64; below++)
        assert_null(vb_arena_alloc(&arena, SIZE_MAX - below));
    assert_null(vb_arena_calloc(&arena, SIZE_MAX));
    assert_null(vb_arena_strndup(&arena, "x", SIZE_MAX));
    assert_null(vb_arena_strndup(&arena, "x", SIZE_MAX - 1));
    vb_arena_release(&arena);
}

static void copies_hold_exactly_what_was_copied(void **state)
{
    static const char with_nul[] = {'a', '\0', 'b'};
    struct vb_arena arena;
    char *copy, *zeros;

    (void)state;
    vb_arena_init(&arena, 100000);
    copy = vb_arena_strndup(&arena, with_nul, sizeof(with_nul));
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(vb_arena_strdup(&arena, "grüße"), "grüße");
    assert_string_equal(vb_arena_printf(&arena, "%s-%05d", "n", 42), "n-00042");
    copy = vb_arena_printf(&arena, "%*s", 9000, "end");
    assert_int_equal(strlen(copy), 9000);
    zeros = vb_arena_calloc(&arena, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(zeros[i], 0);
    vb_arena_release(&arena);
}

static void out_of_memory_gives_null_and_earlier_pieces_stay(void **state)
{
    for (long allow = 0; allow < 20; allow++) {
        struct vb_arena arena;
        char *kept[40];
        int given = 0;

        (void)state;
        vb_arena_init(&arena, 1 << 20);
        fail_all_allocations_after(allow);
        for (int i = 0; i < 40; i++) {
            char *text = vb_arena_printf(&arena, "%*d", i % 3 ? 1000 : 5000, i);

            if (text)
                kept[given++] = text;
        }
        assert_true(stop_failing_allocations() > 0 || given == 40);
        assert_true(given < 40 || allow > 10);
        for (int i = 0; i < given; i++)
            assert_true(strlen(kept[i]) == 1000 || strlen(kept[i]) == 5000);
        assert_non_null(vb_arena_alloc(&arena, 5000)); /* memory is back */
        vb_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(every_size_around_the_block_size_is_usable),
        cmocka_unit_test(a_large_piece_does_not_waste_the_open_block),
        cmocka_unit_test(the_maximum_can_be_allocated_and_not_a_byte_more),
        cmocka_unit_test(many_small_pieces_stay_within_the_maximum),
        cmocka_unit_test(an_allocation_of_no_bytes_has_an_address),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(copies_hold_exactly_what_was_copied),
        cmocka_unit_test(out_of_memory_gives_null_and_earlier_pieces_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
