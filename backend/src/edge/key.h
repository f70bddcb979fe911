/*
 * Which keys of the bucket the CDN serves, and which content types it vouches for.
 */
#ifndef VB_EDGE_KEY_H
#define VB_EDGE_KEY_H

#define VB_EDGE_KEY_MAX 1024 /* bytes, as in S3 */

enum vb_edge_key_result {
    VB_EDGE_KEY_PUBLIC,
    VB_EDGE_KEY_MALFORMED, /* "..", empty segments, control characters, backslashes, not UTF-8, too long */
    VB_EDGE_KEY_PRIVATE    /* under no public prefix: user-uploads/ above all */
};

/* key: the request's path, percent-decoded once, without the first slash. */
enum vb_edge_key_result vb_edge_key_check(const char *key);

/* The type itself, without parameters, if it is one that the media pipeline makes and browsers show
 * harmlessly (SVG is not: it may hold scripts); otherwise application/octet-stream. Static text. */
const char *vb_edge_content_type(const char *content_type);

#endif
