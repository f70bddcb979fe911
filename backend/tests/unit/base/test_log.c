/* The log: every line parses, none can be forged, each is one write, and none is lost for being too long. */
#include "base/log.h"

#include "base/encode.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int saved_stderr, capture;

static int begin_capture(void **state)
{
    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    capture = memfd_create("log", MFD_CLOEXEC);
    return dup2(capture, STDERR_FILENO) < 0;
}

static int end_capture(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(capture);
    return 0;
}

/* What was logged since the last call. */
static const char *logged(void)
{
    static char text[100000];
    ssize_t size = pread(capture, text, sizeof(text) - 1, 0);

    text[size > 0 ? size : 0] = '\0';
    if (ftruncate(capture, 0) < 0 || lseek(capture, 0, SEEK_SET) < 0)
        abort();
    return text;
}

static json_t *parse_line(const char *line)
{
    json_error_t error;
    size_t length = strlen(line);
    json_t *value;

    assert_true(length > 0 && line[length - 1] == '\n');
    assert_ptr_equal(strchr(line, '\n'), line + length - 1);
    assert_true(length <= PIPE_BUF);
    value = json_loadb(line, length, 0, &error);
    if (!value)
        fail_msg("%s in: %s", error.text, line);
    return value;
}

static const char *text_of(json_t *line, const char *name)
{
    return json_string_value(json_object_get(line, name));
}

static void a_json_line_has_time_level_message_and_fields(void **state)
{
    char bucket[] = "photos";
    const char *none = NULL;
    json_t *line;

    (void)state;
    vb_log_configure(VB_LOG_INFO, VB_LOG_JSON);
    vb_log(VB_LOG_WARN, "bucket created", VB_LOG_STR("bucket", bucket), VB_LOG_INT("size", INT64_MIN),
           VB_LOG_STR("missing", none), VB_LOG_STR("literal", "l"));
    line = parse_line(logged());
    assert_int_equal(json_object_size(line), 7);
    assert_int_equal(strlen(text_of(line, "time")), 24);
    assert_string_equal(text_of(line, "level"), "warn");
    assert_string_equal(text_of(line, "message"), "bucket created");
    assert_string_equal(text_of(line, "bucket"), "photos");
    assert_int_equal(json_integer_value(json_object_get(line, "size")), INT64_MIN);
    assert_string_equal(text_of(line, "missing"), "");
    json_decref(line);
}

static void a_text_line_is_readable(void **state)
{
    const char *line;

    (void)state;
    vb_log_configure(VB_LOG_INFO, VB_LOG_TEXT);
    vb_log(VB_LOG_ERROR, "store stopped", VB_LOG_STR("why", "disk full"), VB_LOG_INT("code", 28));
    line = logged();
    assert_int_equal(line[2], ':');
    assert_string_equal(line + 8, " error store stopped  why=disk full  code=28\n");
    vb_log_write(VB_LOG_INFO, "no fields", NULL);
    assert_string_equal(logged() + 8, " info  no fields\n");
}

static void levels_below_the_chosen_one_are_silent(void **state)
{
    (void)state;
    for (int chosen = VB_LOG_DEBUG; chosen <= VB_LOG_OFF; chosen++) {
        vb_log_configure((enum vb_log_level)chosen, VB_LOG_JSON);
        for (int level = VB_LOG_DEBUG; level < VB_LOG_OFF; level++) {
            vb_log((enum vb_log_level)level, "m", VB_LOG_INT("n", level));
            assert_int_equal(*logged() != '\0', level >= chosen);
        }
        assert_false(vb_log_enabled(VB_LOG_OFF)); /* a threshold, not a level to log at */
    }
}

static void levels_are_read_by_name(void **state)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    static const char *const bad[] = {"", "INFO", "warning", "inf", "info ", "0"};
    enum vb_log_level level = VB_LOG_WARN;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(vb_log_parse_level(names[i], &level), 0);
        assert_int_equal(level, i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(vb_log_parse_level(bad[i], &level), -EINVAL);
    assert_int_equal(level, VB_LOG_OFF);
}

static void no_text_can_forge_a_line_or_steer_a_terminal(void **state)
{
    char hostile[2000];
    uint64_t seed = 14;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        enum vb_log_format format = i % 2 ? VB_LOG_TEXT : VB_LOG_JSON;
        size_t length = test_random(&seed) % 40;
        const char *line;

        for (size_t at = 0; at < length; at++)
            hostile[at] = test_random(&seed) % 2 ? "\n\r\x1b\xc2\x9b\x85\x7f[\"}"[test_random(&seed) % 10]
                                                 : (char)(1 + test_random(&seed) % 255);
        hostile[length] = '\0';
        vb_log_configure(VB_LOG_INFO, format);
        vb_log(VB_LOG_INFO, hostile, VB_LOG_STR("field", hostile));
        line = logged();
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_true(vb_utf8_valid(line, strlen(line)));
        for (const char *c = line; c[1]; c++) {
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
            assert_false((unsigned char)*c == 0xc2 && (unsigned char)c[1] < 0xa0);
        }
        if (format == VB_LOG_JSON)
            json_decref(parse_line(line));
    }
    vb_log_configure(VB_LOG_INFO, VB_LOG_TEXT);
    vb_log(VB_LOG_INFO, "m", VB_LOG_STR("f", "a\nb\x1b[31m\xc2\x9bz Grüße"));
    assert_string_equal(logged() + 8, " info  m  f=a?b?[31m?z Grüße\n");
}

static void long_events_are_cut_and_keep_their_fields(void **state)
{
    static char longer[100000];
    json_t *line;

    (void)state;
    vb_log_configure(VB_LOG_INFO, VB_LOG_JSON);
    for (int i = 0; i < 2; i++) {
        memset(longer, i ? 1 : 'x', sizeof(longer) - 1); /* the worst: six bytes for each */
        vb_log(VB_LOG_INFO, longer, VB_LOG_STR("requestId", "r-1"), VB_LOG_STR("path", longer));
        line = parse_line(logged());
        assert_string_equal(text_of(line, "requestId"), "r-1");
        assert_true(strlen(text_of(line, "message")) >= 100);
        assert_true(strlen(text_of(line, "path")) >= 100);
        json_decref(line);
    }
    vb_log(VB_LOG_INFO, longer, VB_LOG_STR("a", longer), VB_LOG_STR("b", longer), VB_LOG_STR("c", longer),
           VB_LOG_STR("d", longer));
    line = parse_line(logged()); /* too many of them: the event still shows */
    assert_true(strlen(text_of(line, "message")) >= 100);
    json_decref(line);
    vb_log_configure(VB_LOG_INFO, VB_LOG_TEXT);
    vb_log(VB_LOG_INFO, longer, VB_LOG_STR("f", longer));
    assert_int_equal(strlen(logged()), strlen("00:00:00 info  ") + 256 + strlen("  f=") + 256 + 1);
}

static void every_length_around_the_limit_is_one_whole_line(void **state)
{
    static char text[PIPE_BUF + 100];

    (void)state;
    for (size_t length = PIPE_BUF - 120; length < PIPE_BUF + 20; length++) {
        const char *line;

        memset(text, 'x', length);
        text[length] = '\0';
        vb_log_configure(VB_LOG_INFO, VB_LOG_JSON);
        vb_log(VB_LOG_INFO, "m", VB_LOG_STR("f", text));
        json_decref(parse_line(logged()));
        vb_log_configure(VB_LOG_INFO, VB_LOG_TEXT);
        vb_log(VB_LOG_INFO, "m", VB_LOG_STR("f", text));
        line = logged();
        assert_true(strlen(line) <= PIPE_BUF);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    }
}

enum { LOGGERS = 4, LINES = 400 };

static void *log_much(void *argument)
{
    char text[3000];

    for (int i = 0; i < LINES; i++) {
        size_t length = (size_t)(i * 37) % sizeof(text);

        memset(text, 'x', length);
        text[length ? length - 1 : 0] = '\0';
        vb_log(VB_LOG_INFO, "threads", VB_LOG_INT("thread", (intptr_t)argument), VB_LOG_INT("line", i),
               VB_LOG_STR("text", text));
    }
    return NULL;
}

/* A sequenced-packet socket as stderr: what arrives as one packet was one write(). */
static void each_line_of_many_threads_is_one_write(void **state)
{
    pthread_t thread[LOGGERS];
    int next[LOGGERS] = {0}, pair[2];

    (void)state;
    vb_log_configure(VB_LOG_INFO, VB_LOG_JSON);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    dup2(pair[1], STDERR_FILENO);
    for (intptr_t i = 0; i < LOGGERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, log_much, (void *)i), 0);
    for (int i = 0; i < LOGGERS * LINES; i++) {
        char line[PIPE_BUF + 100];
        ssize_t size = recv(pair[0], line, sizeof(line) - 1, 0);
        json_t *value;
        int from;

        assert_true(size > 0);
        line[size] = '\0';
        value = parse_line(line);
        from = (int)json_integer_value(json_object_get(value, "thread"));
        assert_in_range(from, 0, LOGGERS - 1);
        assert_int_equal(json_integer_value(json_object_get(value, "line")), next[from]++);
        json_decref(value);
    }
    for (int i = 0; i < LOGGERS; i++)
        pthread_join(thread[i], NULL);
    dup2(capture, STDERR_FILENO);
    close(pair[0]);
    close(pair[1]);
}

static void out_of_memory_still_leaves_a_line(void **state)
{
    (void)state;
    vb_log_configure(VB_LOG_INFO, VB_LOG_JSON);
    for (long allow = 0; allow < 4; allow++) {
        static char text[1000];
        json_t *line;

        memset(text, 'x', sizeof(text) - 1);
        fail_all_allocations_after(allow);
        vb_log(VB_LOG_INFO, "short of memory", VB_LOG_STR("text", text));
        stop_failing_allocations();
        line = parse_line(logged());
        assert_non_null(text_of(line, "message"));
        json_decref(line);
    }
}

static void logging_leaves_errno_alone_and_survives_a_closed_stderr(void **state)
{
    (void)state;
    vb_log_configure(VB_LOG_INFO, VB_LOG_JSON);
    close(STDERR_FILENO);
    errno = ENOTTY;
    vb_log(VB_LOG_INFO, "m", VB_LOG_INT("n", 1));
    assert_int_equal(errno, ENOTTY);
    dup2(capture, STDERR_FILENO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_capture, end_capture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_json_line_has_time_level_message_and_fields),
        TEST(a_text_line_is_readable),
        TEST(levels_below_the_chosen_one_are_silent),
        TEST(levels_are_read_by_name),
        TEST(no_text_can_forge_a_line_or_steer_a_terminal),
        TEST(long_events_are_cut_and_keep_their_fields),
        TEST(every_length_around_the_limit_is_one_whole_line),
        TEST(each_line_of_many_threads_is_one_write),
        TEST(out_of_memory_still_leaves_a_line),
        TEST(logging_leaves_errno_alone_and_survives_a_closed_stderr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
