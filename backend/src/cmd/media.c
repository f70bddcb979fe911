/*
 * vibe media inspect | render: what the pipeline sees in a file, and what it would make of it, tried at a desk. The same
 * jailed workers do it as in production.
 */
#include "cmd/command.h"
#include "cmd/options.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "edge/query.h"
#include "media/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

struct subject {
    const char *name;
    int file;
    int64_t bytes;
    enum vb_media_type type;
};

static int open_subject(const char *path, struct subject *ret, struct vb_error *err)
{
    unsigned char first[VB_SNIFF_SIZE];
    struct stat status;
    ssize_t got;

    *ret = (struct subject){.name = path, .file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (ret->file < 0 || fstat(ret->file, &status) < 0)
        return vb_error_set(err, errno, "%s cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return vb_error_set(err, EINVAL, "%s is not a file", path);
    got = pread(ret->file, first, sizeof(first), 0);
    if (got < 0)
        return vb_error_set(err, errno, "%s cannot be read: %s", path, strerror(errno));
    ret->bytes = status.st_size;
    ret->type = vb_sniff(first, (size_t)got);
    if (ret->type != VB_MEDIA_UNKNOWN)
        return 0;
    vb_error_set(err, EINVAL, "%s is none of the formats that may be uploaded", path);
    return vb_error_hint(err, "its first bytes decide, not its name");
}

static int run_job(const struct vb_media_job *job, const struct vb_media_files *files,
                   struct vb_media_result *ret, struct vb_error *err)
{
    struct vb_workers *workers = NULL;
    int r = vb_workers_start(&(struct vb_workers_config){.processes = 1}, &workers, err);

    if (r == 0)
        r = vb_workers_wait(workers, err);
    if (r == 0)
        r = vb_workers_run(workers, job, files, ret, err);
    vb_workers_stop(workers);
    return r;
}

static const char *share(double part, char text[32])
{
    snprintf(text, 32, "%.0f %% of what is allowed", 100 * part);
    return text;
}

static void print_facts(const struct subject *subject, const struct vb_media_result *seen)
{
    static const char *const turns[] = {"",
                                        "upright",
                                        "mirrored",
                                        "upside down",
                                        "upside down and mirrored",
                                        "a quarter turn, mirrored",
                                        "a quarter turn clockwise",
                                        "a quarter turn, mirrored",
                                        "a quarter turn counter-clockwise"};
    bool video = vb_media_is_video(subject->type);
    uint32_t width = video ? seen->width : seen->source_width;
    uint32_t height = video ? seen->height : seen->source_height;
    char text[32];

    printf(
        "file         %s\ntype         %s, by its bytes\nbytes        %" PRId64 ", %s\n", subject->name,
        vb_media_mime(subject->type), subject->bytes,
        share((double)subject->bytes / (double)(video ? VB_MEDIA_VIDEO_BYTES_MAX : VB_MEDIA_IMAGE_BYTES_MAX),
              text));
    if (width)
        printf("pixels       %u x %u upright", width, height);
    if (width && !video)
        printf(", %s", share((double)width * height / VB_MEDIA_PIXELS_MAX, text));
    if (width)
        printf("\n");
    if (seen->orientation && seen->orientation < VB_ARRAY_SIZE(turns))
        printf("stored       %s\n", turns[seen->orientation]);
    if (video)
        printf("duration     %.1f s, %s\n", seen->duration_ms / 1000.0,
               share((double)seen->duration_ms / VB_MEDIA_VIDEO_MAX_MS, text));
    printf("position     %s\n",
           seen->has_position ? "YES: carries GPS coordinates, which will be removed" : "none");
    printf("verdict      %s\n", seen->status == VB_MEDIA_OK ? "would be taken" : seen->problem);
}

static int inspect(const char *path, struct vb_error *err)
{
    struct vb_media_result seen = {0};
    struct subject subject;
    int r = open_subject(path, &subject, err);

    if (r == 0)
        r = run_job(&(struct vb_media_job){.work = VB_WORK_INSPECT, .type = subject.type},
                    &(struct vb_media_files){.input = subject.file, .output = -1, .poster = -1}, &seen, err);
    if (r == 0)
        print_facts(&subject, &seen);
    if (subject.file >= 0)
        close(subject.file);
    return r < 0 ? r : seen.status == VB_MEDIA_OK ? 0 : 1;
}

struct render_options {
    const char *output, *width, *height, *fit, *format, *quality;
};

/* The same text as in a URL, so that it is read by the same rules. */
static int read_variant(const struct render_options *options, struct vb_variant *ret, bool *ret_any,
                        struct vb_error *err)
{
    const struct {
        const char *name, *value;
    } all[] = {{"w", options->width},
               {"h", options->height},
               {"fit", options->fit},
               {"fm", options->format},
               {"q", options->quality}};
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release);
    struct vb_query query;
    int r;

    vb_strbuf_init(&text, 4096);
    for (size_t i = 0; i < VB_ARRAY_SIZE(all); i++)
        if (all[i].value)
            vb_strbuf_addf(&text, "%s%s=%s", text.length ? "&" : "", all[i].name, all[i].value);
    r = vb_query_parse(text.data ? text.data : "", &query, err);
    if (r < 0)
        return r;
    *ret_any = query.is_variant;
    *ret = vb_query_variant(&query, VB_FORMAT_JPEG);
    return 0;
}

static int render_to(const struct subject *subject, const struct render_options *options, int output,
                     struct vb_media_result *ret, struct vb_error *err)
{
    struct vb_media_job job = {.work = vb_media_is_video(subject->type) ? VB_WORK_VIDEO : VB_WORK_PICTURE,
                               .type = subject->type};
    int canonical = vb_media_memory_file("canonical"), poster = vb_media_memory_file("poster");
    bool variant = false;
    int r = canonical < 0 || poster < 0 ? vb_error_set(err, EMFILE, "there is no memory for the picture")
                                        : read_variant(options, &job.variant, &variant, err);

    if (r == 0)
        r = run_job(&job,
                    &(struct vb_media_files){
                        .input = subject->file, .output = variant ? canonical : output, .poster = poster},
                    ret, err);
    if (r == 0 && ret->status == VB_MEDIA_OK && variant) {
        job.work = VB_WORK_VARIANT;
        r = run_job(&job,
                    &(struct vb_media_files){.input = vb_media_is_video(subject->type) ? poster : canonical,
                                             .output = output,
                                             .poster = -1},
                    ret, err);
    }
    if (canonical >= 0)
        close(canonical);
    if (poster >= 0)
        close(poster);
    return r;
}

static int copy_file(int from, int to, int64_t size, struct vb_error *err)
{
    off_t at = 0;

    while (at < size) {
        ssize_t sent = sendfile(to, from, &at, (size_t)(size - at));

        if (sent <= 0)
            return vb_error_set(err, sent < 0 ? errno : EIO, "the file cannot be copied: %s",
                                strerror(sent < 0 ? errno : EIO));
    }
    return 0;
}

static int render(const char *path, const struct render_options *options, struct vb_error *err)
{
    struct vb_media_result result = {0};
    struct subject subject;
    int output VB_CLEANUP(vb_closep) = -1;
    int r = open_subject(path, &subject, err);

    if (r == 0) {
        output = open(options->output, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (output < 0)
            r = vb_error_set(err, errno, "%s cannot be written: %s", options->output, strerror(errno));
    }
    if (r == 0)
        r = render_to(&subject, options, output, &result, err);
    if (r == 0 && result.status != VB_MEDIA_OK)
        r = vb_error_set(err, EINVAL, "%s", result.problem);
    if (r == 0 && lseek(output, 0, SEEK_END) == 0) /* a video that is as it should be is not written anew */
        r = copy_file(subject.file, output, subject.bytes, err);
    if (r < 0 && output >= 0)
        unlink(options->output);
    if (r == 0)
        printf("%s: %u x %u, %" PRId64 " bytes\n", options->output, result.width, result.height,
               (int64_t)lseek(output, 0, SEEK_END));
    if (subject.file >= 0)
        close(subject.file);
    return r;
}

int vb_cmd_media(int argc, char **argv)
{
    struct render_options render_options = {0};
    const struct vb_option options[] = {
        {VB_OPTION_STRING, "output", "OUT", "render: the file to write", &render_options.output, 'o'},
        {VB_OPTION_STRING, "w", "PIXELS", "render: a width of the CDN's list", &render_options.width},
        {VB_OPTION_STRING, "h", "PIXELS", "render: the most height", &render_options.height},
        {VB_OPTION_STRING, "fit", "FIT", "render: contain or cover", &render_options.fit},
        {VB_OPTION_STRING, "fm", "FORMAT", "render: jpeg, webp or avif", &render_options.format},
        {VB_OPTION_STRING, "q", "QUALITY", "render: 1 to 100", &render_options.quality},
        {0},
    };
    const struct vb_usage usage = {
        .synopsis = "vibe media inspect FILE\n       vibe media render FILE -o OUT [options]",
        .summary = "inspect shows what the pipeline sees in a file, and whether it would be taken.\n"
                   "render writes what it would make of it: the canonical file, or with options a variant.",
        .options = options,
    };
    const char *words[2] = {NULL, NULL};
    struct vb_error err = {0};
    int r, count = vb_options_parse(&usage, argc, argv, words, 2);

    if (count < 0)
        return count == -1 ? 0 : 2;
    vb_log_configure(VB_LOG_ERROR, VB_LOG_TEXT);
    if (count == 2 && strcmp(words[0], "inspect") == 0) {
        r = inspect(words[1], &err);
    } else if (count == 2 && strcmp(words[0], "render") == 0 && render_options.output) {
        r = render(words[1], &render_options, &err);
    } else {
        fprintf(stderr, "vibe: media is followed by inspect FILE, or by render FILE -o OUT\nusage: %s\n",
                usage.synopsis);
        return 2;
    }
    return r < 0 ? vb_cmd_fail(&err) : r;
}
