/*
 * The store over HTTP: Amazon S3's REST dialect on top of objects.h.
 */
#ifndef VB_STORE_SERVER_H
#define VB_STORE_SERVER_H

#include "http/server.h"
#include "store/engine/engine.h"

struct vb_store_server;

struct vb_store_server_config {
    struct vb_engine *engine;
    const char *region;
    const char *access_key_id, *secret_access_key; /* the one account that may do everything */
};

/* Strings are copied. vb_http_config.app of the HTTP server must be the result. */
struct vb_store_server *vb_store_server_create(const struct vb_store_server_config *config);
void vb_store_server_destroy(struct vb_store_server *server);

extern const struct vb_route vb_store_routes[];
/* S3's error document; fits vb_http_config.error. */
void vb_store_http_error(struct vb_http_request *request, int status, const char *code, const char *detail);

#endif
