/*
 * An HTTP server for tests of clients that does what it is told: request number n, on whatever connection it
 * comes, gets step n of a script, which may answer, lie, stall or cut. What was asked is kept for assertions.
 */
#ifndef VB_TESTS_SCRIPTED_SERVER_H
#define VB_TESTS_SCRIPTED_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRIPT_REQUESTS_MAX    256
#define SCRIPT_CONNECTIONS_MAX 64
#define SCRIPT_HEAD_MAX        65536

enum script_end {
    SCRIPT_KEEP,  /* wait for the next request */
    SCRIPT_CLOSE, /* close, whatever the answer has said */
    SCRIPT_STALL, /* send nothing more, until the client goes */
    SCRIPT_DRIP   /* send a byte every few milliseconds, until the client goes */
};

struct script_step {
    const char *answer; /* sent as it is; NULL: nothing */
    size_t size;        /* of answer; 0: a string */
    enum script_end end;
};

struct script_request {
    char method[16], target[8192], head[SCRIPT_HEAD_MAX];
    char *body;
    size_t body_size;
    unsigned connection;
};

struct scripted_server {
    int listener;
    uint16_t port;
    const struct script_step *steps;
    size_t step_count; /* the last step is repeated */
    bool repeat_last;
    pthread_t acceptor, workers[SCRIPT_CONNECTIONS_MAX];
    int sockets[SCRIPT_CONNECTIONS_MAX];
    unsigned connections;
    struct script_request *requests[SCRIPT_REQUESTS_MAX];
    unsigned request_count;
    pthread_mutex_t lock;
    bool stopping;
};

struct script_worker {
    struct scripted_server *server;
    int fd;
    unsigned number;
};

/* What has come so far. */
static __attribute__((unused)) unsigned script_requests(struct scripted_server *server)
{
    unsigned count;

    pthread_mutex_lock(&server->lock);
    count = server->request_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

static __attribute__((unused)) unsigned script_connections(struct scripted_server *server)
{
    unsigned count;

    pthread_mutex_lock(&server->lock);
    count = server->connections;
    pthread_mutex_unlock(&server->lock);
    return count;
}

/* Request number n, which must have come. */
static __attribute__((unused)) struct script_request *script_request(struct scripted_server *server,
                                                                     unsigned n)
{
    assert(n < script_requests(server));
    return server->requests[n];
}

/* The value of a request header, or NULL; valid until the next call. */
static __attribute__((unused)) const char *script_header(const struct script_request *request,
                                                         const char *name)
{
    static char value[SCRIPT_HEAD_MAX];
    size_t length = strlen(name);

    for (const char *line = strstr(request->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *from = line + length + 1 + strspn(line + length + 1, " ");

            snprintf(value, sizeof(value), "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    }
    return NULL;
}

static bool script_send(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool script_read_exactly(int fd, char *to, size_t size)
{
    while (size) {
        ssize_t got = recv(fd, to, size, 0);

        if (got <= 0)
            return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

static bool script_read_line(int fd, char *to, size_t capacity)
{
    size_t length = 0;

    while (length + 1 < capacity && script_read_exactly(fd, to + length, 1)) {
        length++;
        to[length] = '\0';
        if (length >= 2 && strcmp(to + length - 2, "\r\n") == 0)
            return true;
    }
    return false;
}

static bool script_read_chunks(int fd, struct script_request *request)
{
    char line[64];

    for (;;) {
        size_t size;

        if (!script_read_line(fd, line, sizeof(line)))
            return false;
        size = strtoul(line, NULL, 16);
        request->body = realloc(request->body, request->body_size + size + 3);
        if (!script_read_exactly(fd, request->body + request->body_size, size + 2))
            return false;
        request->body_size += size;
        request->body[request->body_size] = '\0';
        if (size == 0)
            return true;
    }
}

/* Reads one request; false when the client has gone. */
static bool script_read_request(int fd, struct script_request *request)
{
    const char *length, *coding, *expect;
    size_t head = 0;

    while (!strstr(request->head, "\r\n\r\n")) {
        if (head + 1 >= sizeof(request->head) || !script_read_exactly(fd, request->head + head, 1))
            return false;
        head++;
        request->head[head] = '\0';
    }
    if (sscanf(request->head, "%15s %8191s", request->method, request->target) != 2)
        return false;
    expect = script_header(request, "Expect");
    if (expect && !script_send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25))
        return false;
    coding = script_header(request, "Transfer-Encoding");
    if (coding && strcasecmp(coding, "chunked") == 0)
        return script_read_chunks(fd, request);
    length = script_header(request, "Content-Length");
    request->body_size = length ? strtoul(length, NULL, 10) : 0;
    request->body = malloc(request->body_size + 1);
    request->body[request->body_size] = '\0';
    return script_read_exactly(fd, request->body, request->body_size);
}

static bool script_play(int fd, const struct script_step *step)
{
    struct pollfd gone = {.fd = fd, .events = POLLIN | POLLRDHUP};

    if (step->answer && !script_send(fd, step->answer, step->size ? step->size : strlen(step->answer)))
        return false;
    switch (step->end) {
    case SCRIPT_KEEP:
        return true;
    case SCRIPT_CLOSE:
        return false;
    case SCRIPT_STALL:
        poll(&gone, 1, -1);
        return false;
    case SCRIPT_DRIP:
        while (poll(&gone, 1, 5) == 0 && script_send(fd, "x", 1))
            ;
        return false;
    }
    return false;
}

static void *script_serve(void *context)
{
    struct script_worker worker = *(struct script_worker *)context;
    struct scripted_server *server = worker.server;
    bool goes_on = true;

    free(context);
    while (goes_on) {
        struct script_request *request = calloc(1, sizeof(*request));
        struct script_step step = {.end = SCRIPT_CLOSE};
        unsigned number;

        if (!script_read_request(worker.fd, request)) {
            free(request->body);
            free(request);
            break;
        }
        request->connection = worker.number;
        pthread_mutex_lock(&server->lock);
        number = server->request_count++;
        assert(number < SCRIPT_REQUESTS_MAX);
        server->requests[number] = request;
        pthread_mutex_unlock(&server->lock);
        if (number < server->step_count)
            step = server->steps[number];
        else if (server->repeat_last)
            step = server->steps[server->step_count - 1];
        goes_on = script_play(worker.fd, &step);
    }
    shutdown(worker.fd, SHUT_RDWR);
    return NULL;
}

static void *script_accept(void *context)
{
    struct scripted_server *server = context;

    for (;;) {
        struct script_worker *worker;
        int fd = accept(server->listener, NULL, NULL);

        if (fd < 0)
            return NULL;
        pthread_mutex_lock(&server->lock);
        if (server->stopping || server->connections == SCRIPT_CONNECTIONS_MAX) {
            pthread_mutex_unlock(&server->lock);
            close(fd);
            continue;
        }
        worker = malloc(sizeof(*worker));
        *worker = (struct script_worker){server, fd, server->connections};
        server->sockets[server->connections] = fd;
        pthread_create(&server->workers[server->connections], NULL, script_serve, worker);
        server->connections++;
        pthread_mutex_unlock(&server->lock);
    }
}

/* steps must outlive the server. After the last one connections are closed without an answer. */
static __attribute__((unused)) struct scripted_server *script_start(const struct script_step *steps,
                                                                    size_t count)
{
    struct scripted_server *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int r;

    server->steps = steps;
    server->step_count = count;
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    r = bind(server->listener, (struct sockaddr *)&address, sizeof(address));
    assert(r == 0);
    r = listen(server->listener, SCRIPT_CONNECTIONS_MAX);
    assert(r == 0);
    getsockname(server->listener, (struct sockaddr *)&address, &size);
    server->port = ntohs(address.sin_port);
    pthread_create(&server->acceptor, NULL, script_accept, server);
    return server;
}

static __attribute__((unused)) void script_stop(struct scripted_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (unsigned i = 0; i < server->connections; i++) {
        shutdown(server->sockets[i], SHUT_RDWR);
        pthread_join(server->workers[i], NULL);
        close(server->sockets[i]);
    }
    for (unsigned i = 0; i < server->request_count; i++) {
        free(server->requests[i]->body);
        free(server->requests[i]);
    }
    pthread_mutex_destroy(&server->lock);
    free(server);
}

#define SCRIPT(server, ...)                                                                                  \
    static const struct script_step server##_steps[] = {__VA_ARGS__};                                        \
    struct scripted_server *server =                                                                         \
        script_start(server##_steps, sizeof(server##_steps) / sizeof(server##_steps[0]))

#endif
