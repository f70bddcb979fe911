/*
 * The URLs that an answer names. With `vibe up` they have the host that the client used, so that a phone on
 * the same network reaches them.
 */
#ifndef VB_API_URLS_H
#define VB_API_URLS_H

#include "http/server.h"

/* With `vibe up`: "HOST:port" with the host that the client used, in the arena. NULL: use the configured
 * host. */
const char *vb_api_follow_host(struct vb_http_request *request, uint16_t port);
/* The URL at which the app finds a key: below CDN_BASE_URL, or on the host that the client used. Without a
 * key (an adopted row) it is `stored`, the URL in the database. In the arena; NULL if there is neither. */
const char *vb_api_cdn_url(struct vb_http_request *request, const char *key, const char *stored);

#endif
