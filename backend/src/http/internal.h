/*
 * What the files of the HTTP server share. Nothing outside src/http includes this.
 */
#ifndef VB_HTTP_INTERNAL_H
#define VB_HTTP_INTERNAL_H

#include "base/wait.h"
#include "http/proxies.h"
#include "http/router.h"
#include "http/server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define VB_HTTP_ADDRESS_SIZE 46 /* INET6_ADDRSTRLEN */

/* What a connection is doing; the watchdog closes those that take too long. */
enum connection_phase {
    CONNECTION_IDLE, /* between requests, or before the first request line */
    CONNECTION_HEAD, /* request line in, headers to come */
    CONNECTION_BODY, /* body to come */
    CONNECTION_BUSY  /* a handler works, or the answer is being sent (libmicrohttpd watches its silence) */
};

struct connection {
    struct connection *next, **link;
    int fd;
    atomic_int phase;
    atomic_llong since_ms; /* when the phase began, or its last progress */
    char address[VB_HTTP_ADDRESS_SIZE];
    bool trusted_proxy; /* the peer is one of TRUSTED_PROXIES */
};

/* Classes of status; torn: no answer was sent. */
enum status_class { STATUS_TORN, STATUS_1XX, STATUS_2XX, STATUS_3XX, STATUS_4XX, STATUS_5XX, STATUS_CLASSES };

/* Counters of one operation of one server. */
struct operation_metrics {
    struct operation_metrics *next;
    const char *name; /* compared by address: lives as long as the server */
    _Atomic(struct vb_counter *) by_class[STATUS_CLASSES]; /* made when first used */
    struct vb_histogram *latency;
};

#define VB_HTTP_RETIRED_MAX 4

struct vb_http_server {
    struct vb_http_config config;
    struct MHD_Daemon *daemon;
    const struct vb_tls *tls; /* of daemon; NULL: none */
    /* They take no new clients, as their certificate is an old one. */
    struct MHD_Daemon *retired[VB_HTTP_RETIRED_MAX];
    unsigned retired_count;
    MHD_socket quiesced_listener; /* once draining: refuses clients, closed when the event loops have ended */
    uint16_t port;
    struct vb_router *router;
    char **route_names; /* "GET /api/users/{id}", or the route's own name; in the order of config.routes */
    struct vb_proxies *proxies;
    atomic_bool draining;
    atomic_uint requests; /* in flight */
    pthread_mutex_t lock; /* connections, adding to operations */
    struct connection *connections;
    atomic_uint connection_count;
    _Atomic(struct operation_metrics *) operations;
    struct vb_periodic watchdog;
};

/*
 *  NEW ──▶ RECEIVING ──▶ WORKING ──▶ SENT        (NEW ──▶ SENT: refused by its headers)
 *
 * While a worker has the request (a part of its body in RECEIVING, the handler in WORKING) its connection is
 * suspended and the event loop does not touch it.
 */
enum request_stage { STAGE_NEW, STAGE_RECEIVING, STAGE_WORKING, STAGE_SENT };

struct added_header {
    struct added_header *next;
    const char *name, *value;
};

/* A limit that a request has taken a token from. */
struct taken_token {
    const char *name;
    const struct vb_ratelimit *limiter;
    unsigned remaining;
};

#define VB_HTTP_TOKENS_MAX 2 /* of the address and of the user */

struct request {
    struct vb_http_request http; /* first: handlers hold a pointer to it */
    struct vb_http_server *server;
    struct MHD_Connection *connection;
    struct connection *peer;
    enum request_stage stage;
    struct vb_job job;
    int64_t queued_ms;                             /* monotonic: when the job was given to its pool */
    void (*work)(struct vb_http_request *request); /* what the job calls last; NULL for a body part alone */
    void (*deferred)(struct vb_http_request *request);
    bool parked;        /* of the thread that runs the handler */
    atomic_int holders; /* the handler's thread and, of a parked request, who answers: the last one resumes */
    struct vb_http_params params;
    struct added_header *headers, **headers_end;
    struct taken_token tokens[VB_HTTP_TOKENS_MAX];
    unsigned token_count;
    struct MHD_Response *response;
    int status;
    int64_t answer_size; /* for the log; VB_HTTP_LENGTH_UNKNOWN for streams of unknown size */
    char *chunk;         /* body part gathered for route->body */
    size_t chunk_size, chunk_capacity;
    bool body_too_large, body_failed;
    int64_t started_us;
    int64_t received; /* body bytes so far */
    char id[17];
};

static inline struct request *request_of(struct vb_http_request *http)
{
    return (struct request *)http;
}

static inline const struct request *request_of_const(const struct vb_http_request *http)
{
    return (const struct request *)http;
}

/* connection.c */
#define VB_HTTP_WATCHDOG_PERIOD_MS 500
void vb_http_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                           enum MHD_ConnectionNotificationCode code);
/* Marks progress of a connection for the watchdog. */
void vb_http_phase(struct connection *connection, enum connection_phase phase);
/* Shuts down the sockets of all connections, or of those that are overdue; the event loops see their end. The
 * server's lock is held. */
void vb_http_close_connections(struct vb_http_server *server, bool all);
/* The watchdog's run. */
int64_t vb_http_watch(void *server);

/* listen.c: returns 0 with the socket and the port that was bound, or -errno */
int vb_http_listen(const struct vb_http_config *config, int *ret_fd, uint16_t *ret_port,
                   struct vb_error *err);

/* head.c */
/* "GET"; NULL for a mask of several methods or none */
const char *vb_http_method_name(unsigned method);
#define VB_HTTP_METHODS_SIZE 64
/* "GET, HEAD" */
void vb_http_list_methods(unsigned methods, char list[VB_HTTP_METHODS_SIZE]);
/* Reads method, target, client and framing. Returns false having answered. */
bool vb_http_read_head(struct request *request, const char *method, const char *version);

/* body.c: takes what it can of a part of the body and returns how many bytes; the rest comes again once the
 * chunk is empty */
size_t vb_http_take_body(struct request *request, const char *data, size_t size);

/* work.c */
/* Where a request's blocking callbacks run. */
struct vb_pool *vb_http_pool_of(const struct request *request);
/* Suspends the connection and gives the request to a worker; the caller must not touch it again. With the
 * queue full, the client gets 503. work: the handler; NULL: only the gathered part of the body. */
void vb_http_hand_over(struct request *request, void (*work)(struct vb_http_request *request));

/* request.c: libmicrohttpd's callbacks */
void *vb_http_on_request_line(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result vb_http_on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **con_cls);
void vb_http_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                          enum MHD_RequestTerminationCode toe);

/* observe.c: metrics and access log of a finished request */
void vb_http_observe(struct request *request, enum MHD_RequestTerminationCode toe);
void vb_http_operations_free(struct vb_http_server *server);
char **vb_http_route_names(const struct vb_route *routes);
void vb_http_route_names_free(char **names);

/* answer.c */
/* Gives the response its headers and keeps it for the event loop to send. Takes the response; NULL: memory is
 * out. size: of the body, for the log. */
void vb_http_set_answer(struct request *request, int status, const char *content_type,
                        struct MHD_Response *response, int64_t size);
/* The server's own errors, through config.error. */
void vb_http_error(struct request *request, int status, const char *code, const char *detail);

/* limit.c: says in the headers of the response how the limits of the request stand */
void vb_http_add_limits(const struct request *request, struct MHD_Response *response);

/* cors.c: true if the request was a preflight and has been answered */
bool vb_http_cors_apply(struct vb_http_request *request, const struct vb_http_cors *cors);

#endif
