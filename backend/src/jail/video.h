/*
 * Videos: MP4 and QuickTime files with H.264 or HEVC, and AAC, copied into the canonical form without
 * re-encoding. In the jail: linked into vibe-media alone; only the files of video_file.h know FFmpeg. Not
 * thread-safe.
 *
 * Canonical: MP4, its index (moov) first, so that players begin at once; one video and at most one sound
 * track; no metadata, user data, times of recording or other tracks (positions, time codes); rotation kept;
 * HEVC tagged hvc1, which Apple's players require.
 *
 *   open ──▶ poster (first picture) ──▶ open again ──▶ canonical? ── yes ──▶ read through: unchanged
 *                                                        │ no
 *                                                        ▼
 *                                      copy packets ──▶ blank user data ──▶ scan what was written
 *
 * Functions set result->status: VB_MEDIA_BAD with a problem when the file is at fault, VB_MEDIA_TROUBLE when
 * we are.
 */
#ifndef VB_JAIL_VIDEO_H
#define VB_JAIL_VIDEO_H

#include "media/job.h"

/* Pixels of R G B, sRGB, upright. */
struct vb_video_frame {
    uint8_t *rgb; /* from malloc() */
    uint32_t width, height;
};
void vb_video_frame_release(struct vb_video_frame *frame);

/* Once per process, before the jail. */
void vb_video_prepare(void);

/* input: a regular file. Writes the canonical file to output (empty, open for reading and writing), or
 * nothing if the original is canonical already (result->unchanged). Fills ret_poster, which the caller
 * releases: the first picture, its longest side at most VB_MEDIA_SIDE_MAX. */
void vb_video_ingest(int input, int output, struct vb_media_result *result,
                     struct vb_video_frame *ret_poster);

/* Fills in what the header tells, without reading the samples. */
void vb_video_inspect(int input, struct vb_media_result *result);

#endif
