/*
 * S3 client: virtual-hosted style on AWS, path style on any other endpoint. Blocking; thread-safe.
 *
 * Requests are retried on connection errors, 500, 502, 503, 504 and 429, within the deadline, with
 * exponential back-off and jitter; Retry-After is honoured. A torn download resumes where it stopped. Keys
 * are UTF-8 of 1 to 1024 bytes (-EINVAL otherwise). Sources: Amazon S3 API Reference, operation by operation.
 */
#ifndef VB_S3_CLIENT_H
#define VB_S3_CLIENT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "http/client.h"
#include "s3/credentials.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vb_s3_client;

struct vb_s3_config {
    const char *region;
    const char *bucket;
    const char *endpoint;        /* S3_ENDPOINT; NULL: AWS */
    const char *public_endpoint; /* S3_PUBLIC_ENDPOINT: what presigned URLs carry; NULL: as endpoint */
    struct vb_credentials_provider *credentials;
    struct vb_http_client *http;
    unsigned attempts; /* 0: 4 */
    /* Of one call, all attempts together; 0: 15000. To it comes one second for each 256 KiB of a body. A
     * multipart upload has it for each part, a listing for each page. */
    unsigned timeout_ms;
};

/* Strings are copied; credentials and http must outlive the client. NULL if an endpoint is no http:// or
 * https:// URL. */
struct vb_s3_client *vb_s3_client_create(const struct vb_s3_config *config);
void vb_s3_client_destroy(struct vb_s3_client *client);

/*
 * Errors of every call: -ENOENT (404), -EACCES (403), -EEXIST (412 of if_none_match), -EKEYREJECTED (412
 * otherwise), -ENODATA (416), -EBUSY (503/429 after all attempts), -ECONNREFUSED, -ETIMEDOUT, -EIO;
 * err->message carries S3's own code and message.
 */
struct vb_s3_object {
    int64_t size;
    int64_t last_modified_s;
    char etag[128]; /* with its quotes */
    char content_type[128];
    char cache_control[128];
    char version_id[128];
    char checksum_sha256[64]; /* base64; "" when S3 has none */
    /* "name: value\n" of each x-amz-meta- header, its name without that and in lower case. More than fits is
     * left out, whole lines at a time. */
    char metadata[1024];
};

/* Copies the value of an object's metadata of that name, if there is one and it fits. */
bool vb_s3_metadata(const struct vb_s3_object *object, const char *name, char *buffer, size_t size);

struct vb_s3_put {
    const char *content_type, *cache_control; /* may be NULL */
    const char *const *metadata; /* name, value, name, value, NULL; without "x-amz-meta-"; may be NULL */
    /* Only if no object of that key exists. After a lost answer and a retry, -EEXIST may mean the object that
     * this very call wrote. */
    bool if_none_match;
};

/* The body is sent with its SHA-256, so that S3 checks what arrives. */
int vb_s3_put(struct vb_s3_client *client, const char *key, const void *data, size_t size,
              const struct vb_s3_put *options, struct vb_s3_object *ret_object, struct vb_error *err);
/* From a file's offset; bodies above 16 MiB go as a multipart upload, which is aborted on failure. */
int vb_s3_put_file(struct vb_s3_client *client, const char *key, int fd, int64_t size,
                   const struct vb_s3_put *options, struct vb_s3_object *ret_object, struct vb_error *err);

int vb_s3_head(struct vb_s3_client *client, const char *key, struct vb_s3_object *ret_object,
               struct vb_error *err);

/* Bytes [offset, offset + size), or all from offset with size < 0 (size 0 is -EINVAL), to sink (negative
 * result aborts with -ECANCELED). if_match: an etag with quotes, or NULL. ret_object may be NULL; its size is
 * the whole object's. */
int vb_s3_get(struct vb_s3_client *client, const char *key, int64_t offset, int64_t size,
              const char *if_match, int (*sink)(void *context, const char *data, size_t size), void *context,
              struct vb_s3_object *ret_object, struct vb_error *err);
/* The same into memory, up to out->max (-EFBIG beyond). */
int vb_s3_get_data(struct vb_s3_client *client, const char *key, int64_t offset, int64_t size,
                   const char *if_match, struct vb_strbuf *out, struct vb_s3_object *ret_object,
                   struct vb_error *err);

/* Deleting an object that does not exist succeeds, as in S3. */
int vb_s3_delete(struct vb_s3_client *client, const char *key, struct vb_error *err);
/* Server-side, within the bucket, for objects of up to 5 GiB. options replace type, cache-control and
 * metadata; NULL keeps them. if_match: the source's etag, or NULL. */
int vb_s3_copy(struct vb_s3_client *client, const char *from_key, const char *to_key, const char *if_match,
               const struct vb_s3_put *options, struct vb_error *err);

/* ListObjectsV2, page by page; visit returns negative to stop (the call then returns -ECANCELED). */
struct vb_s3_listed {
    const char *key;
    int64_t size, last_modified_s;
    const char *etag;
};
int vb_s3_list(struct vb_s3_client *client, const char *prefix,
               int (*visit)(void *context, const struct vb_s3_listed *object), void *context,
               struct vb_error *err);

int vb_s3_head_bucket(struct vb_s3_client *client, struct vb_error *err);
/* A bucket that is ours already is no error. */
int vb_s3_create_bucket(struct vb_s3_client *client, struct vb_error *err);

/* Appends a presigned URL for the public endpoint. host: what to put in place of the public endpoint's host
 * (the one a phone used), or NULL; one without a port keeps the endpoint's; ignored on AWS, where the host
 * names the bucket. headers: to be sent with exactly these values. */
struct vb_s3_presign {
    const char *method, *key;
    const char *query; /* further parameters, percent-encoded ("partNumber=1&uploadId=…"), or NULL */
    const char *host;
    const struct vb_sigv4_header *headers;
    size_t header_count;
    unsigned expires_s;
};
int vb_s3_presign(struct vb_s3_client *client, const struct vb_s3_presign *presign, struct vb_strbuf *out,
                  struct vb_error *err);
/* Where the object is, unsigned: what the *_url columns hold. */
void vb_s3_object_url(const struct vb_s3_client *client, const char *key, struct vb_strbuf *out);

#endif
