/* Randomness: UUIDv7 (RFC 9562) form, order and uniqueness, evenness, and none shared between processes or
 * threads. */
#include "base/random.h"

#include "base/clock.h"
#include "base/encode.h"
#include "support.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_uuid_has_the_form_of_version_7_and_the_time_of_now(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        char uuid[VB_UUID_SIZE], digits[33], *to = digits;
        unsigned char id[16];
        int64_t before_ms = vb_clock_realtime_ms(), ms = 0;

        vb_random_uuid(uuid);
        assert_int_equal(strlen(uuid), 36);
        for (int at = 0; at < 36; at++) {
            if (at == 8 || at == 13 || at == 18 || at == 23) {
                assert_int_equal(uuid[at], '-');
            } else {
                assert_non_null(strchr("0123456789abcdef", uuid[at]));
                *to++ = uuid[at];
            }
        }
        assert_int_equal(vb_hex_decode(digits, 32, id, 16), 0);
        assert_int_equal(id[6] >> 4, 7);
        assert_int_equal(id[8] >> 6, 2);
        for (int at = 0; at < 6; at++)
            ms = ms << 8 | id[at];
        assert_in_range(ms, before_ms, vb_clock_realtime_ms());
    }
}

static void uuids_of_later_milliseconds_sort_later(void **state)
{
    char before[VB_UUID_SIZE], after[VB_UUID_SIZE];

    (void)state;
    for (int i = 0; i < 20; i++) {
        int64_t ms;

        vb_random_uuid(before);
        ms = vb_clock_realtime_ms();
        while (vb_clock_realtime_ms() <= ms)
            continue;
        vb_random_uuid(after);
        assert_true(strcmp(before, after) < 0);
    }
}

enum { THREADS = 4, EACH = 20000 };
/* The wall clock, stopped where the test says; 0: it runs. A real one may be set back between two looks at
 * it. */
static int64_t stopped_at_ns;

int __real_clock_gettime(clockid_t id, struct timespec *ret_now);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now)
{
    if (id != CLOCK_REALTIME || stopped_at_ns == 0)
        return __real_clock_gettime(id, ret_now);
    ret_now->tv_sec = stopped_at_ns / 1000000000;
    ret_now->tv_nsec = stopped_at_ns % 1000000000;
    return 0;
}

static void uuids_a_quarter_of_a_microsecond_apart_sort_in_order(void **state)
{
    char before[VB_UUID_SIZE], after[VB_UUID_SIZE];

    (void)state;
    stopped_at_ns = INT64_C(1796143999999999000); /* the next microsecond is in the next second */
    vb_random_uuid(before);
    for (int round = 0; round < 20000; round++) {
        stopped_at_ns += 250;
        vb_random_uuid(after);
        assert_true(strcmp(before, after) < 0);
        strcpy(before, after);
    }
    stopped_at_ns = 0;
}

static char uuids[THREADS * EACH][VB_UUID_SIZE];

static void *make_uuids(void *argument)
{
    char(*to)[VB_UUID_SIZE] = uuids + (intptr_t)argument * EACH;

    for (int i = 0; i < EACH; i++)
        vb_random_uuid(to[i]);
    return NULL;
}

static int compare_uuids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void uuids_of_many_threads_are_all_different(void **state)
{
    pthread_t thread[THREADS];

    (void)state;
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, make_uuids, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    qsort(uuids, THREADS * EACH, VB_UUID_SIZE, compare_uuids);
    for (int i = 1; i < THREADS * EACH; i++)
        assert_string_not_equal(uuids[i - 1], uuids[i]);
}

static void the_62_random_bits_are_all_random(void **state)
{
    int ones[128] = {0};
    enum { ROUNDS = 4000 };

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char uuid[VB_UUID_SIZE], digits[33], *to = digits;
        unsigned char id[16];

        vb_random_uuid(uuid);
        for (int at = 0; at < 36; at++)
            if (uuid[at] != '-')
                *to++ = uuid[at];
        vb_hex_decode(digits, 32, id, 16);
        for (int bit = 0; bit < 128; bit++)
            ones[bit] += id[bit / 8] >> (7 - bit % 8) & 1;
    }
    for (int bit = 66; bit < 128; bit++)
        assert_in_range(ones[bit], ROUNDS / 2 - 300, ROUNDS / 2 + 300); /* 9 standard deviations */
}

static void a_child_gets_other_bytes_than_its_parent(void **state)
{
    unsigned char parent[64], child[64];
    int ends[2];
    pid_t pid;

    (void)state;
    vb_random_bytes(parent, 1); /* the parent has a stock now */
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        vb_random_bytes(child, sizeof(child));
        _exit(write(ends[1], child, sizeof(child)) == sizeof(child) ? 0 : 1);
    }
    vb_random_bytes(parent, sizeof(parent));
    assert_int_equal(read(ends[0], child, sizeof(child)), sizeof(child));
    waitpid(pid, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    assert_memory_not_equal(parent, child, sizeof(parent));
}

static void every_size_is_filled_to_its_end_and_no_further(void **state)
{
    (void)state;
    vb_random_bytes(NULL, 0);
    for (size_t size = 1; size < 600; size++) {
        unsigned char *buffer = malloc(size); /* exact, so that ASan sees a byte too many */
        unsigned last = 0;

        for (int i = 0; i < 6; i++) { /* the last byte stays 0 six times once in 2^48 */
            memset(buffer, 0, size);
            vb_random_bytes(buffer, size);
            last |= buffer[size - 1];
        }
        assert_int_not_equal(last, 0);
        free(buffer);
    }
}

static void no_stretch_of_the_stock_is_given_twice(void **state)
{
    enum { COUNT = 4000 };
    static unsigned char pieces[COUNT][VB_UUID_SIZE];

    (void)state;
    for (int i = 0; i < COUNT;
         i++) { /* sizes that do not divide the stock; compared by their first 8 bytes */
        memset(pieces[i], 0, sizeof(pieces[i]));
        vb_random_bytes(pieces[i], 8 + (size_t)(i % 29));
        for (int at = 0; at < 8; at++)
            pieces[i][at] |= 1; /* no NUL, for strcmp: 56 bits are left */
        pieces[i][8] = '\0';
    }
    qsort(pieces, COUNT, VB_UUID_SIZE, compare_uuids);
    for (int i = 1; i < COUNT; i++)
        assert_memory_not_equal(pieces[i - 1], pieces[i], 8);
}

static void numbers_below_a_bound_are_even(void **state)
{
    static const uint32_t bounds[] = {1, 2, 3, 7, 10, 100};
    enum { ROUNDS = 60000 };

    (void)state;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        int counts[100] = {0}, expected = (int)(ROUNDS / bounds[i]);

        for (int round = 0; round < ROUNDS; round++) {
            uint32_t value = vb_random_below(bounds[i]);

            assert_true(value < bounds[i]);
            counts[value]++;
        }
        for (uint32_t value = 0; value < bounds[i]; value++) /* at least 6 standard deviations */
            assert_in_range(counts[value], expected - expected / 4, expected + expected / 4);
    }
    for (int round = 0; round < 1000; round++)
        assert_true(vb_random_below(0x80000001U) <= 0x80000000U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uuid_has_the_form_of_version_7_and_the_time_of_now),
        cmocka_unit_test(uuids_of_later_milliseconds_sort_later),
        cmocka_unit_test(uuids_a_quarter_of_a_microsecond_apart_sort_in_order),
        cmocka_unit_test(uuids_of_many_threads_are_all_different),
        cmocka_unit_test(the_62_random_bits_are_all_random),
        cmocka_unit_test(a_child_gets_other_bytes_than_its_parent),
        cmocka_unit_test(every_size_is_filled_to_its_end_and_no_further),
        cmocka_unit_test(no_stretch_of_the_stock_is_given_twice),
        cmocka_unit_test(numbers_below_a_bound_are_even),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
