/* The CDN edge as a running service: see delivery.h. */
#include "app/delivery.h"

#include "base/memory.h"
#include "base/wait.h"
#include "edge/deliver.h"
#include "http/client.h"

#include <stdlib.h>

#define WORKERS   16
#define QUEUE_MAX 8192 /* a page of pictures is many short requests at once */

struct vb_delivery {
    struct vb_http_client *http;
    struct vb_s3_client *s3;
    struct vb_edge *edge;
    struct vb_pool *pool;
    struct vb_http_server *server;
};

int vb_delivery_start(const struct vb_delivery_config *config, struct vb_delivery **ret_delivery,
                      struct vb_error *err)
{
    struct vb_delivery *delivery = vb_xcalloc(1, sizeof(*delivery));
    int r;

    delivery->http = vb_http_client_create(&(struct vb_http_client_config){.connections_max = WORKERS});
    delivery->s3 = vb_s3_client_create(&(struct vb_s3_config){.region = config->settings->region,
                                                              .bucket = config->settings->bucket,
                                                              .endpoint = config->settings->s3_endpoint,
                                                              .credentials = config->credentials,
                                                              .http = delivery->http});
    delivery->pool = vb_pool_create("edge", WORKERS, QUEUE_MAX);
    r = vb_edge_create(&(struct vb_edge_config){.s3 = delivery->s3,
                                                .workers = config->workers,
                                                .cache_directory = config->cache_directory},
                       &delivery->edge, err);
    if (r == 0)
        r = vb_http_server_start(
            &(struct vb_http_config){.name = "cdn",
                                     .bind_address = config->bind_address,
                                     .port = config->port,
                                     .tls = config->tls,
                                     .routes = vb_edge_routes,
                                     .app = delivery->edge,
                                     .pool = delivery->pool,
                                     .trusted_proxies = config->settings->trusted_proxies,
                                     .error = vb_edge_http_error},
            &delivery->server, err);
    if (r < 0)
        vb_delivery_stop(delivery, 0);
    else
        *ret_delivery = delivery;
    return r;
}

uint16_t vb_delivery_port(const struct vb_delivery *delivery)
{
    return vb_http_server_port(delivery->server);
}

int vb_delivery_renew_tls(struct vb_delivery *delivery, const struct vb_tls *tls, struct vb_error *err)
{
    return vb_http_server_renew_tls(delivery->server, tls, err);
}

void vb_delivery_purge(void *delivery, const char *key)
{
    vb_edge_purge(((struct vb_delivery *)delivery)->edge, key);
}

void vb_delivery_stop(struct vb_delivery *delivery, int64_t deadline_ms)
{
    if (!delivery)
        return;
    if (delivery->edge)
        vb_edge_wind_down(delivery->edge);
    if (delivery->server)
        vb_http_server_drain(delivery->server, (unsigned)vb_deadline_left_ms(deadline_ms));
    vb_http_server_stop(delivery->server);
    vb_pool_destroy(delivery->pool);
    vb_edge_destroy(delivery->edge);
    vb_s3_client_destroy(delivery->s3);
    vb_http_client_destroy(delivery->http);
    free(delivery);
}
