/* One exchange of the HTTP client as libcurl sees it: see client_transfer.h. */
#include "http/client_transfer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXPECT_MIN_BYTES (1024 * 1024)

static void note_movement(struct vb_transfer *transfer)
{
    transfer->moved_ms = vb_clock_monotonic_ms();
}

static int on_connected(void *context, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct vb_transfer *transfer = context;

    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    transfer->connected = true;
    note_movement(transfer);
    return CURL_PREREQFUNC_OK;
}

static size_t on_read(char *buffer, size_t size, size_t count, void *context)
{
    struct vb_transfer *transfer = context;
    struct vb_http_exchange *exchange = transfer->exchange;
    size_t capacity = size * count;

    if (exchange->read) {
        int64_t got = exchange->read(exchange->context, buffer, capacity);

        note_movement(transfer);
        if (got < 0 || (uint64_t)got > capacity) {
            transfer->failure = ECANCELED;
            return CURL_READFUNC_ABORT;
        }
        return (size_t)got;
    }
    if ((int64_t)capacity > exchange->body_size - transfer->sent)
        capacity = (size_t)(exchange->body_size - transfer->sent);
    if (capacity)
        memcpy(buffer, (const char *)exchange->body + transfer->sent, capacity);
    transfer->sent += (int64_t)capacity;
    note_movement(transfer);
    return capacity;
}

/* curl starts the body over when a connection it had kept turns out to be closed. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct vb_transfer *transfer = context;
    struct vb_http_exchange *exchange = transfer->exchange;

    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    if (exchange->read)
        return exchange->rewind && exchange->rewind(exchange->context) == 0 ? CURL_SEEKFUNC_OK
                                                                            : CURL_SEEKFUNC_FAIL;
    transfer->sent = 0;
    return CURL_SEEKFUNC_OK;
}

/* "HTTP/1.1 200 OK" → 200, or 0. */
static int read_status(const char *line, size_t length)
{
    const char *space = memchr(line, ' ', length);
    uint64_t status;

    if (!space || (size_t)(space - line) + 4 > length || vb_uint_parse(space + 1, 3, 999, &status) < 0)
        return 0;
    return (int)status;
}

static int deliver_header(struct vb_transfer *transfer, char *line)
{
    struct vb_http_exchange *exchange = transfer->exchange;
    char *colon = strchr(line, ':'), *value;

    if (!exchange->on_header || !colon || colon == line || *line == ' ' || *line == '\t')
        return 0;
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    if (exchange->on_header(exchange->context, line, value) < 0)
        return -ECANCELED;
    return 0;
}

static size_t on_header_line(char *data, size_t size, size_t count, void *context)
{
    struct vb_transfer *transfer = context;
    size_t length = size * count, whole = length;
    char *line;
    int r = 0;

    note_movement(transfer);
    if (transfer->headers_done) /* trailers */
        return whole;
    transfer->header_bytes += length;
    if (transfer->header_bytes > VB_HTTP_CLIENT_HEADER_MAX) {
        transfer->failure = EFBIG;
        return 0;
    }
    while (length && strchr("\r\n \t", data[length - 1]))
        length--;
    if (!transfer->final_headers) {
        int status = length > 5 && strncasecmp(data, "HTTP/", 5) == 0 ? read_status(data, length) : 0;

        if (status >= 200 && status != 417) { /* 417: curl repeats it without Expect */
            transfer->exchange->status = status;
            transfer->final_headers = true;
        }
        return whole;
    }
    if (length == 0) {
        transfer->headers_done = true;
        return whole;
    }
    line = vb_xstrndup(data, length);
    r = deliver_header(transfer, line);
    free(line);
    note_movement(transfer);
    if (r < 0) {
        transfer->failure = -r;
        return 0;
    }
    return whole;
}

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    struct vb_transfer *transfer = context;
    struct vb_http_exchange *exchange = transfer->exchange;
    size_t length = size * count;

    if (exchange->on_body) {
        if (exchange->on_body(exchange->context, data, length) < 0)
            transfer->failure = ECANCELED;
    } else {
        vb_strbuf_add(&exchange->response, data, length);
        if (vb_strbuf_failed(&exchange->response))
            transfer->failure = EFBIG;
    }
    note_movement(transfer);
    return transfer->failure ? CURL_WRITEFUNC_ERROR : length;
}

/* This machine, or the link-local addresses where clouds keep their metadata. */
static bool is_local_host(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0 || strncmp(host, "169.254.", 8) == 0 ||
           strncasecmp(host, "[fe80:", 6) == 0 || strcasecmp(host, "[fd00:ec2::254]") == 0 ||
           strcasecmp(host, "[fd00:ec2::23]") == 0;
}

/* Takes the URL apart, for messages and for the proxy's sake. */
static int read_origin(struct vb_transfer *transfer, bool *ret_local, struct vb_error *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *url = curl_url();
    bool good;

    vb_assert(url);
    good = curl_url_set(url, CURLUPART_URL, transfer->exchange->url, CURLU_PATH_AS_IS) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    if (good) {
        snprintf(transfer->origin, sizeof(transfer->origin), "%s://%s:%s", scheme, host, port);
        *ret_local = is_local_host(host);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return good ? 0
                : vb_error_set(err, EINVAL, "the URL of a request does not begin with http:// or https://");
}

static void append_header(struct vb_transfer *transfer, const char *line)
{
    struct curl_slist *list = curl_slist_append(transfer->headers, line);

    vb_assert(list);
    transfer->headers = list;
}

static int set_headers(struct vb_transfer *transfer, bool has_body, struct vb_error *err)
{
    const struct vb_http_exchange *exchange = transfer->exchange;
    bool expect_given = false, type_given = false;

    for (const char *const *header = exchange->headers; header && *header; header++) {
        const char *colon = strchr(*header, ':');

        if (!colon || colon == *header || strpbrk(*header, "\r\n"))
            return vb_error_set(err, EINVAL,
                                "a header of the request to %s has no name or holds a line break",
                                transfer->origin);
        expect_given |= strncasecmp(*header, "Expect:", 7) == 0;
        type_given |= strncasecmp(*header, "Content-Type:", 13) == 0;
        if (colon[1 + strspn(colon + 1, " \t")] == '\0') { /* curl's way to write a header without a value */
            char *line = vb_xasprintf("%.*s;", (int)(colon - *header), *header);

            append_header(transfer, line);
            free(line);
        } else {
            append_header(transfer, *header);
        }
    }
    if (!expect_given)
        append_header(transfer, has_body && exchange->body_size > EXPECT_MIN_BYTES ? "Expect: 100-continue"
                                                                                   : "Expect:");
    if (!type_given)
        append_header(transfer, "Content-Type:");
    return 0;
}

static bool is_method(const char *method)
{
    for (const char *c = method; *c; c++) {
        if (!isupper((unsigned char)*c))
            return false;
    }
    return *method != '\0';
}

/* Where a setting fails, curl is older than the one we build with: a bug of ours. */
#define SET(easy, option, value) vb_assert(curl_easy_setopt(easy, option, value) == CURLE_OK)

static void set_connection(struct vb_transfer *transfer, bool local)
{
    CURL *easy = transfer->easy;

    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_TCP_NODELAY, 1L);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_TCP_KEEPIDLE, 30L);
    SET(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->connect_timeout_ms);
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server that is silent does not hold up the deadline */
    SET(easy, CURLOPT_BUFFERSIZE, 64L * 1024);
    if (local)
        SET(easy, CURLOPT_PROXY, "");
}

int vb_transfer_prepare(struct vb_transfer *transfer, struct vb_error *err)
{
    const struct vb_http_exchange *exchange = transfer->exchange;
    CURL *easy = transfer->easy;
    bool local = false, has_body;
    int r;

    has_body = exchange->body_size != 0 || exchange->read || strcmp(exchange->method, "PUT") == 0 ||
               strcmp(exchange->method, "POST") == 0 || strcmp(exchange->method, "PATCH") == 0;
    if (!is_method(exchange->method) || (exchange->body_size < 0 && !exchange->read))
        return vb_error_set(err, EINVAL, "the method or the body size of a request is not valid");
    r = read_origin(transfer, &local, err);
    if (r < 0)
        return r;
    r = set_headers(transfer, has_body, err);
    if (r < 0)
        return r;

    set_connection(transfer, local);
    SET(easy, CURLOPT_ERRORBUFFER, transfer->detail);
    SET(easy, CURLOPT_URL, exchange->url);
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_USERAGENT, transfer->user_agent);
    SET(easy, CURLOPT_HTTPHEADER, transfer->headers);
    if (strcmp(exchange->method, "HEAD") == 0)
        SET(easy, CURLOPT_NOBODY, 1L);
    else if (has_body)
        SET(easy, CURLOPT_UPLOAD, 1L);
    if (strcmp(exchange->method, "HEAD") != 0)
        SET(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
    if (has_body) {
        SET(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->body_size);
        SET(easy, CURLOPT_READFUNCTION, on_read);
        SET(easy, CURLOPT_READDATA, transfer);
        SET(easy, CURLOPT_SEEKFUNCTION, on_seek);
        SET(easy, CURLOPT_SEEKDATA, transfer);
    }
    SET(easy, CURLOPT_PREREQFUNCTION, on_connected);
    SET(easy, CURLOPT_PREREQDATA, transfer);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header_line);
    SET(easy, CURLOPT_HEADERDATA, transfer);
    SET(easy, CURLOPT_WRITEFUNCTION, on_data);
    SET(easy, CURLOPT_WRITEDATA, transfer);
    return 0;
}
