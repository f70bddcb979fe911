/*
 * The CDN edge as a running service: its S3 client, cache, workers and HTTP server, put together for `vibe
 * up` and `vibe serve`.
 */
#ifndef VB_APP_DELIVERY_H
#define VB_APP_DELIVERY_H

#include "app/settings.h"
#include "http/tls.h"
#include "media/workers.h"
#include "s3/credentials.h"

struct vb_delivery;

struct vb_delivery_config {
    const struct vb_settings *settings; /* this and what follows must outlive the delivery */
    const char *bind_address;
    uint16_t port;            /* 0: any free one */
    const struct vb_tls *tls; /* NULL: plain HTTP */
    struct vb_credentials_provider *credentials;
    struct vb_workers *workers;
    const char *cache_directory; /* NULL: nothing is kept on disk */
};

int vb_delivery_start(const struct vb_delivery_config *config, struct vb_delivery **ret_delivery,
                      struct vb_error *err);
uint16_t vb_delivery_port(const struct vb_delivery *delivery);
/* As vb_http_server_renew_tls(). */
int vb_delivery_renew_tls(struct vb_delivery *delivery, const struct vb_tls *tls, struct vb_error *err);
/* The object has been deleted; fits vb_service_config.on_deleted. */
void vb_delivery_purge(void *delivery, const char *key);
/* Finishes the requests in flight until the deadline (monotonic), then ends. NULL is fine. */
void vb_delivery_stop(struct vb_delivery *delivery, int64_t deadline_ms);

#endif
