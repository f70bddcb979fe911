/* The embedded object store as a running service: see store.h. */
#include "app/store.h"

#include "base/memory.h"
#include "base/pool.h"
#include "base/wait.h"
#include "http/server.h"
#include "store/server.h"

#include <errno.h>
#include <stdlib.h>

#define WORKERS   64
#define QUEUE_MAX 1024

struct vb_store_service {
    struct vb_engine *engine;
    struct vb_store_server *app;
    struct vb_pool *pool;
    struct vb_http_server *server;
};

static int open_engine(struct vb_store_service *store, const struct vb_store_service_config *config,
                       struct vb_error *err)
{
    int r = vb_engine_open(&(struct vb_engine_config){.directory = config->directory}, &store->engine, err);

    if (r == 0)
        r = vb_engine_bucket_create(store->engine, config->bucket, err);
    return r == -EEXIST ? 0 : r;
}

static int start_server(struct vb_store_service *store, const struct vb_store_service_config *config,
                        struct vb_error *err)
{
    store->app = vb_store_server_create(
        &(struct vb_store_server_config){.engine = store->engine,
                                         .region = config->region,
                                         .access_key_id = config->access_key_id,
                                         .secret_access_key = config->secret_access_key});
    store->pool = vb_pool_create("store", WORKERS, QUEUE_MAX);
    return vb_http_server_start(&(struct vb_http_config){.name = "store",
                                                         .bind_address = config->bind_address,
                                                         .port = config->port,
                                                         .routes = vb_store_routes,
                                                         .app = store->app,
                                                         .pool = store->pool,
                                                         .header_max_bytes = (size_t)16 * 1024,
                                                         .connection_memory_bytes = (size_t)64 * 1024,
                                                         .error = vb_store_http_error},
                                &store->server, err);
}

int vb_store_service_start(const struct vb_store_service_config *config, struct vb_store_service **ret_store,
                           struct vb_error *err)
{
    struct vb_store_service *store = vb_xcalloc(1, sizeof(*store));
    int r = open_engine(store, config, err);

    if (r == 0)
        r = start_server(store, config, err);
    if (r < 0)
        vb_store_service_stop(store, 0);
    else
        *ret_store = store;
    return r;
}

uint16_t vb_store_service_port(const struct vb_store_service *store)
{
    return vb_http_server_port(store->server);
}

void vb_store_service_stop(struct vb_store_service *store, int64_t deadline_ms)
{
    if (!store)
        return;
    if (store->server)
        vb_http_server_drain(store->server, (unsigned)vb_deadline_left_ms(deadline_ms));
    vb_http_server_stop(store->server);
    vb_pool_destroy(store->pool);
    vb_store_server_destroy(store->app);
    vb_engine_close(store->engine);
    free(store);
}
