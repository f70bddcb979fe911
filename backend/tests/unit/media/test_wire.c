/* Messages with descriptors: they arrive whole, with what was sent beside them, or are refused. */
#include "media/wire.h"

#include "base/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static int ends[2];

static int set_up(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return 0;
}

static int make_file(char content)
{
    int file = memfd_create("wire", 0);

    assert_true(file >= 0);
    assert_int_equal(write(file, &content, 1), 1);
    return file;
}

static void send_files(const char *message, size_t count)
{
    int files[VB_WIRE_FILES_MAX] = {0};

    for (size_t i = 0; i < count; i++)
        files[i] = make_file((char)('a' + i));
    assert_int_equal(vb_wire_send(ends[0], message, strlen(message), files, count), 0);
    for (size_t i = 0; i < count; i++)
        close(files[i]); /* they stay the sender's */
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

static void a_message_arrives_with_its_descriptors(void **state)
{
    int files[VB_WIRE_FILES_MAX];
    char message[16], content;

    (void)state;
    send_files("hello", 2);
    assert_int_equal(vb_wire_receive(ends[1], message, sizeof(message), files, VB_WIRE_FILES_MAX), 5);
    assert_memory_equal(message, "hello", 5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pread(files[i], &content, 1, 0), 1);
        assert_int_equal(content, 'a' + i);
        assert_true(fcntl(files[i], F_GETFD) & FD_CLOEXEC);
        close(files[i]);
    }
    assert_int_equal(files[2], -1);
}

static void a_message_without_descriptors_has_none(void **state)
{
    int files[VB_WIRE_FILES_MAX] = {7, 7, 7};
    char message[16];

    (void)state;
    send_files("hello", 0);
    assert_int_equal(vb_wire_receive(ends[1], message, sizeof(message), files, VB_WIRE_FILES_MAX), 5);
    for (int i = 0; i < VB_WIRE_FILES_MAX; i++)
        assert_int_equal(files[i], -1);
}

/* A process that was taken over may send more than it was asked for: nothing of it stays open here. */
static void descriptors_that_nobody_wants_are_closed(void **state)
{
    unsigned before = open_descriptors();
    char message[16];
    int file;

    (void)state;
    send_files("hello", 3);
    assert_int_equal(vb_wire_receive(ends[1], message, sizeof(message), NULL, 0), 5);
    assert_int_equal(open_descriptors(), before);
    send_files("hello", 3);
    assert_int_equal(vb_wire_receive(ends[1], message, sizeof(message), &file, 1), 5);
    assert_int_equal(open_descriptors(), before + 1);
    close(file);
}

static void a_message_that_is_too_long_is_refused_with_its_descriptors(void **state)
{
    unsigned before = open_descriptors();
    int files[VB_WIRE_FILES_MAX];
    char message[4];

    (void)state;
    send_files("hello", 3);
    assert_int_equal(vb_wire_receive(ends[1], message, sizeof(message), files, VB_WIRE_FILES_MAX), -EMSGSIZE);
    assert_int_equal(open_descriptors(), before);
    for (int i = 0; i < VB_WIRE_FILES_MAX; i++)
        assert_int_equal(files[i], -1);
}

static void the_end_is_a_message_of_no_bytes(void **state)
{
    char message[4];

    (void)state;
    close(ends[1]);
    ends[1] = -1;
    assert_int_equal(vb_wire_receive(ends[0], message, sizeof(message), NULL, 0), 0);
    assert_int_equal(vb_wire_send(ends[0], "x", 1, NULL, 0), -EPIPE);
}

static void a_wait_ends_with_a_message_with_the_end_and_at_the_deadline(void **state)
{
    int64_t start_ms = vb_deadline_after(0);
    char message[16];

    (void)state;
    assert_int_equal(vb_wire_wait(ends[1], vb_deadline_after(-1)), -ETIMEDOUT);
    assert_int_equal(vb_wire_wait(ends[1], vb_deadline_after(20)), -ETIMEDOUT);
    assert_true(vb_deadline_after(0) - start_ms >= 20);
    send_files("hello", 0);
    assert_int_equal(vb_wire_wait(ends[1], VB_NO_DEADLINE), 0);
    assert_int_equal(vb_wire_receive(ends[1], message, sizeof(message), NULL, 0), 5);
    close(ends[0]);
    assert_int_equal(vb_wire_wait(ends[1], VB_NO_DEADLINE), 0);
    ends[0] = ends[1];
    ends[1] = -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_arrives_with_its_descriptors),
        TEST(a_message_without_descriptors_has_none),
        TEST(descriptors_that_nobody_wants_are_closed),
        TEST(a_message_that_is_too_long_is_refused_with_its_descriptors),
        TEST(the_end_is_a_message_of_no_bytes),
        TEST(a_wait_ends_with_a_message_with_the_end_and_at_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
