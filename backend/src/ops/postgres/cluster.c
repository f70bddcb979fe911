/* Finding PostgreSQL and making its private cluster: see cluster.h. */
#include "ops/postgres/cluster.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INIT_TIMEOUT_MS 120000

static bool has_programs(const char *bin)
{
    char path[PATH_MAX];
    bool found = snprintf(path, sizeof(path), "%s/postgres", bin) < PATH_MAX && access(path, X_OK) == 0;

    return found && snprintf(path, sizeof(path), "%s/initdb", bin) < PATH_MAX && access(path, X_OK) == 0;
}

/* For systems that keep PostgreSQL elsewhere. Debian's pg_config answers even if only the client library
 * is installed, so the caller checks for the programs. */
static int ask_pg_config(char bin[PATH_MAX])
{
    FILE *output = popen("pg_config --bindir --version 2>/dev/null", "re");
    int version = 0;

    if (!output)
        return 0;
    if (!fgets(bin, PATH_MAX, output) || fscanf(output, "PostgreSQL %d", &version) != 1)
        version = 0;
    pclose(output);
    bin[strcspn(bin, "\n")] = '\0';
    return version;
}

static void closedirp(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

int vb_postgres_find(const char *versions_dir, int version, char bin[PATH_MAX], struct vb_error *err)
{
    DIR *directory VB_CLEANUP(closedirp) = opendir(versions_dir);
    struct dirent *entry;
    char candidate[PATH_MAX];
    int best = 0;

    while (directory && (entry = readdir(directory))) {
        const char *name = entry->d_name;
        uint64_t number;
        int found;

        if (vb_uint_parse(name, strlen(name), 1000, &number) < 0)
            continue;
        found = (int)number;
        if (found < VB_POSTGRES_VERSION_MIN || (version && found != version) || found < best)
            continue;
        if (snprintf(candidate, sizeof(candidate), "%s/%d/bin", versions_dir, found) < PATH_MAX &&
            has_programs(candidate)) {
            memcpy(bin, candidate, strlen(candidate) + 1);
            best = found;
        }
    }
    if (best > 0)
        return 0;
    best = ask_pg_config(candidate);
    if (best >= VB_POSTGRES_VERSION_MIN && (!version || best == version) && has_programs(candidate)) {
        memcpy(bin, candidate, strlen(candidate) + 1);
        return 0;
    }
    if (version) {
        vb_error_set(err, ENOENT, "the data was made by PostgreSQL %d, which is not installed", version);
        return vb_error_hint(err, "install it with: sudo apt-get install postgresql-%d", version);
    }
    vb_error_set(err, ENOENT, "PostgreSQL %d or newer is not installed", VB_POSTGRES_VERSION_MIN);
    return vb_error_hint(err, "install it with: sudo apt-get install postgresql");
}

static int set_user(struct vb_postgres_user *user, const struct passwd *entry, struct vb_error *err)
{
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    user->group_count = VB_POSTGRES_GROUPS_MAX;
    if (getgrouplist(entry->pw_name, entry->pw_gid, user->groups, &user->group_count) < 0)
        return vb_error_set(err, E2BIG, "the user %s is in more than %d groups", entry->pw_name,
                            VB_POSTGRES_GROUPS_MAX);
    return 0;
}

/* The user that PostgreSQL runs as: ourselves; for root, the owner of the data, "postgres" or "nobody". */
static int choose_user(struct vb_postgres_user *user, const char *data, struct vb_error *err)
{
    const struct passwd *entry = NULL;
    struct stat info = {0};
    bool exists = stat(data, &info) == 0;

    *user = (struct vb_postgres_user){.uid = geteuid(), .gid = getegid(), .drop = geteuid() == 0};
    if (exists && (user->drop ? info.st_uid == 0 : info.st_uid != user->uid)) {
        vb_error_set(err, EPERM, "%s belongs to user %u, and PostgreSQL must run as the owner of its data",
                     data, (unsigned)info.st_uid);
        return vb_error_hint(
            err, user->drop
                     ? "PostgreSQL never runs as root: give the folder to a user, e.g. with chown -R postgres"
                     : "start vibe as that user, or with sudo");
    }
    if (!user->drop)
        return 0;
    if (exists) {
        entry = getpwuid(info.st_uid);
        if (!entry) { /* the user was removed: the number is enough */
            user->uid = info.st_uid;
            user->gid = info.st_gid;
            return 0;
        }
        return set_user(user, entry, err);
    }
    entry = getpwnam("postgres");
    if (!entry)
        entry = getpwnam("nobody");
    if (!entry)
        return vb_error_set(err, ENOENT,
                            "PostgreSQL cannot run as root, and there is no user \"postgres\" or \"nobody\"");
    return set_user(user, entry, err);
}

/* Removes a folder and what is in it, following no link. A missing one is no error. */
static int remove_tree(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int r = 0;

    if (!directory) {
        r = errno == ENOENT ? 0 : -errno;
        if (fd >= 0)
            close(fd);
        return r;
    }
    while (r == 0 && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)
            continue;
        r = errno == EISDIR || errno == EPERM ? remove_tree(fd, entry->d_name) : -errno;
    }
    closedir(directory);
    if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        r = -errno;
    return r;
}

/* A file in memory, without a name in any folder, that the other user may read. */
static int memory_file(const char *name, const char *text, uid_t uid)
{
    int fd VB_CLEANUP(vb_closep) = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0 || fchmod(fd, 0600) < 0 || (geteuid() == 0 && fchown(fd, uid, (gid_t)-1) < 0) ||
        vb_write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return VB_TAKE_FD(fd);
}

static int run_initdb(const struct vb_postgres_cluster *cluster, int data_fd, const char *password,
                      int log_fd, struct vb_error *err)
{
    char initdb[PATH_MAX + 16], data_path[VB_POSTGRES_FD_PATH_MAX], password_path[VB_POSTGRES_FD_PATH_MAX];
    int password_fd VB_CLEANUP(vb_closep) = memory_file("vibe-password", password, cluster->user.uid);
    const char *argv[] = {initdb,
                          "-D",
                          data_path,
                          "-U",
                          "vibe",
                          "-A",
                          "scram-sha-256",
                          "--pwfile",
                          password_path,
                          "-E",
                          "UTF8",
                          "--locale=C.UTF-8",
                          "--data-checksums",
                          "--no-sync",
                          "--no-instructions",
                          NULL};

    if (password_fd < 0)
        return vb_error_set(err, errno, "a file in memory cannot be made: %s", strerror(errno));
    snprintf(initdb, sizeof(initdb), "%s/initdb", cluster->bin);
    vb_postgres_fd_path(data_fd, data_path);
    vb_postgres_fd_path(password_fd, password_path);
    return vb_postgres_run(&(struct vb_postgres_command){.argv = argv,
                                                         .user = &cluster->user,
                                                         .data_fd = data_fd,
                                                         .password_fd = password_fd,
                                                         .input_fd = -1,
                                                         .output_fd = log_fd,
                                                         .death_signal = SIGTERM},
                           INIT_TIMEOUT_MS, err);
}

/* In single-user mode, before the cluster gets its final name: one with that name has its database. */
static int create_database(const struct vb_postgres_cluster *cluster, int data_fd, int log_fd,
                           struct vb_error *err)
{
    char postgres[PATH_MAX + 16], data_path[VB_POSTGRES_FD_PATH_MAX];
    int input_fd VB_CLEANUP(vb_closep) =
        memory_file("vibe-create", "CREATE DATABASE vibe;\n", cluster->user.uid);
    const char *argv[] = {postgres,
                          "--single",
                          "-D",
                          data_path,
                          "-F",
                          "-c",
                          "exit_on_error=true",
                          "-c",
                          "dynamic_shared_memory_type=mmap",
                          "postgres",
                          NULL};

    if (input_fd < 0)
        return vb_error_set(err, errno, "a file in memory cannot be made: %s", strerror(errno));
    snprintf(postgres, sizeof(postgres), "%s/postgres", cluster->bin);
    vb_postgres_fd_path(data_fd, data_path);
    return vb_postgres_run(&(struct vb_postgres_command){.argv = argv,
                                                         .user = &cluster->user,
                                                         .data_fd = data_fd,
                                                         .password_fd = -1,
                                                         .input_fd = input_fd,
                                                         .output_fd = log_fd,
                                                         .death_signal = SIGTERM},
                           INIT_TIMEOUT_MS, err);
}

/* Makes directory/data under another name first, so that it is whole or absent. */
static int make_cluster(const struct vb_postgres_cluster *cluster, const char *directory,
                        const char *password, int log_fd, struct vb_error *err)
{
    int parent_fd VB_CLEANUP(vb_closep) = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int data_fd VB_CLEANUP(vb_closep) = -1;
    int r = parent_fd < 0 ? -errno : remove_tree(parent_fd, "data.new");

    if (r == 0 &&
        (mkdirat(parent_fd, "data.new", 0700) < 0 ||
         (data_fd = openat(parent_fd, "data.new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0 ||
         (cluster->user.drop && fchown(data_fd, cluster->user.uid, cluster->user.gid) < 0)))
        r = -errno;
    if (r < 0)
        return vb_error_set(err, -r, "a folder for PostgreSQL cannot be made in %s: %s", directory,
                            strerror(-r));

    r = run_initdb(cluster, data_fd, password, log_fd, err);
    if (r == 0)
        r = create_database(cluster, data_fd, log_fd, err);
    if (r < 0) {
        remove_tree(parent_fd, "data.new");
        return r;
    }
    /* One flush of the file system instead of one for each of a thousand files. */
    if (syncfs(data_fd) < 0 || renameat(parent_fd, "data.new", parent_fd, "data") < 0 || fsync(parent_fd) < 0)
        return vb_error_set(err, errno, "%s cannot be written: %s", cluster->data, strerror(errno));
    return 0;
}

/* The major version of the cluster; 0: there is no cluster. */
static int read_version(const struct vb_postgres_cluster *cluster, int *ret_version, struct vb_error *err)
{
    char path[PATH_MAX + 16];
    struct vb_strbuf text;
    uint64_t version;
    int r;

    *ret_version = 0;
    if (access(cluster->data, F_OK) < 0 && errno == ENOENT)
        return 0;
    vb_strbuf_init(&text, 64);
    snprintf(path, sizeof(path), "%s/PG_VERSION", cluster->data);
    r = vb_file_read(path, &text, err);
    if (vb_uint_parse(text.data, vb_digits_length(text.data, text.length), INT_MAX, &version) == 0)
        *ret_version = (int)version;
    vb_strbuf_release(&text);
    if (r == 0 && *ret_version > 0)
        return 0;
    vb_error_set(err, r < 0 ? -r : EINVAL,
                 "%s is not a PostgreSQL data folder: its PG_VERSION cannot be read", cluster->data);
    return vb_error_hint(err,
                         "move the folder away to start with an empty database, or restore it from a backup");
}

int vb_postgres_cluster_open(struct vb_postgres_cluster *cluster, const char *directory, const char *password,
                             int log_fd, struct vb_error *err)
{
    int version, r;

    cluster->data_fd = -1;
    if (snprintf(cluster->data, sizeof(cluster->data), "%s/data", directory) >= PATH_MAX)
        return vb_error_set(err, ENAMETOOLONG, "%s is too long a path", directory);
    r = choose_user(&cluster->user, cluster->data, err);
    if (r == 0)
        r = read_version(cluster, &version, err);
    if (r == 0)
        r = vb_postgres_find(VB_POSTGRES_VERSIONS_DIR, version, cluster->bin, err);
    if (r == 0 && version == 0)
        r = make_cluster(cluster, directory, password, log_fd, err);
    if (r < 0)
        return r;
    cluster->data_fd = open(cluster->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cluster->data_fd < 0)
        return vb_error_set(err, errno, "%s cannot be opened: %s", cluster->data, strerror(errno));
    return 0;
}

void vb_postgres_cluster_close(struct vb_postgres_cluster *cluster)
{
    if (cluster->data_fd >= 0)
        close(cluster->data_fd);
    cluster->data_fd = -1;
}
