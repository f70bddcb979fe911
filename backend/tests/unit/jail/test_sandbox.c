/* The jail, by code that tries to break out of it: each attempt is made in a process of its own that has
 * entered the jail, and must fail or end it. */
#include "jail/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define OUTPUT_BYTES 65536
enum { HELD = 0, BROKEN_OUT = 1, NO_JAIL = 2 };

static const struct vb_jail_limits limits = {
    .memory_bytes = (uint64_t)1 << 30, .cpu_s = 60, .output_bytes = OUTPUT_BYTES};

static int scratch = -1; /* a descriptor that was open before, as a job's output is */
static int sockets[2];

/* Tries a crime in a jailed process. Returns HELD, also when a signal of the jail ended it, BROKEN_OUT or
 * NO_JAIL. */
static int attempt(long (*crime)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (vb_jail_enter(&limits) < 0)
            _exit(NO_JAIL);
        _exit(crime() < 0 ? HELD : BROKEN_OUT);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXFSZ
                   ? HELD
                   : 100 + WTERMSIG(status);
    return WEXITSTATUS(status);
}

static long open_file(void)
{
    return syscall(SYS_open, "/etc/passwd", O_RDONLY);
}

static long open_file_at(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static long open_file_the_new_way(void)
{
    uint64_t how[3] = {O_RDONLY, 0, 0};

    return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof(how));
}

static long create_file(void)
{
    return syscall(SYS_creat, "/tmp/vibe-escaped", 0600);
}

static long look_at_file(void)
{
    char buffer[512];

    return syscall(SYS_stat, "/etc/passwd", buffer);
}

static long read_environment(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY);
}

static long make_socket(void)
{
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long connect_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/x"};

    return syscall(SYS_connect, sockets[0], &address, sizeof(address));
}

static long run_program(void)
{
    char *const arguments[] = {(char *)"/bin/true", NULL};

    return syscall(SYS_execve, "/bin/true", arguments, NULL);
}

static long run_descriptor(void)
{
    char *const arguments[] = {(char *)"x", NULL};

    return syscall(SYS_execveat, scratch, "", arguments, NULL, AT_EMPTY_PATH);
}

static long fork_process(void)
{
    return syscall(SYS_fork);
}

static long clone_process(void)
{
    return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static long trace_parent(void)
{
    return syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long read_parent(void)
{
    return syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}

static long kill_parent(void)
{
    return syscall(SYS_kill, 1, 0);
}

static long kill_everybody(void)
{
    return syscall(SYS_kill, -1, 0);
}

static long kill_thread(void)
{
    return syscall(SYS_tgkill, 1, 1, 0);
}

static long open_process(void)
{
    return syscall(SYS_pidfd_open, 1, 0);
}

static long make_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? -1 : 0;
}

static long turn_data_into_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long become_root(void)
{
    return syscall(SYS_setuid, 0);
}

static long leave_by_namespace(void)
{
    return syscall(SYS_unshare, CLONE_NEWUSER);
}

static long mount_something(void)
{
    return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static long raise_limit(void)
{
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

    return syscall(SYS_prlimit64, 0, RLIMIT_CPU, &all, NULL);
}

static long use_io_uring(void)
{
    char parameters[256] = {0};

    return syscall(SYS_io_uring_setup, 8, parameters);
}

static long load_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0);
}

static long open_by_handle(void)
{
    return syscall(SYS_open_by_handle_at, scratch, NULL, O_RDONLY);
}

static long write_too_much(void)
{
    static char bytes[OUTPUT_BYTES + 4096];

    return pwrite(scratch, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes) ? 0 : -1;
}

static long use_the_old_gate(void)
{
#if defined(__x86_64__)
    long r;

    /* int 0x80 is another table of system calls: 5 is open() there */
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(5), "b"(0), "c"(0), "d"(0) : "memory");
    return r;
#else
    return -1;
#endif
}

static void every_escape_fails(void **state)
{
    static const struct {
        const char *name;
        long (*crime)(void);
    } crimes[] = {
        {"open", open_file},
        {"openat", open_file_at},
        {"openat2", open_file_the_new_way},
        {"creat", create_file},
        {"stat", look_at_file},
        {"/proc/self/environ", read_environment},
        {"socket", make_socket},
        {"connect", connect_socket},
        {"execve", run_program},
        {"execveat", run_descriptor},
        {"fork", fork_process},
        {"clone", clone_process},
        {"ptrace", trace_parent},
        {"process_vm_readv", read_parent},
        {"kill", kill_parent},
        {"kill all", kill_everybody},
        {"tgkill", kill_thread},
        {"pidfd_open", open_process},
        {"mmap PROT_EXEC", make_code},
        {"mprotect PROT_EXEC", turn_data_into_code},
        {"setuid", become_root},
        {"unshare", leave_by_namespace},
        {"mount", mount_something},
        {"prlimit", raise_limit},
        {"io_uring_setup", use_io_uring},
        {"bpf", load_bpf},
        {"open_by_handle_at", open_by_handle},
        {"a file that is too long", write_too_much},
        {"int 0x80", use_the_old_gate},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(crimes) / sizeof(crimes[0]); i++) {
        int end = attempt(crimes[i].crime);

        if (end != HELD)
            print_error("%s: %d\n", crimes[i].name, end);
        assert_int_equal(end, HELD);
    }
    assert_int_equal(access("/tmp/vibe-escaped", F_OK), -1);
}

static void *add_one(void *number)
{
    ++*(int *)number;
    return NULL;
}

/* Decoders need memory, threads, and descriptors that were open before. */
static long do_work_on_descriptors(void)
{
    char byte = 0;

    return pwrite(scratch, "x", 1, 0) == 1 && pread(scratch, &byte, 1, 0) == 1 && byte == 'x' ? 0 : -1;
}

static long use_memory_and_threads(void)
{
    char *memory = malloc((size_t)8 << 20);
    pthread_t thread;
    int number = 41;

    if (!memory)
        return -1;
    memset(memory, 1, (size_t)8 << 20);
    free(memory);
    return pthread_create(&thread, NULL, add_one, &number) == 0 && pthread_join(thread, NULL) == 0 &&
                   number == 42
               ? 0
               : -1;
}

static void work_of_decoders_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(attempt(do_work_on_descriptors), BROKEN_OUT);
    assert_int_equal(attempt(use_memory_and_threads), BROKEN_OUT);
}

static long use_too_much_memory(void)
{
    void *memory = mmap(NULL, (size_t)3 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? -1 : 0;
}

static void memory_has_an_end(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    (void)use_too_much_memory;
    skip(); /* its shadow takes terabytes of address space */
#else
    assert_int_equal(attempt(use_too_much_memory), HELD);
#endif
}

static int set_up(void **state)
{
    (void)state;
    scratch = memfd_create("scratch", 0);
    return scratch < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_escape_fails),
        cmocka_unit_test(work_of_decoders_is_allowed),
        cmocka_unit_test(memory_has_an_end),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
