/*
 * One person's session with the API, as the phone has it: log in, then JSON there and JSON back. A problem
 * that the API answers becomes an error that a person can read. For one thread at a time.
 */
#ifndef VB_CLIENT_SESSION_H
#define VB_CLIENT_SESSION_H

#include "base/error.h"
#include "base/strbuf.h"
#include "http/client.h"

#include <jansson.h>

struct vb_client_session {
    struct vb_http_client *http; /* not owned */
    const char *api_url;         /* "http://127.0.0.1:3000", without a final slash; not owned */
    struct vb_strbuf token;      /* the access token; empty: not logged in */
};

/* http and api_url must outlive the session. */
void vb_client_session_init(struct vb_client_session *session, struct vb_http_client *http,
                            const char *api_url);
void vb_client_session_release(struct vb_client_session *session);

/* Each gives the session an access token: of an account, of a new account, or one that the caller has. */
int vb_client_session_login(struct vb_client_session *session, const char *email, const char *password,
                            struct vb_error *err);
int vb_client_session_register(struct vb_client_session *session, const char *email, const char *password,
                               const char *name, struct vb_error *err);
void vb_client_session_use_token(struct vb_client_session *session, const char *token);

/* POST api_url + path with this body, which it takes. Returns 0 with the answer's JSON (json_decref() it);
 * -EACCES for 401, -EEXIST for 409, -EPROTO for any other refusal, or the error of the HTTP client. */
int vb_client_session_post(const struct vb_client_session *session, const char *path, json_t *body,
                           json_t **ret_answer, struct vb_error *err);
/* GET api_url + path. Results as of vb_client_session_post(). */
int vb_client_session_get(const struct vb_client_session *session, const char *path, json_t **ret_answer,
                          struct vb_error *err);

/* The text of a member of an answer, or -EPROTO. It belongs to the object. */
int vb_answer_string(const json_t *object, const char *name, const char **ret_text, struct vb_error *err);

#endif
