/* The private PostgreSQL: survives its parent's death in no way but on disk, and is whole at every next
 * start. */
#include "ops/postgres/postgres.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "ops/postgres/cluster.h"
#include "postgres_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define DEADLINE_MS 20000

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* The first field of the first row, to be freed; NULL when it fails. */
static char *ask(const char *url, const char *sql)
{
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, sql);
    char *answer = PQntuples(result) > 0 ? vb_xstrdup(PQgetvalue(result, 0, 0)) : NULL;

    PQclear(result);
    PQfinish(connection);
    return answer;
}

static void assert_answer(const char *url, const char *sql, const char *expected)
{
    char *answer = ask(url, sql);

    assert_non_null(answer);
    assert_string_equal(answer, expected);
    free(answer);
}

static bool exists_in(const char *directory, const char *name)
{
    char path[256];
    struct stat info;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return stat(path, &info) == 0;
}

static void a_second_start_finds_the_data_and_the_port(void **state)
{
    struct vb_test_postgres *postgres = *state;
    char *url = vb_xstrdup(vb_postgres_url(postgres->server));
    int64_t start_ms;

    free(ask(url, "CREATE TABLE kept AS SELECT 42 AS answer"));
    vb_test_postgres_stop(postgres);
    start_ms = vb_clock_monotonic_ms();
    assert_int_equal(vb_test_postgres_start(postgres), 0);
    print_message("             warm start: %d ms\n", (int)(vb_clock_monotonic_ms() - start_ms));

    assert_string_equal(vb_postgres_url(postgres->server), url);
    assert_answer(url, "SELECT answer FROM kept", "42");
    free(url);
}

static void the_settings_are_durable_and_utf8(void **state)
{
    struct vb_test_postgres *postgres = *state;
    const char *url = vb_postgres_url(postgres->server);

    assert_answer(url, "SHOW fsync", "on");
    assert_answer(url, "SHOW synchronous_commit", "on");
    assert_answer(url, "SHOW server_encoding", "UTF8");
    assert_answer(url, "SHOW listen_addresses", "127.0.0.1");
    assert_answer(url, "SHOW password_encryption", "scram-sha-256");
    assert_answer(url, "SELECT datcollate FROM pg_database WHERE datname = 'vibe'", "C.UTF-8");
    assert_answer(url, "SELECT count(*)::text FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'",
                  "0");
}

static void a_wrong_password_is_refused(void **state)
{
    struct vb_test_postgres *postgres = *state;
    char *url = vb_xasprintf("postgresql://vibe:wrong@127.0.0.1:%s",
                             strrchr(vb_postgres_url(postgres->server), ':') + 1);
    PGconn *connection = PQconnectdb(url);

    assert_int_equal(PQstatus(connection), CONNECTION_BAD);
    PQfinish(connection);
    free(url);
}

static void read_proc(pid_t pid, const char *name, struct vb_strbuf *text)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    assert_int_equal(vb_file_read(path, text, NULL), 0);
}

static bool has_open(pid_t pid, const char *target)
{
    char path[64], link[512], name[300];
    struct dirent *entry;
    bool found = false;
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    directory = opendir(path);
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        ssize_t n;

        snprintf(name, sizeof(name), "%s", entry->d_name);
        n = readlinkat(dirfd(directory), name, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        found = found || strcmp(link, target) == 0;
    }
    closedir(directory);
    return found;
}

static void the_server_inherits_nothing_of_ours(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_strbuf text;
    char secret_path[128];
    sigset_t usr1, before;
    pid_t pid;
    int fd;

    vb_test_postgres_stop(postgres);
    snprintf(secret_path, sizeof(secret_path), "%s/secret", postgres->directory);
    fd = open(secret_path, O_RDWR | O_CREAT, 0600); /* inheritable, as a careless library might open it */
    assert_true(fd >= 0);
    setenv("VIBE_TEST_SECRET", "hush", 1);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, &before);
    assert_int_equal(vb_test_postgres_start(postgres), 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(fd);
    pid = vb_postgres_pid(postgres->server);

    assert_false(has_open(pid, secret_path));
    assert_true(has_open(pid, postgres->log_path)); /* so has_open can see something */
    vb_strbuf_init(&text, 65536);
    read_proc(pid, "environ", &text);
    assert_null(memmem(text.data, text.length, "hush", 4));
    vb_strbuf_clear(&text);
    read_proc(pid, "cmdline", &text);
    assert_null(memmem(text.data, text.length, "for tests", 9)); /* the password */
    vb_strbuf_clear(&text);
    read_proc(pid, "status", &text);
    assert_non_null(strstr(text.data, "SigBlk:\t0000000000000000"));
    vb_strbuf_release(&text);
    assert_int_equal(getsid(pid), pid); /* the terminal's Ctrl-C is not for it */
}

static void root_starts_it_as_another_user_below_a_folder_that_only_root_can_enter(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct stat folder, process;
    char path[64];

    if (geteuid() != 0)
        skip();
    assert_int_equal(stat(postgres->directory, &folder), 0);
    assert_int_equal(folder.st_uid, 0);
    assert_int_equal(folder.st_mode & 0777, 0700);
    snprintf(path, sizeof(path), "/proc/%d", (int)vb_postgres_pid(postgres->server));
    assert_int_equal(stat(path, &process), 0);
    assert_int_not_equal(process.st_uid, 0);
}

/* As `vibe up` does when its server was killed, e.g. by the kernel for want of memory. */
static void a_killed_server_is_started_anew_on_its_port_by_the_same_process(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_postgres *ended = postgres->server;

    free(ask(vb_postgres_url(ended), "CREATE TABLE survived AS SELECT 5 AS answer"));
    assert_int_equal(kill(vb_postgres_pid(ended), SIGKILL), 0); /* nobody waits for it: it stays a zombie */
    assert_int_equal(vb_test_postgres_start(postgres), 0);

    assert_string_equal(vb_postgres_url(postgres->server), vb_postgres_url(ended));
    assert_int_not_equal(vb_postgres_pid(postgres->server), vb_postgres_pid(ended));
    vb_postgres_stop(ended);
    assert_answer(vb_postgres_url(postgres->server), "SELECT answer FROM survived", "5");
}

static void a_stop_leaves_nothing_but_the_data(void **state)
{
    struct vb_test_postgres *postgres = *state;
    pid_t pid = vb_postgres_pid(postgres->server);
    char directory[96], *port = strrchr(vb_postgres_url(postgres->server), ':') + 1, socket_name[32];

    snprintf(directory, sizeof(directory), "%s/postgres/data", postgres->directory);
    snprintf(socket_name, sizeof(socket_name), ".s.PGSQL.%d", atoi(port));
    assert_true(exists_in(directory, socket_name));
    assert_true(exists_in(directory, "postmaster.pid"));
    vb_test_postgres_stop(postgres);

    assert_int_equal(kill(pid, 0), -1);
    assert_false(exists_in(directory, socket_name));
    assert_false(exists_in(directory, "postmaster.pid"));
    assert_int_equal(vb_test_postgres_start(postgres), 0);
}

static void a_password_that_the_cluster_does_not_have_is_explained(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_postgres *second = NULL;
    struct vb_error err = {0};
    char directory[96];

    vb_test_postgres_stop(postgres);
    snprintf(directory, sizeof(directory), "%s/postgres", postgres->directory);
    assert_int_equal(vb_postgres_start(&(struct vb_postgres_config){.directory = directory,
                                                                    .password = "another",
                                                                    .log_path = postgres->log_path},
                                       &second, &err),
                     -ENOTCONN);
    assert_non_null(strstr(err.message, "password authentication failed"));
    assert_non_null(strstr(err.hint, "restore that"));
    snprintf(directory, sizeof(directory), "%s/postgres/data", postgres->directory);
    assert_false(exists_in(directory, "postmaster.pid")); /* ended again */
    assert_int_equal(vb_test_postgres_start(postgres), 0);
}

static void a_start_that_fails_says_the_last_words_of_the_log(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_postgres *second = NULL;
    struct vb_error err = {0};
    char directory[96], path[128];
    struct stat before;
    FILE *conf;

    vb_test_postgres_stop(postgres);
    snprintf(directory, sizeof(directory), "%s/postgres", postgres->directory);
    snprintf(path, sizeof(path), "%s/data/postgresql.conf", directory);
    assert_int_equal(stat(path, &before), 0);
    conf = fopen(path, "a");
    assert_non_null(conf);
    fputs("no_such_setting = 1\n", conf);
    fclose(conf);

    assert_int_equal(vb_postgres_start(&(struct vb_postgres_config){.directory = directory,
                                                                    .password = "x",
                                                                    .log_path = postgres->log_path},
                                       &second, &err),
                     -EIO);
    assert_non_null(strstr(err.message, "postgresql.conf\" contains errors"));
    assert_int_equal(truncate(path, before.st_size), 0);
    assert_int_equal(vb_test_postgres_start(postgres), 0);
}

/* What a former server that ends at this moment does: it writes after the line which says why ours ended. */
static void *write_as_a_former_server(void *context)
{
    const char *log_path = context;
    int64_t deadline_ms = vb_clock_monotonic_ms() + DEADLINE_MS;
    bool found = false;

    while (!found && vb_clock_monotonic_ms() < deadline_ms) {
        struct vb_strbuf text;

        vb_strbuf_init(&text, (size_t)1024 * 1024);
        found = vb_file_read(log_path, &text, NULL) == 0 && strstr(text.data, "contains errors");
        vb_strbuf_release(&text);
        if (!found)
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    if (found) {
        FILE *log = fopen(log_path, "a");

        fputs("2026-12-01 16:47:48.800 UTC [1] FATAL:  terminating connection due to administrator command\n",
              log);
        fclose(log);
    }
    return NULL;
}

static void last_words_of_a_former_server_are_not_taken_for_ours(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_postgres *second = NULL;
    struct vb_error err = {0};
    char directory[96], path[128];
    struct stat before;
    pthread_t former;
    FILE *conf;

    vb_test_postgres_stop(postgres);
    assert_int_equal(truncate(postgres->log_path, 0), 0);
    snprintf(directory, sizeof(directory), "%s/postgres", postgres->directory);
    snprintf(path, sizeof(path), "%s/data/postgresql.conf", directory);
    assert_int_equal(stat(path, &before), 0);
    conf = fopen(path, "a");
    assert_non_null(conf);
    fputs("no_such_setting = 1\n", conf);
    fclose(conf);

    assert_int_equal(pthread_create(&former, NULL, write_as_a_former_server, postgres->log_path), 0);
    assert_int_equal(vb_postgres_start(&(struct vb_postgres_config){.directory = directory,
                                                                    .password = "x",
                                                                    .log_path = postgres->log_path},
                                       &second, &err),
                     -EIO);
    pthread_join(former, NULL);
    assert_non_null(strstr(err.message, "postgresql.conf\" contains errors"));
    assert_int_equal(truncate(path, before.st_size), 0);
    assert_int_equal(vb_test_postgres_start(postgres), 0);
}

/* A parent of its own for PostgreSQL: starts it, reports its pid and URL, and waits to be killed. */
struct victim {
    pid_t parent, server;
    int report_fd;
    char url[256];
    char directory[64], log_path[96];
};

static void victim_start(struct victim *victim)
{
    int report[2];

    assert_int_equal(pipe(report), 0);
    victim->parent = fork();
    assert_true(victim->parent >= 0);
    if (victim->parent == 0) {
        struct vb_test_postgres postgres = {0};

        memcpy(postgres.directory, victim->directory, sizeof(postgres.directory));
        memcpy(postgres.log_path, victim->log_path, sizeof(postgres.log_path));
        close(report[0]);
        if (vb_test_postgres_start(&postgres) < 0)
            _exit(1);
        victim->parent = getpid();
        victim->server = vb_postgres_pid(postgres.server);
        snprintf(victim->url, sizeof(victim->url), "%s", vb_postgres_url(postgres.server));
        if (write(report[1], victim, sizeof(*victim)) != sizeof(*victim))
            _exit(1);
        for (;;)
            pause();
    }
    close(report[1]);
    victim->report_fd = report[0];
}

static void victim_ready(struct victim *victim)
{
    int fd = victim->report_fd;

    assert_int_equal(read(fd, victim, sizeof(*victim)), sizeof(*victim));
    close(fd);
}

static void victim_kill(const struct victim *victim)
{
    kill(victim->parent, SIGKILL);
    assert_int_equal(waitpid(victim->parent, NULL, 0), victim->parent);
}

static int victim_setup(void **state)
{
    struct victim *victim = vb_xcalloc(1, sizeof(*victim));

    snprintf(victim->directory, sizeof(victim->directory), "/tmp/vibe-test-XXXXXX");
    if (!mkdtemp(victim->directory))
        return -1;
    snprintf(victim->log_path, sizeof(victim->log_path), "%s/postgres.log", victim->directory);
    *state = victim;
    /* Orphans become ours, so that their end can be waited for. */
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int victim_teardown(void **state)
{
    struct victim *victim = *state;

    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    vb_test_remove_tree(victim->directory);
    free(victim);
    return 0;
}

static void the_servers_end_follows_kill_9_of_its_parent(void **state)
{
    struct victim *victim = *state;
    int64_t deadline_ms = vb_clock_monotonic_ms() + DEADLINE_MS;
    int status;

    victim_start(victim);
    victim_ready(victim);
    assert_answer(victim->url, "SELECT 1", "1");
    victim_kill(victim);

    while (waitpid(victim->server, &status, WNOHANG) == 0) {
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        pause_briefly();
    }
    assert_true(WIFEXITED(status)); /* an orderly shutdown */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_start_right_after_kill_9_of_the_parent_keeps_what_was_committed(void **state)
{
    struct victim *victim = *state;
    struct vb_test_postgres postgres = {0};

    victim_start(victim);
    victim_ready(victim);
    free(ask(victim->url, "CREATE TABLE kept AS SELECT 7 AS answer"));
    victim_kill(victim);

    memcpy(postgres.directory, victim->directory, sizeof(postgres.directory));
    memcpy(postgres.log_path, victim->log_path, sizeof(postgres.log_path));
    assert_int_equal(vb_test_postgres_start(&postgres), 0);
    assert_answer(vb_postgres_url(postgres.server), "SELECT answer FROM kept", "7");
    vb_test_postgres_stop(&postgres);
}

static void a_start_right_after_kill_9_of_the_server_keeps_what_was_committed(void **state)
{
    struct victim *victim = *state;
    struct vb_test_postgres postgres = {0};

    memcpy(postgres.directory, victim->directory, sizeof(postgres.directory));
    memcpy(postgres.log_path, victim->log_path, sizeof(postgres.log_path));
    assert_int_equal(vb_test_postgres_start(&postgres), 0);
    free(ask(vb_postgres_url(postgres.server), "CREATE TABLE kept AS SELECT 8 AS answer"));
    kill(vb_postgres_pid(postgres.server), SIGKILL);
    vb_test_postgres_stop(&postgres); /* of a server that has ended already */

    assert_int_equal(vb_test_postgres_start(&postgres), 0);
    assert_answer(vb_postgres_url(postgres.server), "SELECT answer FROM kept", "8");
    vb_test_postgres_stop(&postgres);
}

static void an_interrupted_initialisation_is_done_again(void **state)
{
    struct victim *victim = *state;
    struct vb_test_postgres postgres = {0};
    int64_t deadline_ms = vb_clock_monotonic_ms() + DEADLINE_MS;

    victim_start(victim);
    while (!exists_in(victim->directory, "postgres/data.new/PG_VERSION")) {
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        pause_briefly();
    }
    victim_kill(victim);
    close(victim->report_fd);
    assert_false(exists_in(victim->directory, "postgres/data"));

    memcpy(postgres.directory, victim->directory, sizeof(postgres.directory));
    memcpy(postgres.log_path, victim->log_path, sizeof(postgres.log_path));
    assert_int_equal(vb_test_postgres_start(&postgres), 0);
    assert_answer(vb_postgres_url(postgres.server), "SELECT current_database()", "vibe");
    assert_false(exists_in(victim->directory, "postgres/data.new"));
    vb_test_postgres_stop(&postgres);
}

static void a_missing_postgresql_is_named_with_what_to_do(void **state)
{
    struct victim *victim = *state;
    char *path = vb_xstrdup(getenv("PATH"));
    struct vb_error err = {0};
    char bin[PATH_MAX];
    int r;

    setenv("PATH", victim->directory, 1);
    r = vb_postgres_find(victim->directory, 0, bin, &err);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(r, -ENOENT);
    assert_string_equal(err.hint, "install it with: sudo apt-get install postgresql");
}

static void a_cluster_of_a_version_that_is_not_installed_is_left_alone(void **state)
{
    struct victim *victim = *state;
    char directory[128], path[192], text[] = "99\n";
    struct vb_postgres *postgres = NULL;
    struct vb_error err = {0};

    snprintf(directory, sizeof(directory), "%s/postgres", victim->directory);
    snprintf(path, sizeof(path), "%s/data", directory);
    assert_int_equal(vb_mkdir_parents(path, 0700, NULL), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 65534, 65534), 0);
    strcat(path, "/PG_VERSION");
    assert_int_equal(vb_file_write_durable(path, text, strlen(text), 0600, NULL), 0);

    assert_int_equal(vb_postgres_start(&(struct vb_postgres_config){.directory = directory,
                                                                    .password = "x",
                                                                    .log_path = victim->log_path},
                                       &postgres, &err),
                     -ENOENT);
    assert_non_null(strstr(err.message, "PostgreSQL 99"));
    assert_non_null(strstr(err.hint, "postgresql-99"));
    assert_true(exists_in(directory, "data/PG_VERSION"));
}

int main(void)
{
    const struct CMUnitTest shared[] = {
        cmocka_unit_test(a_second_start_finds_the_data_and_the_port),
        cmocka_unit_test(the_settings_are_durable_and_utf8),
        cmocka_unit_test(a_wrong_password_is_refused),
        cmocka_unit_test(the_server_inherits_nothing_of_ours),
        cmocka_unit_test(root_starts_it_as_another_user_below_a_folder_that_only_root_can_enter),
        cmocka_unit_test(a_killed_server_is_started_anew_on_its_port_by_the_same_process),
        cmocka_unit_test(a_stop_leaves_nothing_but_the_data),
        cmocka_unit_test(a_password_that_the_cluster_does_not_have_is_explained),
        cmocka_unit_test(a_start_that_fails_says_the_last_words_of_the_log),
        cmocka_unit_test(last_words_of_a_former_server_are_not_taken_for_ours),
    };
#define VICTIM_TEST(name) cmocka_unit_test_setup_teardown(name, victim_setup, victim_teardown)
    const struct CMUnitTest killed[] = {
        VICTIM_TEST(the_servers_end_follows_kill_9_of_its_parent),
        VICTIM_TEST(a_start_right_after_kill_9_of_the_parent_keeps_what_was_committed),
        VICTIM_TEST(a_start_right_after_kill_9_of_the_server_keeps_what_was_committed),
        VICTIM_TEST(an_interrupted_initialisation_is_done_again),
        VICTIM_TEST(a_missing_postgresql_is_named_with_what_to_do),
        VICTIM_TEST(a_cluster_of_a_version_that_is_not_installed_is_left_alone),
    };
    int failed =
        cmocka_run_group_tests_name("one server", shared, vb_test_postgres_setup, vb_test_postgres_teardown);

    return failed + cmocka_run_group_tests_name("killed", killed, NULL, NULL);
}
