/* Allocation that cannot fail: it says so and aborts, and so do broken assertions. */
#include "base/memory.h"

#include "base/cleanup.h"
#include "support.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void copies_hold_what_was_copied(void **state)
{
    char *text VB_CLEANUP(vb_freep) = vb_xstrdup("text");
    char *part VB_CLEANUP(vb_freep) = vb_xstrndup("a\0b", 3);
    char *formatted VB_CLEANUP(vb_freep) = vb_xasprintf("%s-%d", "n", 42);
    unsigned char *zeros VB_CLEANUP(vb_freep) = vb_xcalloc(10, 10);
    void *nothing VB_CLEANUP(vb_freep) = vb_xmalloc(0), *grown VB_CLEANUP(vb_freep) = vb_xrealloc(NULL, 0);

    (void)state;
    assert_string_equal(text, "text");
    assert_memory_equal(part, "a\0b", 4);
    assert_string_equal(formatted, "n-42");
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    assert_non_null(nothing);
    assert_non_null(grown);
}

/* Runs a function that must abort in a child; its message goes to text. */
static void assert_aborts(void (*function)(void), const char *message)
{
    char text[1000] = "";
    size_t length = 0;
    ssize_t n;
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on with the tests */
        dup2(ends[1], STDERR_FILENO);
        function();
        _exit(0);
    }
    close(ends[1]);
    while (length < sizeof(text) - 1 && (n = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)n;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    if (!strstr(text, message))
        fail_msg("\"%s\" lacks \"%s\"", text, message);
}

static void exhaust_malloc(void)
{
    fail_all_allocations_after(0);
    free(vb_xmalloc(123));
}

static void exhaust_calloc(void)
{
    fail_all_allocations_after(0);
    free(vb_xcalloc(3, 41));
}

static void exhaust_realloc(void)
{
    fail_all_allocations_after(0);
    free(vb_xrealloc(NULL, 123));
}

static void exhaust_strdup(void)
{
    fail_all_allocations_after(0);
    free(vb_xstrdup("text"));
}

static void break_assertion(void)
{
    vb_assert(getpid() == 0);
}

static void running_out_of_memory_prints_a_line_and_aborts(void **state)
{
    (void)state;
    assert_aborts(exhaust_malloc, "out of memory: 123 bytes");
    assert_aborts(exhaust_calloc, "out of memory");
    assert_aborts(exhaust_realloc, "out of memory: 123 bytes");
    assert_aborts(exhaust_strdup, "out of memory: 5 bytes");
}

static void a_broken_assertion_says_where_and_aborts(void **state)
{
    (void)state;
    assert_aborts(break_assertion, "break_assertion: 'getpid() == 0' does not hold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_hold_what_was_copied),
        cmocka_unit_test(running_out_of_memory_prints_a_line_and_aborts),
        cmocka_unit_test(a_broken_assertion_says_where_and_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
