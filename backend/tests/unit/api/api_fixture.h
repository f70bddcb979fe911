/*
 * The API on a port of its own, for tests that talk to it over HTTP. The object storage is an address where
 * nobody listens. The database is the caller's, or such an address, too.
 */
#ifndef VB_TESTS_API_FIXTURE_H
#define VB_TESTS_API_FIXTURE_H

#include "api/api.h"
#include "http/client.h"

#include <jansson.h>

#define FIXTURE_SECRET "for tests: 0123456789abcdef0123456789abcdef"

struct api_fixture {
    struct vb_pool *pool;
    struct vb_db_pool *db;
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
    struct vb_keys *keys;    /* of FIXTURE_SECRET */
    struct vb_ingest ingest; /* without workers */
    struct vb_api *api;
    struct vb_http_server *server;
};

/* database_url NULL: a database that is away. follow: URLs carry the host that the client used, with the
 * ports 9000 and 8080. */
void api_fixture_start(struct api_fixture *fixture, const char *database_url, bool follow);
void api_fixture_stop(struct api_fixture *fixture);

struct api_answer {
    int status;
    json_t *json;       /* NULL if the body is not JSON */
    char headers[4096]; /* "name: value\n" each, names in lower case */
};
void api_answer_release(struct api_answer *answer);

/* token and body may be NULL; body is sent as application/json. header: one more, "Name: value", or NULL. */
struct api_answer api_call(struct api_fixture *fixture, const char *method, const char *path,
                           const char *token, const char *body, const char *header);
/* A string of the answer, "user.id" for one inside an object; "" if there is none. Lives as long as the
 * answer. */
const char *api_text(const struct api_answer *answer, const char *path);

#endif
