/*
 * An open video file, as the files that know FFmpeg share it: video.c (opens it and checks its header),
 * video_io.c (its bytes), poster.c (its first picture) and remux.c (its canonical form). In the jail: linked
 * into vibe-media alone.
 */
#ifndef VB_JAIL_VIDEO_FILE_H
#define VB_JAIL_VIDEO_FILE_H

#include "jail/video.h"
#include "media/atoms.h"

#include <libavformat/avformat.h>

/* Bytes of a file by its descriptor: pread() and pwrite() at a position of its own. */
struct vb_video_bytes {
    int file;
    int64_t at, size;
};

/* video_io.c: an AVIOContext over bytes, which must outlive it; NULL without memory. To be freed with
 * vb_video_io_free(). */
AVIOContext *vb_video_io(struct vb_video_bytes *bytes, bool writes);
void vb_video_io_free(AVIOContext **io);
/* video_io.c: vb_atoms_scan() of these bytes. */
int vb_video_scan_atoms(struct vb_video_bytes *bytes, struct vb_atoms *ret);

struct vb_video_file {
    struct vb_video_bytes bytes;
    AVIOContext *io;
    AVFormatContext *format;
    AVStream *video, *sound; /* sound NULL: none */
};

/* video.c: opens the file and checks all that can be checked without reading its samples. Returns false with
 * result->status and problem set when it is refused; vb_video_close() follows in any case. ret_canonical: the
 * file is already what remux.c would write. */
bool vb_video_open(int input, struct vb_video_file *file, struct vb_media_result *result,
                   bool *ret_canonical);
void vb_video_close(struct vb_video_file *file);

/* video.c: sets result->duration_ms, or refuses the video as too long. */
void vb_video_check_duration(int64_t duration_ms, struct vb_media_result *result);

/* video.c: quarter turns clockwise that bring the stream's pictures upright, 0 to 3. */
unsigned vb_video_turns(const AVStream *stream);

/* poster.c: decodes the first picture of the file, which is read on from where it is. Sets status when that
 * fails. */
void vb_video_poster(struct vb_video_file *file, struct vb_media_result *result,
                     struct vb_video_frame *ret_poster);

#endif
