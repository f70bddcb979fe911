/*
 * What handlers of every floor do with a request: read its body, answer it, and answer for what failed.
 *
 * A function that returns false or NULL has answered the request with the problem; its caller returns.
 */
#ifndef VB_API_REQUEST_H
#define VB_API_REQUEST_H

#include "api/context.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <jansson.h>

#define VB_API_JSON_DEPTH_MAX 32

static inline void vb_json_decrefp(json_t **json)
{
    json_decref(*json);
}

/* 401 with WWW-Authenticate. code: token_missing, token_invalid, token_expired, token_revoked, token_reused,
 * invalid_credentials, account_disabled. */
void vb_api_unauthorized(struct vb_http_request *request, const char *code, const char *detail);
/* 503 for memory that cannot be had. */
void vb_api_out_of_memory(struct vb_http_request *request);

/* Whether the Content-Type is JSON; false after a 415. */
bool vb_api_body_is_json(struct vb_http_request *request);
/* The body as a JSON object, to be freed with json_decref; NULL after a 400 or 415. */
json_t *vb_api_read_json(struct vb_http_request *request);

/* A field of the body. *ret_value stays untouched for an optional field that is absent or null. A field of
 * another type, and a required one that is missing, are answered with a 422 that names the field. Strings
 * live as long as the JSON. */
enum vb_api_field { VB_API_OPTIONAL, VB_API_REQUIRED };
bool vb_api_string_field(struct vb_http_request *request, const json_t *json, const char *field,
                         enum vb_api_field need, const char **ret_value);
bool vb_api_integer_field(struct vb_http_request *request, const json_t *json, const char *field,
                          enum vb_api_field need, int64_t *ret_value);
/* 422 validation_failed for a field. */
#define vb_api_invalid_field(request, field, ...)                                                            \
    vb_problem_field((request), 422, "validation_failed", (field), __VA_ARGS__)

/* Answers a failed call of the database or S3, and logs it: 503 if unreachable, else 500. -ESRCH, the user
 * who asks is gone: 401. */
void vb_api_database_problem(struct vb_http_request *request, int r, const struct vb_error *err);
void vb_api_storage_problem(struct vb_http_request *request, int r, const struct vb_error *err);

/* Whether a call of the database failed; then it is answered: by answer_known() where r is the one error with
 * a meaning of its own (-ENOENT: no such thing), else by vb_api_database_problem(). */
bool vb_api_failed(struct vb_http_request *request, int r, const struct vb_error *err, int known,
                   void (*answer_known)(struct vb_http_request *request));

/* Borrows a connection; NULL after a 503. */
struct vb_db *vb_api_acquire_db(struct vb_http_request *request);

/* The {id} of the route. "", which nothing has, for one that cannot be decoded. */
const char *vb_api_id(struct vb_http_request *request);

/* Reads a query parameter that names a user by an id or as "me". *ret_user_id is NULL if it is absent.
 * Returns false after a 422. */
bool vb_api_user_query(struct vb_http_request *request, const char *name, const char *me,
                       const char **ret_user_id);

/* Answers with JSON that no cache may keep. A failed builder answers 500. */
void vb_api_answer_json(struct vb_http_request *request, int status, struct vb_strbuf *body);
/* 204: it is done, and there is nothing to say. */
void vb_api_answer_done(struct vb_http_request *request);

#endif
