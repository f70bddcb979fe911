#ifndef VB_MEDIA_VIDEO_H
#define VB_MEDIA_VIDEO_H
#include "media/job.h"
struct vb_video_frame {
    uint8_t *rgb;
    uint32_t width, height;
};
void vb_video_prepare(void);
int vb_video_ingest(int input, int output, struct vb_media_result *result, struct vb_video_frame *ret_poster);
int vb_video_inspect(int input, struct vb_media_result *result);
void vb_video_frame_release(struct vb_video_frame *frame);
#endif
