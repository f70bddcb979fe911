/* Durable files: whole or old under full disks, failures and many writers; folders; locks between processes.
 */
#include "base/file.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[2][PATH_MAX];
    static int turn;

    turn ^= 1;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/vb-test-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static void remove_all(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char inside[PATH_MAX];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        remove_all(inside);
    }
    if (dir)
        closedir(dir);
    remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    remove_all(folder);
    return 0;
}

static int count_entries(void)
{
    DIR *dir = opendir(folder);
    int count = -2;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void assert_content(const char *path, const void *data, size_t size)
{
    struct vb_strbuf content VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&content, 16 << 20);
    assert_int_equal(vb_file_read(path, &content, NULL), 0);
    assert_int_equal(content.length, size);
    assert_memory_equal(content.data, data, size);
}

/* Runs check in a child of its own, whose limits and rights may then be taken away. True if it returned true.
 */
static bool in_child(bool (*check)(void))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(check() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_scratch_file_has_no_name_and_no_other_readers(void **state)
{
    char read_back[5] = "";
    struct stat st;
    int fd;

    (void)state;
    setenv("TMPDIR", folder, 1);
    fd = vb_file_scratch();
    assert_true(fd >= 0);
    assert_int_equal(count_entries(), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(vb_write_all(fd, "abcde", 5), 0);
    assert_int_equal(vb_pread_all(fd, read_back, 5, 0), 0);
    assert_memory_equal(read_back, "abcde", 5);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    setenv("TMPDIR", in_folder("missing"), 1);
    assert_int_equal(vb_file_scratch(), -ENOENT);
    unsetenv("TMPDIR");
}

static void written_content_and_mode_are_there_and_nothing_else(void **state)
{
    struct stat st;
    mode_t mask = umask(0077);

    (void)state;
    assert_int_equal(vb_file_write_durable(in_folder("f"), "one", 3, 0644, NULL), 0);
    umask(mask);
    assert_content(in_folder("f"), "one", 3);
    assert_int_equal(stat(in_folder("f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(vb_file_write_durable(in_folder("f"), "longer than before", 18, 0600, NULL), 0);
    assert_content(in_folder("f"), "longer than before", 18);
    assert_int_equal(stat(in_folder("f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(vb_file_write_durable(in_folder("f"), NULL, 0, 0600, NULL), 0);
    assert_content(in_folder("f"), "", 0);
    assert_int_equal(count_entries(), 1);
}

static void a_file_in_the_current_folder_needs_no_slash(void **state)
{
    int here VB_CLEANUP(vb_closep) = open(".", O_RDONLY | O_DIRECTORY);

    (void)state;
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(vb_file_write_durable("plain", "x", 1, 0600, NULL), 0);
    assert_int_equal(fchdir(here), 0);
    assert_content(in_folder("plain"), "x", 1);
}

static void the_longest_name_a_file_can_have_works(void **state)
{
    char name[NAME_MAX + 1];

    (void)state;
    memset(name, 'n', NAME_MAX);
    name[NAME_MAX] = '\0';
    assert_int_equal(vb_file_write_durable(in_folder(name), "x", 1, 0600, NULL), 0);
    assert_content(in_folder(name), "x", 1);
}

static bool write_as_nobody(void)
{
    struct vb_error err = {0};

    if (geteuid() == 0 &&
        (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
        return false;
    return vb_file_write_durable(in_folder("f"), "new", 3, 0600, &err) == -EACCES && err.code == EACCES &&
           strstr(err.message, in_folder("f")) && strstr(err.message, "Permission denied") &&
           vb_mkdir_parents(in_folder("a/b"), 0700, &err) == -EACCES &&
           vb_file_lock(in_folder("l"), &err) == -EACCES;
}

static void an_unwritable_folder_is_an_error_and_stays_unchanged(void **state)
{
    (void)state;
    vb_file_write_durable(in_folder("f"), "old", 3, 0600, NULL);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_true(in_child(write_as_nobody));
    assert_int_equal(chmod(folder, 0700), 0);
    assert_content(in_folder("f"), "old", 3);
    assert_int_equal(count_entries(), 1);
}

static void impossible_places_are_errors(void **state)
{
    struct vb_error err;

    (void)state;
    assert_int_equal(vb_file_write_durable(in_folder("missing/f"), "x", 1, 0600, &err), -ENOENT);
    vb_file_write_durable(in_folder("f"), "x", 1, 0600, NULL);
    assert_int_equal(vb_file_write_durable(in_folder("f/g"), "x", 1, 0600, &err), -ENOTDIR);
    mkdir(in_folder("d"), 0700);
    assert_int_equal(vb_file_write_durable(in_folder("d"), "x", 1, 0600, &err), -EISDIR);
    assert_true(vb_file_write_durable("", "x", 1, 0600, &err) < 0);
    assert_int_equal(count_entries(), 2);
    assert_int_equal(vb_dir_sync(in_folder("missing")), -ENOENT);
    assert_int_equal(vb_dir_sync(in_folder("f")), -ENOTDIR);
    assert_int_equal(vb_dir_sync(folder), 0);
}

static bool write_past_the_limit(void)
{
    static char data[100000];
    const struct rlimit limit = {50000, 50000};
    struct vb_error err = {0};

    signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           vb_file_write_durable(in_folder("f"), data, sizeof(data), 0600, &err) == -EFBIG &&
           err.code == EFBIG;
}

static void a_disk_without_room_leaves_the_old_file_and_no_other(void **state)
{
    (void)state;
    vb_file_write_durable(in_folder("f"), "old", 3, 0600, NULL);
    assert_true(in_child(write_past_the_limit));
    assert_content(in_folder("f"), "old", 3);
    assert_int_equal(count_entries(), 1);
}

static void a_full_device_is_reported(void **state)
{
    int full VB_CLEANUP(vb_closep) = open("/dev/full", O_WRONLY);

    (void)state;
    assert_int_equal(vb_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(vb_pwrite_all(full, "x", 1, 0), -ENOSPC);
    assert_int_equal(vb_write_all(full, "x", 0), 0);
    assert_int_equal(vb_write_all(-1, "x", 1), -EBADF);
}

enum { WRITERS = 4, ROUNDS = 40 };

static void *write_letters(void *argument)
{
    const int which = (int)(intptr_t)argument;
    size_t size = (size_t)(which + 1) * 30000;
    char *letters = malloc(size), path[PATH_MAX];
    intptr_t failures = 0;

    snprintf(path, sizeof(path), "%s/f", folder);
    memset(letters, 'a' + which, size);
    for (int i = 0; i < ROUNDS; i++)
        failures += vb_file_write_durable(path, letters, size, 0600, NULL) != 0;
    free(letters);
    return (void *)failures;
}

static atomic_bool writers_done;

/* Counts contents that no writer wrote. */
static void *watch_letters(void *argument)
{
    struct vb_strbuf content;
    intptr_t torn = 0;

    vb_strbuf_init(&content, 1 << 20);
    do {
        vb_strbuf_clear(&content);
        if (vb_file_read(argument, &content, NULL) < 0) {
            torn++;
            continue;
        }
        torn += content.length != (size_t)(content.data[0] - 'a' + 1) * 30000;
        for (size_t i = 1; i < content.length; i++)
            if (content.data[i] != content.data[0]) {
                torn++;
                break;
            }
    } while (!atomic_load(&writers_done));
    vb_strbuf_release(&content);
    return (void *)torn;
}

static void many_writers_of_one_path_never_show_a_torn_file(void **state)
{
    pthread_t writer[WRITERS], watcher;
    char path[PATH_MAX];
    void *bad;

    (void)state;
    snprintf(path, sizeof(path), "%s/f", folder);
    assert_ptr_equal(write_letters((void *)0), NULL);
    atomic_store(&writers_done, false);
    assert_int_equal(pthread_create(&watcher, NULL, watch_letters, path), 0);
    for (intptr_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writer[i], NULL, write_letters, (void *)i), 0);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writer[i], &bad);
        assert_ptr_equal(bad, NULL);
    }
    atomic_store(&writers_done, true);
    pthread_join(watcher, &bad);
    assert_ptr_equal(bad, NULL);
    assert_int_equal(count_entries(), 1);
}

static void reading_stops_at_the_maximum(void **state)
{
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);
    struct vb_error err;

    (void)state;
    vb_file_write_durable(in_folder("f"), "0123456789", 10, 0600, NULL);
    vb_strbuf_init(&out, 10);
    assert_int_equal(vb_file_read(in_folder("f"), &out, &err), 0);
    assert_string_equal(out.data, "0123456789");
    assert_int_equal(vb_file_read(in_folder("f"), &out, &err), -EFBIG); /* appends */
    vb_strbuf_release(&out);
    vb_strbuf_init(&out, 9);
    assert_int_equal(vb_file_read(in_folder("f"), &out, &err), -EFBIG);
    assert_non_null(strstr(err.message, "larger than 9 bytes"));
    vb_strbuf_clear(&out);
    assert_int_equal(vb_file_read(in_folder("missing"), &out, &err), -ENOENT);
    assert_int_equal(vb_file_read(folder, &out, &err), -EISDIR);
}

static void reading_without_memory_is_not_called_too_large(void **state)
{
    struct vb_strbuf out VB_CLEANUP(vb_strbuf_release);
    struct vb_error err;
    int r;

    (void)state;
    vb_file_write_durable(in_folder("f"), "0123456789", 10, 0600, NULL);
    vb_strbuf_init(&out, 100);
    fail_all_allocations_after(0);
    r = vb_file_read(in_folder("f"), &out, &err);
    stop_failing_allocations();
    assert_int_equal(r, -ENOMEM);
    assert_int_equal(err.code, ENOMEM);
}

static void reading_at_an_offset_wants_all_of_it(void **state)
{
    char data[8];
    int fd VB_CLEANUP(vb_closep) = open(in_folder("f"), O_RDWR | O_CREAT, 0600);

    (void)state;
    assert_int_equal(vb_pwrite_all(fd, "0123456789", 10, 5), 0);
    assert_int_equal(vb_pread_all(fd, data, 8, 7), 0);
    assert_memory_equal(data, "23456789", 8);
    assert_int_equal(vb_pread_all(fd, data, 8, 8), -ENODATA);
    assert_int_equal(vb_pread_all(fd, data, 1, 1000), -ENODATA);
    assert_int_equal(vb_pread_all(fd, data, 0, 1000), 0);
    assert_int_equal(vb_pread_all(fd, data, 1, -1), -EINVAL);
}

static void *drain_slowly(void *argument)
{
    int fd = *(int *)argument;
    char piece[1000];
    intptr_t sum = 0;
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0)
        for (ssize_t i = 0; i < n; i++)
            sum += (unsigned char)piece[i];
    return (void *)sum;
}

static void writing_to_a_pipe_goes_on_until_all_is_written(void **state)
{
    enum { SIZE = 3000000 };
    unsigned char *data = malloc(SIZE);
    intptr_t expected = 0;
    pthread_t reader;
    uint64_t seed = 10;
    void *sum;
    int ends[2];

    (void)state;
    test_random_fill(&seed, data, SIZE);
    for (int i = 0; i < SIZE; i++)
        expected += data[i];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&reader, NULL, drain_slowly, &ends[0]), 0);
    assert_int_equal(vb_write_all(ends[1], data, SIZE), 0);
    close(ends[1]);
    pthread_join(reader, &sum);
    assert_int_equal((intptr_t)sum, expected);
    close(ends[0]);
    free(data);
}

static void folders_are_made_all_the_way_down(void **state)
{
    static const char *const spellings[] = {"a/b/c", "d//e///f", "g/h/", "i///", "j/./k"};
    struct stat st;

    (void)state;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        assert_int_equal(vb_mkdir_parents(in_folder(spellings[i]), 0700, NULL), 0);
        assert_int_equal(stat(in_folder(spellings[i]), &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        if ((st.st_mode & 0777) != 0700)
            fail_msg("%s has mode %o", spellings[i], st.st_mode & 0777);
        assert_int_equal(vb_mkdir_parents(in_folder(spellings[i]), 0755, NULL), 0); /* again */
    }
    assert_int_equal(stat(in_folder("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(vb_mkdir_parents("/", 0700, NULL), 0);
    assert_int_equal(vb_mkdir_parents("///", 0700, NULL), 0);
    assert_int_equal(vb_mkdir_parents(".", 0700, NULL), 0);
}

static void a_file_in_the_way_of_a_folder_is_an_error(void **state)
{
    struct vb_error err;

    (void)state;
    vb_file_write_durable(in_folder("f"), "x", 1, 0600, NULL);
    assert_int_equal(vb_mkdir_parents(in_folder("f"), 0700, &err), -ENOTDIR);
    assert_int_equal(vb_mkdir_parents(in_folder("f/g/h"), 0700, &err), -ENOTDIR);
    assert_int_equal(symlink("nowhere", in_folder("dangling")), 0);
    assert_int_equal(vb_mkdir_parents(in_folder("dangling"), 0700, &err), -ENOTDIR);
    assert_int_equal(vb_mkdir_parents("", 0700, &err), -ENOENT);
}

static void a_lock_of_another_process_is_respected_until_it_dies(void **state)
{
    struct vb_error err;
    int ready[2], fd;
    char byte;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fd = vb_file_lock(in_folder("lock"), NULL);
        if (fd >= 0)
            vb_write_all(ready[1], "L", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(vb_file_lock(in_folder("lock"), &err), -EWOULDBLOCK);
    assert_int_equal(err.code, EWOULDBLOCK);
    assert_non_null(strstr(err.message, in_folder("lock")));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    fd = vb_file_lock(in_folder("lock"), &err);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(vb_file_lock(in_folder("lock"), &err), -EWOULDBLOCK); /* nor twice in this one */
    close(fd);
    fd = vb_file_lock(in_folder("lock"), &err);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(vb_file_lock(in_folder("missing/lock"), &err), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_scratch_file_has_no_name_and_no_other_readers),
        TEST(written_content_and_mode_are_there_and_nothing_else),
        TEST(a_file_in_the_current_folder_needs_no_slash),
        TEST(the_longest_name_a_file_can_have_works),
        TEST(an_unwritable_folder_is_an_error_and_stays_unchanged),
        TEST(impossible_places_are_errors),
        TEST(a_disk_without_room_leaves_the_old_file_and_no_other),
        TEST(a_full_device_is_reported),
        TEST(many_writers_of_one_path_never_show_a_torn_file),
        TEST(reading_stops_at_the_maximum),
        TEST(reading_without_memory_is_not_called_too_large),
        TEST(reading_at_an_offset_wants_all_of_it),
        TEST(writing_to_a_pipe_goes_on_until_all_is_written),
        TEST(folders_are_made_all_the_way_down),
        TEST(a_file_in_the_way_of_a_folder_is_an_error),
        TEST(a_lock_of_another_process_is_respected_until_it_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
