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
#include "ops/tryout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    char stored[160]; /* where an object is; "": it is a file */
    struct vb_tryout tryout;
};

/* Tells the type by the first bytes. */
static int recognise(struct subject *subject, struct vb_error *err)
{
    unsigned char first[VB_SNIFF_SIZE];
    ssize_t got = pread(subject->tryout.input, first, sizeof(first), 0);

    if (got < 0)
        return vb_error_set(err, errno, "%s cannot be read: %s", subject->name, strerror(errno));
    subject->tryout.type = vb_sniff(first, (size_t)got);
    if (subject->tryout.type != VB_MEDIA_UNKNOWN)
        return 0;
    vb_error_set(err, EINVAL, "%s is in none of the formats that the app may upload", subject->name);
    return vb_error_hint(err, "its first bytes decide, not its name");
}

static int open_file(const char *path, struct subject *ret, struct vb_error *err)
{
    struct stat status;

    *ret = (struct subject){.name = path, .tryout.input = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (ret->tryout.input < 0 || fstat(ret->tryout.input, &status) < 0)
        return vb_error_set(err, errno, "%s cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return vb_error_set(err, EINVAL, "%s is not a file", path);
    ret->tryout.size = status.st_size;
    return recognise(ret, err);
}

static int write_down(void *context, const char *data, size_t size)
{
    const struct subject *subject = context;

    return vb_write_all(subject->tryout.input, data, size);
}

static int fetch(const struct vb_bucket *bucket, const char *key, struct subject *ret, struct vb_error *err)
{
    struct vb_s3_object object;
    int r = vb_s3_head(bucket->s3, key, &object, err);

    if (r == -ENOENT) {
        vb_error_set(err, ENOENT, "there is no file %s, and no object with that key in bucket %s", key,
                     bucket->name);
        return r;
    }
    if (r == 0 && object.size > VB_MEDIA_VIDEO_BYTES_MAX)
        r = vb_error_set(err, EFBIG, "%s has %" PRId64 " bytes, more than any upload may have", key,
                         object.size);
    if (r == 0)
        r = vb_s3_get(bucket->s3, key, 0, -1, object.etag, write_down, ret, &object, err);
    if (r < 0)
        return r;
    ret->tryout.size = object.size;
    snprintf(ret->stored, sizeof(ret->stored), "as %.60s in bucket %.64s", object.content_type, bucket->name);
    return recognise(ret, err);
}

static int open_object(const char *key, struct subject *ret, struct vb_error *err)
{
    struct vb_bucket bucket;
    int r = vb_bucket_open(&bucket, false, err);

    if (r < 0)
        vb_error_prefix(err, "there is no file %s, and no bucket to look for it", key);
    *ret = (struct subject){.name = key, .tryout.input = r < 0 ? -1 : vb_media_memory_file("object")};
    if (r == 0 && ret->tryout.input < 0)
        r = vb_error_set(err, -ret->tryout.input, "there is no memory for the object");
    if (r == 0)
        r = fetch(&bucket, key, ret, err);
    vb_bucket_close(&bucket);
    return r;
}

/* Opens a file, or the object of the bucket with that key. */
static int open_subject(const char *name, struct subject *ret, struct vb_error *err)
{
    return access(name, F_OK) < 0 && errno == ENOENT ? open_object(name, ret, err)
                                                     : open_file(name, ret, err);
}

static const char *share(double part, char text[32])
{
    snprintf(text, 32, "%.0f %% of the limit", 100 * part);
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
    bool video = vb_media_is_video(subject->tryout.type);
    uint32_t width = video ? seen->width : seen->source_width;
    uint32_t height = video ? seen->height : seen->source_height;
    char text[32];

    printf("%-12s %s\n", subject->stored[0] ? "key" : "file", subject->name);
    if (subject->stored[0])
        printf("object       %s\n", subject->stored);
    printf("type         %s, by its bytes\nbytes        %" PRId64 ", %s\n",
           vb_media_mime(subject->tryout.type), subject->tryout.size,
           share((double)subject->tryout.size /
                     (double)(video ? VB_MEDIA_VIDEO_BYTES_MAX : VB_MEDIA_IMAGE_BYTES_MAX),
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
           seen->has_position ? "YES: GPS coordinates, which the pipeline removes" : "none");
    printf("verdict      %s\n", seen->status == VB_MEDIA_OK ? "would be accepted" : seen->problem);
}

static int start_worker(struct vb_workers **ret_workers, struct vb_error *err)
{
    int r = vb_workers_start(&(struct vb_workers_config){.processes = 1}, ret_workers, err);

    return r < 0 ? r : vb_workers_wait(*ret_workers, err);
}

static void close_subject(const struct subject *subject)
{
    if (subject->tryout.input >= 0)
        close(subject->tryout.input);
}

static int inspect(const struct values *values, struct vb_error *err)
{
    struct vb_workers *workers = NULL;
    struct vb_media_result seen = {0};
    struct subject subject;
    int r = open_subject(values->subject, &subject, err);

    if (r == 0)
        r = start_worker(&workers, err);
    if (r == 0)
        r = vb_tryout_inspect(workers, &subject.tryout, &seen, err);
    vb_workers_stop(workers);
    if (r == 0)
        print_facts(&subject, &seen);
    close_subject(&subject);
    return r < 0 ? r : seen.status == VB_MEDIA_OK ? 0 : 1;
}

/* Writes the options as the query of a URL, so that the same rules read them. */
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
    struct vb_workers *workers = NULL;
    struct vb_variant variant;
    bool is_variant = false;
    int r = read_variant(options, &variant, &is_variant, err);

    if (r == 0)
        r = start_worker(&workers, err);
    if (r == 0)
        r = vb_tryout_render(workers, &subject->tryout, is_variant ? &variant : NULL, output, ret, err);
    vb_workers_stop(workers);
    if (r == 0 && ret->status != VB_MEDIA_OK)
        r = vb_error_set(err, EINVAL, "%s", ret->problem);
    return r;
}

static int render(const struct values *values, struct vb_error *err)
{
    const char *path = values->render.output;
    struct vb_media_result result = {0};
    struct subject subject;
    int output VB_CLEANUP(vb_closep) = -1;
    int r = open_subject(values->subject, &subject, err);

    if (r == 0) {
        output = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (output < 0)
            r = vb_error_set(err, errno, "%s cannot be written: %s", path, strerror(errno));
    }
    if (r == 0)
        r = render_to(&subject, &values->render, output, &result, err);
    if (r < 0 && output >= 0)
        unlink(path);
    if (r == 0)
        printf("%s: %u x %u, %" PRId64 " bytes\n", path, result.width, result.height,
               (int64_t)lseek(output, 0, SEEK_END));
    close_subject(&subject);
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
        printf("%" PRIu64 " uploads that nobody completed stay: the service completes or removes them\n",
               counts->staged);
}

/* Tells what to do about the error of an implausible bucket. */
static int explain(int r, struct vb_error *err)
{
    if (r == -EXDEV)
        vb_error_hint(err, "is it the right database? If it is, say --force; --dry-run lists them");
    return r;
}

static int collect_garbage(const struct vb_gc_config *config, struct vb_error *err)
{
    const struct vb_gc_options *options = &config->options;
    struct vb_gc_counts counts;
    int r = vb_gc_run(config, &counts, err);

    if (r < 0)
        return explain(r, err);
    print_counts(&counts, options->dry_run);
    if (options->dry_run && !options->force)
        return explain(vb_gc_check_plausible(&counts, config->bucket, err), err);
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
    {VB_STRING(struct values, render.width, "w", "PIXELS", "a width that the CDN allows")},
    {VB_STRING(struct values, render.height, "h", "PIXELS", "the greatest height")},
    {VB_STRING(struct values, render.fit, "fit", "FIT", "contain or cover")},
    {VB_STRING(struct values, render.format, "fm", "FORMAT", "auto, jpeg, webp or avif")},
    {VB_STRING(struct values, render.quality, "q", "QUALITY", "1 to 100")},
    {.name = NULL}};

static const struct vb_option gc_options[] = {
    {VB_FLAG(struct values, gc.dry_run, "dry-run", "only list what would be removed, and why")},
    {VB_NUMBER(struct values, gc.min_age_hours, "min-age", "HOURS", 24 * 365,
               "leave younger objects that no row names (24)")},
    {VB_FLAG(struct values, gc.force, "force", "remove even most of the bucket")},
    {.name = NULL}};

static const struct vb_subcommand subcommands[] = {
    {"inspect", "shows what the pipeline sees in a file or an object, and whether it would accept it",
     inspect_options, run_inspect},
    {"render", "writes what the pipeline would make of it: the canonical file, or with options a variant",
     render_options, run_render},
    {"gc", "removes objects that nothing needs any more from the bucket; never one that a row names",
     gc_options, run_gc},
    {.name = NULL}};

const struct vb_command vb_cmd_media = {
    .name = "media",
    .summary = "show what the media pipeline makes of a file; remove garbage from the bucket",
    .footer =
        "Bucket and database are those of S3_BUCKET_NAME, AWS_REGION, S3_ENDPOINT, DATABASE_URL and the AWS "
        "credentials, or,\nif none of them is set, those of the `vibe up` in this folder (.vibe/env).",
    .subcommands = subcommands,
    .values_size = sizeof(struct values),
    .defaults = &(const struct values){.gc.min_age_hours = 24}};
