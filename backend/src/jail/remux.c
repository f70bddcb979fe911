/*
 * A video's canonical file: its packets, copied into a new file without what the old one said of its owner.
 * See video.h.
 */
#include "jail/verdict.h"
#include "jail/video_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct output {
    struct vb_video_bytes bytes;
    AVIOContext *io;
    AVFormatContext *format;
    AVStream *video, *sound;
};

/* The muxer reads again what it has written, to move it behind the index. */
static int open_again(AVFormatContext *format, AVIOContext **ret_io, const char *url, int flags,
                      AVDictionary **options)
{
    const struct output *output = format->opaque;
    struct vb_video_bytes *bytes = av_malloc(sizeof(*bytes));

    (void)url, (void)options;
    if (!bytes || flags & AVIO_FLAG_WRITE) {
        av_free(bytes);
        return AVERROR(EPERM);
    }
    *bytes = (struct vb_video_bytes){.file = output->bytes.file, .size = output->bytes.size};
    *ret_io = vb_video_io(bytes, false);
    if (!*ret_io)
        av_free(bytes);
    return *ret_io ? 0 : AVERROR(ENOMEM);
}

static int close_again(AVFormatContext *format, AVIOContext *io)
{
    (void)format;
    av_free(io->opaque);
    vb_video_io_free(&io);
    return 0;
}

/* Adds a stream like it, without its metadata. */
static int add_stream(AVFormatContext *format, const AVStream *from, AVStream **ret)
{
    AVStream *to = avformat_new_stream(format, NULL);
    const uint8_t *matrix;
    size_t size;
    int r;

    if (!to)
        return AVERROR(ENOMEM);
    r = avcodec_parameters_copy(to->codecpar, from->codecpar);
    if (r < 0)
        return r;
    to->codecpar->codec_tag = from->codecpar->codec_id == AV_CODEC_ID_HEVC ? MKTAG('h', 'v', 'c', '1') : 0;
    to->time_base = from->time_base;
    to->avg_frame_rate = from->avg_frame_rate;
    to->sample_aspect_ratio = from->sample_aspect_ratio;
    matrix = av_stream_get_side_data(from, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (matrix) {
        uint8_t *copy = av_stream_new_side_data(to, AV_PKT_DATA_DISPLAYMATRIX, size);

        if (!copy)
            return AVERROR(ENOMEM);
        memcpy(copy, matrix, size);
    }
    *ret = to;
    return 0;
}

static int open_output(struct output *output, const struct vb_video_file *file)
{
    AVDictionary *options = NULL;
    int r = avformat_alloc_output_context2(&output->format, NULL, "mp4", NULL);

    if (r < 0)
        return r;
    output->io = vb_video_io(&output->bytes, true);
    output->format->url = av_strdup("");
    if (!output->io || !output->format->url)
        return AVERROR(ENOMEM);
    output->format->pb = output->io;
    output->format->opaque = output;
    output->format->io_open = open_again;
    output->format->io_close2 = close_again;
    output->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT; /* names no program and no time */
    r = add_stream(output->format, file->video, &output->video);
    if (r == 0 && file->sound)
        r = add_stream(output->format, file->sound, &output->sound);
    if (r < 0)
        return r;
    av_dict_set(&options, "movflags", "+faststart+disable_chpl", 0);
    av_dict_set(&options, "write_tmcd", "0", 0);
    r = avformat_write_header(output->format, &options);
    av_dict_free(&options);
    return r < 0 ? r : 0;
}

static void close_output(struct output *output)
{
    avformat_free_context(output->format);
    vb_video_io_free(&output->io);
}

/* The part of a stream that has been read, in its own time base. */
struct extent {
    int64_t first, last;
    bool any;
};

static void extend(struct extent *extent, const AVPacket *packet)
{
    int64_t start = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;

    if (start == AV_NOPTS_VALUE)
        return;
    extent->first = extent->any && extent->first < start ? extent->first : start;
    extent->last =
        extent->any && extent->last > start + packet->duration ? extent->last : start + packet->duration;
    extent->any = true;
}

static int64_t extent_ms(const struct extent *extent, const AVStream *stream)
{
    return extent->any ? av_rescale_q(extent->last - extent->first, stream->time_base, (AVRational){1, 1000})
                       : 0;
}

/* Copies one packet. Returns 0, AVERROR_EOF at the end, or an error of the output; a damaged input sets the
 * status. */
static int copy_packet(struct vb_video_file *file, struct output *output, AVPacket *packet,
                       struct extent *extent, struct vb_media_result *result)
{
    int r = av_read_frame(file->format, packet);
    const AVStream *from, *to;
    bool is_video;

    if (r == AVERROR_EOF && !file->io->error)
        return r;
    if (r < 0 || packet->flags & AV_PKT_FLAG_CORRUPT) {
        vb_jail_bad(result, "The video is damaged or cut off");
        return AVERROR_EOF;
    }
    is_video = packet->stream_index == file->video->index;
    if (!is_video && !(file->sound && packet->stream_index == file->sound->index))
        return 0;
    from = is_video ? file->video : file->sound;
    to = is_video ? output->video : output->sound;
    if (is_video) {
        extend(extent, packet);
        vb_video_check_duration(extent_ms(extent, from), result);
        if (result->status != VB_MEDIA_OK)
            return AVERROR_EOF;
    }
    if (!to)
        return 0;
    av_packet_rescale_ts(packet, from->time_base, to->time_base);
    packet->stream_index = to->index;
    packet->pos = -1;
    return av_interleaved_write_frame(output->format, packet);
}

static int copy_packets(struct vb_video_file *file, struct output *output, struct vb_media_result *result)
{
    struct extent extent = {0};
    AVPacket *packet = av_packet_alloc();
    int r = packet ? 0 : AVERROR(ENOMEM);

    while (r == 0) {
        r = copy_packet(file, output, packet, &extent, result);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    if (r == AVERROR_EOF && !extent.any && result->status == VB_MEDIA_OK)
        vb_jail_bad(result, "The video has no pictures in it");
    return r == AVERROR_EOF ? 0 : r;
}

/* The muxer writes a box of metadata even without metadata: an empty box takes its place. */
static bool blank_user_data(struct output *output)
{
    static const char name[4] = {'f', 'r', 'e', 'e'};
    char nothing[256] = {0};
    struct vb_atoms atoms;
    int64_t size;

    output->bytes.size = lseek(output->bytes.file, 0, SEEK_END);
    if (vb_video_scan_atoms(&output->bytes, &atoms) < 0)
        return false;
    size = atoms.user_data.end - atoms.user_data.at;
    return size == 0 || (size > 0 && size <= (int64_t)sizeof(nothing) &&
                         pwrite(output->bytes.file, name, 4, atoms.user_data.at - 4) == 4 &&
                         pwrite(output->bytes.file, nothing, (size_t)size, atoms.user_data.at) == size);
}

/* The muxer is trusted no more than its input: its output is scanned. */
static bool is_clean(struct output *output)
{
    struct vb_atoms atoms;

    return vb_video_scan_atoms(&output->bytes, &atoms) == 0 && vb_atoms_are_canonical(&atoms);
}

static void write_canonical(struct vb_video_file *file, int output_file, struct vb_media_result *result)
{
    struct output output = {.bytes = {.file = output_file}};
    int r = open_output(&output, file);

    if (r == 0)
        r = copy_packets(file, &output, result);
    if (r == 0 && result->status == VB_MEDIA_OK)
        r = av_write_trailer(output.format);
    if (r == 0 && output.io->error < 0)
        r = output.io->error;
    close_output(&output);
    if (result->status != VB_MEDIA_OK)
        return;
    if (r == AVERROR(EFBIG) || r == AVERROR(ENOSPC) || r == AVERROR(ENOMEM) || r == AVERROR(EIO))
        vb_jail_trouble(result, "there is no room for the video");
    else if (r < 0)
        vb_jail_bad(result, "The video is damaged: its parts do not make up a file");
    else if (!blank_user_data(&output) || !is_clean(&output))
        vb_jail_trouble(result, "the video could not be written without private data");
}

/* Reads all of it, with the same checks as copying. */
static void read_through(struct vb_video_file *file, struct vb_media_result *result)
{
    struct extent extent = {0};
    AVPacket *packet = av_packet_alloc();
    struct output nowhere = {0};
    int r = packet ? 0 : AVERROR(ENOMEM);

    while (r == 0) {
        r = copy_packet(file, &nowhere, packet, &extent, result);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    if (r != AVERROR_EOF)
        vb_jail_trouble(result, "there is no memory for the video");
}

void vb_video_ingest(int input, int output, struct vb_media_result *result, struct vb_video_frame *ret_poster)
{
    struct vb_video_file file;
    bool canonical = false;

    if (vb_video_open(input, &file, result, &canonical))
        vb_video_poster(&file, result, ret_poster);
    vb_video_close(&file);
    if (result->status != VB_MEDIA_OK)
        return;
    if (vb_video_open(input, &file, result, &canonical)) {
        result->unchanged = canonical;
        if (canonical)
            read_through(&file, result);
        else
            write_canonical(&file, output, result);
    }
    vb_video_close(&file);
}
