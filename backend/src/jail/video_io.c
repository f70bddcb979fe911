/* The bytes of a video file, for FFmpeg and for the scan of its boxes: see video_file.h. */
#include "jail/video_file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define IO_BYTES (64 * 1024)

static int read_bytes(void *context, uint8_t *buffer, int size)
{
    struct vb_video_bytes *bytes = context;
    ssize_t got = pread(bytes->file, buffer, (size_t)size, bytes->at);

    if (got < 0)
        return AVERROR(errno);
    bytes->at += got;
    return got == 0 ? AVERROR_EOF : (int)got;
}

static int write_bytes(void *context, uint8_t *buffer, int size)
{
    struct vb_video_bytes *bytes = context;

    for (int done = 0; done < size;) {
        ssize_t written = pwrite(bytes->file, buffer + done, (size_t)(size - done), bytes->at);

        if (written < 0)
            return AVERROR(errno);
        done += (int)written;
        bytes->at += written;
    }
    bytes->size = bytes->at > bytes->size ? bytes->at : bytes->size;
    return size;
}

static int64_t seek_bytes(void *context, int64_t offset, int whence)
{
    struct vb_video_bytes *bytes = context;

    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return bytes->size;
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += bytes->at;
        break;
    case SEEK_END:
        offset += bytes->size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    bytes->at = offset;
    return offset;
}

AVIOContext *vb_video_io(struct vb_video_bytes *bytes, bool writes)
{
    uint8_t *buffer = av_malloc(IO_BYTES);
    AVIOContext *io = buffer ? avio_alloc_context(buffer, IO_BYTES, writes, bytes, read_bytes,
                                                  writes ? write_bytes : NULL, seek_bytes)
                             : NULL;

    if (!io)
        av_free(buffer);
    return io;
}

void vb_video_io_free(AVIOContext **io)
{
    if (*io)
        av_freep(&(*io)->buffer);
    avio_context_free(io);
}

static int read_for_atoms(void *context, int64_t offset, void *buffer, size_t size)
{
    const struct vb_video_bytes *bytes = context;
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(bytes->file, (char *)buffer + done, size - done, offset + (int64_t)done);

        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        done += (size_t)got;
    }
    return 0;
}

int vb_video_scan_atoms(struct vb_video_bytes *bytes, struct vb_atoms *ret)
{
    return vb_atoms_scan(
        &(struct vb_atoms_file){.size = bytes->size, .read = read_for_atoms, .context = bytes}, ret);
}
