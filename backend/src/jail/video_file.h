/*
 * An open video file, as video.c and poster.c share it. Includes FFmpeg's headers.
 */
#ifndef VB_JAIL_VIDEO_FILE_H
#define VB_JAIL_VIDEO_FILE_H

#include "jail/video.h"

#include <libavformat/avformat.h>

/* Bytes of a file by its descriptor: pread() and pwrite() at a position of its own. */
struct vb_video_bytes {
    int file;
    int64_t at, size;
};

/* An AVIOContext over bytes, which must outlive it; NULL without memory. To be freed with vb_video_io_free(). */
AVIOContext *vb_video_io(struct vb_video_bytes *bytes, bool writes);
void vb_video_io_free(AVIOContext **io);

struct vb_video_file {
    struct vb_video_bytes bytes;
    AVIOContext *io;
    AVFormatContext *format;
    AVStream *video, *sound; /* sound NULL: none */
};

/* poster.c: decodes the first picture of the file, which is read on from where it is. Returns 0 with status set. */
void vb_video_poster(struct vb_video_file *file, struct vb_media_result *result,
                     struct vb_video_frame *ret_poster);

/* Quarter turns clockwise that bring the stream's pictures upright, 0 to 3. */
unsigned vb_video_turns(const AVStream *stream);

#endif
