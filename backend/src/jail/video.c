/*
 * Videos, taken apart and put together anew: see video.h.
 */
#include "jail/video.h"

#include "base/memory.h"
#include "jail/verdict.h"
#include "jail/video_file.h"
#include "media/atoms.h"

#include <errno.h>
#include <libavutil/display.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IO_BYTES    (64 * 1024)
#define STREAMS_MAX 16
#define SIDE_LIMIT  8192 /* pixels */
#define SCAN_AHEAD  ((int64_t)1024 * 1024)

void vb_video_frame_release(struct vb_video_frame *frame)
{
    free(frame->rgb);
    frame->rgb = NULL;
}

void vb_video_prepare(void)
{
    av_log_set_level(AV_LOG_QUIET); /* of a stranger's file its owner is told, in the result */
}

/*
 * Bytes.
 */
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

/*
 * Opening, and what the header says.
 */
static void close_file(struct vb_video_file *file)
{
    avformat_close_input(&file->format);
    vb_video_io_free(&file->io);
}

/* The one demuxer, which opens nothing else. Returns an error of FFmpeg's. */
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

/* The first track of that type that every phone plays: beside it there may be others that hardly any does, such as an
 * iPhone's spatial sound. If there is none, the first. */
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
        vb_jail_bad(result, "The video is encoded as %s: only H.264 and HEVC can be taken",
                    avcodec_get_name(file->video->codecpar->codec_id));
    else if (file->sound && !is_playable(file->sound->codecpar))
        vb_jail_bad(result, "The sound is encoded as %s: only AAC can be taken",
                    avcodec_get_name(file->sound->codecpar->codec_id));
}

unsigned vb_video_turns(const AVStream *stream)
{
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    double angle = matrix ? av_display_rotation_get((const int32_t *)matrix) : 0; /* counter-clockwise */

    return isnan(angle) ? 0 : (unsigned)(lrint(-angle / 90) & 3);
}

/* Pixels as they are seen: square and upright. */
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

/* By the sample tables. A file that has none (fragments) is judged while it is read. */
static void check_duration(int64_t duration_ms, struct vb_media_result *result)
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
            vb_jail_bad(result, "The video is cut off: it is longer by its own index than the file");
            return 0;
        }
        sum += entry->size;
        if (entry->timestamp != AV_NOPTS_VALUE)
            last_ms = av_rescale_q(entry->timestamp, stream->time_base, (AVRational){1, 1000});
    }
    if (result->status == VB_MEDIA_OK && last_ms > VB_MEDIA_VIDEO_MAX_MS + VB_MEDIA_VIDEO_SLACK_MS)
        check_duration(last_ms, result);
    return sum;
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

static int scan_atoms(struct vb_video_bytes *bytes, struct vb_atoms *ret)
{
    return vb_atoms_scan(
        &(struct vb_atoms_file){.size = bytes->size, .read = read_for_atoms, .context = bytes}, ret);
}

/* Opens the file and checks all that can be checked without reading its samples. ret_canonical: whether there is
 * nothing to be done. */
static bool open_file(int input, struct vb_video_file *file, struct vb_media_result *result,
                      bool *ret_canonical)
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
    if (scan_atoms(&file->bytes, &atoms) < 0) {
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
        check_duration(av_rescale_q(file->video->duration, file->video->time_base, (AVRational){1, 1000}),
                       result);
    samples = check_samples(file, file->video, result) + check_samples(file, file->sound, result);
    *ret_canonical = vb_atoms_are_canonical(&atoms) && samples == atoms.data_bytes &&
                     atoms.tracks == (file->sound ? 2 : 1);
    return result->status == VB_MEDIA_OK;
}

void vb_video_inspect(int input, struct vb_media_result *result)
{
    struct vb_video_file file;
    bool canonical;

    open_file(input, &file, result, &canonical);
    close_file(&file);
}

/*
 * Putting it together.
 */
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

/* A stream like it, without what is said about it. */
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
    output->format->flags |=
        AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT; /* which names no program and no time */
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

/* What has been read of a stream, in its own time. */
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

/* Copies one packet. Returns 0, AVERROR_EOF at the end, or an error of the output; a damaged input sets the status. */
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
        check_duration(extent_ms(extent, from), result);
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

/* The muxer writes a box of metadata even if there are none: nothing takes its place. */
static bool blank_user_data(struct output *output)
{
    static const char name[4] = {'f', 'r', 'e', 'e'};
    char nothing[256] = {0};
    struct vb_atoms atoms;
    int64_t size;

    output->bytes.size = lseek(output->bytes.file, 0, SEEK_END);
    if (scan_atoms(&output->bytes, &atoms) < 0)
        return false;
    size = atoms.user_data.end - atoms.user_data.at;
    return size == 0 || (size > 0 && size <= (int64_t)sizeof(nothing) &&
                         pwrite(output->bytes.file, name, 4, atoms.user_data.at - 4) == 4 &&
                         pwrite(output->bytes.file, nothing, (size_t)size, atoms.user_data.at) == size);
}

/* The muxer is as much a stranger as what it was fed with: what it wrote is looked at. */
static bool is_clean(struct output *output)
{
    struct vb_atoms atoms;

    return scan_atoms(&output->bytes, &atoms) == 0 && vb_atoms_are_canonical(&atoms);
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
        vb_jail_trouble(result, "the video could not be written without what it says of its owner");
}

/* Reads all of it, as writing does. */
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

    if (open_file(input, &file, result, &canonical))
        vb_video_poster(&file, result, ret_poster);
    close_file(&file);
    if (result->status != VB_MEDIA_OK)
        return;
    if (open_file(input, &file, result, &canonical)) {
        result->unchanged = canonical;
        if (canonical)
            read_through(&file, result);
        else
            write_canonical(&file, output, result);
    }
    close_file(&file);
}
