/* The answer of S3 as it comes: headers go into the object, bytes to the sink or the collected response. See
 * client_call.h. */
#include "s3/client_call.h"

#include "base/clock.h"
#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void vb_s3_answer_forget(struct vb_s3_call *call)
{
    call->status = 0;
    call->aborted = 0;
    call->body_sent = 0;
    call->retry_after_s = 0;
    call->range_first = -1;
    call->asked_first = call->get.offset + call->get.delivered;
    call->object = (struct vb_s3_object){.size = -1};
    call->failure = (struct vb_s3_failure){0};
    vb_strbuf_clear(&call->response);
}

static void copy_value(char *to, size_t size, const char *value)
{
    size_t length = strlen(value);

    if (length < size) /* half an etag would be a wrong one */
        memcpy(to, value, length + 1);
}

static void keep_metadata(struct vb_s3_object *object, const char *name, const char *value)
{
    size_t used = strlen(object->metadata), more = strlen(name) + strlen(value) + 3;
    char *to = object->metadata + used;

    if (used + more >= sizeof(object->metadata))
        return;
    for (; *name; name++)
        *to++ = (char)tolower((unsigned char)*name);
    memcpy(to, ": ", 2);
    strcpy(to + 2, value);
    strcat(to, "\n");
}

bool vb_s3_metadata(const struct vb_s3_object *object, const char *name, char *buffer, size_t size)
{
    size_t name_length = strlen(name);

    for (const char *line = object->metadata; *line; line = strchr(line, '\n') + 1) {
        const char *value = line + name_length + 2;
        size_t length;

        if (strncmp(line, name, name_length) != 0 || strncmp(line + name_length, ": ", 2) != 0)
            continue;
        length = strcspn(value, "\n");
        if (length >= size)
            return false;
        memcpy(buffer, value, length);
        buffer[length] = '\0';
        return true;
    }
    return false;
}

/* The number that the text begins with; INT64_MAX stands for everything above. Returns what follows it, or
 * NULL where there is none. */
static const char *first_number(const char *text, int64_t *ret_number)
{
    size_t length = vb_digits_length(text, SIZE_MAX);
    uint64_t number = INT64_MAX;

    if (length == 0)
        return NULL;
    (void)vb_uint_parse(text, length, INT64_MAX, &number);
    *ret_number = (int64_t)number;
    return text + length;
}

/* "bytes 0-99/1234". A total of "*" leaves the size unknown. */
static void read_content_range(struct vb_s3_call *call, const char *value)
{
    const char *slash = strchr(value, '/'), *end;

    if (strncasecmp(value, "bytes ", 6) != 0 || !slash)
        return;
    end = first_number(value + 6, &call->range_first);
    if (!end || *end != '-')
        call->range_first = -1;
    (void)first_number(slash + 1, &call->object.size);
}

static void read_content_length(struct vb_s3_call *call, const char *value)
{
    int64_t length = 0, more_ms;

    (void)first_number(value, &length);
    if (call->status != 206)
        call->object.size = length;
    if (call->get.sink && vb_s3_status_ok(call->status) && !call->deadline_raised && length > 0) {
        more_ms = length / VB_S3_SLOWEST_B_PER_MS;
        call->deadline_raised = true;
        call->deadline_ms += more_ms;
        if (more_ms < UINT32_MAX / 2)
            call->exchange.timeout_ms += (unsigned)more_ms;
    }
}

int vb_s3_answer_header(void *context, const char *name, const char *value)
{
    struct vb_s3_call *call = context;
    struct vb_s3_object *object = &call->object;

    call->status = call->exchange.status;
    if (strcasecmp(name, "content-length") == 0)
        read_content_length(call, value);
    else if (strcasecmp(name, "content-range") == 0)
        read_content_range(call, value);
    else if (strcasecmp(name, "etag") == 0)
        copy_value(object->etag, sizeof(object->etag), value);
    else if (strcasecmp(name, "last-modified") == 0)
        (void)vb_clock_parse_http_date(value, &object->last_modified_s);
    else if (strcasecmp(name, "content-type") == 0)
        copy_value(object->content_type, sizeof(object->content_type), value);
    else if (strcasecmp(name, "cache-control") == 0)
        copy_value(object->cache_control, sizeof(object->cache_control), value);
    else if (strcasecmp(name, "x-amz-version-id") == 0)
        copy_value(object->version_id, sizeof(object->version_id), value);
    else if (strcasecmp(name, "x-amz-checksum-sha256") == 0)
        copy_value(object->checksum_sha256, sizeof(object->checksum_sha256), value);
    else if (strcasecmp(name, "x-amz-bucket-region") == 0)
        copy_value(call->failure.region, sizeof(call->failure.region), value);
    else if (strncasecmp(name, "x-amz-meta-", 11) == 0)
        keep_metadata(object, name + 11, value);
    else if (strcasecmp(name, "retry-after") == 0)
        (void)first_number(value, &call->retry_after_s); /* not the form that is a date */
    return 0;
}

/* Whether the answer holds the bytes that were asked for, and not others. */
static bool is_range_asked(const struct vb_s3_call *call)
{
    if (call->exchange.status == 206)
        return call->range_first == call->asked_first;
    return call->exchange.status == 200 && call->asked_first == 0 && call->get.size < 0;
}

int vb_s3_answer_body(void *context, const char *data, size_t size)
{
    struct vb_s3_call *call = context;

    if (!call->get.sink || !vb_s3_status_ok(call->exchange.status)) {
        /* During a long operation S3 sends white space; no document may begin with it. */
        for (; call->response.length == 0 && size && *data && strchr(" \t\r\n", *data); data++)
            size--;
        vb_strbuf_add(&call->response, data, size);
        if (!vb_strbuf_failed(&call->response))
            return 0;
        call->aborted = EFBIG;
        return -EFBIG;
    }
    if (!is_range_asked(call) ||
        (call->get.size >= 0 && (int64_t)size > call->get.size - call->get.delivered)) {
        call->aborted = EPROTO;
        return -EPROTO;
    }
    if (call->get.delivered == 0)
        memcpy(call->get.etag, call->object.etag, sizeof(call->get.etag));
    if (call->get.sink(call->get.context, data, size) < 0) {
        call->aborted = ECANCELED;
        return -ECANCELED;
    }
    call->get.delivered += (int64_t)size;
    return 0;
}
