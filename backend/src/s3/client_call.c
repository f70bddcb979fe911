/* One call of the S3 client, from its headers to its last attempt: see client_call.h. */
#include "s3/client_call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX       ((size_t)128 * 1024)
#define ERROR_BODY_MAX  ((size_t)64 * 1024)
#define BACKOFF_BASE_MS 50
#define BACKOFF_CAP_MS  2000

void vb_s3_call_init(struct vb_s3_call *call, struct vb_s3_client *client, const char *method,
                     const char *key, const char *query, size_t response_max)
{
    *call = (struct vb_s3_call){
        .client = client, .method = method, .key = key, .query = query ? query : "", .body_fd = -1};
    vb_strbuf_init(&call->response, response_max > ERROR_BODY_MAX ? response_max : ERROR_BODY_MAX);
    vb_arena_init(&call->arena, ARENA_MAX);
}

void vb_s3_call_release(struct vb_s3_call *call)
{
    vb_strbuf_release(&call->response);
    vb_arena_release(&call->arena);
}

void vb_s3_call_header(struct vb_s3_call *call, const char *name, const char *value)
{
    if (!value)
        return;
    if (call->header_count == VB_S3_CALL_HEADERS_MAX - 8) { /* the rest is for what each attempt adds */
        call->too_many_headers = true;
        return;
    }
    call->headers[call->header_count++] = (struct vb_sigv4_header){name, value};
}

void vb_s3_call_options(struct vb_s3_call *call, const struct vb_s3_put *options)
{
    if (!options)
        return;
    vb_s3_call_header(call, "content-type", options->content_type);
    vb_s3_call_header(call, "cache-control", options->cache_control);
    for (const char *const *entry = options->metadata; entry && entry[0] && entry[1]; entry += 2) {
        const char *name = vb_arena_printf(&call->arena, "x-amz-meta-%s", entry[0]);

        if (!name) {
            call->too_many_headers = true;
            return;
        }
        vb_s3_call_header(call, name, entry[1]);
    }
}

void vb_s3_call_body(struct vb_s3_call *call, const void *data, size_t size)
{
    call->body = data ? data : "";
    call->body_size = (int64_t)size;
    vb_sha256_hex(call->body, size, call->payload_hash);
}

int vb_s3_call_body_file(struct vb_s3_call *call, int fd, int64_t offset, int64_t size, struct vb_error *err)
{
    unsigned char digest[VB_SHA256_SIZE];
    size_t capacity = 64 * 1024;
    char *buffer VB_CLEANUP(vb_freep) = vb_xmalloc(capacity);
    struct vb_hash hash;

    vb_hash_init(&hash, VB_HASH_SHA256);
    for (int64_t done = 0; done < size;) {
        size_t take = size - done < (int64_t)capacity ? (size_t)(size - done) : capacity;
        int r = vb_pread_all(fd, buffer, take, offset + done);

        if (r < 0) {
            vb_hash_release(&hash);
            return vb_error_set(err, r == -ENODATA ? EIO : -r, "the file for \"%s\" cannot be read: %s",
                                call->key, r == -ENODATA ? "it is shorter than announced" : strerror(-r));
        }
        vb_hash_update(&hash, buffer, take);
        done += (int64_t)take;
    }
    vb_hash_final(&hash, digest);
    vb_hex_encode(digest, sizeof(digest), call->payload_hash);
    call->body_fd = fd;
    call->body_offset = offset;
    call->body_size = size;
    return 0;
}

static int64_t on_read(void *context, char *buffer, size_t capacity)
{
    struct vb_s3_call *call = context;
    int64_t left = call->body_size - call->body_sent;

    if ((int64_t)capacity > left)
        capacity = (size_t)left;
    if (capacity && vb_pread_all(call->body_fd, buffer, capacity, call->body_offset + call->body_sent) < 0) {
        call->aborted = EIO;
        return -EIO;
    }
    call->body_sent += (int64_t)capacity;
    return (int64_t)capacity;
}

static int on_rewind(void *context)
{
    struct vb_s3_call *call = context;

    call->body_sent = 0;
    return 0;
}

/* The range of a download without the bytes delivered already, of the same object. */
static int add_get_headers(const struct vb_s3_call *call, struct vb_arena *arena,
                           struct vb_sigv4_header *headers, size_t *count)
{
    int64_t first = call->get.offset + call->get.delivered;
    const char *if_match = call->get.delivered && call->get.etag[0] ? call->get.etag : call->get.if_match;
    char *range;

    if (if_match)
        headers[(*count)++] = (struct vb_sigv4_header){"if-match", if_match};
    if (first == 0 && call->get.size < 0)
        return 0;
    if (call->get.size < 0)
        range = vb_arena_printf(arena, "bytes=%lld-", (long long)first);
    else
        range = vb_arena_printf(arena, "bytes=%lld-%lld", (long long)first,
                                (long long)(call->get.offset + call->get.size - 1));
    headers[(*count)++] = (struct vb_sigv4_header){"range", range};
    return range ? 0 : -ENOMEM;
}

/* Signs the headers and puts them into lines for the HTTP client, in the arena. */
static int sign_headers(struct vb_s3_call *call, const char *path, struct vb_arena *arena,
                        const char ***ret_lines, struct vb_error *err)
{
    struct vb_s3_client *client = call->client;
    struct vb_sigv4_header *headers = call->headers;
    size_t count = call->header_count;
    int64_t now_s = vb_clock_realtime_s();
    struct vb_credentials snapshot;
    struct vb_sigv4_credentials credentials;
    struct vb_strbuf authorization VB_CLEANUP(vb_strbuf_release) = {0};
    char date[VB_CLOCK_AMZ_DATE_SIZE];
    const char **lines;
    int r;

    vb_strbuf_init(&authorization, 16 * 1024);
    if (vb_credentials_get(client->credentials, &snapshot) < 0)
        return vb_error_set(err, EKEYEXPIRED, "the AWS credentials have expired and could not be renewed");
    credentials = vb_credentials_sigv4(&snapshot);
    vb_clock_format_amz_date(now_s, date);
    headers[count++] = (struct vb_sigv4_header){"host", client->endpoint.host};
    headers[count++] = (struct vb_sigv4_header){"x-amz-date", date};
    headers[count++] = (struct vb_sigv4_header){"x-amz-content-sha256", call->payload_hash};
    if (credentials.session_token)
        headers[count++] = (struct vb_sigv4_header){"x-amz-security-token", credentials.session_token};
    r = call->get.sink ? add_get_headers(call, arena, headers, &count) : 0;
    if (r == 0) {
        struct vb_sigv4_request request = {.method = call->method,
                                           .path = path,
                                           .query = call->query,
                                           .headers = headers,
                                           .header_count = count,
                                           .payload_hash = call->payload_hash};

        r = vb_sigv4_sign(&request, &credentials, client->region, "s3", now_s, &authorization);
    }
    explicit_bzero(snapshot.secret_access_key, sizeof(snapshot.secret_access_key));
    if (r < 0 || vb_strbuf_failed(&authorization))
        return vb_error_set(err, EINVAL, "the S3 request cannot be signed");

    lines = vb_arena_calloc(arena, (count + 2) * sizeof(*lines));
    if (lines)
        lines[count] = vb_arena_printf(arena, "authorization: %s", authorization.data);
    if (!lines || !lines[count])
        return vb_error_set(err, ENOMEM, "the headers of the S3 request are too large");
    for (size_t i = 0; i < count; i++) {
        lines[i] = vb_arena_printf(arena, "%s: %s", headers[i].name, headers[i].value);
        if (!lines[i])
            return vb_error_set(err, ENOMEM, "the headers of the S3 request are too large");
    }
    *ret_lines = lines;
    return 0;
}

static int attempt(struct vb_s3_call *call, struct vb_error *err)
{
    struct vb_s3_client *client = call->client;
    struct vb_strbuf url VB_CLEANUP(vb_strbuf_release) = {0};
    struct vb_arena arena VB_CLEANUP(vb_arena_release) = {0};
    int64_t left_ms = call->deadline_ms - vb_clock_monotonic_ms();
    const char **lines = NULL;
    size_t path_at;
    int r;

    vb_s3_answer_forget(call);
    vb_arena_init(&arena, ARENA_MAX);
    vb_strbuf_init(&url, 16 * 1024);
    vb_strbuf_addf(&url, "%s://%s", client->endpoint.scheme, client->endpoint.host);
    path_at = url.length;
    vb_s3_endpoint_path(&client->endpoint, call->key, &url);
    r = vb_strbuf_failed(&url) ? vb_error_set(err, EINVAL, "the URL of an S3 request is too long")
                               : sign_headers(call, url.data + path_at, &arena, &lines, err);
    if (r < 0)
        return r;
    if (call->query[0])
        vb_strbuf_addf(&url, "?%s", call->query);
    if (vb_strbuf_failed(&url))
        return vb_error_set(err, EINVAL, "the URL of an S3 request is too long");

    call->exchange = (struct vb_http_exchange){.method = call->method,
                                               .url = url.data,
                                               .headers = lines,
                                               .body = call->body,
                                               .body_size = call->body_size,
                                               .read = call->body_fd >= 0 ? on_read : NULL,
                                               .rewind = call->body_fd >= 0 ? on_rewind : NULL,
                                               .timeout_ms = left_ms > 0 ? (unsigned)left_ms : 1,
                                               .on_header = vb_s3_answer_header,
                                               .on_body = vb_s3_answer_body,
                                               .context = call};
    r = vb_http_client_perform(client->http, &call->exchange, err);
    if (r < 0)
        return r;
    call->status = call->exchange.status;
    if (!vb_s3_status_ok(call->status))
        vb_s3_failure_read(&call->failure, call->response.data, call->response.length);
    else if (call->result)
        vb_s3_call_check_result(call);
    return 0;
}

/* A failure of the exchange, in the words of this client. */
static int explain_exchange(const struct vb_s3_call *call, int r, struct vb_error *err)
{
    switch (call->aborted) {
    case 0:
        if (r != -EINVAL && r != -EKEYEXPIRED)
            vb_error_prefix(err, "S3 cannot be reached for bucket \"%s\"", call->client->bucket);
        return r;
    case EFBIG:
        return vb_error_set(err, EFBIG, "the answer of S3 about bucket \"%s\" is too large",
                            call->client->bucket);
    case EPROTO:
        return vb_error_set(err, EIO, "S3 sent other bytes of \"%s\" than the range asked for", call->key);
    case EIO:
        return vb_error_set(err, EIO, "the file for \"%s\" can no longer be read", call->key);
    default:
        return vb_error_set(err, ECANCELED, "the call about \"%s\" was cancelled", call->key);
    }
}

static bool may_repeat(const struct vb_s3_call *call, int r)
{
    const char *code = call->failure.code;

    if (call->aborted)
        return false;
    if (r < 0)
        return r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -ETIMEDOUT || r == -EIO;
    switch (call->status) {
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return strcmp(code, "RequestTimeout") == 0 || strcmp(code, "ConditionalRequestConflict") == 0;
    }
}

/* Waits before the next attempt: exponential back-off with full jitter, or as long as Retry-After says.
 * Returns false when the deadline comes first. */
static bool wait_to_retry(const struct vb_s3_call *call)
{
    int64_t bound_ms = vb_backoff_ms(BACKOFF_BASE_MS, BACKOFF_CAP_MS, call->attempt);
    int64_t delay_ms = vb_random_below((uint32_t)bound_ms + 1);

    if (call->retry_after_s > INT32_MAX)
        return false;
    if (call->retry_after_s * 1000 > delay_ms)
        delay_ms = call->retry_after_s * 1000;
    if (vb_deadline_left_ms(call->deadline_ms) <= delay_ms)
        return false;
    vb_sleep_ms(delay_ms);
    return true;
}

static int check_call(const struct vb_s3_call *call, struct vb_error *err)
{
    if (call->too_many_headers)
        return vb_error_set(err, EINVAL, "the metadata of an S3 object is too large");
    if (call->key) {
        size_t length = strlen(call->key);

        if (length == 0 || length > VB_S3_KEY_MAX || !vb_utf8_valid(call->key, length))
            return vb_error_set(err, EINVAL, "an S3 key must be UTF-8 of 1 to %d bytes", VB_S3_KEY_MAX);
    }
    return 0;
}

int vb_s3_call_perform(struct vb_s3_call *call, struct vb_error *err)
{
    int r = check_call(call, err);

    if (r < 0)
        return r;
    if (!call->payload_hash[0])
        vb_sha256_hex("", 0, call->payload_hash);
    call->deadline_ms =
        vb_clock_monotonic_ms() + call->client->timeout_ms + call->body_size / VB_S3_SLOWEST_B_PER_MS;
    for (call->attempt = 1;; call->attempt++) {
        r = attempt(call, err);
        if (r == 0 && vb_s3_status_ok(call->status))
            return 0;
        if (!may_repeat(call, r) || call->attempt >= call->client->attempts || !wait_to_retry(call))
            break;
    }
    if (r < 0)
        return explain_exchange(call, r, err);
    return vb_s3_call_explain(call, err);
}
