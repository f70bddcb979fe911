/*
 * vibe media inspect | render | gc: shows what the media pipeline sees in a file or makes of it, with the
 * same jailed workers as in production; removes from the bucket what nothing needs.
 */
#include "app/system.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "cmd/command.h"
#include "db/pool.h"
#include "edge/query.h"
#include "media/workers.h"
#include "ops/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define GC_QUERY_TIMEOUT_MS 120000

struct render_options {
    const char *output, *width, *height, *fit, *format, *quality;
};

struct values {
    const char *subject;
    struct render_options render;
    struct vb_gc_options gc;
};

struct subject {
    const char *name;
    int file;
    int64_t bytes;
    char stored[160]; /* where an object is; "": it is a file */
    enum vb_media_type type;
};

/* What it is, by its first bytes. */
static int recognise(struct subject *subject, struct vb_error *err)
{
    unsigned char first[VB_SNIFF_SIZE];
    ssize_t got = pread(subject->file, first, sizeof(first), 0);

    if (got < 0)
        return vb_error_set(err, errno, "%s cannot be read: %s", subject->name, strerror(errno));
    subject->type = vb_sniff(first, (size_t)got);
    if (subject->type != VB_MEDIA_UNKNOWN)
        return 0;
    vb_error_set(err, EINVAL, "%s is none of the formats that may be uploaded", subject->name);
    return vb_error_hint(err, "its first bytes decide, not its name");
}

static int open_file(const char *path, struct subject *ret, struct vb_error *err)
{
    struct stat status;

    *ret = (struct subject){.name = path, .file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (ret->file < 0 || fstat(ret->file, &status) < 0)
        return vb_error_set(err, errno, "%s cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return vb_error_set(err, EINVAL, "%s is not a file", path);
    ret->bytes = status.st_size;
    return recognise(ret, err);
}

static int write_down(void *context, const char *data, size_t size)
{
    const struct subject *subject = context;

    return vb_write_all(subject->file, data, size);
}

static int fetch(const struct vb_bucket *bucket, const char *key, struct subject *ret, struct vb_error *err)
{
    struct vb_s3_object object;
    int r = vb_s3_head(bucket->s3, key, &object, err);

    if (r == -ENOENT) {
        vb_error_set(err, ENOENT, "there is no file %s, nor an object of that key in bucket %s", key,
                     bucket->name);
        return r;
    }
    if (r == 0 && object.size > VB_MEDIA_VIDEO_BYTES_MAX)
        r = vb_error_set(err, EFBIG, "%s has %" PRId64 " bytes: more than any upload may have", key,
                         object.size);
    if (r == 0)
        r = vb_s3_get(bucket->s3, key, 0, -1, object.etag, write_down, ret, &object, err);
    if (r < 0)
        return r;
    ret->bytes = object.size;
    snprintf(ret->stored, sizeof(ret->stored), "as %.60s in bucket %.64s", object.content_type, bucket->name);
    return recognise(ret, err);
}

static int open_object(const char *key, struct subject *ret, struct vb_error *err)
{
    struct vb_bucket bucket;
    int r = vb_bucket_open(&bucket, false, err);

    if (r < 0)
        vb_error_prefix(err, "there is no file %s, and its bucket is not known", key);
    *ret = (struct subject){.name = key, .file = r < 0 ? -1 : vb_media_memory_file("object")};
    if (r == 0 && ret->file < 0)
        r = vb_error_set(err, -ret->file, "there is no memory for the object");
    if (r == 0)
        r = fetch(&bucket, key, ret, err);
    vb_bucket_close(&bucket);
    return r;
}

/* A file, or what the bucket has under that key. */
static int open_subject(const char *name, struct subject *ret, struct vb_error *err)
{
    return access(name, F_OK) < 0 && errno == ENOENT ? open_object(name, ret, err)
                                                     : open_file(name, ret, err);
}

static int run_job(const struct vb_media_job *job, const struct vb_media_files *files,
                   struct vb_media_result *ret, struct vb_error *err)
{
    struct vb_workers *workers = NULL;
    int r = vb_workers_start(&(struct vb_workers_config){.processes = 1}, &workers, err);

    if (r == 0)
        r = vb_workers_wait(workers, err);
    if (r == 0)
        r = vb_workers_run(workers, job, files, NULL, ret, err);
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

    printf("%-12s %s\n", subject->stored[0] ? "key" : "file", subject->name);
    if (subject->stored[0])
        printf("object       %s\n", subject->stored);
    printf(
        "type         %s, by its bytes\nbytes        %" PRId64 ", %s\n", vb_media_mime(subject->type),
        subject->bytes,
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

static int inspect(const struct values *values, struct vb_error *err)
{
    struct vb_media_result seen = {0};
    struct subject subject;
    int r = open_subject(values->subject, &subject, err);

    if (r == 0)
        r = run_job(&(struct vb_media_job){.work = VB_WORK_INSPECT, .type = subject.type},
                    &(struct vb_media_files){.input = subject.file, .output = -1, .poster = -1}, &seen, err);
    if (r == 0)
        print_facts(&subject, &seen);
    if (subject.file >= 0)
        close(subject.file);
    return r < 0 ? r : seen.status == VB_MEDIA_OK ? 0 : 1;
}

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

static int render(const struct values *values, struct vb_error *err)
{
    const struct render_options *options = &values->render;
    struct vb_media_result result = {0};
    struct subject subject;
    int output VB_CLEANUP(vb_closep) = -1;
    int r = open_subject(values->subject, &subject, err);

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

/* 12 to 999 bytes, kB, MB or GB: seven columns. */
static const char *size_text(int64_t bytes, char text[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    double amount = (double)bytes;
    size_t unit = 0;

    while (amount >= 999.5 && unit + 1 < VB_ARRAY_SIZE(units)) {
        amount /= 1000;
        unit++;
    }
    snprintf(text, 32, unit && amount < 9.95 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
    return text;
}

static void print_item(void *context, const struct vb_gc_item *item)
{
    static const char *const events[] = {
        [VB_GC_FOUND] = "would remove", [VB_GC_REMOVED] = "removed", [VB_GC_STAGED] = "left"};
    char text[32];

    (void)context;
    if (item->event == VB_GC_FAILED)
        fprintf(stderr, "vibe: %s could not be removed: %s\n", item->key, item->error->message);
    else
        printf("%-12s  %7s  %-30s  %s\n", events[item->event],
               item->size_bytes < 0 ? "" : size_text(item->size_bytes, text),
               item->reason ? item->reason : "not completed yet", item->key);
}

static void print_counts(const struct vb_gc_counts *counts, bool dry_run)
{
    char text[32];

    printf("%s%" PRIu64 " of %" PRIu64 " objects, %s, %s\n", counts->garbage || counts->staged ? "\n" : "",
           counts->garbage, counts->looked_at, size_text(counts->garbage_bytes, text),
           dry_run ? "would be removed" : "removed; the CDN forgets them within a minute");
    if (counts->staged)
        printf(
            "%" PRIu64
            " uploads that were never completed are left to the service, which completes or removes them\n",
            counts->staged);
}

static int collect_garbage(const struct vb_gc_config *config, struct vb_error *err)
{
    const struct vb_gc_options *options = &config->options;
    struct vb_gc_counts counts;
    int r = vb_gc_run(config, &counts, err);

    if (r < 0)
        return r;
    print_counts(&counts, options->dry_run);
    if (options->dry_run && !options->force)
        return vb_gc_check_plausible(&counts, config->bucket, err);
    if (counts.failed)
        return vb_error_set(err, EIO, "%" PRIu64 " objects could not be removed: run this again",
                            counts.failed);
    return 0;
}

static int gc(const struct values *values, struct vb_error *err)
{
    struct vb_bucket bucket;
    struct vb_db_pool *pool = NULL;
    struct vb_db *db = NULL;
    int r = vb_bucket_open(&bucket, true, err);

    if (r == 0) {
        pool = vb_db_pool_create(&(struct vb_db_config){
            .url = bucket.database_url, .connections_max = 1, .statement_timeout_ms = GC_QUERY_TIMEOUT_MS});
        r = vb_db_acquire(pool, &db, err);
    }
    if (r == 0)
        r = collect_garbage(&(struct vb_gc_config){.db = db,
                                                   .s3 = bucket.s3,
                                                   .bucket = bucket.name,
                                                   .options = values->gc,
                                                   .report = print_item},
                            err);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
    vb_bucket_close(&bucket);
    return r;
}

/* The exit status of an action, which returns that itself or a negative error. */
static int perform(const struct values *values, int (*act)(const struct values *values, struct vb_error *err))
{
    struct vb_error err = {0};
    int r;

    vb_log_configure(VB_LOG_ERROR, VB_LOG_TEXT);
    r = act(values, &err);
    fflush(stdout);
    return r < 0 ? vb_cmd_fail(&err) : r;
}

static int run_inspect(void *values)
{
    return perform(values, inspect);
}

static int run_render(void *values)
{
    return perform(values, render);
}

static int run_gc(void *values)
{
    return perform(values, gc);
}

#define SUBJECT                                                                                              \
    {                                                                                                        \
        VB_REQUIRED_OPERAND(struct values, subject, "FILE|KEY",                                              \
                            "a file, or the key of an object in the bucket")                                 \
    }

static const struct vb_option inspect_options[] = {SUBJECT, {.name = NULL}};

static const struct vb_option render_options[] = {
    SUBJECT,
    {VB_STRING(struct values, render.output, "output", "OUT", "the file to write"), .letter = 'o',
     .required = true},
    {VB_STRING(struct values, render.width, "w", "PIXELS", "a width of the CDN's list")},
    {VB_STRING(struct values, render.height, "h", "PIXELS", "the most height")},
    {VB_STRING(struct values, render.fit, "fit", "FIT", "contain or cover")},
    {VB_STRING(struct values, render.format, "fm", "FORMAT", "jpeg, webp or avif")},
    {VB_STRING(struct values, render.quality, "q", "QUALITY", "1 to 100")},
    {.name = NULL}};

static const struct vb_option gc_options[] = {
    {VB_FLAG(struct values, gc.dry_run, "dry-run", "only list what would be removed, and why")},
    {VB_NUMBER(struct values, gc.min_age_hours, "min-age", "HOURS", 24 * 365,
               "leave objects without a row that are younger (24)")},
    {VB_FLAG(struct values, gc.force, "force", "even if that is most of the bucket")},
    {.name = NULL}};

static const struct vb_subcommand subcommands[] = {
    {"inspect", "shows what the pipeline sees in a file or an object, and whether it would be taken",
     inspect_options, run_inspect},
    {"render", "writes what the pipeline would make of it: the canonical file, or with options a variant",
     render_options, run_render},
    {"gc", "removes from the bucket what nothing needs any more; never what a row names", gc_options, run_gc},
    {.name = NULL}};

const struct vb_command vb_cmd_media = {
    .name = "media",
    .summary = "show what the media pipeline sees in a file, or makes of it",
    .footer =
        "Bucket and database are those of S3_BUCKET_NAME, AWS_REGION, S3_ENDPOINT, DATABASE_URL and the AWS "
        "credentials, or,\nif none of them is set, those of the `vibe up` in this folder (.vibe/env).",
    .subcommands = subcommands,
    .values_size = sizeof(struct values),
    .defaults = &(const struct values){.gc.min_age_hours = 24}};
