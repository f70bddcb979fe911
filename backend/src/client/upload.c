/* An upload as the phone makes it: see upload.h. */
#include "client/upload.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/wait.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define UPLOAD_TIME_MS      (30 * 60 * 1000)
#define FAILURES_MAX        5 /* in a row, of a file or of parts */
#define PRECONDITION_FAILED 412
#define PAUSE_MS            250 /* after the first failure; then twice as long each time */
#define PAUSE_MAX_MS        4000

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
            return vb_error_set(err, EPROTO, "the ticket's headers are malformed");
        ret_list[count++] = vb_xasprintf("%s: %s", name, json_string_value(value));
    }
    return 0;
}

static void free_headers(const char **list)
{
    for (; *list; list++)
        free((void *)(uintptr_t)*list);
}

/* The code and the message of the store's XML answer. */
static int put_refused(const struct vb_http_exchange *exchange, struct vb_error *err)
{
    const char *code = strstr(exchange->response.data, "<Code>"),
               *message = strstr(exchange->response.data, "<Message>");

    code = code ? code + strlen("<Code>") : "no code";
    message = message ? message + strlen("<Message>") : "no message";
    /* the store's own trouble passes; a refusal does not */
    return vb_error_set(err, exchange->status >= 500 ? EAGAIN : EPROTO,
                        "the object store answers %d: %.*s: %.*s", exchange->status, (int)strcspn(code, "<"),
                        code, (int)strcspn(message, "<"), message);
}

/* The bytes of a source that one request sends. */
struct slice {
    struct vb_source *source;
    int64_t offset, length, at;
};

static int64_t read_slice(void *context, char *buffer, size_t capacity)
{
    struct slice *slice = context;
    int64_t left = slice->length - slice->at, got;

    if (left <= 0)
        return 0;
    got = vb_source_read(slice->source, buffer, left < (int64_t)capacity ? (size_t)left : capacity);
    slice->at += got > 0 ? got : 0;
    return got;
}

static int rewind_slice(void *context)
{
    struct slice *slice = context;

    slice->at = 0;
    vb_source_seek(slice->source, slice->offset);
    return 0;
}

/* Sends the slice. -EPROTO: the store refused it. 412 (of If-None-Match) means that the file is there: an
 * earlier request sent it, and its answer was lost. */
static int put_slice(const struct vb_client_session *session, struct slice *slice, const char *method,
                     const char *url, const char *const *headers, struct vb_error *err)
{
    struct vb_http_exchange exchange = {.method = method,
                                        .url = url,
                                        .headers = headers,
                                        .body_size = slice->length,
                                        .read = read_slice,
                                        .rewind = rewind_slice,
                                        .timeout_ms = UPLOAD_TIME_MS,
                                        .context = slice};
    int r;

    rewind_slice(slice);
    vb_strbuf_init(&exchange.response, 65536);
    r = vb_http_client_perform(session->http, &exchange, err);
    if (r == 0 && (exchange.status < 200 || exchange.status > 299) && exchange.status != PRECONDITION_FAILED)
        r = put_refused(&exchange, err);
    vb_strbuf_release(&exchange.response);
    return r;
}

static void pause_after(unsigned failures)
{
    vb_sleep_ms(vb_backoff_ms(PAUSE_MS, PAUSE_MAX_MS, failures));
}

/* Sends the file, again if no answer comes. */
static int put_file(const struct vb_client_session *session, struct vb_source *source, const json_t *ticket,
                    struct vb_error *err)
{
    const char *headers[17] = {0}, *url = NULL, *method = NULL;
    struct slice slice = {.source = source, .length = source->size};
    int r = vb_answer_string(ticket, "url", &url, err);

    if (r == 0)
        r = vb_answer_string(ticket, "method", &method, err);
    if (r == 0)
        r = list_headers(json_object_get(ticket, "headers"), headers, VB_ARRAY_SIZE(headers), err);
    if (r == 0)
        r = put_slice(session, &slice, method, url, headers, err);
    for (unsigned failures = 1; r < 0 && r != -EPROTO && failures < FAILURES_MAX; failures++) {
        pause_after(failures);
        r = put_slice(session, &slice, method, url, headers, err);
    }
    free_headers(headers);
    return r;
}

static int put_part(const struct vb_client_session *session, struct vb_source *source, const json_t *part,
                    struct vb_error *err)
{
    const json_t *offset = json_object_get(part, "offset"), *length = json_object_get(part, "length");
    struct slice slice = {
        .source = source, .offset = json_integer_value(offset), .length = json_integer_value(length)};
    const char *url = NULL;
    int r = vb_answer_string(part, "url", &url, err);

    if (r < 0)
        return r;
    if (!json_is_integer(offset) || slice.offset < 0 || slice.length < 1 || slice.length > source->size ||
        slice.offset > source->size - slice.length)
        return vb_error_set(err, EPROTO, "the API asks for a part that the file does not have");
    return put_slice(session, &slice, "PUT", url, NULL, err);
}

/* Sends the parts one after the other until one fails; counts those that arrived. */
static int put_parts(const struct vb_client_session *session, struct vb_source *source, const json_t *parts,
                     size_t *ret_sent, struct vb_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(parts); i++) {
        r = put_part(session, source, json_array_get(parts, i), err);
        *ret_sent += r == 0;
    }
    return r;
}

/* The parts that are missing, with fresh URLs. */
static int ask_missing(const struct vb_client_session *session, const json_t *ticket, json_t **ret_missing,
                       struct vb_error *err)
{
    const char *id = NULL, *key = NULL, *status = NULL;
    struct vb_strbuf path VB_CLEANUP(vb_strbuf_release) = {0};
    json_t *answer = NULL;
    int r = vb_answer_string(ticket, "uploadId", &id, err);

    if (r == 0)
        r = vb_answer_string(ticket, "key", &key, err);
    if (r < 0)
        return r;
    vb_strbuf_init(&path, 8192);
    vb_strbuf_addf(&path, "/api/upload/%s?key=", id);
    vb_percent_encode(&path, key, strlen(key), false);
    r = vb_client_session_get(session, path.data, &answer, err);
    if (r == 0)
        r = vb_answer_string(answer, "status", &status, err);
    if (r == 0 && (strcmp(status, "cancelled") == 0 || strcmp(status, "expired") == 0))
        r = vb_error_set(err, ESTALE, "the upload ended before the whole file had arrived: it is %s", status);
    if (r == 0) {
        json_t *missing = json_object_get(json_object_get(answer, "multipart"), "missing");

        json_decref(*ret_missing);
        *ret_missing = missing ? json_incref(missing) : json_array();
    }
    json_decref(answer);
    return r;
}

/* Sends the file part by part. After any failure, a cut connection or an expired URL, it asks which parts
 * are missing and sends those. It gives up after FAILURES_MAX failures in a row. */
static int put_file_in_parts(const struct vb_client_session *session, struct vb_source *source,
                             const json_t *ticket, struct vb_error *err)
{
    json_t *parts = json_incref(json_object_get(json_object_get(ticket, "multipart"), "parts"));
    unsigned failures = 0;
    int r = -EAGAIN;

    while (r < 0 && r != -ESTALE) {
        size_t sent = 0;

        r = failures ? ask_missing(session, ticket, &parts, err) : 0;
        if (r == 0)
            r = put_parts(session, source, parts, &sent, err);
        failures = sent ? 1 : failures + 1;
        if (r < 0 && failures >= FAILURES_MAX)
            break;
        if (r < 0)
            pause_after(failures);
    }
    json_decref(parts);
    return r;
}

static int ask_ticket(const struct vb_client_session *session, const char *path, json_t *fields,
                      struct vb_source *source, json_t **ret_ticket, struct vb_error *err)
{
    json_t *body = json_pack("{s:s, s:I, s:s}", "contentType", vb_media_mime(source->type), "contentLength",
                             (json_int_t)source->size, "checksumSha256", source->checksum);

    vb_assert(body);
    if (fields)
        json_object_update(body, fields);
    json_decref(fields);
    return vb_client_session_post(session, path, body, ret_ticket, err);
}

static int complete(const struct vb_client_session *session, const json_t *ticket, json_t **ret_answer,
                    struct vb_error *err)
{
    const char *id = NULL, *key = NULL;
    char *path VB_CLEANUP(vb_freep) = NULL;
    int r = vb_answer_string(ticket, "uploadId", &id, err);

    if (r == 0)
        r = vb_answer_string(ticket, "key", &key, err);
    if (r < 0)
        return r;
    path = vb_xasprintf("/api/upload/%s/complete", id);
    return vb_client_session_post(session, path, json_pack("{s:s}", "key", key), ret_answer, err);
}

int vb_upload(const struct vb_client_session *session, const char *path, json_t *fields,
              struct vb_source *source, json_t **ret_answer, struct vb_error *err)
{
    json_t *ticket = NULL;
    int r = ask_ticket(session, path, fields, source, &ticket, err);

    if (r == 0 && json_is_object(json_object_get(ticket, "multipart")))
        r = put_file_in_parts(session, source, ticket, err);
    else if (r == 0)
        r = put_file(session, source, ticket, err);
    if (r == 0)
        r = complete(session, ticket, ret_answer, err);
    json_decref(ticket);
    return r;
}
