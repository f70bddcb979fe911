/* Reading objects: GetObject and HeadObject. */
#include "store/call.h"

#include "base/clock.h"
#include "http/range.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STREAM_BUFFER_SIZE ((size_t)256 * 1024)

static void add_user_metadata(struct vb_http_request *http, const char *metadata)
{
    while (metadata && *metadata) {
        const char *name = metadata, *value = name + strlen(name) + 1;

        vb_http_add_header(http, vb_arena_printf(&http->arena, "x-amz-meta-%s", name), value);
        metadata = value + strlen(value) + 1;
    }
}

/* A header of the object, or the response-… parameter of the query that replaces it. */
static void add_overridable(struct vb_store_call *call, const char *name, const char *parameter,
                            const char *value)
{
    const char *override = vb_store_call_query(call, parameter);

    vb_http_add_header(call->http, name, *override ? override : value);
}

struct served {
    struct vb_engine_meta meta;
    const char *etag; /* with quotes */
    const char *content_type;
    int64_t offset, size;
    int status;
};

static void add_headers(struct vb_store_call *call, struct served *served)
{
    struct vb_http_request *http = call->http;
    const struct vb_engine_meta *meta = &served->meta;
    const char *content_type = vb_store_call_query(call, "response-content-type");
    const char *checksum_mode = vb_store_call_header(call, "x-amz-checksum-mode");
    char date[VB_CLOCK_HTTP_DATE_SIZE];

    vb_clock_format_http_date(meta->last_modified_ms / 1000, date);
    vb_http_add_header(http, "x-amz-request-id", http->id);
    vb_http_add_header(http, "ETag", served->etag);
    vb_http_add_header(http, "Last-Modified", date);
    vb_http_add_header(http, "Accept-Ranges", "bytes");
    add_overridable(call, "Cache-Control", "response-cache-control", meta->cache_control);
    add_overridable(call, "Content-Disposition", "response-content-disposition", meta->content_disposition);
    add_overridable(call, "Content-Encoding", "response-content-encoding", meta->content_encoding);
    add_overridable(call, "Content-Language", "response-content-language", meta->content_language);
    add_overridable(call, "Expires", "response-expires", meta->expires);
    add_user_metadata(http, meta->user_metadata);
    if (checksum_mode && strcasecmp(checksum_mode, "ENABLED") == 0 && served->size == meta->size)
        vb_store_call_add_checksum(call, &meta->checksum);
    if (meta->parts && *vb_store_call_query(call, "partNumber"))
        vb_http_add_headerf(http, "x-amz-mp-parts-count", "%u", meta->parts);
    if (served->status == 206)
        vb_http_add_headerf(http, "Content-Range", "bytes %lld-%lld/%lld", (long long)served->offset,
                            (long long)(served->offset + served->size - 1), (long long)meta->size);
    served->content_type = *content_type        ? content_type
                           : meta->content_type ? meta->content_type
                                                : "binary/octet-stream";
}

/* Checks the conditions of the request. Returns false after answering 304 or 412. */
static bool conditions_hold(struct vb_store_call *call, const struct served *served)
{
    struct vb_http_request *http = call->http;
    const struct vb_conditions conditions = {.if_match = vb_http_header(http, "If-Match"),
                                             .if_none_match = vb_http_header(http, "If-None-Match"),
                                             .if_modified_since = vb_http_header(http, "If-Modified-Since"),
                                             .if_unmodified_since =
                                                 vb_http_header(http, "If-Unmodified-Since")};
    char date[VB_CLOCK_HTTP_DATE_SIZE];

    switch (vb_conditions_evaluate(&conditions, true, served->etag, served->meta.last_modified_ms / 1000)) {
    case VB_CONDITION_PROCEED:
        return true;
    case VB_CONDITION_NOT_MODIFIED:
        vb_clock_format_http_date(served->meta.last_modified_ms / 1000, date);
        vb_http_add_header(http, "ETag", served->etag);
        vb_http_add_header(http, "Last-Modified", date);
        vb_http_add_header(http, "Cache-Control", served->meta.cache_control);
        vb_store_call_answer_empty(call, 304);
        return false;
    case VB_CONDITION_FAILED:
        break;
    }
    vb_store_fail_fields(
        http, VB_STORE_PRECONDITION_FAILED,
        (const struct vb_store_error_field[]){
            {"Condition", conditions.if_match ? "If-Match" : "If-Unmodified-Since"}, {NULL, NULL}},
        NULL);
    return false;
}

static void fail_range(struct vb_store_call *call, const char *range, int64_t total)
{
    char size[24];

    snprintf(size, sizeof(size), "%lld", (long long)total);
    vb_http_add_headerf(call->http, "Content-Range", "bytes */%s", size);
    vb_store_fail_fields(call->http, VB_STORE_INVALID_RANGE,
                         (const struct vb_store_error_field[]){
                             {"RangeRequested", range}, {"ActualObjectSize", size}, {NULL, NULL}},
                         NULL);
}

/* Serves a partNumber. The first part of an object that was put whole is all of it. The index does not keep
 * where the parts of a multipart object begin. */
static bool select_part(struct vb_store_call *call, struct served *served)
{
    unsigned number;

    if (!vb_store_call_query_number(call, "partNumber", VB_ENGINE_PARTS_MAX + 1, 0, &number))
        return false;
    if (vb_http_header(call->http, "Range")) {
        vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                      "Cannot specify both Range header and partNumber query parameter");
        return false;
    }
    if (number == 0 || number > VB_ENGINE_PARTS_MAX) {
        vb_store_fail(call->http, VB_STORE_INVALID_ARGUMENT,
                      "Part number must be an integer between 1 and 10000, inclusive");
        return false;
    }
    if (number > (served->meta.parts ? served->meta.parts : 1)) {
        vb_store_fail(call->http, VB_STORE_INVALID_PART_NUMBER, NULL);
        return false;
    }
    if (served->meta.parts > 1) {
        vb_store_fail(call->http, VB_STORE_NOT_IMPLEMENTED,
                      "This store does not keep the bounds of the parts of a completed multipart upload; ask "
                      "for a Range");
        return false;
    }
    served->status = served->meta.size > 0 ? 206 : 200;
    return true;
}

/* Chooses the bytes to serve, and the status. Returns false after answering. */
static bool select_bytes(struct vb_store_call *call, struct served *served)
{
    struct vb_http_request *http = call->http;
    const char *range = vb_http_header(http, "Range");

    served->offset = 0;
    served->size = served->meta.size;
    served->status = 200;
    if (*vb_store_call_query(call, "partNumber"))
        return select_part(call, served);
    if (!range || !vb_if_range_holds(vb_http_header(http, "If-Range"), served->etag,
                                     served->meta.last_modified_ms / 1000))
        return true;
    switch (vb_range_parse(range, served->meta.size, &served->offset, &served->size)) {
    case VB_RANGE_NONE:
        break;
    case VB_RANGE_PARTIAL:
        served->status = 206;
        break;
    case VB_RANGE_UNSATISFIABLE:
        fail_range(call, range, served->meta.size);
        return false;
    }
    return true;
}

/* Does what comes before the bytes. Returns false after answering. */
static bool prepare(struct vb_store_call *call, struct served *served)
{
    served->etag = vb_arena_printf(&call->http->arena, "\"%s\"", served->meta.etag);
    if (!served->etag) {
        vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
        return false;
    }
    if (!conditions_hold(call, served) || !select_bytes(call, served))
        return false;
    add_headers(call, served);
    return true;
}

static void close_reader(void *reader)
{
    vb_engine_reader_close(reader);
}

/* A range of an object whose bytes are in several files. */
struct segments {
    struct vb_engine_reader *reader;
    int64_t offset, size;
};

static int64_t fill_segments(void *context, int64_t offset, char *buffer, size_t capacity)
{
    struct segments *segments = context;
    int64_t rest = segments->size - offset;
    int64_t got;

    if (rest <= 0)
        return 0;
    got = vb_engine_reader_read(segments->reader, segments->offset + offset, buffer,
                                (int64_t)capacity < rest ? capacity : (size_t)rest);
    return got == 0 ? -EIO : got; /* the object is shorter than the index says */
}

static void release_segments(void *context)
{
    struct segments *segments = context;

    vb_engine_reader_close(segments->reader);
    free(segments);
}

static void answer_segments(struct vb_store_call *call, const struct served *served,
                            struct vb_engine_reader *reader)
{
    struct segments *segments = malloc(sizeof(*segments));
    struct vb_http_stream stream = {.fill = fill_segments,
                                    .release = release_segments,
                                    .context = segments,
                                    .size = served->size,
                                    .buffer_size = STREAM_BUFFER_SIZE};

    if (!segments) {
        vb_engine_reader_close(reader);
        vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
        return;
    }
    *segments = (struct segments){reader, served->offset, served->size};
    vb_http_answer_stream(call->http, served->status, served->content_type, &stream);
}

/* Consumes the reader. */
static void answer_bytes(struct vb_store_call *call, const struct served *served,
                         struct vb_engine_reader *reader)
{
    const void *data;
    int fd;

    vb_engine_reader_source(reader, &data, &fd);
    if (data) {
        vb_http_answer_static(call->http, served->status, served->content_type,
                              (const char *)data + served->offset, (size_t)served->size, close_reader,
                              reader);
        return;
    }
    if (served->size == 0) {
        vb_engine_reader_close(reader);
        vb_http_answer(call->http, served->status, served->content_type, "", 0);
        return;
    }
    if (fd >= 0) {
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        vb_engine_reader_close(reader);
        if (fd < 0)
            vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
        else
            vb_http_answer_fd(call->http, served->status, served->content_type, fd, served->offset,
                              served->size);
        return;
    }
    answer_segments(call, served, reader);
}

void vb_store_get_object(struct vb_store_call *call)
{
    struct vb_engine_reader *reader = NULL;
    struct vb_error err = {0};
    struct served served = {0};
    int r;

    if (!vb_store_call_check_version(call))
        return;
    r = vb_engine_get(call->engine, call->target.bucket, call->target.key, &served.meta, &reader, &err);
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return;
    }
    if (prepare(call, &served))
        answer_bytes(call, &served, reader);
    else
        vb_engine_reader_close(reader);
    vb_engine_meta_release(&served.meta);
}

static int64_t fill_nothing(void *context, int64_t offset, char *buffer, size_t capacity)
{
    (void)context;
    (void)offset;
    (void)buffer;
    (void)capacity;
    return -EIO; /* HEAD announces a length and sends no body */
}

void vb_store_head_object(struct vb_store_call *call)
{
    struct served served = {0};

    if (!vb_store_call_check_version(call) || !vb_store_call_find_object(call, &served.meta))
        return;
    if (prepare(call, &served)) {
        const struct vb_http_stream length = {.fill = fill_nothing, .size = served.size, .buffer_size = 1};

        vb_http_answer_stream(call->http, served.status, served.content_type, &length);
    }
    vb_engine_meta_release(&served.meta);
}
