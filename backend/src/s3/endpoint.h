/*
 * Where a bucket is: AWS's addressing in virtual-hosted style, or path style on any other endpoint.
 * Immutable, and so thread-safe. Source: "Virtual hosting of buckets" (Amazon S3 User Guide).
 */
#ifndef VB_S3_ENDPOINT_H
#define VB_S3_ENDPOINT_H

#include "base/strbuf.h"

#include <stdbool.h>

struct vb_s3_endpoint {
    const char *scheme; /* "http" or "https" */
    char host[512];     /* lower case, with a port unless the scheme's default: what the Host header says */
    char bucket_path[320]; /* percent-encoded, without a final '/': "" when the host names the bucket */
    bool virtual_hosted;
};

/* url: http://host[:port][/base] or https://…; NULL: AWS, in the region. A bucket whose name holds a dot is
 * addressed in path style on AWS too, as no certificate fits its host. Returns 0, or -EINVAL for another kind
 * of URL. */
int vb_s3_endpoint_init(struct vb_s3_endpoint *endpoint, const char *url, const char *region,
                        const char *bucket);

/* Appends the path of a key, or the bucket's own for NULL, percent-encoded as it is sent and signed. */
void vb_s3_endpoint_path(const struct vb_s3_endpoint *endpoint, const char *key, struct vb_strbuf *out);

/* Appends the host, with another one in its place: see vb_s3_presign.host. */
void vb_s3_endpoint_host(const struct vb_s3_endpoint *endpoint, const char *instead, struct vb_strbuf *out);

#endif
