/* The listening socket of a server. */
#include "http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int parse_address(const struct vb_http_config *config, union address *address, socklen_t *ret_size,
                         struct vb_error *err)
{
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, config->bind_address, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(config->port);
        *ret_size = sizeof(address->v4);
    } else if (inet_pton(AF_INET6, config->bind_address, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(config->port);
        *ret_size = sizeof(address->v6);
    } else {
        vb_error_set(err, EINVAL, "'%s' is not an IP address to listen on", config->bind_address);
        return vb_error_hint(err, "use 127.0.0.1 for this machine only, 0.0.0.0 for the whole network");
    }
    return 0;
}

static int bind_failed(const struct vb_http_config *config, int code, struct vb_error *err)
{
    if (code == EADDRINUSE) {
        vb_error_set(err, code, "port %u of %s, wanted for the %s, is in use by another program",
                     config->port, config->bind_address, config->name);
        return vb_error_hint(err, "stop that program (ss -ltnp shows it) or choose another port");
    }
    if (code == EACCES) {
        vb_error_set(err, code, "no permission to use port %u for the %s", config->port, config->name);
        return vb_error_hint(err, "choose a port above 1023");
    }
    return vb_error_set(err, code, "the %s cannot listen on %s port %u: %s", config->name,
                        config->bind_address, config->port, strerror(code));
}

int vb_http_listen(const struct vb_http_config *config, int *ret_fd, uint16_t *ret_port, struct vb_error *err)
{
    const int on = 1;
    union address address;
    socklen_t size;
    int fd, r = parse_address(config, &address, &size, err);

    if (r < 0)
        return r;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bind_failed(config, errno, err);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &address.any, size) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
        getsockname(fd, &address.any, &size) < 0) {
        r = bind_failed(config, errno, err);
        close(fd);
        return r;
    }
    *ret_port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    *ret_fd = fd;
    return 0;
}
