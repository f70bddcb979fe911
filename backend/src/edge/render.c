/*
 * Variants of pictures: see render.h.
 */
#include "edge/render.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "edge/query.h"
#include "media/dimensions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_BYTES     ((uint64_t)64 * 1024) /* of a picture: they mostly hold its dimensions */
#define HEADER_BYTES_MAX ((uint64_t)4 * 1024 * 1024)
#define ETAG_HEX         32 /* digits of the SHA-256: enough to tell all variants apart */

/* One rendering. */
struct work {
    struct vb_render *render;
    const char *key;
    const struct vb_cache_entry *source;
    enum vb_media_type type; /* of the source, by its bytes */
    int input, output;
};

static struct vb_cache_entry *unfit_entry(struct vb_cache *cache)
{
    static const struct vb_cache_entry unfit = {.unfit = true};

    return vb_cache_entry_create(cache, &unfit, NULL);
}

/* The header is nearly always in the first bytes. If it is longer, it says how many more to read. */
static int read_dimensions(struct work *work, struct vb_dimensions *ret_dimensions)
{
    uint64_t wanted = HEADER_BYTES, whole = (uint64_t)work->source->size;
    int r = -EAGAIN;

    while (r == -EAGAIN && wanted <= HEADER_BYTES_MAX) {
        size_t size = (size_t)(wanted < whole ? wanted : whole);
        unsigned char *head VB_CLEANUP(vb_freep) = malloc(size + 1);

        if (!head)
            return -EAGAIN;
        if (vb_pread_all(work->input, head, size, 0) < 0)
            return -EAGAIN;
        work->type = vb_sniff(head, size);
        if (!vb_media_is_image(work->type))
            return -EINVAL;
        r = vb_media_dimensions(work->type, head, size, ret_dimensions, &wanted);
        if (size == whole)
            break;
    }
    return r == 0 ? 0 : -EINVAL;
}

/* Reads the source and its dimensions. Returns 0, -EINVAL (no picture), or why it cannot be fetched. */
static int open_source(struct work *work, struct vb_dimensions *ret_dimensions)
{
    int r;

    if (strncmp(work->source->content_type, "image/", 6) != 0 || work->source->size > VB_FETCH_BODY_MAX)
        return -EINVAL;
    r = vb_fetch_file(work->render->fetch, work->key, work->source, work->input);
    return r < 0 ? r : read_dimensions(work, ret_dimensions);
}

static int run_job(const struct work *work, const struct vb_media_job *job, int input, int output)
{
    struct vb_media_result result = {0};
    struct vb_error err = {0};
    int r = vb_workers_run(work->render->workers, job,
                           &(struct vb_media_files){.input = input, .output = output, .poster = -1}, NULL,
                           &result, &err);

    if (r == 0 && result.status == VB_MEDIA_OK)
        return 0;
    vb_log(VB_LOG_WARN, "a variant could not be made", VB_LOG_STR("key", work->key),
           VB_LOG_STR("error", r < 0 ? err.message : result.problem));
    /* a file that is at fault stays so; anything else may work the next time */
    return (r == 0 && result.status == VB_MEDIA_BAD) || r == -EPIPE || r == -ETIMEDOUT ? -EINVAL : -EAGAIN;
}

/* A picture that came into the bucket past the media pipeline is brought to its canonical form first. */
static int make_canonical(const struct work *work)
{
    const struct vb_media_job job = {.work = VB_WORK_PICTURE, .type = work->type};
    int canonical VB_CLEANUP(vb_closep) = vb_media_memory_file("canonical");
    int r = canonical < 0 ? -EAGAIN : run_job(work, &job, work->input, canonical);

    if (r == 0 && dup2(canonical, work->input) < 0)
        r = -EAGAIN;
    return r;
}

/* The picture may have taken the worker over: an output that is not of the format asked for is not used. */
static char *read_output(const struct work *work, enum vb_format format, size_t *ret_size)
{
    static const enum vb_media_type types[] = {
        [VB_FORMAT_JPEG] = VB_MEDIA_JPEG, [VB_FORMAT_WEBP] = VB_MEDIA_WEBP, [VB_FORMAT_AVIF] = VB_MEDIA_AVIF};
    off_t size = lseek(work->output, 0, SEEK_END);
    char *body = size > 0 && size <= VB_FETCH_BODY_MAX ? malloc((size_t)size) : NULL;

    if (body && vb_pread_all(work->output, body, (size_t)size, 0) == 0 &&
        vb_sniff((unsigned char *)body, (size_t)size) == types[format]) {
        *ret_size = (size_t)size;
        return body;
    }
    free(body);
    return NULL;
}

static struct vb_cache_entry *describe(const struct work *work, enum vb_format format, char *body,
                                       size_t size)
{
    struct vb_cache_entry entry = {.size = (int64_t)size, .last_modified_s = work->source->last_modified_s};
    char hex[2 * VB_SHA256_SIZE + 1];

    vb_sha256_hex(body, size, hex);
    snprintf(entry.etag, sizeof(entry.etag), "\"%.*s\"", ETAG_HEX, hex);
    snprintf(entry.content_type, sizeof(entry.content_type), "%s", vb_format_mime(format));
    memcpy(entry.last_modified, work->source->last_modified, sizeof(entry.last_modified));
    memcpy(entry.source_etag, work->source->etag, sizeof(entry.source_etag));
    return vb_cache_entry_create(work->render->fetch->cache, &entry, body);
}

static int render(struct work *work, const struct vb_variant *variant, struct vb_cache_entry **ret_entry)
{
    const struct vb_media_job job = {.work = VB_WORK_VARIANT, .type = VB_MEDIA_JPEG, .variant = *variant};
    int r = work->type == VB_MEDIA_JPEG ? 0 : make_canonical(work);
    size_t size;
    char *body;

    if (r == 0)
        r = run_job(work, &job, work->input, work->output);
    if (r < 0)
        return r;
    body = read_output(work, variant->format, &size);
    if (!body || !vb_cache_has_room(work->render->fetch->cache, size)) {
        free(body);
        return -EAGAIN;
    }
    vb_counter_add(work->render->rendered, 1);
    *ret_entry = describe(work, variant->format, body, size);
    return *ret_entry ? 0 : -EAGAIN;
}

/* A variant that was made of this source, or NULL. */
static struct vb_cache_entry *recall(const struct work *work, const char *text)
{
    struct vb_cache_entry *entry = vb_fetch_recall(work->render->fetch, work->key, text);

    if (entry && strcmp(entry->source_etag, work->source->etag) == 0)
        return entry;
    vb_cache_entry_release(entry);
    return NULL;
}

/* The source is there and open: makes the variant, under its shortest name. */
static int make(struct work *work, const struct vb_variant *asked, const struct vb_dimensions *dimensions,
                struct vb_cache_outcome *outcome)
{
    struct vb_fetch *fetch = work->render->fetch;
    struct vb_variant variant = vb_query_fit_source(asked, dimensions);
    char text[VB_QUERY_TEXT_SIZE];
    int r = 0;

    vb_query_format(&variant, text);
    outcome->entry = recall(work, text);
    if (outcome->entry)
        return 0;
    outcome->source = VB_CACHE_SOURCE_MISS;
    r = render(work, &variant, &outcome->entry);
    if (r == 0 && fetch->disk)
        vb_disk_store(fetch->disk, work->key, text, outcome->entry, outcome->entry->body,
                      (size_t)outcome->entry->size);
    return r;
}

static int make_from(struct work *work, const struct vb_variant *asked, struct vb_cache_outcome *outcome)
{
    struct vb_dimensions dimensions;
    int r;

    work->input = vb_media_memory_file("source");
    work->output = vb_media_memory_file("variant");
    r = work->input < 0 || work->output < 0 ? -EAGAIN : open_source(work, &dimensions);
    if (r == 0)
        r = make(work, asked, &dimensions, outcome);
    if (work->input >= 0)
        close(work->input);
    if (work->output >= 0)
        close(work->output);
    if (r == -EINVAL) {
        outcome->entry = unfit_entry(work->render->fetch->cache);
        r = outcome->entry ? 0 : -EAGAIN;
    }
    return r;
}

static bool is_small(const struct vb_fetch *fetch, const struct vb_cache_entry *entry)
{
    return !entry->body || entry->size <= (int64_t)vb_cache_body_max(fetch->cache);
}

bool vb_render_recall(struct vb_render *render, const char *key, const struct vb_variant *variant,
                      struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome source, outcome = {0};
    char text[VB_QUERY_TEXT_SIZE];
    struct vb_cache_entry *older;
    bool settled = true;

    vb_query_format(variant, text);
    older = vb_fetch_recall(render->fetch, key, text);
    vb_fetch_description(render->fetch, key, &source);
    outcome.source = source.source;
    if (source.entry && source.entry->missing) {
        outcome.entry = VB_TAKE(source.entry);
    } else if (older && (!source.entry || strcmp(older->source_etag, source.entry->etag) == 0)) {
        outcome.entry = VB_TAKE(older);
        if (outcome.source != VB_CACHE_SOURCE_STALE)
            outcome.source = VB_CACHE_SOURCE_HIT;
    } else if (!source.entry) {
        outcome.error = source.error;
    } else {
        settled = false;
    }
    vb_cache_entry_release(older);
    vb_cache_entry_release(source.entry);
    outcome.keep = outcome.entry && is_small(render->fetch, outcome.entry);
    *ret_outcome = outcome;
    return settled;
}

void vb_render_make(struct vb_render *render, const char *key, const struct vb_variant *variant,
                    struct vb_cache_outcome *ret_outcome)
{
    struct vb_cache_outcome source, outcome = {0};

    vb_fetch_description(render->fetch, key, &source);
    outcome.source = source.source;
    if (!source.entry) {
        outcome.error = source.error;
    } else if (source.entry->missing) {
        outcome.entry = VB_TAKE(source.entry);
    } else {
        struct work work = {.render = render, .key = key, .source = source.entry};

        outcome.error = make_from(&work, variant, &outcome);
    }
    vb_cache_entry_release(source.entry);
    outcome.keep = outcome.entry && is_small(render->fetch, outcome.entry);
    *ret_outcome = outcome;
}
