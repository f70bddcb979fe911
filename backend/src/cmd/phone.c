/* An upload as the phone makes it: see phone.h. */
#include "cmd/phone.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define UPLOAD_TIME_MS (30 * 60 * 1000)

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
    return vb_error_set(err, EPROTO, "The object store refused the file with status %d: %.*s: %.*s",
                        exchange->status, (int)strcspn(code, "<"), code, (int)strcspn(message, "<"), message);
}

static int put_file(const struct vb_api_call *call, const struct vb_phone_file *file, const json_t *ticket,
                    struct vb_error *err)
{
    const char *headers[17] = {0}, *url = NULL, *method = NULL;
    struct vb_http_exchange exchange = {.body_size = file->size, .read = file->read, .rewind = file->rewind};
    int rc = vb_api_answer_string(ticket, "url", &url, err);

    if (rc == 0)
        rc = vb_api_answer_string(ticket, "method", &method, err);
    if (rc == 0)
        rc = list_headers(json_object_get(ticket, "headers"), headers, VB_ARRAY_SIZE(headers), err);
    if (rc == 0)
        rc = file->rewind(file->context);
    if (rc == 0) {
        exchange.method = method;
        exchange.url = url;
        exchange.headers = headers;
        exchange.context = file->context;
        exchange.timeout_ms = UPLOAD_TIME_MS;
        vb_strbuf_init(&exchange.response, 65536);
        rc = vb_http_client_perform(call->http, &exchange, err);
        if (rc == 0 && (exchange.status < 200 || exchange.status > 299))
            rc = put_refused(&exchange, err);
        vb_strbuf_release(&exchange.response);
    }
    free_headers(headers);
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

    if (rc == 0)
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

static int rewind_memory(void *context)
{
    ((struct memory *)context)->at = 0;
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
                                 .rewind = rewind_memory,
                                 .context = &memory};

    vb_sha256(data, size, digest);
    vb_base64_encode(digest, sizeof(digest), checksum);
    return vb_phone_upload(call, path, fields, &file, ret_answer, err);
}
