#include "media/video.h"
void vb_video_prepare(void)
{
}
int vb_video_ingest(int input, int output, struct vb_media_result *result, struct vb_video_frame *ret_poster)
{
    (void)input;
    (void)output;
    (void)ret_poster;
    result->status = VB_MEDIA_TROUBLE;
    return 0;
}
int vb_video_inspect(int input, struct vb_media_result *result)
{
    (void)input;
    result->status = VB_MEDIA_TROUBLE;
    return 0;
}
void vb_video_frame_release(struct vb_video_frame *frame)
{
    (void)frame;
}
