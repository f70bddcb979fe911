/*
 * The store over HTTP: Amazon S3's REST API on top of the engine.
 */
#ifndef VB_STORE_SERVER_H
#define VB_STORE_SERVER_H

#include "http/server.h"
#include "store/engine/engine.h"

struct vb_store_server;

struct vb_store_server_config {
    struct vb_engine *engine;
    const char *region;
    const char *access_key_id, *secret_access_key; /* the one account, which may do everything */
};

/* Copies the strings. The result is vb_http_config.app of the HTTP server. */
struct vb_store_server *vb_store_server_create(const struct vb_store_server_config *config);
void vb_store_server_destroy(struct vb_store_server *server);

extern const struct vb_route vb_store_routes[];
/* Answers with S3's error document. For vb_http_config.error. */
void vb_store_http_error(struct vb_http_request *request, int status, const char *code, const char *detail);

#endif
