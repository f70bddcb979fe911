/*
 * The poster of a video: its first picture, decoded, made small and upright.
 */
#include "jail/video_file.h"

#include "base/cleanup.h"
#include "jail/hdr.h"
#include "jail/verdict.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS_MAX  240 /* fed until there is a picture: the longest usual group of pictures */
#define PIXELS_MAX   ((int64_t)36 * 1000 * 1000)
#define HD_LINES     720 /* from here on colours are BT.709's, if the file does not tell */
#define SCALER_SPARE 64

/* Returns a decoder that is open, or NULL. */
static AVCodecContext *open_decoder(const AVStream *stream)
{
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    AVCodecContext *decoder = codec ? avcodec_alloc_context3(codec) : NULL;

    if (!decoder)
        return NULL;
    decoder->thread_count = 1;
    decoder->max_pixels = PIXELS_MAX;
    if (avcodec_parameters_to_context(decoder, stream->codecpar) < 0 ||
        avcodec_open2(decoder, codec, NULL) < 0)
        avcodec_free_context(&decoder);
    return decoder;
}

/* Feeds packets of the stream until a picture comes out. Returns 0 or an error of FFmpeg's. */
static int decode_first(struct vb_video_file *file, AVCodecContext *decoder, AVPacket *packet, AVFrame *frame)
{
    for (int fed = 0; fed < PACKETS_MAX;) {
        int r = av_read_frame(file->format, packet);

        if (r == AVERROR_EOF) {
            r = avcodec_send_packet(decoder, NULL);
            return r < 0 ? r : avcodec_receive_frame(decoder, frame);
        }
        if (r < 0)
            return r;
        if (packet->stream_index == file->video->index) {
            fed++;
            r = avcodec_send_packet(decoder, packet);
            if (r == 0)
                r = avcodec_receive_frame(decoder, frame);
        } else {
            r = AVERROR(EAGAIN);
        }
        av_packet_unref(packet);
        if (r == 0)
            return 0;
        /* a packet that cannot be decoded is not the end: a trimmed video may begin between two whole
         * pictures */
    }
    return AVERROR_INVALIDDATA;
}

struct size {
    int width, height;
};

/* Square pixels, the longest side at most VB_MEDIA_SIDE_MAX; not turned yet. */
static struct size poster_size(const struct vb_media_result *video, unsigned turns)
{
    uint32_t width = turns & 1 ? video->height : video->width,
             height = turns & 1 ? video->width : video->height;
    uint32_t longest = width > height ? width : height;

    if (longest > VB_MEDIA_SIDE_MAX) {
        width = (uint32_t)av_rescale(width, VB_MEDIA_SIDE_MAX, longest);
        height = (uint32_t)av_rescale(height, VB_MEDIA_SIDE_MAX, longest);
    }
    return (struct size){width > 0 ? (int)width : 1, height > 0 ? (int)height : 1};
}

/* At that size in R G B, of 8 or 16 bits; the scaler may write some bytes past the end. */
static int scale(const AVFrame *frame, struct size size, enum AVPixelFormat format, void *rgb)
{
    uint8_t *const planes[4] = {rgb};
    const int strides[4] = {size.width * (format == AV_PIX_FMT_RGB24 ? 3 : 6)};
    struct SwsContext *scaler =
        sws_getContext(frame->width, frame->height, frame->format, size.width, size.height, format,
                       SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    int space = frame->colorspace, r;

    if (!scaler)
        return AVERROR(EINVAL);
    if (space == AVCOL_SPC_UNSPECIFIED || space == AVCOL_SPC_RGB)
        space = frame->height >= HD_LINES ? SWS_CS_ITU709 : SWS_CS_ITU601;
    sws_setColorspaceDetails(scaler, sws_getCoefficients(space), frame->color_range == AVCOL_RANGE_JPEG,
                             sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    r = sws_scale(scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, planes,
                  strides);
    sws_freeContext(scaler);
    return r == size.height ? 0 : AVERROR(EINVAL);
}

/* What an iPhone films by default. */
static bool is_hdr(const AVFrame *frame)
{
    return frame->color_primaries == AVCOL_PRI_BT2020 &&
           (frame->color_trc == AVCOL_TRC_ARIB_STD_B67 || frame->color_trc == AVCOL_TRC_SMPTE2084);
}

static int hdr_to_rgb(const AVFrame *frame, struct size size, uint8_t *rgb)
{
    size_t pixels = (size_t)size.width * (size_t)size.height;
    uint16_t *deep VB_CLEANUP(vb_freep) = malloc(pixels * 6 + SCALER_SPARE);
    int r = deep ? scale(frame, size, AV_PIX_FMT_RGB48, deep) : AVERROR(ENOMEM);

    if (r < 0)
        return r;
    return vb_image_hdr_to_srgb(deep, pixels,
                                frame->color_trc == AVCOL_TRC_SMPTE2084 ? VB_IMAGE_HDR_PQ : VB_IMAGE_HDR_HLG,
                                rgb) < 0
               ? AVERROR(ENOMEM)
               : 0;
}

static int to_rgb(const AVFrame *frame, struct size size, uint8_t *rgb)
{
    return is_hdr(frame) ? hdr_to_rgb(frame, size, rgb) : scale(frame, size, AV_PIX_FMT_RGB24, rgb);
}

/* Where the pixel of the turned picture comes from. */
static const uint8_t *source_pixel(const uint8_t *rgb, struct size size, unsigned turns, int x, int y)
{
    int from_x = x, from_y = y;

    if (turns == 1) {
        from_x = y;
        from_y = size.height - 1 - x;
    } else if (turns == 2) {
        from_x = size.width - 1 - x;
        from_y = size.height - 1 - y;
    } else if (turns == 3) {
        from_x = size.width - 1 - y;
        from_y = x;
    }
    return rgb + ((size_t)from_y * (size_t)size.width + (size_t)from_x) * 3;
}

static uint8_t *turn(const uint8_t *rgb, struct size size, unsigned turns, struct size *ret_size)
{
    struct size turned = turns & 1 ? (struct size){size.height, size.width} : size;
    uint8_t *upright = malloc((size_t)size.width * (size_t)size.height * 3), *to = upright;

    for (int y = 0; upright && y < turned.height; y++)
        for (int x = 0; x < turned.width; x++, to += 3)
            memcpy(to, source_pixel(rgb, size, turns, x, y), 3);
    *ret_size = turned;
    return upright;
}

static int draw(const AVFrame *frame, const struct vb_media_result *video, unsigned turns,
                struct vb_video_frame *ret_poster)
{
    struct size size = poster_size(video, turns), turned;
    uint8_t *rgb = malloc((size_t)size.width * (size_t)size.height * 3 + SCALER_SPARE), *upright;
    int r = rgb ? to_rgb(frame, size, rgb) : AVERROR(ENOMEM);

    if (r < 0) {
        free(rgb);
        return r;
    }
    upright = turn(rgb, size, turns, &turned);
    free(rgb);
    if (!upright)
        return AVERROR(ENOMEM);
    *ret_poster = (struct vb_video_frame){
        .rgb = upright, .width = (uint32_t)turned.width, .height = (uint32_t)turned.height};
    return 0;
}

void vb_video_poster(struct vb_video_file *file, struct vb_media_result *result,
                     struct vb_video_frame *ret_poster)
{
    AVCodecContext *decoder = open_decoder(file->video);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    int r = AVERROR(ENOMEM);

    if (decoder && packet && frame)
        r = decode_first(file, decoder, packet, frame);
    if (r == 0)
        r = draw(frame, result, vb_video_turns(file->video), ret_poster);
    if (r == AVERROR(ENOMEM))
        vb_jail_trouble(result, "there is no memory for the video's pictures");
    else if (r < 0)
        vb_jail_bad(result, "The video is damaged: its first picture cannot be decoded");
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
}
