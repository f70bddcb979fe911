/* Starting and stopping the private PostgreSQL: see postgres.h. cluster.c has its files. */
#include "ops/postgres/postgres.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/wait.h"
#include "db/pool.h"
#include "ops/postgres/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_TIMEOUT_MS  30000
#define FORMER_TIMEOUT_MS 10000 /* for the server of a killed parent to end */
#define STOP_TIMEOUT_MS   10000
#define PORT_ATTEMPTS     5
#define LOG_MAX_BYTES     (10 << 20)
#define LOG_TAIL_BYTES    16384

struct vb_postgres {
    pid_t pid; /* 0: not running */
    uint16_t port;
    int log_fd;
    char *url;
    struct vb_postgres_cluster cluster;
};

/* Why a start ended early: whether another attempt may succeed. */
enum early_end { END_FINAL, END_FORMER_SERVER, END_PORT_TAKEN };

static uint16_t read_port(const char *path)
{
    struct vb_strbuf text;
    uint64_t port = 0;

    vb_strbuf_init(&text, 16);
    if (vb_file_read(path, &text, NULL) == 0)
        (void)vb_uint_parse(text.data, vb_digits_length(text.data, text.length), UINT16_MAX, &port);
    vb_strbuf_release(&text);
    return (uint16_t)port;
}

/* The wanted port if it is free, else another one; 0: there is none. */
static uint16_t free_port(uint16_t wanted)
{
    int fd VB_CLEANUP(vb_closep) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(wanted), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int one = 1;

    /* As PostgreSQL does: connections of the former server in TIME_WAIT are no obstacle. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, length) < 0)
        return wanted ? free_port(0) : 0;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return 0;
    return ntohs(address.sin_port);
}

/* Opens the log for appending. A large one is renamed to log.1 first. */
static int open_log(const char *path, struct vb_error *err)
{
    char older[PATH_MAX];
    struct stat info;
    int fd;

    if (stat(path, &info) == 0 && info.st_size > LOG_MAX_BYTES &&
        snprintf(older, sizeof(older), "%s.1", path) < PATH_MAX)
        rename(path, older);
    fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : vb_error_set(err, errno, "%s cannot be written: %s", path, strerror(errno));
}

/* Finds the line of the log since `from` that says why: the last FATAL or PANIC of that process (0: of any),
 * or else the last line. A former server that ends at the same time writes to the same log. */
static void last_words(int log_fd, off_t from, pid_t pid, char *words, size_t size)
{
    char tail[LOG_TAIL_BYTES + 1], own[24], *line, *rest = tail;
    off_t end = lseek(log_fd, 0, SEEK_END);
    bool fatal_found = false;
    ssize_t n;

    snprintf(own, sizeof(own), " [%d] ", (int)pid); /* as in log_line_prefix */
    if (end - from > LOG_TAIL_BYTES)
        from = end - LOG_TAIL_BYTES;
    n = pread(log_fd, tail, LOG_TAIL_BYTES, from);
    tail[n > 0 ? n : 0] = '\0';
    snprintf(words, size, "its log is empty");
    while ((line = strsep(&rest, "\n"))) {
        char *fatal = strstr(line, "FATAL:");

        if (!fatal)
            fatal = strstr(line, "PANIC:");
        if (fatal && pid && !strstr(line, own))
            continue;
        if (!fatal && (fatal_found || !*line))
            continue;
        fatal_found = fatal_found || fatal;
        vb_db_one_line(fatal ? fatal : line, words, size);
    }
}

static int spawn_server(struct vb_postgres *postgres, struct vb_error *err)
{
    char program[PATH_MAX + 16], data_path[VB_POSTGRES_FD_PATH_MAX], port[24], socket_directory[64];
    const char *argv[] = {
        program, "-D", data_path, "-c", port, "-c", socket_directory, "-c", "listen_addresses=127.0.0.1",
        "-c", "unix_socket_permissions=0700", "-c", "max_connections=50", "-c", "shared_buffers=32MB", "-c",
        "huge_pages=off", "-c", "fsync=on", "-c", "full_page_writes=on", "-c", "synchronous_commit=on", "-c",
        "max_wal_size=256MB", "-c", "max_wal_senders=0",
        /* Nothing in /dev/shm: containers keep it small, and a killed server leaves its files there. */
        "-c", "dynamic_shared_memory_type=mmap", "-c", "max_parallel_workers_per_gather=0", "-c",
        "autovacuum_max_workers=1", "-c", "logging_collector=off", "-c", "log_destination=stderr", "-c",
        "log_line_prefix=%m [%p] ", "-c", "log_timezone=UTC", "-c", "log_checkpoints=off", "-c",
        "cluster_name=vibe", NULL};

    snprintf(program, sizeof(program), "%s/postgres", postgres->cluster.bin);
    vb_postgres_fd_path(postgres->cluster.data_fd, data_path);
    snprintf(port, sizeof(port), "port=%u", postgres->port);
    snprintf(socket_directory, sizeof(socket_directory), "unix_socket_directories=%s", data_path);
    /* SIGINT is PostgreSQL's fast shutdown. */
    return vb_postgres_spawn(&(struct vb_postgres_command){.argv = argv,
                                                           .user = &postgres->cluster.user,
                                                           .data_fd = postgres->cluster.data_fd,
                                                           .password_fd = -1,
                                                           .input_fd = -1,
                                                           .output_fd = postgres->log_fd,
                                                           .death_signal = SIGINT},
                             &postgres->pid, err);
}

/* Reads the server's lock file: its pid (line 1), and whether it accepts connections (line 8). */
static pid_t read_lock_file(const struct vb_postgres *postgres, bool *ret_ready)
{
    char path[PATH_MAX + 32], *line, *rest;
    struct vb_strbuf text;
    int64_t pid = 0; /* negative: a server of a single user */

    *ret_ready = false;
    snprintf(path, sizeof(path), "%s/postmaster.pid", postgres->cluster.data);
    vb_strbuf_init(&text, 8192);
    if (vb_file_read(path, &text, NULL) == 0 && text.length > 0) {
        rest = text.data;
        for (int number = 1; (line = strsep(&rest, "\n")); number++) {
            if (number == 1)
                (void)vb_int_parse(line, strlen(line), INT_MIN, INT_MAX, &pid);
            if (number == 8)
                *ret_ready = strncmp(line, "ready", 5) == 0;
        }
    }
    vb_strbuf_release(&text);
    return (pid_t)pid;
}

/* Whether our server, not a former one, accepts connections. */
static bool is_ready(const struct vb_postgres *postgres)
{
    bool ready;

    return read_lock_file(postgres, &ready) == postgres->pid && ready;
}

/* Reaps a former server that was our child: as a zombie it would look alive to the next one. */
static void reap_former(const struct vb_postgres *postgres)
{
    bool ready;
    pid_t former = read_lock_file(postgres, &ready);

    if (former > 0)
        waitpid(former, NULL, WNOHANG);
}

/* What the log's last words say about another attempt. */
static enum early_end judge(const char *words)
{
    if (strstr(words, "lock file") || strstr(words, "pre-existing shared memory"))
        return END_FORMER_SERVER;
    return strstr(words, "could not create any TCP/IP sockets") ? END_PORT_TAKEN : END_FINAL;
}

/* Waits until it accepts connections. -EAGAIN: it ended, for a reason that may pass (*ret_end). */
static int wait_until_ready(struct vb_postgres *postgres, off_t log_start, enum early_end *ret_end,
                            struct vb_error *err)
{
    struct vb_poll poll = vb_poll_start(vb_deadline_after(READY_TIMEOUT_MS), 5000, 20000);
    char words[VB_ERROR_MESSAGE_MAX - 64];
    int status;

    while (!is_ready(postgres)) {
        if (vb_postgres_wait(postgres->pid, 0, &status) == 0) {
            last_words(postgres->log_fd, log_start, postgres->pid, words, sizeof(words));
            postgres->pid = 0;
            *ret_end = judge(words);
            return vb_error_set(err, *ret_end == END_FINAL ? EIO : EAGAIN,
                                "PostgreSQL ended while starting: %s", words);
        }
        if (!vb_poll_pause(&poll))
            return vb_error_set(err, ETIMEDOUT, "PostgreSQL did not accept connections within %d s",
                                READY_TIMEOUT_MS / 1000);
    }
    return 0;
}

static void end_server(struct vb_postgres *postgres)
{
    static const int escalation[] = {SIGINT, SIGQUIT}; /* fast, immediate */
    int status;

    /* A server that ended by itself may be reaped already: its pid may then belong to another process. */
    if (postgres->pid > 0 && vb_postgres_wait(postgres->pid, 0, &status) == 0)
        postgres->pid = 0;
    for (size_t i = 0; postgres->pid > 0 && i < VB_ARRAY_SIZE(escalation); i++) {
        kill(postgres->pid, escalation[i]);
        if (vb_postgres_wait(postgres->pid, STOP_TIMEOUT_MS, &status) == 0)
            postgres->pid = 0;
    }
    if (postgres->pid > 0) { /* stopped, or stuck in the kernel; its children notice its end */
        kill(postgres->pid, SIGKILL);
        vb_postgres_wait(postgres->pid, STOP_TIMEOUT_MS, &status);
        postgres->pid = 0;
    }
}

/* Starts the server on the wanted port, or on a free one. */
static int try_server(struct vb_postgres *postgres, uint16_t wanted_port, enum early_end *ret_end,
                      struct vb_error *err)
{
    off_t log_start = lseek(postgres->log_fd, 0, SEEK_END);
    int r;

    *ret_end = END_FINAL;
    reap_former(postgres);
    postgres->port = free_port(wanted_port);
    if (postgres->port == 0)
        return vb_error_set(err, EADDRINUSE, "there is no free port on 127.0.0.1 for PostgreSQL");
    r = spawn_server(postgres, err);
    return r < 0 ? r : wait_until_ready(postgres, log_start, ret_end, err);
}

/* Starts the server, again and again while a former one has not yet noticed that its parent was killed.
 * That server is not our child, so its end cannot be waited for. */
static int start_server(struct vb_postgres *postgres, uint16_t wanted_port, struct vb_error *err)
{
    struct vb_poll former = vb_poll_start(vb_deadline_after(FORMER_TIMEOUT_MS), 50000, 50000);
    enum early_end end;
    int r, ports = 0;

    do
        r = try_server(postgres, wanted_port, &end, err);
    while (r == -EAGAIN && ((end == END_PORT_TAKEN && ++ports < PORT_ATTEMPTS) ||
                            (end == END_FORMER_SERVER && vb_poll_pause(&former))));
    if (r < 0)
        end_server(postgres);
    if (r == -EAGAIN) {
        if (err)
            err->code = EBUSY;
        vb_error_hint(err, "another PostgreSQL uses %s: end it, then start again", postgres->cluster.data);
        r = -EBUSY;
    }
    return r;
}

static char *make_url(const char *password, uint16_t port)
{
    struct vb_strbuf url;

    vb_strbuf_init(&url, 4096);
    vb_strbuf_adds(&url, "postgresql://vibe:");
    vb_percent_encode(&url, password, strlen(password), false);
    vb_strbuf_addf(&url, "@127.0.0.1:%u/vibe", port);
    return vb_strbuf_detach(&url);
}

/* Logs in once: the cluster may have been made with another password. */
static int check_login(const struct vb_postgres *postgres, struct vb_error *err)
{
    if (vb_db_check_login(postgres->url, err) == 0)
        return 0;
    vb_error_prefix(err, "the private PostgreSQL in %s refuses the login", postgres->cluster.data);
    return vb_error_hint(
        err, "its password is in the file `secrets` of the data folder: restore that, or move the "
             "folder away to start with an empty database");
}

static int open_cluster(struct vb_postgres *postgres, const struct vb_postgres_config *config,
                        struct vb_error *err)
{
    off_t log_start = lseek(postgres->log_fd, 0, SEEK_END);
    int r = vb_postgres_cluster_open(&postgres->cluster, config->directory, config->password,
                                     postgres->log_fd, err);

    if (r == -EIO && err) { /* a program failed: its log says why */
        char words[VB_ERROR_MESSAGE_MAX / 2];

        last_words(postgres->log_fd, log_start, 0, words, sizeof(words));
        return vb_error_set(err, EIO, "PostgreSQL's data folder cannot be made: %s", words);
    }
    return r;
}

/* Starts the server on the port of the last start if that is free, and remembers the port that it has. */
static int start_on_known_port(struct vb_postgres *postgres, const struct vb_postgres_config *config,
                               struct vb_error *err)
{
    char path[PATH_MAX], port[16];
    uint16_t wanted;
    int r;

    if (snprintf(path, sizeof(path), "%s/port", config->directory) >= PATH_MAX)
        return vb_error_set(err, ENAMETOOLONG, "%s is too long a path", config->directory);
    wanted = read_port(path);
    r = start_server(postgres, wanted, err);
    if (r < 0)
        return r;
    postgres->url = make_url(config->password, postgres->port);
    if (!postgres->url)
        return vb_error_set(err, E2BIG, "the password of the private PostgreSQL is too long");
    r = check_login(postgres, err);
    if (r < 0 || postgres->port == wanted)
        return r;
    snprintf(port, sizeof(port), "%u\n", postgres->port);
    return vb_file_write_durable(path, port, strlen(port), 0600, err);
}

static int start(struct vb_postgres *postgres, const struct vb_postgres_config *config, struct vb_error *err)
{
    int r = vb_mkdir_parents(config->directory, 0700, err);

    if (r < 0)
        return r;
    postgres->log_fd = open_log(config->log_path, err);
    if (postgres->log_fd < 0)
        return postgres->log_fd;
    r = open_cluster(postgres, config, err);
    return r < 0 ? r : start_on_known_port(postgres, config, err);
}

int vb_postgres_start(const struct vb_postgres_config *config, struct vb_postgres **ret_postgres,
                      struct vb_error *err)
{
    struct vb_postgres *postgres = vb_xcalloc(1, sizeof(*postgres));
    int r;

    postgres->log_fd = postgres->cluster.data_fd = -1;
    r = start(postgres, config, err);
    if (r < 0) {
        vb_postgres_stop(postgres);
        return r;
    }
    *ret_postgres = postgres;
    return 0;
}

const char *vb_postgres_url(const struct vb_postgres *postgres)
{
    return postgres->url;
}

pid_t vb_postgres_pid(const struct vb_postgres *postgres)
{
    return postgres->pid;
}

void vb_postgres_stop(struct vb_postgres *postgres)
{
    if (!postgres)
        return;
    end_server(postgres);
    vb_postgres_cluster_close(&postgres->cluster);
    if (postgres->log_fd >= 0)
        close(postgres->log_fd);
    if (postgres->url)
        explicit_bzero(postgres->url, strlen(postgres->url));
    free(postgres->url);
    free(postgres);
}
