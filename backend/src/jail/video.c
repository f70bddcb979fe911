/* A video's file: opened, and its header checked against our limits. See video.h. */
#include "jail/video.h"

#include "jail/verdict.h"
#include "jail/video_file.h"

#include <errno.h>
#include <libavutil/display.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define STREAMS_MAX 16
#define SIDE_LIMIT  8192 /* pixels */

void vb_video_frame_release(struct vb_video_frame *frame)
{
    free(frame->rgb);
    frame->rgb = NULL;
}

void vb_video_prepare(void)
{
    av_log_set_level(AV_LOG_QUIET); /* the result tells the file's owner */
}

void vb_video_close(struct vb_video_file *file)
{
    avformat_close_input(&file->format);
    vb_video_io_free(&file->io);
}

/* With the one demuxer that is allowed, which may open no other file. Returns an error of FFmpeg's. */
static int open_format(struct vb_video_file *file)
{
    AVDictionary *options = NULL;
    int r;

    file->format = avformat_alloc_context();
    file->io = vb_video_io(&file->bytes, false);
    if (!file->format || !file->io)
        return AVERROR(ENOMEM);
    file->format->pb = file->io;
    file->format->max_streams = STREAMS_MAX;
    file->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    av_dict_set(&options, "enable_drefs", "0", 0);
    av_dict_set(&options, "use_absolute_path", "0", 0);
    av_dict_set(&options, "ignore_chapters", "1", 0);
    av_dict_set(&options, "protocol_whitelist", "", 0);
    av_dict_set(&options, "format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2", 0);
    r = avformat_open_input(&file->format, "", av_find_input_format("mov"),
                            &options); /* frees it on failure */
    av_dict_free(&options);
    return r;
}

/* The codecs that every phone plays. */
static bool is_playable(const AVCodecParameters *codec)
{
    return codec->codec_id == AV_CODEC_ID_H264 || codec->codec_id == AV_CODEC_ID_HEVC ||
           codec->codec_id == AV_CODEC_ID_AAC;
}

static bool is_cover(const AVStream *stream)
{
    return stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS);
}

/* The first track of that type that every phone plays, or else the first. Beside it there may be tracks that
 * few phones play, such as an iPhone's spatial sound. */
static AVStream *choose_stream(const AVFormatContext *format, enum AVMediaType type)
{
    AVStream *chosen = NULL;

    for (unsigned i = 0; i < format->nb_streams; i++) {
        AVStream *stream = format->streams[i];

        if (stream->codecpar->codec_type == type && !is_cover(stream) &&
            (!chosen || (!is_playable(chosen->codecpar) && is_playable(stream->codecpar))))
            chosen = stream;
    }
    return chosen;
}

/* One video and at most one sound track; all others are left out. */
static void choose_streams(struct vb_video_file *file, struct vb_media_result *result)
{
    for (unsigned i = 0; i < file->format->nb_streams; i++)
        file->format->streams[i]->discard = AVDISCARD_ALL;
    file->video = choose_stream(file->format, AVMEDIA_TYPE_VIDEO);
    file->sound = choose_stream(file->format, AVMEDIA_TYPE_AUDIO);
    if (!file->video) {
        vb_jail_bad(result, "The file has no video in it");
        return;
    }
    file->video->discard = AVDISCARD_DEFAULT;
    if (file->sound)
        file->sound->discard = AVDISCARD_DEFAULT;
    if (!is_playable(file->video->codecpar))
        vb_jail_bad(result, "The video is encoded as %s: only H.264 and HEVC are accepted",
                    avcodec_get_name(file->video->codecpar->codec_id));
    else if (file->sound && !is_playable(file->sound->codecpar))
        vb_jail_bad(result, "The sound is encoded as %s: only AAC is accepted",
                    avcodec_get_name(file->sound->codecpar->codec_id));
}

unsigned vb_video_turns(const AVStream *stream)
{
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    double angle = matrix ? av_display_rotation_get((const int32_t *)matrix) : 0; /* counter-clockwise */

    return isnan(angle) ? 0 : (unsigned)(lrint(-angle / 90) & 3);
}

/* The size as it is shown: of square pixels, upright. */
static void measure(const struct vb_video_file *file, struct vb_media_result *result)
{
    const AVCodecParameters *codec = file->video->codecpar;
    AVRational shape = codec->sample_aspect_ratio;
    int64_t width = codec->width, height = codec->height;
    bool sideways = vb_video_turns(file->video) & 1;

    if (width < 1 || height < 1 || width > SIDE_LIMIT || height > SIDE_LIMIT) {
        vb_jail_bad(result,
                    "The video has %" PRId64 " x %" PRId64 " pixels: at most %d on a side are allowed", width,
                    height, SIDE_LIMIT);
        return;
    }
    if (shape.num > 0 && shape.den > 0 && shape.num < 64 * shape.den && shape.den < 64 * shape.num)
        width = av_rescale(width, shape.num, shape.den);
    if (width < 1 || width > SIDE_LIMIT)
        width = codec->width;
    result->width = result->source_width = (uint32_t)(sideways ? height : width);
    result->height = result->source_height = (uint32_t)(sideways ? width : height);
}

/* By the sample tables. A file without (fragments) is checked while it is read. */
void vb_video_check_duration(int64_t duration_ms, struct vb_media_result *result)
{
    if (duration_ms > VB_MEDIA_VIDEO_MAX_MS + VB_MEDIA_VIDEO_SLACK_MS)
        vb_jail_bad(result, "The video lasts %.1f seconds: at most %d are allowed",
                    (double)duration_ms / 1000, VB_MEDIA_VIDEO_MAX_MS / 1000);
    else
        result->duration_ms = (uint32_t)(duration_ms > 0 ? duration_ms : 0);
}

/* Every sample that the tables name must be in the file. Returns the bytes of them all. */
static int64_t check_samples(const struct vb_video_file *file, AVStream *stream,
                             struct vb_media_result *result)
{
    int count = stream ? avformat_index_get_entries_count(stream) : 0;
    int64_t sum = 0, last_ms = 0;

    for (int i = 0; i < count; i++) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
        int64_t end = entry->pos + entry->size;

        if (entry->pos < 0 || entry->size < 0 || end > file->bytes.size) {
            vb_jail_bad(result, "The video is cut off: its index names bytes after the end of the file");
            return 0;
        }
        sum += entry->size;
        if (entry->timestamp != AV_NOPTS_VALUE)
            last_ms = av_rescale_q(entry->timestamp, stream->time_base, (AVRational){1, 1000});
    }
    if (result->status == VB_MEDIA_OK && last_ms > VB_MEDIA_VIDEO_MAX_MS + VB_MEDIA_VIDEO_SLACK_MS)
        vb_video_check_duration(last_ms, result);
    return sum;
}

bool vb_video_open(int input, struct vb_video_file *file, struct vb_media_result *result, bool *ret_canonical)
{
    struct vb_atoms atoms;
    int64_t samples;
    int r;

    *file = (struct vb_video_file){.bytes = {.file = input, .size = lseek(input, 0, SEEK_END)}};
    if (file->bytes.size > VB_MEDIA_VIDEO_BYTES_MAX) {
        vb_jail_bad(result, "The video has %.1f MB: at most %d are allowed", (double)file->bytes.size / 1e6,
                    (int)(VB_MEDIA_VIDEO_BYTES_MAX / 1000000));
        return false;
    }
    if (vb_video_scan_atoms(&file->bytes, &atoms) < 0) {
        vb_jail_bad(result, "The video is damaged or cut off: its boxes do not fit into each other");
        return false;
    }
    result->has_position = atoms.has_position;
    r = open_format(file);
    if (r < 0) {
        if (r == AVERROR(ENOMEM))
            vb_jail_trouble(result, "there is no memory for the video");
        else
            vb_jail_bad(result, "The video is damaged: its index cannot be read");
        return false;
    }
    choose_streams(file, result);
    if (result->status != VB_MEDIA_OK)
        return false;
    measure(file, result);
    if (file->video->duration > 0 && result->status == VB_MEDIA_OK)
        vb_video_check_duration(
            av_rescale_q(file->video->duration, file->video->time_base, (AVRational){1, 1000}), result);
    samples = check_samples(file, file->video, result) + check_samples(file, file->sound, result);
    *ret_canonical = vb_atoms_are_canonical(&atoms) && samples == atoms.data_bytes &&
                     atoms.tracks == (file->sound ? 2 : 1);
    return result->status == VB_MEDIA_OK;
}

void vb_video_inspect(int input, struct vb_media_result *result)
{
    struct vb_video_file file;
    bool canonical;

    vb_video_open(input, &file, result, &canonical);
    vb_video_close(&file);
}
