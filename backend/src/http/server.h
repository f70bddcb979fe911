/*
 * HTTP/1.1 server (RFC 9110, RFC 9112). The only part of the program that knows libmicrohttpd.
 *
 * A server has a table of routes. A request to a route passes through up to four callbacks:
 *
 *     head ──▶ body ──▶ handle ──▶ (the answer is sent) ──▶ done
 *
 *   head    The headers are in. Runs on the event loop: must not block. It may answer, to refuse the request;
 *           the body is then not read. Checks that need no I/O (signature, length) belong here: a client that
 *           sent `Expect: 100-continue` is refused before it sends a byte.
 *   body    A part of the body is in, at most VB_HTTP_BODY_CHUNK bytes. Called any number of times. Runs on a
 *           worker and may block; the connection is suspended meanwhile, so memory is bounded and a slow
 *           client holds no worker. If it answers, the server reads the rest of the body, throws it away and
 *           then sends the answer. For a route without `body`, the server collects the body in request->body,
 *           up to route->body_max bytes (413 beyond).
 *   handle  The whole request is in. Runs on a worker and may block; for VB_ROUTE_INLINE it runs on the event
 *           loop and must not block. It must answer, or park the request, or (VB_ROUTE_INLINE only) defer to
 *           a worker.
 *   done    The request is over, answered or torn: frees what the handler keeps in request->context. Runs on
 *           the event loop, exactly once if request->context is not NULL.
 *
 * Callbacks of one request never run at the same time. Strings and arena memory live until the request is
 * over.
 */
#ifndef VB_HTTP_SERVER_H
#define VB_HTTP_SERVER_H

#include "base/arena.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/strbuf.h"
#include "http/ratelimit.h"
#include "http/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_HTTP_BODY_CHUNK     ((size_t)256 * 1024)
#define VB_HTTP_ARENA_MAX      ((size_t)1024 * 1024) /* per request */
#define VB_HTTP_LENGTH_UNKNOWN (-1)

struct vb_http_server;
struct vb_http_request;

enum vb_http_method {
    VB_HTTP_GET = 1,
    VB_HTTP_HEAD = 2, /* routes for GET also take HEAD; the server leaves the body out */
    VB_HTTP_POST = 4,
    VB_HTTP_PUT = 8,
    VB_HTTP_PATCH = 16,
    VB_HTTP_DELETE = 32,
    VB_HTTP_OPTIONS = 64,
    VB_HTTP_ANY = 127
};

enum vb_route_flags {
    VB_ROUTE_INLINE = 1, /* handle runs on the event loop */
    VB_ROUTE_QUIET = 2,  /* logged at debug level: health checks and metrics */
};

#define VB_HTTP_MORE_POOLS 2

struct vb_route {
    const char *name;    /* label in metrics and log, e.g. "POST /api/auth/login"; NULL: method and pattern */
    unsigned methods;    /* of enum vb_http_method */
    const char *pattern; /* "/api/users/{id}": a name in braces matches one segment; a final "*" the rest */
    void (*handle)(struct vb_http_request *request);
    unsigned flags;
    unsigned pool;    /* where handle runs: 0: vb_http_config.pool, n: .more_pools[n - 1] */
    int64_t body_max; /* bytes; 0: this route takes no body (one that comes is 413) */
    void (*head)(struct vb_http_request *request);
    void (*body)(struct vb_http_request *request, const char *data, size_t size);
    void (*done)(struct vb_http_request *request);
};

struct vb_http_header {
    const char *name, *value;
};

/* What handlers read. Fields belong to the server unless said otherwise. */
struct vb_http_request {
    enum vb_http_method method;
    const char *method_name;
    const char *target;         /* path and query as sent */
    const char *path;           /* as sent, percent-encoded, without the query */
    const char *query;          /* as sent, after '?'; "" if none */
    const char *host;           /* Host header; "" if none */
    const char *client_address; /* peer's address, or what trusted proxies forwarded for it */
    bool secure;    /* the client came over TLS (to us, or X-Forwarded-Proto of a trusted proxy) */
    const char *id; /* request id, also sent back as X-Request-Id */
    const struct vb_route *route; /* NULL until matched */
    int64_t content_length;       /* VB_HTTP_LENGTH_UNKNOWN with chunked transfer coding; 0 without a body */
    struct vb_strbuf body;        /* the collected body, for routes without `body` */
    struct vb_arena arena;        /* memory that lives as long as the request */
    void *app;                    /* vb_http_config.app */
    void *context;                /* the handler's own, freed by route->done */
    const char *user;             /* set by the handler: who asked, for the log; in the arena */
    const char *operation; /* set by the handler: replaces the route's name in metrics and log; static text */
};

/* Value of a request header (case-insensitive), or NULL. */
const char *vb_http_header(const struct vb_http_request *request, const char *name);
/* Calls visit for each header in order until it returns false. */
void vb_http_headers(const struct vb_http_request *request,
                     bool (*visit)(void *context, const char *name, const char *value), void *context);
/* Segment that the route's pattern names, percent-decoded, or NULL. "*" names the rest. NULL also when its
 * decoding fails or holds a NUL. */
const char *vb_http_param(struct vb_http_request *request, const char *name);
/* First query parameter of that name, decoded (in the arena), or NULL; "" for one without '='. */
const char *vb_http_query(struct vb_http_request *request, const char *name);

/*
 * Answers. Exactly one of the vb_http_answer functions is called per request; headers may be added before it.
 * X-Request-Id, Date and Content-Length are the server's. Header values are checked: one with CR, LF or NUL
 * is left out.
 */
void vb_http_add_header(struct vb_http_request *request, const char *name, const char *value);
/* The same without copies: name and value must live until the answer is given. */
void vb_http_add_header_borrowed(struct vb_http_request *request, const char *name, const char *value);
void vb_http_add_headerf(struct vb_http_request *request, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether the answer has been given that header. */
bool vb_http_has_header(const struct vb_http_request *request, const char *name);

/* Takes a token for key from a limiter (NULL: no limit). Returns true, or false after a 429 with Retry-After.
 * The answer says how the limits of its request stand, in RateLimit-Policy and RateLimit
 * (draft-ietf-httpapi-ratelimit-headers-10). name: of the limit there, and the noun in the 429 ("address",
 * "user"); static text. */
bool vb_http_take_token(struct vb_http_request *request, struct vb_ratelimit *limiter, const char *name,
                        const char *key);

/* Copies data. content_type may be NULL. */
void vb_http_answer(struct vb_http_request *request, int status, const char *content_type, const void *data,
                    size_t size);
/* Takes the builder's string; a failed builder answers 500. The builder is empty afterwards. */
void vb_http_answer_strbuf(struct vb_http_request *request, int status, const char *content_type,
                           struct vb_strbuf *body);
/* Sends memory that its owner keeps alive until release(context) is called (from any thread). */
void vb_http_answer_static(struct vb_http_request *request, int status, const char *content_type,
                           const void *data, size_t size, void (*release)(void *context), void *context);
/* Sends size bytes of the file from offset with sendfile(); takes fd and closes it. */
void vb_http_answer_fd(struct vb_http_request *request, int status, const char *content_type, int fd,
                       int64_t offset, int64_t size);

/* A body that is fetched piece by piece, each piece on a worker while the connection is paused: a slow client
 * holds no worker. */
struct vb_http_stream {
    /* Writes up to capacity bytes of the body from offset into buffer. Returns the number of bytes (> 0), 0
     * at the end, or a negative error, upon which the connection is cut so that the client sees a torn
     * answer. */
    int64_t (*fill)(void *context, int64_t offset, char *buffer, size_t capacity);
    void (*release)(void *context); /* always called once, from any thread */
    void *context;
    int64_t size;       /* bytes, or VB_HTTP_LENGTH_UNKNOWN */
    size_t buffer_size; /* bytes asked for at once */
};
void vb_http_answer_stream(struct vb_http_request *request, int status, const char *content_type,
                           const struct vb_http_stream *stream);

/* From an inline handle (on the event loop): lets handle run on a worker instead. If the queue is full the
 * client gets 503. */
void vb_http_defer(struct vb_http_request *request, void (*handle)(struct vb_http_request *request));
/* From handle, instead of an answer: another thread answers later and then calls vb_http_unpark(). No worker
 * waits meanwhile. From vb_http_park() on, handle must not touch the request. */
void vb_http_park(struct vb_http_request *request);
/* The parked request has its answer: it is sent, and the request is no longer the caller's. */
void vb_http_unpark(struct vb_http_request *request);
/* Whether this request has been answered already. */
bool vb_http_answered(const struct vb_http_request *request);

/*
 * The server itself.
 */
struct vb_http_cors {
    const char *const
        *origins; /* allowed; ended by NULL; "*" allows all, without credentials; NULL: no CORS */
    const char *allow_headers; /* Access-Control-Allow-Headers of a preflight; NULL: those asked for */
    const char *expose_headers;
};

struct vb_http_config {
    const char *name;              /* "api", "store", "cdn": label in metrics and log */
    const char *bind_address;      /* IPv4 or IPv6, numeric */
    uint16_t port;                 /* 0: any free one */
    const struct vb_tls *tls;      /* serves HTTPS alone (TLS 1.2 and 1.3); NULL: HTTP. Outlives the server */
    const struct vb_route *routes; /* ended by a route whose pattern is NULL; the first match wins */
    void *app;
    unsigned threads;         /* event loops; 0: one per core that this process may use */
    unsigned connections_max; /* 0: 16384 */
    size_t header_max_bytes;  /* request line and headers together, 431 beyond; 0: 8 KiB */
    /* What libmicrohttpd may use per connection for heads and for reading bodies. It is zeroed after every
     * request, so small is fast for small requests, large is fast for bulk uploads. 0: header_max_bytes + 4
     * KiB. */
    size_t connection_memory_bytes;
    unsigned idle_timeout_s;      /* 0: 75, which outlasts the 60 s of an AWS Application Load Balancer */
    unsigned header_timeout_s;    /* to send the whole head; 0: 30 */
    unsigned body_idle_timeout_s; /* longest silence while sending a body or reading an answer; 0: 60 */
    struct vb_pool *pool;         /* where blocking callbacks run; shared by servers */
    /* For routes whose handlers wait for long: other routes do not queue behind them. NULL: pool */
    struct vb_pool *more_pools[VB_HTTP_MORE_POOLS];
    unsigned queue_timeout_ms;   /* a request that waited longer for a worker gets 503; 0: 10000 */
    const char *trusted_proxies; /* comma-separated addresses and CIDR blocks; "" or NULL: none */
    struct vb_http_cors cors;
    /* Limits requests per client address, except those to VB_ROUTE_QUIET routes: 429 with Retry-After beyond.
     * NULL: no limit. Belongs to the caller. */
    struct vb_ratelimit *rate_limit;
    /* Added to answers unless the handler added that header, and not for VB_ROUTE_QUIET routes; ended by a
     * NULL name. NULL: none */
    const struct vb_http_header *headers;
    const char *strict_transport_security; /* the same, for clients that came over TLS; NULL: none */
    /* Answers for what no route can: 404, 405, 413, 431, 503 …, in the server's own dialect (problem+json, S3
     * XML). NULL: plain text. code is a stable word ("not_found", "method_not_allowed", "payload_too_large",
     * "overloaded", …). */
    void (*error)(struct vb_http_request *request, int status, const char *code, const char *detail);
    bool no_access_log;
};

/* Binds, listens and starts the event loops. Returns 0 or -errno (-EADDRINUSE with a hint); the config's
 * strings and tables must outlive the server. */
int vb_http_server_start(const struct vb_http_config *config, struct vb_http_server **ret_server,
                         struct vb_error *err);
/* The port that was bound. */
uint16_t vb_http_server_port(const struct vb_http_server *server);
/* Gives new clients this certificate, which must outlive the server; open connections keep theirs. For a
 * server that was started with a certificate; not during drain or stop. On an error the server keeps the
 * certificate it has: -EBUSY when clients of VB_HTTP_RETIRED_MAX older certificates are still connected. */
int vb_http_server_renew_tls(struct vb_http_server *server, const struct vb_tls *tls, struct vb_error *err);
/* Stops accepting and lets requests in flight finish, for at most timeout_ms; idle connections are closed. */
void vb_http_server_drain(struct vb_http_server *server, unsigned timeout_ms);
/* Closes what is left and frees the server. The pool must still run. */
void vb_http_server_stop(struct vb_http_server *server);

#endif
