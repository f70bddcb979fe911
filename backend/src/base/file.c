/* Durable file operations: see file.h. */
#include "base/file.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int vb_write_all(int fd, const void *data, size_t size)
{
    const char *from = data;

    while (size > 0) {
        ssize_t n = write(fd, from, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        from += n;
        size -= (size_t)n;
    }
    return 0;
}

int vb_pwrite_all(int fd, const void *data, size_t size, off_t offset)
{
    const char *from = data;

    while (size > 0) {
        ssize_t n = pwrite(fd, from, size, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        from += n;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

int vb_pread_all(int fd, void *data, size_t size, off_t offset)
{
    char *to = data;

    while (size > 0) {
        ssize_t n = pread(fd, to, size, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -ENODATA;
        to += n;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

int vb_file_read(const char *path, struct vb_strbuf *out, struct vb_error *err)
{
    int fd VB_CLEANUP(vb_closep) = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return vb_error_set(err, errno, "%s cannot be read: %s", path, strerror(errno));
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return vb_error_set(err, errno, "%s cannot be read: %s", path, strerror(errno));
        if (n == 0)
            return 0;
        if ((size_t)n > out->max - out->length)
            return vb_error_set(err, EFBIG, "%s is larger than %zu bytes", path, out->max);
        vb_strbuf_add(out, chunk, (size_t)n);
        if (vb_strbuf_failed(out))
            return vb_error_set(err, ENOMEM, "%s cannot be read: %s", path, strerror(ENOMEM));
    }
}

/* Not by O_TMPFILE: the overlay file systems of containers support it only since recently. */
int vb_file_scratch(void)
{
    const char *folder = getenv("TMPDIR");
    char *path VB_CLEANUP(vb_freep) = vb_xasprintf("%s/.vibe-XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);

    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

int vb_dir_sync(const char *path)
{
    int fd VB_CLEANUP(vb_closep) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

/* Fills and flushes the open temporary file and puts it in the place of path. */
static int fill_and_rename(int fd, const char *temporary, const char *path, const void *data, size_t size,
                           mode_t mode)
{
    int r = vb_write_all(fd, data, size);

    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
        r = -errno;
    if (r < 0)
        unlink(temporary);
    return r;
}

int vb_file_write_durable(const char *path, const void *data, size_t size, mode_t mode, struct vb_error *err)
{
    char *copy VB_CLEANUP(vb_freep) = vb_xstrdup(path);
    const char *folder = dirname(copy);
    /* With a name that no other writer of the same path uses, in this process or another. */
    char *temporary VB_CLEANUP(vb_freep) = vb_xasprintf("%s/.tmp-XXXXXX", folder);
    int fd VB_CLEANUP(vb_closep) = mkostemp(temporary, O_CLOEXEC);
    int r = fd < 0 ? -errno : fill_and_rename(fd, temporary, path, data, size, mode);

    if (r == 0)
        r = vb_dir_sync(folder);
    if (r < 0)
        return vb_error_set(err, -r, "%s cannot be written: %s", path, strerror(-r));
    return 0;
}

int vb_mkdir_parents(const char *path, mode_t mode, struct vb_error *err)
{
    char *partial VB_CLEANUP(vb_freep) = vb_xstrdup(path);
    size_t length = strlen(partial);
    struct stat st;

    while (length > 1 &&
           partial[length - 1] == '/') /* else the folder itself would be taken for one above it */
        partial[--length] = '\0';
    for (char *slash = partial; *slash; slash++) {
        if (*slash != '/' || slash == partial)
            continue;
        *slash = '\0';
        if (mkdir(partial, 0755) < 0 && errno != EEXIST)
            return vb_error_set(err, errno, "folder %s cannot be made: %s", partial, strerror(errno));
        *slash = '/';
    }
    if (mkdir(partial, mode) < 0 && errno != EEXIST)
        return vb_error_set(err, errno, "folder %s cannot be made: %s", path, strerror(errno));
    if (stat(partial, &st) < 0 || !S_ISDIR(st.st_mode))
        return vb_error_set(err, ENOTDIR, "%s is not a folder", path);
    return 0;
}

int vb_file_lock(const char *path, struct vb_error *err)
{
    int fd VB_CLEANUP(vb_closep) = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return vb_error_set(err, errno, "%s cannot be opened: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return vb_error_set(err, EWOULDBLOCK, "%s is locked by another process", path);
        return vb_error_set(err, errno, "%s cannot be locked: %s", path, strerror(errno));
    }
    return VB_TAKE_FD(fd);
}
