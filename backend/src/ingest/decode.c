/* A file decoded and re-encoded: see decode.h. */
#include "ingest/decode.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "media/dimensions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK         ((size_t)64 * 1024)
#define HEADER_BYTES  ((size_t)16 * 1024)    /* of our own JPEGs, which begin with tables and frame header */
#define IN_MEMORY_MAX ((int64_t)1024 * 1024) /* many files may wait for a worker, each in memory */

void vb_made_release(struct vb_made *made)
{
    if (made->output >= 0)
        close(made->output);
    if (made->poster >= 0)
        close(made->poster);
    made->output = made->poster = -1;
}

static enum vb_outcome no_room(struct vb_error *err)
{
    return vb_outcome_busy(
        err,
        vb_error_set(err, EBUSY, "no memory, disk space or file descriptor is left to work on the file"));
}

/* A scratch file: a small one in memory, a large one on disk, or in memory if no disk is writable. */
static int open_scratch(bool large)
{
    int file = large ? vb_file_scratch() : -1;

    return file >= 0 ? file : vb_media_memory_file("media");
}

struct sink {
    int file;
    bool failed; /* writing did */
};

static int write_to_sink(void *context, const char *data, size_t size)
{
    struct sink *sink = context;
    int r = vb_write_all(sink->file, data, size);

    sink->failed = r < 0;
    return r;
}

static int hash_file(int file, int64_t size, char hex[65])
{
    unsigned char digest[VB_SHA256_SIZE];
    char *buffer VB_CLEANUP(vb_freep) = vb_xmalloc(CHUNK);
    struct vb_hash hash;
    int r = 0;

    vb_hash_init(&hash, VB_HASH_SHA256);
    for (int64_t at = 0; at < size && r == 0; at += (int64_t)CHUNK) {
        size_t part = size - at < (int64_t)CHUNK ? (size_t)(size - at) : CHUNK;

        r = vb_pread_all(file, buffer, part, at);
        vb_hash_update(&hash, buffer, r == 0 ? part : 0);
    }
    vb_hash_final(&hash, digest);
    vb_hex_encode(digest, sizeof(digest), hex);
    return r;
}

/* Whether a worker's output is a JPEG of the size that it claims. The file may have taken the worker over. */
static bool is_canonical_picture(int file, int64_t size, uint32_t width, uint32_t height)
{
    unsigned char head[HEADER_BYTES];
    size_t length = size < (int64_t)sizeof(head) ? (size_t)size : sizeof(head);
    struct vb_dimensions dimensions;
    uint64_t needed;

    return size > 0 && size <= VB_MEDIA_IMAGE_BYTES_MAX && vb_pread_all(file, head, length, 0) == 0 &&
           vb_sniff(head, length) == VB_MEDIA_JPEG &&
           vb_media_dimensions(VB_MEDIA_JPEG, head, length, &dimensions, &needed) == 0 &&
           dimensions.width == width && dimensions.height == height && width <= VB_MEDIA_SIDE_MAX &&
           height <= VB_MEDIA_SIDE_MAX;
}

static bool is_canonical_video(int file, int64_t size)
{
    unsigned char head[VB_SNIFF_SIZE];

    return size >= (int64_t)sizeof(head) && size <= VB_MEDIA_VIDEO_BYTES_MAX + (int64_t)1024 * 1024 &&
           vb_pread_all(file, head, sizeof(head), 0) == 0 && vb_sniff(head, sizeof(head)) == VB_MEDIA_MP4;
}

static int64_t file_size(int file)
{
    return file < 0 ? 0 : (int64_t)lseek(file, 0, SEEK_END);
}

/* Whether the worker made what the job asks for. */
static bool is_canonical(const struct vb_made *made)
{
    const struct vb_media_result *result = &made->result;

    if (!result->has_thumbhash)
        return false;
    if (made->type == VB_MEDIA_JPEG)
        return is_canonical_picture(made->output, made->bytes, result->width, result->height);
    return is_canonical_picture(made->poster, made->poster_bytes, result->poster_width,
                                result->poster_height) &&
           (result->unchanged || is_canonical_video(made->output, made->bytes));
}

/* Checks and describes the worker's output. */
static int take_result(struct vb_made *made, int original, int64_t original_size, struct vb_error *err)
{
    int r;

    if (made->result.unchanged && made->type == VB_MEDIA_MP4) {
        close(made->output);
        made->output = -1;
    }
    made->bytes = made->output < 0 ? original_size : file_size(made->output);
    made->poster_bytes = file_size(made->poster);
    if (!is_canonical(made))
        return vb_error_set(err, EPROTO, "the media worker's output is not the file that it describes");
    r = hash_file(made->output < 0 ? original : made->output, made->bytes, made->sha256);
    if (r < 0)
        return vb_error_set(err, -r, "the media worker's output cannot be read: %s", strerror(-r));
    vb_base64_encode(made->result.thumbhash, made->result.thumbhash_size, made->thumbhash);
    vb_media_color_text(made->result.dominant, made->color);
    return 0;
}

enum vb_outcome vb_fetch(const struct vb_ingest *ingest, const char *key,
                         const struct vb_inspection *inspection, int *ret_file, struct vb_error *err)
{
    bool large = vb_media_is_video(inspection->type) || inspection->size > IN_MEMORY_MAX;
    int file VB_CLEANUP(vb_closep) = open_scratch(large);
    struct sink sink = {.file = file};
    int r;

    if (file < 0)
        return no_room(err);
    r = vb_s3_get(ingest->s3, key, 0, inspection->size, inspection->etag, write_to_sink, &sink, NULL, err);
    if (r == -ENOENT)
        return vb_outcome_not_arrived(err);
    if (sink.failed)
        return no_room(err);
    if (r < 0)
        return vb_outcome_storage(err, r);
    *ret_file = VB_TAKE_FD(file);
    return VB_OUTCOME_DONE;
}

/* What the end of a job says about the file. */
static enum vb_outcome judge(int r, const struct vb_media_result *result, struct vb_error *err)
{
    if (r == -ETIMEDOUT || r == -EPIPE)
        return vb_outcome_of_file(err, VB_OUTCOME_BAD_MEDIA, "The file cannot be decoded: %s",
                                  r == -ETIMEDOUT ? "that takes too long" : "the decoder crashes on it");
    if (r < 0)
        return vb_outcome_busy(err, r);
    if (result->status == VB_MEDIA_BAD)
        return vb_outcome_of_file(err, VB_OUTCOME_BAD_MEDIA, "%s", result->problem);
    if (result->status != VB_MEDIA_OK)
        return vb_outcome_busy(err, vb_error_set(err, EBUSY, "the media worker says: %s", result->problem));
    return VB_OUTCOME_DONE;
}

enum vb_outcome vb_decode(struct vb_workers *workers, const struct vb_original *original,
                          struct vb_made *ret_made, struct vb_error *err)
{
    bool video = vb_media_is_video(original->type);
    const struct vb_media_job job = {.work = video ? VB_WORK_VIDEO : VB_WORK_PICTURE, .type = original->type};
    enum vb_outcome outcome;
    int r;

    *ret_made = (struct vb_made){.output = open_scratch(video),
                                 .poster = video ? open_scratch(false) : -1,
                                 .type = video ? VB_MEDIA_MP4 : VB_MEDIA_JPEG};
    if (ret_made->output < 0 || (video && ret_made->poster < 0))
        return no_room(err);
    r = vb_workers_run(workers, &job,
                       &(struct vb_media_files){
                           .input = original->file, .output = ret_made->output, .poster = ret_made->poster},
                       original->owner, &ret_made->result, err);
    outcome = judge(r, &ret_made->result, err);
    if (outcome != VB_OUTCOME_DONE)
        return outcome;
    r = take_result(ret_made, original->file, original->size, err);
    return r < 0 ? vb_outcome_busy(err, r) : VB_OUTCOME_DONE;
}
