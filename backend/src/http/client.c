/*
 * HTTP client over libcurl: see client.h.
 *
 * A pooled connection is an easy handle inside a multi handle of its own: the multi keeps the sockets between
 * calls, and driving it ourselves gives deadlines of millisecond precision, which curl_easy_perform() does
 * not.
 */
#include "http/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/client_transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Kept open by one pooled handle, e.g. to the store and to a metadata endpoint. */
#define SOCKETS_PER_HANDLE 2
#define POLL_MAX_MS        1000

struct handle {
    CURLM *multi;
    CURL *easy;
};

struct vb_http_client {
    unsigned connections_max, connect_timeout_ms, idle_timeout_ms;
    char *user_agent;
    pthread_mutex_t lock;
    struct handle *idle; /* a stack, so that the handle with the freshest connection is used next */
    unsigned idle_count;
    atomic_bool cancelled;
};

struct vb_http_client *vb_http_client_create(const struct vb_http_client_config *config)
{
    struct vb_http_client *client = vb_xcalloc(1, sizeof(*client));

    vb_assert(curl_global_init(CURL_GLOBAL_DEFAULT) ==
              CURLE_OK); /* counted, and thread-safe since curl 7.84 */
    client->connections_max = config->connections_max ? config->connections_max : 16;
    client->connect_timeout_ms = config->connect_timeout_ms ? config->connect_timeout_ms : 3000;
    client->idle_timeout_ms = config->idle_timeout_ms ? config->idle_timeout_ms : 10000;
    client->user_agent = vb_xstrdup(config->user_agent ? config->user_agent : "vibe/" VIBE_VERSION);
    client->idle = vb_xcalloc(client->connections_max, sizeof(*client->idle));
    pthread_mutex_init(&client->lock, NULL);
    return client;
}

static void close_handle(struct handle handle)
{
    curl_easy_cleanup(handle.easy);
    curl_multi_cleanup(handle.multi);
}

void vb_http_client_destroy(struct vb_http_client *client)
{
    if (!client)
        return;
    for (unsigned i = 0; i < client->idle_count; i++)
        close_handle(client->idle[i]);
    free(client->idle);
    free(client->user_agent);
    pthread_mutex_destroy(&client->lock);
    free(client);
    curl_global_cleanup();
}

void vb_http_client_cancel(struct vb_http_client *client)
{
    atomic_store(&client->cancelled, true);
}

static struct handle take_handle(struct vb_http_client *client)
{
    struct handle handle = {0};

    pthread_mutex_lock(&client->lock);
    if (client->idle_count)
        handle = client->idle[--client->idle_count];
    pthread_mutex_unlock(&client->lock);
    if (!handle.multi) {
        handle.multi = curl_multi_init();
        handle.easy = curl_easy_init();
        vb_assert(handle.multi && handle.easy);
        curl_multi_setopt(handle.multi, CURLMOPT_MAXCONNECTS, (long)SOCKETS_PER_HANDLE);
    }
    return handle;
}

static void put_handle(struct vb_http_client *client, struct handle handle)
{
    bool kept = false;

    curl_easy_reset(handle.easy); /* keeps connections, TLS sessions and DNS answers; forgets our pointers */
    pthread_mutex_lock(&client->lock);
    if (client->idle_count < client->connections_max) {
        client->idle[client->idle_count++] = handle;
        kept = true;
    }
    pthread_mutex_unlock(&client->lock);
    if (!kept)
        close_handle(handle);
}

/* Milliseconds until the nearer of the two deadlines; 0 or less when one is over. */
static int64_t time_left(const struct vb_transfer *transfer)
{
    unsigned timeout_ms = transfer->exchange->timeout_ms ? transfer->exchange->timeout_ms : 30000;
    int64_t now_ms = vb_clock_monotonic_ms();
    int64_t whole = transfer->started_ms + timeout_ms - now_ms;
    int64_t idle = transfer->moved_ms + transfer->idle_timeout_ms - now_ms;

    return transfer->connected && idle < whole ? idle : whole;
}

/* Runs the transfer to its end. Returns curl's result; transfer->failure tells of a deadline that passed. */
static CURLcode drive(struct vb_transfer *transfer, CURLM *multi, const atomic_bool *cancelled)
{
    int running = 1, queued;
    CURLMsg *message;

    if (curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
        return CURLE_FAILED_INIT;
    for (;;) {
        int64_t left_ms;

        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return CURLE_FAILED_INIT;
        if (!running)
            break;
        if (atomic_load(cancelled)) {
            transfer->failure = ECANCELED;
            return CURLE_ABORTED_BY_CALLBACK;
        }
        left_ms = time_left(transfer);
        if (left_ms <= 0) {
            transfer->failure = ETIMEDOUT;
            return CURLE_OPERATION_TIMEDOUT;
        }
        if (curl_multi_poll(multi, NULL, 0, left_ms < POLL_MAX_MS ? (int)left_ms : POLL_MAX_MS, NULL) !=
            CURLM_OK)
            return CURLE_FAILED_INIT;
    }
    while ((message = curl_multi_info_read(multi, &queued))) {
        if (message->msg == CURLMSG_DONE)
            return message->data.result;
    }
    return CURLE_FAILED_INIT;
}

static int explain_connect(const struct vb_transfer *transfer, struct vb_error *err)
{
    long os_error = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_error);
    if (os_error == EHOSTUNREACH || os_error == ENETUNREACH || os_error == EADDRNOTAVAIL)
        return vb_error_set(err, EHOSTUNREACH, "no route leads to %s", transfer->origin);
    return vb_error_set(err, ECONNREFUSED, "nothing accepts connections at %s", transfer->origin);
}

static int explain(const struct vb_transfer *transfer, CURLcode code, struct vb_error *err)
{
    const char *origin = transfer->origin;
    const char *detail = transfer->detail[0] ? transfer->detail : curl_easy_strerror(code);
    int r;

    if (transfer->failure == EFBIG)
        return vb_error_set(err, EFBIG, "the answer of %s is larger than the limit", origin);
    if (transfer->failure == ECANCELED)
        return vb_error_set(err, ECANCELED, "the exchange with %s was cancelled", origin);
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_CONNECT:
        return explain_connect(transfer, err);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return vb_error_set(err, EHOSTUNREACH, "the name server does not know the host of %s", origin);
    case CURLE_OPERATION_TIMEDOUT:
        if (!transfer->connected)
            return vb_error_set(err, ETIMEDOUT, "%s did not accept a connection in time", origin);
        return vb_error_set(err, ETIMEDOUT, "%s did not answer in time", origin);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        r = vb_error_set(err, EIO, "the TLS certificate of %s is not trusted: %s", origin, detail);
        vb_error_hint(err,
                      "install the package ca-certificates, or the certificate authority of that server");
        return r;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return vb_error_set(err, EIO, "%s closed the connection before its answer was complete", origin);
    default:
        return vb_error_set(err, EIO, "the exchange with %s failed: %s", origin, detail);
    }
}

int vb_http_client_perform(struct vb_http_client *client, struct vb_http_exchange *exchange,
                           struct vb_error *err)
{
    struct vb_transfer transfer = {.exchange = exchange,
                                   .user_agent = client->user_agent,
                                   .connect_timeout_ms = client->connect_timeout_ms,
                                   .idle_timeout_ms = client->idle_timeout_ms};
    struct handle handle = take_handle(client);
    int r;

    exchange->status = 0;
    if (!exchange->on_body)
        vb_strbuf_clear(&exchange->response);
    transfer.easy = handle.easy;
    transfer.started_ms = transfer.moved_ms = vb_clock_monotonic_ms();
    r = vb_transfer_prepare(&transfer, err);
    if (r == 0) {
        CURLcode code = drive(&transfer, handle.multi, &client->cancelled);

        long status = 0;

        if (exchange->status == 0 &&
            curl_easy_getinfo(handle.easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
            exchange->status = (int)status;
        r = explain(&transfer, code, err);
        curl_multi_remove_handle(handle.multi,
                                 handle.easy); /* closes the connection of a transfer cut short */
    }
    put_handle(client, handle);
    curl_slist_free_all(transfer.headers);
    return r;
}
