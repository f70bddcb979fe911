/*
 * One exchange of the HTTP client as libcurl sees it: its settings, and the callbacks through which bytes go.
 * Internal to the client's files.
 */
#ifndef VB_HTTP_CLIENT_TRANSFER_H
#define VB_HTTP_CLIENT_TRANSFER_H

#include "http/client.h"

#include <curl/curl.h>

/* The caller fills "given"; easy is fresh from curl_easy_reset(). Lives until curl is done with it. */
struct vb_transfer {
    /* given */
    struct vb_http_exchange *exchange;
    const char *user_agent;
    unsigned connect_timeout_ms, idle_timeout_ms;
    CURL *easy;

    /* made by vb_transfer_prepare() */
    struct curl_slist *headers; /* freed by the caller, after the transfer */
    char origin[300];           /* scheme://host:port, for messages */
    char detail[CURL_ERROR_SIZE];

    /* in flight */
    int64_t started_ms, moved_ms; /* monotonic; when it began, and when a byte went either way last */
    int64_t sent;                 /* of a body in memory */
    size_t header_bytes;
    bool connected, final_headers, headers_done;
    int failure; /* why a callback or a deadline ended it, a positive errno; 0: neither did */
};

/* Returns 0, or -EINVAL for an exchange that cannot be sent. */
int vb_transfer_prepare(struct vb_transfer *transfer, struct vb_error *err);

#endif
