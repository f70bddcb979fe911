/* The parts of an edge before a scripted origin: memory, and a disk on request. */
#ifndef VB_TESTS_EDGE_FIXTURE_H
#define VB_TESTS_EDGE_FIXTURE_H

#include "../support/scripted_server.h"
#include "edge/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEY   "profile-pictures/u/avatar-1.jpg"
#define DATED "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: image/jpeg\r\n"

/* An object of ten bytes, as a GET of all of it gets it, and as a HEAD does. */
#define TEN "0123456789"
#define GOT(etag)                                                                                            \
    "HTTP/1.1 206 Partial Content\r\nETag: \"" etag "\"\r\n" DATED                                           \
    "Content-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n" TEN
#define HEADED(etag) "HTTP/1.1 200 OK\r\nETag: \"" etag "\"\r\n" DATED "Content-Length: 10\r\n\r\n"
#define GONE         "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
#define UNAVAILABLE  "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
#define CHANGED      "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"

struct fixture {
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
    struct vb_fetch fetch;
    char folder[64]; /* of the disk; "": none */
};

struct fixture_config {
    const struct scripted_server *origin; /* NULL: nothing listens at its address */
    bool disk;
    unsigned attempts;   /* of a request to the origin; 0: 1 */
    unsigned timeout_ms; /* of a call to it, all attempts together; 0: 20000 */
    size_t memory_bytes; /* 0: the cache's own default */
};

void fixture_init(struct fixture *f, const struct fixture_config *config);
/* As a new process begins: memory is empty, and the disk is as it was. */
void fixture_restart(struct fixture *f);
void fixture_release(struct fixture *f);

/* Whether memory has something of that name whose time is not over. */
bool fixture_remembers(struct fixture *f, const char *name);

/* An answer of the origin with bytes [offset, offset + size) of an object of that many bytes; the byte at n
 * is byte_at(n). To be freed. */
char byte_at(int64_t n);
struct script_step piece_step(const char *etag, int64_t offset, size_t size, int64_t total);

#endif
