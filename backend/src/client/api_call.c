/* Calls of the API from the command line: see api_call.h. */
#include "client/api_call.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)256 * 1024)

static int refused(const struct vb_http_exchange *exchange, struct vb_error *err)
{
    json_t *problem = json_loadb(exchange->response.data, exchange->response.length, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *code = json_string_value(json_object_get(problem, "code"));
    int rc = exchange->status == 401 ? EACCES : exchange->status == 409 ? EEXIST : EPROTO;

    if (detail)
        vb_error_set(err, rc, "%s (%s)", detail, code ? code : "no code");
    else
        vb_error_set(err, rc, "%s answers with status %d", exchange->url, exchange->status);
    if (!code)
        vb_error_hint(err, "is this the address of the API? --api or VIBE_API_URL tells another");
    json_decref(problem);
    return -rc;
}

/* text: the body, or NULL. */
static int ask(const struct vb_api_call *call, const char *method, const char *path, const char *text,
               json_t **ret_answer, struct vb_error *err)
{
    char *url VB_CLEANUP(vb_freep) = vb_xasprintf("%s%s", call->base_url, path);
    char *authorization VB_CLEANUP(vb_freep) =
        call->token ? vb_xasprintf("Authorization: Bearer %s", call->token) : NULL;
    const char *headers[] = {"Accept: application/json",
                             text ? "Content-Type: application/json" : authorization,
                             text ? authorization : NULL, NULL};
    struct vb_http_exchange exchange = {.method = method, .url = url, .headers = headers, .body = text};
    int rc;

    exchange.body_size = text ? (int64_t)strlen(text) : 0;
    vb_strbuf_init(&exchange.response, ANSWER_MAX);
    rc = vb_http_client_perform(call->http, &exchange, err);
    if (rc < 0)
        vb_error_hint(err,
                      "is it running? `vibe up` starts it here; --api or VIBE_API_URL tells another address");
    else if (exchange.status < 200 || exchange.status > 299)
        rc = refused(&exchange, err);
    else if (!(*ret_answer = json_loadb(exchange.response.data, exchange.response.length, 0, NULL)))
        rc = vb_error_set(err, EPROTO, "%s answers with something that is not JSON", url);
    vb_strbuf_release(&exchange.response);
    return rc;
}

int vb_api_post(const struct vb_api_call *call, const char *path, json_t *body, json_t **ret_answer,
                struct vb_error *err)
{
    char *text VB_CLEANUP(vb_freep) = json_dumps(body, JSON_COMPACT);
    int rc;

    json_decref(body);
    vb_assert(text);
    rc = ask(call, "POST", path, text, ret_answer, err);
    explicit_bzero(text, strlen(text)); /* it may hold a password */
    return rc;
}

int vb_api_get(const struct vb_api_call *call, const char *path, json_t **ret_answer, struct vb_error *err)
{
    return ask(call, "GET", path, NULL, ret_answer, err);
}

int vb_api_answer_string(const json_t *object, const char *name, const char **ret_text, struct vb_error *err)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text)
        return vb_error_set(err, EPROTO, "The API's answer has no \"%s\"", name);
    *ret_text = text;
    return 0;
}
