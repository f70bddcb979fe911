/* How a file is cut into parts. */
#include "ingest/parts.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIB ((int64_t)1024 * 1024)

static void the_parts_of_a_file_make_it_up(void **state)
{
    static const int64_t lengths[] = {16 * MIB + 1, 17 * MIB,     24 * MIB - 1,
                                      24 * MIB,     24 * MIB + 1, 100000000};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(lengths); i++) {
        unsigned count = vb_parts_count(lengths[i]);
        int64_t sum = 0;

        assert_true(vb_parts_wanted(lengths[i]) && count <= VB_PARTS_MAX);
        for (unsigned number = 1; number <= count; number++) {
            int64_t length = vb_parts_length(lengths[i], number);

            assert_true(length >= 1 && length <= VB_PART_SIZE);
            assert_true(number == count || length == VB_PART_SIZE);
            sum += length;
        }
        assert_int_equal(sum, lengths[i]);
    }
}

static void small_files_go_in_one_piece(void **state)
{
    (void)state;
    assert_false(vb_parts_wanted(1));
    assert_false(vb_parts_wanted(16 * MIB));
    assert_int_equal(vb_parts_count(16 * MIB + 1), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_file_make_it_up),
        cmocka_unit_test(small_files_go_in_one_piece),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
