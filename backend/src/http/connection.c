/* Clients' connections: their list, the phase of each, and the watchdog that closes slow ones. */
#include "http/internal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ENDED_GRACE_MS 1000

void vb_http_phase(struct connection *connection, enum connection_phase phase)
{
    /* the watchdog, which reads them in the other order, must not see a new phase with an old time */
    atomic_store_explicit(&connection->since_ms, vb_clock_coarse_ms(), memory_order_relaxed);
    atomic_store_explicit(&connection->phase, (int)phase, memory_order_release);
}

static void format_address(const struct sockaddr *address, char buffer[VB_HTTP_ADDRESS_SIZE])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;

    buffer[0] = '\0';
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, buffer, VB_HTTP_ADDRESS_SIZE);
    else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, buffer, VB_HTTP_ADDRESS_SIZE);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, buffer, VB_HTTP_ADDRESS_SIZE);
}

static void connection_started(struct vb_http_server *server, struct MHD_Connection *mhd,
                               void **socket_context)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return; /* vb_http_on_access() refuses requests without one */
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    format_address(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                   connection->address);
    connection->trusted_proxy = vb_proxies_trusts(server->proxies, connection->address);
    /* a client that never finishes the handshake counts as one that never finishes a head */
    vb_http_phase(connection, server->config.tls ? CONNECTION_HEAD : CONNECTION_IDLE);
    pthread_mutex_lock(&server->lock);
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    server->connections = connection;
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_add(&server->connection_count, 1);
    *socket_context = connection;
}

static void connection_closed(struct vb_http_server *server, void **socket_context)
{
    struct connection *connection = *socket_context;

    if (!connection)
        return;
    /* libmicrohttpd closes the descriptor only after this: the watchdog never meets a reused one */
    pthread_mutex_lock(&server->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_sub(&server->connection_count, 1);
    free(connection);
    *socket_context = NULL;
}

void vb_http_on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                           enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_started(cls, mhd, socket_context);
    else
        connection_closed(cls, socket_context);
}

/*
 * Whether the client has closed its side. libmicrohttpd uses edge-triggered epoll and misses a FIN that comes
 * together with the last bytes. All bytes have been read then, and the rest of the request never comes.
 */
static bool has_ended(const struct connection *connection, int64_t age_ms)
{
    char byte;

    return age_ms > ENDED_GRACE_MS && recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Whether the connection has been in its phase for too long, even if it keeps sending single bytes
 * (slowloris). */
static bool overdue(const struct vb_http_server *server, struct connection *connection, int64_t now_ms)
{
    enum connection_phase phase = atomic_load_explicit(&connection->phase, memory_order_acquire);
    int64_t age_ms = now_ms - atomic_load_explicit(&connection->since_ms, memory_order_relaxed);

    if (phase != CONNECTION_BUSY && has_ended(connection, age_ms))
        return true;
    switch (phase) {
    case CONNECTION_IDLE:
        return age_ms > (int64_t)server->config.idle_timeout_s * 1000 || atomic_load(&server->draining);
    case CONNECTION_HEAD:
        return age_ms > (int64_t)server->config.header_timeout_s * 1000;
    case CONNECTION_BODY:
        return age_ms > (int64_t)server->config.body_idle_timeout_s * 1000;
    case CONNECTION_BUSY:
        break;
    }
    return false;
}

void vb_http_close_connections(struct vb_http_server *server, bool all)
{
    int64_t now_ms = vb_clock_monotonic_ms();

    for (struct connection *connection = server->connections; connection; connection = connection->next)
        if (all || overdue(server, connection, now_ms))
            shutdown(connection->fd, SHUT_RDWR);
}

int64_t vb_http_watch(void *context)
{
    struct vb_http_server *server = context;

    pthread_mutex_lock(&server->lock);
    vb_http_close_connections(server, false);
    pthread_mutex_unlock(&server->lock);
    return VB_HTTP_WATCHDOG_PERIOD_MS;
}
