/* The server's life: starting, another certificate, draining, stopping. */
#include "http/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Forward secrecy and authenticated encryption only. */
#define TLS_PRIORITIES                                                                                       \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"                \
    "+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM"
#define EVENT_LOOP_STACK ((size_t)512 * 1024)

static void log_microhttpd(void *cls, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void log_microhttpd(void *cls, const char *format, va_list args)
{
    const struct vb_http_server *server = cls;
    char text[256];

    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    vb_log(VB_LOG_DEBUG, "libmicrohttpd", VB_LOG_STR("server", server->config.name),
           VB_LOG_STR("text", text));
}

/* Paths are taken as sent: signatures cover the encoded form. */
static size_t keep_encoding(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls, (void)connection;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct vb_http_server *server, int listener,
                                       const struct vb_tls *certificate)
{
    const struct vb_http_config *config = &server->config;
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

    struct MHD_OptionItem tls[] = {{MHD_OPTION_END, 0, NULL},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, NULL},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
                                   {MHD_OPTION_END, 0, NULL}};

    if (certificate) {
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, certificate->certificate_pem};
        tls[1].ptr_value = certificate->key_pem;
    }
    if (strchr(config->bind_address, ':'))
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, vb_http_on_access, server, MHD_OPTION_EXTERNAL_LOGGER, log_microhttpd, server,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_THREAD_POOL_SIZE,
        config->threads > 1 ? config->threads : 0U, MHD_OPTION_THREAD_STACK_SIZE, EVENT_LOOP_STACK,
        MHD_OPTION_CONNECTION_LIMIT, config->connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        config->connection_memory_bytes, MHD_OPTION_CONNECTION_TIMEOUT,
        config->idle_timeout_s > config->body_idle_timeout_s ? config->idle_timeout_s
                                                             : config->body_idle_timeout_s,
        MHD_OPTION_URI_LOG_CALLBACK, vb_http_on_request_line, server, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_encoding, NULL, MHD_OPTION_NOTIFY_COMPLETED, vb_http_on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, vb_http_on_connection, server, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static double read_connections(void *context)
{
    return atomic_load(&((struct vb_http_server *)context)->connection_count);
}

static double read_requests(void *context)
{
    return atomic_load(&((struct vb_http_server *)context)->requests);
}

static void set_gauges(struct vb_http_server *server, bool present)
{
    char *labels = vb_xasprintf("server=\"%s\"", server->config.name);

    vb_metrics_gauge("vibe_http_connections", "Open client connections.", labels,
                     present ? read_connections : NULL, server);
    vb_metrics_gauge("vibe_http_requests_in_flight", "Requests that are being worked on.", labels,
                     present ? read_requests : NULL, server);
    free(labels);
}

static void set_defaults(struct vb_http_config *config)
{
    if (!config->threads)
        config->threads = vb_machine_cores();
    if (!config->connections_max)
        config->connections_max = 16384;
    if (!config->header_max_bytes)
        config->header_max_bytes = (size_t)8 * 1024;
    if (!config->connection_memory_bytes)
        config->connection_memory_bytes = config->header_max_bytes + (size_t)4 * 1024;
    if (!config->idle_timeout_s)
        config->idle_timeout_s = 75;
    if (!config->header_timeout_s)
        config->header_timeout_s = 30;
    if (!config->body_idle_timeout_s)
        config->body_idle_timeout_s = 60;
    if (!config->queue_timeout_ms)
        config->queue_timeout_ms = 10000;
}

static int start_event_loops(struct vb_http_server *server, int listener, const struct vb_tls *tls)
{
    sigset_t before;

    vb_thread_block_signals(&before);
    server->daemon = start_daemon(server, listener, tls);
    vb_thread_restore_signals(&before);
    return server->daemon ? 0 : -EIO;
}

static int start_threads(struct vb_http_server *server, int listener, struct vb_error *err)
{
    const struct vb_periodic_config config = {"watchdog", VB_HTTP_WATCHDOG_PERIOD_MS, vb_http_watch, server};
    int r = vb_periodic_start(&server->watchdog, &config);

    if (r < 0)
        return vb_error_set(err, -r, "the %s server cannot start its watchdog thread: %s",
                            server->config.name, strerror(-r));
    if (start_event_loops(server, listener, server->tls) == 0)
        return 0;
    vb_periodic_stop(&server->watchdog);
    return vb_error_set(err, EIO, "the %s server cannot start its event loops", server->config.name);
}

static void free_server(struct vb_http_server *server)
{
    vb_http_operations_free(server);
    vb_http_route_names_free(server->route_names);
    vb_router_destroy(server->router);
    vb_proxies_destroy(server->proxies);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int vb_http_server_start(const struct vb_http_config *config, struct vb_http_server **ret_server,
                         struct vb_error *err)
{
    struct vb_http_server *server;
    struct vb_proxies *proxies;
    int listener = -1, r;

    r = vb_proxies_parse(config->trusted_proxies, &proxies, err);
    if (r < 0)
        return r;
    server = vb_xcalloc(1, sizeof(*server));
    server->config = *config;
    server->tls = config->tls;
    server->proxies = proxies;
    server->router = vb_router_create(config->routes);
    server->route_names = vb_http_route_names(config->routes);
    pthread_mutex_init(&server->lock, NULL);
    set_defaults(&server->config);
    r = vb_http_listen(&server->config, &listener, &server->port, err);
    if (r == 0) {
        r = start_threads(server, listener, err);
        if (r < 0)
            close(listener);
    }
    if (r < 0) {
        free_server(server);
        return r;
    }
    set_gauges(server, true);
    *ret_server = server;
    return 0;
}

uint16_t vb_http_server_port(const struct vb_http_server *server)
{
    return server->port;
}

/* Ends the retired daemons that have no clients any more. */
static void reap_retired(struct vb_http_server *server)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < server->retired_count; i++) {
        struct MHD_Daemon *daemon = server->retired[i];

        if (MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections == 0)
            MHD_stop_daemon(daemon);
        else
            server->retired[kept++] = daemon;
    }
    server->retired_count = kept;
}

/* libmicrohttpd cannot replace a certificate. So a new daemon takes over the listening socket; clients that
 * connect meanwhile wait in the backlog. */
int vb_http_server_renew_tls(struct vb_http_server *server, const struct vb_tls *tls, struct vb_error *err)
{
    struct MHD_Daemon *old = server->daemon;
    MHD_socket listener;

    vb_assert(server->config.tls && !atomic_load(&server->draining));
    reap_retired(server);
    if (server->retired_count == VB_HTTP_RETIRED_MAX)
        return vb_error_set(err, EBUSY,
                            "connections with %d older certificates are still open; try again later",
                            VB_HTTP_RETIRED_MAX);
    listener = MHD_quiesce_daemon(old);
    if (listener == MHD_INVALID_SOCKET)
        return vb_error_set(err, EIO, "the %s server cannot hand over its listening socket",
                            server->config.name);
    server->retired[server->retired_count++] = old;
    if (start_event_loops(server, listener, tls) == 0) {
        server->tls = tls;
        return 0;
    }
    vb_assert(start_event_loops(server, listener, server->tls) ==
              0); /* else no client is ever served again */
    return vb_error_set(err, EIO, "the %s server cannot use the certificate", server->config.name);
}

/* Waits until no request is in flight. Returns whether that was reached. */
static bool wait_for_requests(struct vb_http_server *server, unsigned timeout_ms)
{
    struct vb_poll poll = vb_poll_start(vb_deadline_after(timeout_ms), 500, 5000);

    while (atomic_load(&server->requests) > 0)
        if (!vb_poll_pause(&poll))
            return false;
    return true;
}

void vb_http_server_drain(struct vb_http_server *server, unsigned timeout_ms)
{
    atomic_store(&server->draining, true);
    /* the event loops may use the descriptor until they end: refuse clients now, close it later */
    server->quiesced_listener = MHD_quiesce_daemon(server->daemon);
    if (server->quiesced_listener != MHD_INVALID_SOCKET)
        shutdown(server->quiesced_listener, SHUT_RDWR);
    vb_periodic_wake(&server->watchdog); /* closes idle connections at once */
    wait_for_requests(server, timeout_ms);
}

void vb_http_server_stop(struct vb_http_server *server)
{
    if (!server)
        return;
    if (!atomic_load(&server->draining))
        vb_http_server_drain(server, 0);
    set_gauges(server, false);
    /* libmicrohttpd must not be stopped while a worker holds a request; workers have deadlines of their own
     */
    for (;;) {
        pthread_mutex_lock(&server->lock);
        vb_http_close_connections(server, true);
        pthread_mutex_unlock(&server->lock);
        if (wait_for_requests(server, 100))
            break;
    }
    vb_periodic_stop(&server->watchdog);
    MHD_stop_daemon(server->daemon);
    for (unsigned i = 0; i < server->retired_count; i++)
        MHD_stop_daemon(server->retired[i]);
    if (server->quiesced_listener != MHD_INVALID_SOCKET)
        close(server->quiesced_listener);
    free_server(server);
}
