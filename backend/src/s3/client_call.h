/*
 * One call of the S3 client: an operation's request, signed, and retried until S3 answers or the deadline
 * passes. Internal to the client's files.
 */
#ifndef VB_S3_CLIENT_CALL_H
#define VB_S3_CLIENT_CALL_H

#include "base/arena.h"
#include "s3/client.h"
#include "s3/endpoint.h"

#define VB_S3_KEY_MAX          1024
#define VB_S3_CALL_HEADERS_MAX 64

struct vb_s3_client {
    char *region, *bucket;
    struct vb_s3_endpoint endpoint, public_endpoint;
    struct vb_credentials_provider *credentials;
    struct vb_http_client *http;
    unsigned attempts, timeout_ms;
};

/* What S3 says of a failure. */
struct vb_s3_failure {
    char code[64], message[256], region[64];
};

struct vb_s3_call {
    struct vb_s3_client *client;

    /* asked */
    const char *method;
    const char *key;   /* NULL: the bucket itself */
    const char *query; /* percent-encoded, or "" */
    struct vb_sigv4_header headers[VB_S3_CALL_HEADERS_MAX];
    size_t header_count;
    bool too_many_headers;
    const void *body; /* or, if NULL, from body_fd's body_offset */
    int body_fd;
    int64_t body_offset, body_size;
    char payload_hash[2 * VB_SHA256_SIZE + 1]; /* "": no body */
    const char *result; /* root element that an answer of 200 must have; NULL: any answer will do */
    bool if_none_match; /* what a 412 means */
    struct {
        int (*sink)(void *context, const char *data, size_t size); /* NULL: the answer goes into response */
        void *context;
        int64_t offset, size; /* size < 0: to the end */
        const char *if_match;
        int64_t delivered; /* bytes that sink has taken */
        char etag[128];    /* of the object that they are of */
    } get;

    /* answered */
    int status; /* of the last answer; 0: none */
    unsigned attempt;
    struct vb_s3_object object; /* size: of the whole object; -1: not said */
    struct vb_s3_failure failure;
    struct vb_strbuf response;

    /* in flight */
    struct vb_arena arena;
    struct vb_http_exchange exchange;
    int64_t deadline_ms, body_sent, retry_after_s;
    int64_t range_first; /* of Content-Range; -1: none */
    int64_t asked_first; /* where this attempt's range begins */
    bool deadline_raised;
    int aborted; /* why a callback of ours aborted; 0: none did */
};

/* Every call is released. response_max: bytes of an answer that is collected. */
void vb_s3_call_init(struct vb_s3_call *call, struct vb_s3_client *client, const char *method,
                     const char *key, const char *query, size_t response_max);
void vb_s3_call_release(struct vb_s3_call *call);

/* Adds a header, to be signed; the value NULL adds none. Both must live as long as the call. */
void vb_s3_call_header(struct vb_s3_call *call, const char *name, const char *value);
/* Type, cache control and metadata of an object to be made; options may be NULL. */
void vb_s3_call_options(struct vb_s3_call *call, const struct vb_s3_put *options);
/* Gives the call a body, and hashes it. Returns 0 or -errno (a file that cannot be read so far). */
void vb_s3_call_body(struct vb_s3_call *call, const void *data, size_t size);
int vb_s3_call_body_file(struct vb_s3_call *call, int fd, int64_t offset, int64_t size, struct vb_error *err);

/* Returns 0 when S3 has answered with success, or an error as client.h lists them, explained. */
int vb_s3_call_perform(struct vb_s3_call *call, struct vb_error *err);

/* client_answer.c: an answer as it comes, fit for vb_http_exchange. */
#define VB_S3_SLOWEST_B_PER_MS 256 /* what a body is given time for */
static inline bool vb_s3_status_ok(int status)
{
    return status >= 200 && status < 300;
}
void vb_s3_answer_forget(struct vb_s3_call *call); /* before the next attempt */
int vb_s3_answer_header(void *context, const char *name, const char *value);
int vb_s3_answer_body(void *context, const char *data, size_t size);

/* client_error.c: reading and explaining failures. */
/* Reads an <Error> document into failure; leaves it as it is if the data is none. */
void vb_s3_failure_read(struct vb_s3_failure *failure, const char *data, size_t size);
/* A 200 whose body is an <Error>, or empty, becomes a failure. S3 sends these for long copies: it sends the
 * status before it knows the result. The document of a success is call->result. */
void vb_s3_call_check_result(struct vb_s3_call *call);
int vb_s3_call_explain(const struct vb_s3_call *call, struct vb_error *err);

#endif
