/*
 * What every handler of the API does with a request: who asks, what the body says, and how failure is
 * answered.
 *
 * Each function that returns false or NULL has answered the request with the problem; the handler returns.
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

/* The user whom the access token names, also put into request->user, and one request less in this user's rate limit;
 * NULL after a 401 or 429. Needs no database and does not block: tokens that have ended early (an account that is
 * deleted or disabled, a changed password) are known from memory. */
const char *vb_api_authenticate(struct vb_http_request *request);
/* 401 with WWW-Authenticate. code: token_missing, token_invalid, token_expired, token_revoked, token_reused,
 * invalid_credentials. */
void vb_api_unauthorized(struct vb_http_request *request, const char *code, const char *detail);
/* 401 token_invalid: the database has no user with the id that the token names. */
void vb_api_account_gone(struct vb_http_request *request);

/* Whether the body is said to be JSON; false after a 415. */
bool vb_api_body_is_json(struct vb_http_request *request);
/* The body as a JSON object, to be freed with json_decref; NULL after a 400 or 415. */
json_t *vb_api_read_json(struct vb_http_request *request);

/* A field of the body. *ret_value stays untouched for an optional one that is absent or null. Another type
 * than asked for, or a required one that is missing, is a 422 that names the field. Strings live as long as
 * the JSON. */
enum vb_api_field { VB_API_OPTIONAL, VB_API_REQUIRED };
bool vb_api_string_field(struct vb_http_request *request, const json_t *json, const char *field,
                         enum vb_api_field need, const char **ret_value);
bool vb_api_integer_field(struct vb_http_request *request, const json_t *json, const char *field,
                          enum vb_api_field need, int64_t *ret_value);
/* 422 validation_failed for a field. */
#define vb_api_invalid_field(request, field, ...)                                                            \
    vb_problem_field((request), 422, "validation_failed", (field), __VA_ARGS__)

/* Answers for a failed database or S3 call: 503 when the service is away, 500 for what should not happen.
 * Logs it. */
void vb_api_database_problem(struct vb_http_request *request, int r, const struct vb_error *err);
void vb_api_storage_problem(struct vb_http_request *request, int r, const struct vb_error *err);

/* Borrows a connection; NULL after a 503. */
struct vb_db *vb_api_acquire_db(struct vb_http_request *request);

/* Answers with JSON that nobody may keep. A failed builder answers 500. */
void vb_api_answer_json(struct vb_http_request *request, int status, struct vb_strbuf *body);

/* With `vibe up`: "HOST:port" with the host that the client used, in the arena; NULL to use the configured
 * one. */
const char *vb_api_follow_host(struct vb_http_request *request, uint16_t port);
/* Where the app finds a key: CDN_BASE_URL, or the host that the client used. stored: what the database has
 * for it, which answers when there is no key (an adopted row). In the arena; NULL if there is neither. */
const char *vb_api_cdn_url(struct vb_http_request *request, const char *key, const char *stored);

#endif
