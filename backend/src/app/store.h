/*
 * The embedded object store as a running service: its engine, workers and HTTP server, put together for `vibe
 * up`.
 */
#ifndef VB_APP_STORE_H
#define VB_APP_STORE_H

#include "base/error.h"

#include <stdint.h>

struct vb_store_service;

struct vb_store_service_config {
    const char *directory; /* made on the first start */
    const char *bucket;    /* made if it is missing */
    const char *region, *access_key_id, *secret_access_key;
    const char *bind_address;
    uint16_t port; /* 0: any free one */
};

int vb_store_service_start(const struct vb_store_service_config *config, struct vb_store_service **ret_store,
                           struct vb_error *err);
uint16_t vb_store_service_port(const struct vb_store_service *store);
/* Finishes the requests in flight until the deadline, then ends. NULL is fine. */
void vb_store_service_stop(struct vb_store_service *store, int64_t deadline_ms);

#endif
