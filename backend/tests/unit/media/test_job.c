/* Answers of media workers: valid ones are read whole, all others are refused. */
#include "media/job.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct vb_media_result good(void)
{
    struct vb_media_result result;

    memset(&result, 0, sizeof(result));
    result.has_thumbhash = true;
    result.thumbhash_size = 21;
    result.width = 2560;
    result.height = 1920;
    result.orientation = 6;
    strcpy(result.problem, "nothing");
    return result;
}

static int read_it(const struct vb_media_result *result)
{
    struct vb_media_result read;

    return vb_media_result_read(result, sizeof(*result), &read);
}

static void a_good_answer_is_read_whole(void **state)
{
    struct vb_media_result said = good(), read;

    (void)state;
    assert_int_equal(vb_media_result_read(&said, sizeof(said), &read), 0);
    assert_memory_equal(&read, &said, sizeof(read));
}

static void other_lengths_are_refused(void **state)
{
    unsigned char message[sizeof(struct vb_media_result) + 8] = {0};
    struct vb_media_result read;

    (void)state;
    for (size_t size = 0; size <= sizeof(message); size++)
        assert_int_equal(vb_media_result_read(message, size, &read),
                         size == sizeof(struct vb_media_result) ? 0 : -EPROTO);
}

static void each_field_is_checked(void **state)
{
    struct vb_media_result said;

    (void)state;
#define ASSERT_REFUSED(change)                                                                               \
    said = good();                                                                                           \
    change;                                                                                                  \
    assert_int_equal(read_it(&said), -EPROTO)
    ASSERT_REFUSED(said.status = 3);
    ASSERT_REFUSED(memset(&said.has_position, 2, 1));
    ASSERT_REFUSED(memset(&said.unchanged, 0xff, 1));
    ASSERT_REFUSED(memset(&said.has_thumbhash, 3, 1));
    ASSERT_REFUSED(said.width = 0);
    ASSERT_REFUSED(said.height = UINT16_MAX + 1);
    ASSERT_REFUSED(said.poster_width = said.poster_height = VB_MEDIA_SIDE_MAX + 1);
    ASSERT_REFUSED(said.orientation = 9);
    ASSERT_REFUSED(said.duration_ms = UINT32_MAX);
    ASSERT_REFUSED(said.thumbhash_size = VB_THUMBHASH_MAX + 1);
    ASSERT_REFUSED(said.thumbhash_size = 0);
    ASSERT_REFUSED(memset(said.problem, 'x', sizeof(said.problem)));
    ASSERT_REFUSED(strcpy(said.problem, "two\nlines"));
    ASSERT_REFUSED(strcpy(said.problem, "\x1b[2J"));
#undef ASSERT_REFUSED
}

/* Random bytes are refused, or read as a valid result. */
static void random_bytes_are_refused_or_valid(void **state)
{
    unsigned char message[sizeof(struct vb_media_result)];
    struct vb_media_result read;

    (void)state;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        struct vb_media_result said = good();

        memcpy(message, &said, sizeof(message));
        for (int flips = 1 + rand() % 8; flips > 0; flips--)
            message[(size_t)rand() % sizeof(message)] = (unsigned char)rand();
        if (vb_media_result_read(message, sizeof(message), &read) == 0) {
            assert_in_range(read.thumbhash_size, 1, VB_THUMBHASH_MAX);
            assert_non_null(memchr(read.problem, '\0', sizeof(read.problem)));
        } else {
            assert_int_equal(read.width, 0); /* nothing of it is left */
        }
    }
}

static void colours_are_written_as_in_css(void **state)
{
    char text[8];

    (void)state;
    vb_media_color_text((const uint8_t[]){0, 0x0a, 0xff}, text);
    assert_string_equal(text, "#000aff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_answer_is_read_whole),   cmocka_unit_test(other_lengths_are_refused),
        cmocka_unit_test(each_field_is_checked),         cmocka_unit_test(random_bytes_are_refused_or_valid),
        cmocka_unit_test(colours_are_written_as_in_css),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
