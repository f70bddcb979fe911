/*
 * Files of large blobs: see blob.h.
 */
#include "store/engine/blob_internal.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define ROOM_KEPT ((uint64_t)64 * 1024 * 1024) /* or an eighth of a small disk */

/* Creates the 256 subfolders. If the last one is there, so are the others. */
static int make_folders(int fd)
{
    char name[3];

    if (faccessat(fd, "ff", F_OK, 0) == 0)
        return 0;
    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof(name), "%02x", i);
        if (mkdirat(fd, name, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int vb_engine_blobs_open(const char *directory, struct vb_engine_blobs **ret_blobs, struct vb_error *err)
{
    char *path VB_CLEANUP(vb_freep) = vb_xasprintf("%s/blobs", directory);
    int fd VB_CLEANUP(vb_closep) = -1;
    unsigned char session[VB_ENGINE_BLOB_SESSION_DIGITS / 2];
    struct vb_engine_blobs *blobs;
    int r;

    r = vb_mkdir_parents(path, 0700, err);
    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = fd < 0 ? -errno : make_folders(fd);
    if (r < 0)
        return vb_error_set(err, -r, "folder %s cannot be prepared: %s", path, strerror(-r));

    blobs = vb_xcalloc(1, sizeof(*blobs));
    blobs->fd = VB_TAKE_FD(fd);
    vb_engine_reaper_init(blobs);
    vb_random_bytes(session, sizeof(session));
    vb_hex_encode(session, sizeof(session), blobs->session);
    *ret_blobs = blobs;
    return 0;
}

void vb_engine_blobs_close(struct vb_engine_blobs *blobs)
{
    if (!blobs)
        return;
    vb_engine_reaper_stop(blobs);
    close(blobs->fd);
    free(blobs);
}

static uint64_t kept_of(const struct statvfs *st)
{
    uint64_t eighth = (uint64_t)st->f_blocks * st->f_frsize / 8;

    return eighth < ROOM_KEPT ? eighth : ROOM_KEPT;
}

uint64_t vb_engine_blobs_room_kept(struct vb_engine_blobs *blobs)
{
    struct statvfs st;

    return fstatvfs(blobs->fd, &st) < 0 ? ROOM_KEPT : kept_of(&st);
}

int vb_engine_blobs_check_room(struct vb_engine_blobs *blobs, struct vb_error *err)
{
    struct statvfs st;

    if (fstatvfs(blobs->fd, &st) < 0)
        return 0; /* unknown: the write itself will fail when the disk is full */
    return (uint64_t)st.f_bavail * st.f_frsize < kept_of(&st) ? vb_engine_index_describe(ENOSPC, "", err) : 0;
}

int vb_engine_blobs_create(struct vb_engine_blobs *blobs, char ret_file[VB_ENGINE_BLOB_NAME_SIZE],
                           struct vb_error *err)
{
    unsigned char random[13];
    char digits[2 * sizeof(random) + 1];
    int fd;

    vb_random_bytes(random, sizeof(random));
    vb_hex_encode(random, sizeof(random), digits);
    snprintf(ret_file, VB_ENGINE_BLOB_NAME_SIZE, "%.2s/%s-%s", digits, blobs->session, digits + 2);
    fd = openat(blobs->fd, ret_file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return vb_engine_index_describe(errno, strerror(errno), err);
    return fd;
}

int vb_engine_blobs_sync(struct vb_engine_blobs *blobs, int fd, const char *file, struct vb_error *err)
{
    char folder[3] = {file[0], file[1], '\0'};
    int folder_fd VB_CLEANUP(vb_closep) = -1;

    if (fdatasync(fd) < 0)
        return vb_engine_index_describe(errno, strerror(errno), err);
    folder_fd = openat(blobs->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0 || fsync(folder_fd) < 0)
        return vb_engine_index_describe(errno, strerror(errno), err);
    return 0;
}

static int check_stat(int r, const struct stat *st, const char *file, int64_t size, struct vb_error *err)
{
    if (r < 0)
        return vb_error_set(err, errno == ENOENT ? ENOENT : EIO, "blob file %s cannot be read: %s", file,
                            strerror(errno));
    if (st->st_size != size) {
        vb_error_set(err, EIO, "blob file %s is damaged: it has %lld bytes where the index says %lld", file,
                     (long long)st->st_size, (long long)size);
        vb_error_hint(err, "restore the object from a backup, or put it again");
        return -EIO;
    }
    return 0;
}

int vb_engine_blobs_open_file(struct vb_engine_blobs *blobs, const char *file, int64_t size,
                              struct vb_error *err)
{
    int fd VB_CLEANUP(vb_closep) = openat(blobs->fd, file, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int r = check_stat(fd < 0 ? -1 : fstat(fd, &st), &st, file, size, err);

    return r < 0 ? r : VB_TAKE_FD(fd);
}

int vb_engine_blobs_check_file(struct vb_engine_blobs *blobs, const char *file, int64_t size,
                               struct vb_error *err)
{
    struct stat st;

    return check_stat(fstatat(blobs->fd, file, &st, 0), &st, file, size, err);
}

void vb_engine_blobs_remove(struct vb_engine_blobs *blobs, const char *file)
{
    unlinkat(blobs->fd, file, 0);
}
