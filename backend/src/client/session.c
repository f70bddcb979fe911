/* One person's session with the API: see session.h. */
#include "client/session.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)256 * 1024)
#define TOKEN_MAX  ((size_t)16 * 1024)

void vb_client_session_init(struct vb_client_session *session, struct vb_http_client *http,
                            const char *api_url)
{
    *session = (struct vb_client_session){.http = http, .api_url = api_url};
    vb_strbuf_init(&session->token, TOKEN_MAX);
}

void vb_client_session_release(struct vb_client_session *session)
{
    if (session->token.length)
        explicit_bzero(session->token.data, session->token.length);
    vb_strbuf_release(&session->token);
}

/* ---- calls ---- */

static int refused(const struct vb_http_exchange *exchange, struct vb_error *err)
{
    json_t *problem = json_loadb(exchange->response.data, exchange->response.length, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *code = json_string_value(json_object_get(problem, "code"));
    int error = exchange->status == 401 ? EACCES : exchange->status == 409 ? EEXIST : EPROTO;

    if (detail)
        vb_error_set(err, error, "the API answers %d: %s (%s)", exchange->status, detail,
                     code ? code : "no code");
    else
        vb_error_set(err, error, "%s answers %d", exchange->url, exchange->status);
    if (!code)
        vb_error_hint(err, "is this the address of the API? --api or VIBE_API_URL names another");
    json_decref(problem);
    return -error;
}

/* text: the body, or NULL. */
static int ask(const struct vb_client_session *session, const char *method, const char *path,
               const char *text, json_t **ret_answer, struct vb_error *err)
{
    char *url VB_CLEANUP(vb_freep) = vb_xasprintf("%s%s", session->api_url, path);
    char *authorization VB_CLEANUP(vb_freep) =
        session->token.length ? vb_xasprintf("Authorization: Bearer %s", session->token.data) : NULL;
    const char *headers[] = {"Accept: application/json",
                             text ? "Content-Type: application/json" : authorization,
                             text ? authorization : NULL, NULL};
    struct vb_http_exchange exchange = {.method = method, .url = url, .headers = headers, .body = text};
    int r;

    exchange.body_size = text ? (int64_t)strlen(text) : 0;
    vb_strbuf_init(&exchange.response, ANSWER_MAX);
    r = vb_http_client_perform(session->http, &exchange, err);
    if (r < 0)
        vb_error_hint(err,
                      "is it running? `vibe up` starts it here; --api or VIBE_API_URL names another address");
    else if (exchange.status < 200 || exchange.status > 299)
        r = refused(&exchange, err);
    else if (!(*ret_answer = json_loadb(exchange.response.data, exchange.response.length, 0, NULL)))
        r = vb_error_set(err, EPROTO, "%s answers with something that is not JSON", url);
    vb_strbuf_release(&exchange.response);
    return r;
}

int vb_client_session_post(const struct vb_client_session *session, const char *path, json_t *body,
                           json_t **ret_answer, struct vb_error *err)
{
    char *text VB_CLEANUP(vb_freep) = json_dumps(body, JSON_COMPACT);
    int r;

    json_decref(body);
    vb_assert(text);
    r = ask(session, "POST", path, text, ret_answer, err);
    explicit_bzero(text, strlen(text)); /* it may hold a password */
    return r;
}

int vb_client_session_get(const struct vb_client_session *session, const char *path, json_t **ret_answer,
                          struct vb_error *err)
{
    return ask(session, "GET", path, NULL, ret_answer, err);
}

int vb_answer_string(const json_t *object, const char *name, const char **ret_text, struct vb_error *err)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (!text)
        return vb_error_set(err, EPROTO, "the API's answer has no \"%s\"", name);
    *ret_text = text;
    return 0;
}

/* ---- logging in ---- */

void vb_client_session_use_token(struct vb_client_session *session, const char *token)
{
    vb_strbuf_clear(&session->token);
    vb_strbuf_adds(&session->token, token);
}

/* body: taken; NULL: it could not be made, because a text is not UTF-8. */
static int open_session(struct vb_client_session *session, const char *path, json_t *body,
                        struct vb_error *err)
{
    const char *token = NULL;
    json_t *answer = NULL;
    int r;

    if (!body)
        return vb_error_set(err, EINVAL, "the e-mail address, the password and the name must be UTF-8 text");
    r = vb_client_session_post(session, path, body, &answer, err);
    if (r == 0)
        r = vb_answer_string(answer, "accessToken", &token, err);
    if (r == 0)
        vb_client_session_use_token(session, token);
    json_decref(answer);
    return r;
}

int vb_client_session_login(struct vb_client_session *session, const char *email, const char *password,
                            struct vb_error *err)
{
    return open_session(session, "/api/auth/login",
                        json_pack("{s:s, s:s}", "email", email, "password", password), err);
}

int vb_client_session_register(struct vb_client_session *session, const char *email, const char *password,
                               const char *name, struct vb_error *err)
{
    return open_session(session, "/api/auth/register",
                        json_pack("{s:s, s:s, s:s}", "email", email, "password", password, "name", name),
                        err);
}
