/* What every handler of the API does with a request: see request.h. */
#include "api/request.h"

#include "api/auth/authenticate.h"
#include "base/encode.h"
#include "base/log.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void vb_api_unauthorized(struct vb_http_request *request, const char *code, const char *detail)
{
    /* RFC 6750 section 3.1: a request without a token gets no error code. */
    bool brought_token = strncmp(code, "token_", 6) == 0 && strcmp(code, "token_missing") != 0;

    vb_http_add_header(request, "WWW-Authenticate",
                       brought_token ? "Bearer error=\"invalid_token\"" : "Bearer");
    vb_problem(request, 401, code, "%s", detail);
}

void vb_api_out_of_memory(struct vb_http_request *request)
{
    vb_problem(request, 503, "overloaded", "The server is out of memory; try again in a second");
}

static bool is_json_type(const char *content_type)
{
    size_t length = content_type ? strcspn(content_type, "; \t") : 0;

    return length == strlen("application/json") && strncasecmp(content_type, "application/json", length) == 0;
}

bool vb_api_body_is_json(struct vb_http_request *request)
{
    if (is_json_type(vb_http_header(request, "Content-Type")))
        return true;
    vb_problem(request, 415, "unsupported_media_type",
               "The body must be JSON, sent with \"Content-Type: application/json\"");
    return false;
}

json_t *vb_api_read_json(struct vb_http_request *request)
{
    json_error_t error;
    json_t *json;

    if (!vb_api_body_is_json(request))
        return NULL;
    if (vb_json_too_deep(request->body.data, request->body.length, VB_API_JSON_DEPTH_MAX)) {
        vb_problem(request, 400, "json_too_deep", "The body is nested more than %d levels deep",
                   VB_API_JSON_DEPTH_MAX);
        return NULL;
    }
    json = json_loadb(request->body.data, request->body.length, JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        vb_problem(request, 400, "invalid_json", "The body is not JSON: %s (line %d, column %d)", error.text,
                   error.line, error.column);
        return NULL;
    }
    if (!json_is_object(json)) {
        json_decref(json);
        vb_problem(request, 400, "invalid_json", "The body must be a JSON object: {…}");
        return NULL;
    }
    return json;
}

/* Finds a field; *ret_value is NULL for an optional one that is absent or null. */
static bool find_field(struct vb_http_request *request, const json_t *json, const char *field,
                       enum vb_api_field need, const json_t **ret_value)
{
    *ret_value = json_object_get(json, field);
    if (json_is_null(*ret_value))
        *ret_value = NULL;
    if (!*ret_value && need == VB_API_REQUIRED) {
        vb_api_invalid_field(request, field, "\"%s\" is missing", field);
        return false;
    }
    return true;
}

bool vb_api_string_field(struct vb_http_request *request, const json_t *json, const char *field,
                         enum vb_api_field need, const char **ret_value)
{
    const json_t *value;

    if (!find_field(request, json, field, need, &value))
        return false;
    if (value && !json_is_string(value)) {
        vb_api_invalid_field(request, field, "\"%s\" must be a string", field);
        return false;
    }
    if (value)
        *ret_value = json_string_value(value);
    return true;
}

bool vb_api_integer_field(struct vb_http_request *request, const json_t *json, const char *field,
                          enum vb_api_field need, int64_t *ret_value)
{
    const json_t *value;

    if (!find_field(request, json, field, need, &value))
        return false;
    if (value && !json_is_integer(value)) {
        vb_api_invalid_field(request, field, "\"%s\" must be a whole number", field);
        return false;
    }
    if (value)
        *ret_value = json_integer_value(value);
    return true;
}

static void log_failure(const struct vb_http_request *request, const char *message,
                        const struct vb_error *err)
{
    vb_log(VB_LOG_ERROR, message, VB_LOG_STR("requestId", request->id), VB_LOG_STR("error", err->message));
}

void vb_api_database_problem(struct vb_http_request *request, int r, const struct vb_error *err)
{
    if (r == -ESRCH) {
        vb_api_account_gone(request);
        return;
    }
    log_failure(request, "database call failed", err);
    switch (r) {
    case -ENOTCONN:
    case -EBUSY:
    case -ETIMEDOUT:
    case -EAGAIN:
        vb_problem(request, 503, "database_unavailable",
                   "The database does not answer; try again in a second");
        return;
    default:
        vb_problem(request, 500, "internal", "The database refused a statement; the server's log says why");
    }
}

void vb_api_storage_problem(struct vb_http_request *request, int r, const struct vb_error *err)
{
    (void)r; /* what S3 refuses is for the operator to mend; a retry may work after that */
    log_failure(request, "object storage call failed", err);
    vb_problem(request, 503, "storage_unavailable",
               "The object storage does not answer; try again in a second");
}

bool vb_api_failed(struct vb_http_request *request, int r, const struct vb_error *err, int known,
                   void (*answer_known)(struct vb_http_request *request))
{
    if (r < 0 && r == known)
        answer_known(request);
    else if (r < 0)
        vb_api_database_problem(request, r, err);
    return r < 0;
}

struct vb_db *vb_api_acquire_db(struct vb_http_request *request)
{
    struct vb_error err = {0};
    struct vb_db *db = NULL;
    int r = vb_db_acquire(vb_api_of(request)->db, &db, &err);

    if (r < 0)
        vb_api_database_problem(request, r, &err);
    return db;
}

const char *vb_api_id(struct vb_http_request *request)
{
    const char *id = vb_http_param(request, "id");

    return id ? id : "";
}

bool vb_api_user_query(struct vb_http_request *request, const char *name, const char *me,
                       const char **ret_user_id)
{
    const char *user = vb_http_query(request, name);

    if (user && (!*user || !vb_utf8_valid(user, strlen(user)))) {
        vb_api_invalid_field(request, name, "\"%s\" must be the id of a user, or me", name);
        return false;
    }
    *ret_user_id = user && strcmp(user, "me") == 0 ? me : user;
    return true;
}

void vb_api_answer_done(struct vb_http_request *request)
{
    vb_http_answer(request, 204, NULL, "", 0);
}

void vb_api_answer_json(struct vb_http_request *request, int status, struct vb_strbuf *body)
{
    vb_strbuf_addc(body, '\n');
    vb_http_add_header_borrowed(request, "Cache-Control", "no-store");
    vb_http_answer_strbuf(request, status, "application/json", body);
}
