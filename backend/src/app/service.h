/*
 * The API as a running service: its database pool, S3 client, workers and HTTP server, put together for `vibe
 * serve` and `vibe up`.
 */
#ifndef VB_APP_SERVICE_H
#define VB_APP_SERVICE_H

#include "app/settings.h"
#include "http/server.h"
#include "media/workers.h"
#include "s3/credentials.h"

struct vb_service;

struct vb_service_config {
    const struct vb_settings *settings; /* must outlive the service */
    const char *bind_address;
    uint16_t port;
    const struct vb_tls *tls;                           /* NULL: plain HTTP; must outlive the service */
    struct vb_credentials_provider *credentials;        /* must outlive the service */
    struct vb_workers *workers;                         /* must outlive the service */
    uint16_t follow_host_s3_port, follow_host_cdn_port; /* of `vibe up`; 0: none */
    bool log_reset_links;                               /* of `vibe up` without SMTP_URL */
    void (*on_deleted)(void *context, const char *key); /* see struct vb_ingest */
    void *on_deleted_context;
};

int vb_service_start(const struct vb_service_config *config, struct vb_service **ret_service,
                     struct vb_error *err);
uint16_t vb_service_port(const struct vb_service *service);
/* As vb_http_server_renew_tls(). */
int vb_service_renew_tls(struct vb_service *service, const struct vb_tls *tls, struct vb_error *err);
/* Finishes what is in flight (25 s at the most), then ends. NULL is fine. */
void vb_service_stop(struct vb_service *service);

#define VB_DRAIN_TIMEOUT_MS 25000 /* ECS kills a task 30 s after SIGTERM */

#endif
