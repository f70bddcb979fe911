/* What an upload sends: see source.h. */
#include "client/source.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 * 1024)

static void set_digest(struct vb_source *source, struct vb_hash *hash)
{
    unsigned char digest[VB_SHA256_SIZE];

    vb_hash_final(hash, digest);
    vb_base64_encode(digest, sizeof(digest), source->checksum);
}

/* Reads the file once. */
static int examine(struct vb_source *source, const char *path, struct vb_error *err)
{
    unsigned char first[VB_SNIFF_SIZE];
    char *buffer VB_CLEANUP(vb_freep) = vb_xmalloc(BLOCK);
    struct vb_hash hash;
    int64_t got;

    vb_hash_init(&hash, VB_HASH_SHA256);
    while ((got = vb_source_read(source, buffer, BLOCK)) > 0) {
        if (source->size < VB_SNIFF_SIZE) {
            size_t room = (size_t)(VB_SNIFF_SIZE - source->size);

            memcpy(first + source->size, buffer, (size_t)got < room ? (size_t)got : room);
        }
        vb_hash_update(&hash, buffer, (size_t)got);
        source->size += got;
    }
    set_digest(source, &hash);
    if (got < 0)
        return vb_error_set(err, (int)-got, "%s cannot be read: %s", path, strerror((int)-got));
    source->type = vb_sniff(first, source->size < VB_SNIFF_SIZE ? (size_t)source->size : VB_SNIFF_SIZE);
    if (source->type != VB_MEDIA_UNKNOWN)
        return 0;
    vb_error_set(err, EINVAL, "%s is no JPEG, PNG, WebP, HEIC, AVIF, GIF, MP4 or QuickTime file", path);
    return vb_error_hint(err, "its first bytes decide, not its name");
}

int vb_source_open(struct vb_source *source, const char *path, struct vb_error *err)
{
    struct stat status;

    *source = (struct vb_source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (source->fd < 0 || fstat(source->fd, &status) < 0)
        return vb_error_set(err, errno, "%s cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return vb_error_set(err, EINVAL, "%s is not a file", path);
    return examine(source, path, err);
}

void vb_source_memory(struct vb_source *source, const void *data, size_t size)
{
    struct vb_hash hash;

    *source = (struct vb_source){.size = (int64_t)size,
                                 .type = vb_sniff(data, size < VB_SNIFF_SIZE ? size : VB_SNIFF_SIZE),
                                 .memory = data,
                                 .fd = -1};
    vb_hash_init(&hash, VB_HASH_SHA256);
    vb_hash_update(&hash, data, size);
    set_digest(source, &hash);
}

void vb_source_close(struct vb_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

int64_t vb_source_read(struct vb_source *source, char *buffer, size_t capacity)
{
    int64_t got;

    if (source->memory) {
        got = source->size - source->at < (int64_t)capacity ? source->size - source->at : (int64_t)capacity;
        memcpy(buffer, source->memory + source->at, (size_t)got);
    } else {
        got = pread(source->fd, buffer, capacity, source->at);
        if (got < 0)
            return -errno;
    }
    source->at += got;
    if (source->progress)
        vb_progress_bar_add(source->progress, got);
    return got;
}

void vb_source_seek(struct vb_source *source, int64_t offset)
{
    source->at = offset;
    if (!source->progress)
        return;
    if (offset == 0)
        vb_progress_bar_start(source->progress, source->size);
    source->progress->done = offset;
}
