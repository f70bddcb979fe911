/* An upload as the phone makes it: see upload.h. */
#include "client/upload.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define UPLOAD_TIME_MS      (30 * 60 * 1000)
#define FAILURES_MAX        5 /* of a file or of parts, one after the other: then it is given up */
#define PRECONDITION_FAILED 412
#define PAUSE_MS            250 /* after the first; then twice as long each time */

/* "headers" of the ticket as a NULL-terminated list for the HTTP client, which counts the bytes itself. */
static int list_headers(const json_t *headers, const char **ret_list, size_t max, struct vb_error *err)
{
    const char *name;
    json_t *value;
    size_t count = 0;

    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        if (strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Host") == 0)
            continue;
        if (!json_is_string(value) || count + 1 >= max)
            return vb_error_set(err, EPROTO, "The ticket's headers are malformed");
        ret_list[count++] = vb_xasprintf("%s: %s", name, json_string_value(value));
    }
    return 0;
}

static void free_headers(const char **list)
{
    for (; *list; list++)
        free((void *)(uintptr_t)*list);
}

/* What S3 says in its XML, as far as a person needs it. */
static int put_refused(const struct vb_http_exchange *exchange, struct vb_error *err)
{
    const char *code = strstr(exchange->response.data, "<Code>"),
               *message = strstr(exchange->response.data, "<Message>");

    code = code ? code + strlen("<Code>") : "no code";
    message = message ? message + strlen("<Message>") : "no message";
    /* its own troubles pass, what it refuses does not */
    return vb_error_set(err, exchange->status >= 500 ? EAGAIN : EPROTO,
                        "The object store refused the file with status %d: %.*s: %.*s", exchange->status,
                        (int)strcspn(code, "<"), code, (int)strcspn(message, "<"), message);
}

/* The bytes of a file that one request sends. */
struct slice {
    const struct vb_phone_file *file;
    int64_t offset, length, at;
};

static int64_t read_slice(void *context, char *buffer, size_t capacity)
{
    struct slice *slice = context;
    int64_t left = slice->length - slice->at, got;

    if (left <= 0)
        return 0;
    got = slice->file->read(slice->file->context, buffer, left < (int64_t)capacity ? (size_t)left : capacity);
    slice->at += got > 0 ? got : 0;
    return got;
}

static int rewind_slice(void *context)
{
    struct slice *slice = context;

    slice->at = 0;
    return slice->file->seek(slice->file->context, slice->offset);
}

/* Sends the slice. -EPROTO: the store refused it. A file that is there already (If-None-Match) has been sent before, and the
 * answer was lost. */
static int put_slice(const struct vb_api_call *call, struct slice *slice, const char *method, const char *url,
                     const char *const *headers, struct vb_error *err)
{
    struct vb_http_exchange exchange = {.method = method,
                                        .url = url,
                                        .headers = headers,
                                        .body_size = slice->length,
                                        .read = read_slice,
                                        .rewind = rewind_slice,
                                        .timeout_ms = UPLOAD_TIME_MS,
                                        .context = slice};
    int rc = rewind_slice(slice);

    if (rc < 0)
        return vb_error_set(err, -rc, "The file cannot be read: %s", strerror(-rc));
    vb_strbuf_init(&exchange.response, 65536);
    rc = vb_http_client_perform(call->http, &exchange, err);
    if (rc == 0 && (exchange.status < 200 || exchange.status > 299) && exchange.status != PRECONDITION_FAILED)
        rc = put_refused(&exchange, err);
    vb_strbuf_release(&exchange.response);
    return rc;
}

static void pause_after(unsigned failures)
{
    int64_t ms = (int64_t)PAUSE_MS << (failures - 1);

    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Whatever got no answer is sent again. */
static int put_file(const struct vb_api_call *call, const struct vb_phone_file *file, const json_t *ticket,
                    struct vb_error *err)
{
    const char *headers[17] = {0}, *url = NULL, *method = NULL;
    struct slice slice = {.file = file, .length = file->size};
    int rc = vb_api_answer_string(ticket, "url", &url, err);

    if (rc == 0)
        rc = vb_api_answer_string(ticket, "method", &method, err);
    if (rc == 0)
        rc = list_headers(json_object_get(ticket, "headers"), headers, VB_ARRAY_SIZE(headers), err);
    if (rc == 0)
        rc = put_slice(call, &slice, method, url, headers, err);
    for (unsigned failures = 1; rc < 0 && rc != -EPROTO && failures < FAILURES_MAX; failures++) {
        pause_after(failures);
        rc = put_slice(call, &slice, method, url, headers, err);
    }
    free_headers(headers);
    return rc;
}

static int put_part(const struct vb_api_call *call, const struct vb_phone_file *file, const json_t *part,
                    struct vb_error *err)
{
    const json_t *offset = json_object_get(part, "offset"), *length = json_object_get(part, "length");
    struct slice slice = {
        .file = file, .offset = json_integer_value(offset), .length = json_integer_value(length)};
    const char *url = NULL;
    int rc = vb_api_answer_string(part, "url", &url, err);

    if (rc < 0)
        return rc;
    if (!json_is_integer(offset) || slice.offset < 0 || slice.length < 1 || slice.length > file->size ||
        slice.offset > file->size - slice.length)
        return vb_error_set(err, EPROTO, "The API's answer has a part that is none of the file's");
    return put_slice(call, &slice, "PUT", url, NULL, err);
}

/* Sends them until one fails; counts those that arrived. */
static int put_parts(const struct vb_api_call *call, const struct vb_phone_file *file, const json_t *parts,
                     size_t *ret_sent, struct vb_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(parts); i++) {
        rc = put_part(call, file, json_array_get(parts, i), err);
        *ret_sent += rc == 0;
    }
    return rc;
}

/* What is missing, with fresh URLs. */
static int ask_missing(const struct vb_api_call *call, const json_t *ticket, json_t **ret_missing,
                       struct vb_error *err)
{
    const char *id = NULL, *key = NULL, *status = NULL;
    struct vb_strbuf path VB_CLEANUP(vb_strbuf_release) = {0};
    json_t *answer = NULL;
    int rc = vb_api_answer_string(ticket, "uploadId", &id, err);

    if (rc == 0)
        rc = vb_api_answer_string(ticket, "key", &key, err);
    if (rc < 0)
        return rc;
    vb_strbuf_init(&path, 8192);
    vb_strbuf_addf(&path, "/api/upload/%s?key=", id);
    vb_percent_encode(&path, key, strlen(key), false);
    rc = vb_api_get(call, path.data, &answer, err);
    if (rc == 0)
        rc = vb_api_answer_string(answer, "status", &status, err);
    if (rc == 0 && (strcmp(status, "cancelled") == 0 || strcmp(status, "expired") == 0))
        rc =
            vb_error_set(err, ESTALE, "The upload was ended before all of the file had arrived (%s)", status);
    if (rc == 0) {
        json_t *missing = json_object_get(json_object_get(answer, "multipart"), "missing");

        json_decref(*ret_missing);
        *ret_missing = missing ? json_incref(missing) : json_array();
    }
    json_decref(answer);
    return rc;
}

/* One part after the other. Whatever goes wrong, a cut connection or a URL that has expired, it asks what is
 * missing and goes on; it gives up when that does not help several times running. */
static int put_file_in_parts(const struct vb_api_call *call, const struct vb_phone_file *file,
                             const json_t *ticket, struct vb_error *err)
{
    json_t *parts = json_incref(json_object_get(json_object_get(ticket, "multipart"), "parts"));
    unsigned failures = 0;
    int rc = -EAGAIN;

    while (rc < 0 && rc != -ESTALE) {
        size_t sent = 0;

        rc = failures ? ask_missing(call, ticket, &parts, err) : 0;
        if (rc == 0)
            rc = put_parts(call, file, parts, &sent, err);
        failures = sent ? 1 : failures + 1;
        if (rc < 0 && failures >= FAILURES_MAX)
            break;
        if (rc < 0)
            pause_after(failures);
    }
    json_decref(parts);
    return rc;
}

static int ask_ticket(const struct vb_api_call *call, const char *path, json_t *fields,
                      const struct vb_phone_file *file, json_t **ret_ticket, struct vb_error *err)
{
    json_t *body = json_pack("{s:s, s:I, s:s}", "contentType", vb_media_mime(file->type), "contentLength",
                             (json_int_t)file->size, "checksumSha256", file->checksum);

    vb_assert(body);
    if (fields)
        json_object_update(body, fields);
    json_decref(fields);
    return vb_api_post(call, path, body, ret_ticket, err);
}

static int complete(const struct vb_api_call *call, const json_t *ticket, json_t **ret_answer,
                    struct vb_error *err)
{
    const char *id = NULL, *key = NULL;
    char *path VB_CLEANUP(vb_freep) = NULL;
    int rc = vb_api_answer_string(ticket, "uploadId", &id, err);

    if (rc == 0)
        rc = vb_api_answer_string(ticket, "key", &key, err);
    if (rc < 0)
        return rc;
    path = vb_xasprintf("/api/upload/%s/complete", id);
    return vb_api_post(call, path, json_pack("{s:s}", "key", key), ret_answer, err);
}

int vb_phone_upload(const struct vb_api_call *call, const char *path, json_t *fields,
                    const struct vb_phone_file *file, json_t **ret_answer, struct vb_error *err)
{
    json_t *ticket = NULL;
    int rc = ask_ticket(call, path, fields, file, &ticket, err);

    if (rc == 0 && json_is_object(json_object_get(ticket, "multipart")))
        rc = put_file_in_parts(call, file, ticket, err);
    else if (rc == 0)
        rc = put_file(call, file, ticket, err);
    if (rc == 0)
        rc = complete(call, ticket, ret_answer, err);
    json_decref(ticket);
    return rc;
}

struct memory {
    const unsigned char *data;
    size_t size, at;
};

static int64_t read_memory(void *context, char *buffer, size_t capacity)
{
    struct memory *memory = context;
    size_t size = memory->size - memory->at < capacity ? memory->size - memory->at : capacity;

    memcpy(buffer, memory->data + memory->at, size);
    memory->at += size;
    return (int64_t)size;
}

static int seek_memory(void *context, int64_t offset)
{
    ((struct memory *)context)->at = (size_t)offset;
    return 0;
}

int vb_phone_upload_memory(const struct vb_api_call *call, const char *path, json_t *fields, const void *data,
                           size_t size, json_t **ret_answer, struct vb_error *err)
{
    struct memory memory = {.data = data, .size = size};
    char checksum[VB_BASE64_SIZE(VB_SHA256_SIZE)];
    unsigned char digest[VB_SHA256_SIZE];
    struct vb_phone_file file = {.size = (int64_t)size,
                                 .type = vb_sniff(data, size < VB_SNIFF_SIZE ? size : VB_SNIFF_SIZE),
                                 .checksum = checksum,
                                 .read = read_memory,
                                 .seek = seek_memory,
                                 .context = &memory};

    vb_sha256(data, size, digest);
    vb_base64_encode(digest, sizeof(digest), checksum);
    return vb_phone_upload(call, path, fields, &file, ret_answer, err);
}
