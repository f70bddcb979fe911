/*
 * Calls of the API from the command line: JSON there, JSON back, and its problems as errors a person can
 * read.
 */
#ifndef VB_CLIENT_API_CALL_H
#define VB_CLIENT_API_CALL_H

#include "base/error.h"
#include "http/client.h"

#include <jansson.h>

struct vb_api_call {
    struct vb_http_client *http;
    const char *base_url; /* "http://127.0.0.1:3000", without a final slash */
    const char *token;    /* access token, or NULL */
};

/* POST base_url + path with this body (which it takes). Returns 0 with the answer's JSON (json_decref() it),
 * -EACCES for 401, -EEXIST for 409, -EPROTO for any other refusal (err says what the API says), or the HTTP
 * client's error. */
int vb_api_post(const struct vb_api_call *call, const char *path, json_t *body, json_t **ret_answer,
                struct vb_error *err);

/* GET base_url + path: results as of vb_api_post(). */
int vb_api_get(const struct vb_api_call *call, const char *path, json_t **ret_answer, struct vb_error *err);

/* The text at name of an object, or -EPROTO. It belongs to the object. */
int vb_api_answer_string(const json_t *object, const char *name, const char **ret_text, struct vb_error *err);

#endif
