/*
 * TRUSTED_PROXIES: the addresses whose X-Forwarded-For the server believes.
 */
#ifndef VB_HTTP_PROXIES_H
#define VB_HTTP_PROXIES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct vb_proxies;

/* text: comma-separated IPv4/IPv6 addresses and CIDR blocks ("10.0.0.0/8, ::1"); NULL or "" for none. Returns
 * 0, or -EINVAL with the malformed part in err. */
int vb_proxies_parse(const char *text, struct vb_proxies **ret_proxies, struct vb_error *err);
void vb_proxies_destroy(struct vb_proxies *proxies);

bool vb_proxies_trusts(const struct vb_proxies *proxies, const char *address);

/* The client behind trusted proxies: walks X-Forwarded-For (which may be NULL) from its right end and copies
 * the first address that is not trusted to buffer. Falls back to peer where the header ends or holds no
 * address. */
void vb_proxies_client(const struct vb_proxies *proxies, const char *peer, const char *forwarded_for,
                       char *buffer, size_t size);

#endif
