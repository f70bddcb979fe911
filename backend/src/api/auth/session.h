/*
 * Sessions: a family of refresh tokens, each of which is exchanged once, and the access tokens that go with
 * them. Register, login, refresh, a new password and Sign in with Apple begin or continue one.
 */
#ifndef VB_API_AUTH_SESSION_H
#define VB_API_AUTH_SESSION_H

#include "base/secret_token.h"
#include "api/request.h"
#include "db/users.h"
#include "base/keys.h"

#define VB_ACCESS_TOKEN_LIFETIME_S  (15 * 60)
#define VB_REFRESH_TOKEN_LIFETIME_S (60 * 24 * 3600)

/* The refresh tokens that can follow one. Each is computed from it with one of the secrets in the key set,
 * and nobody without a secret can compute it. The first, of the newest secret, is the one to give away; the
 * others may have been given away before JWT_SECRET was rotated. */
struct vb_token_successors {
    size_t count;
    struct vb_secret_token list[VB_KEYS_MAX];
};
void vb_session_successors(const struct vb_keys *keys, const char *token,
                           struct vb_token_successors *ret_successors);

struct vb_session {
    struct vb_secret_token refresh;
    int64_t issued_ms; /* of the access token */
};

/* Adds a refresh token to a family. family_id NULL: begins a new family, which is a new session. next: the
 * token to add; NULL: a random one. Called in a transaction that has locked the user's row, shared or not, so
 * that a transaction that ends the user's sessions runs wholly before or wholly after it. Returns -ESRCH when
 * the user is gone. */
int vb_session_begin(struct vb_api *api, struct vb_db *db, const char *user_id, const char *family_id,
                     const struct vb_secret_token *next, struct vb_session *ret_session,
                     struct vb_error *err);
/* Fills in a session whose refresh token is in the family already; only its access token is new. */
void vb_session_repeat(struct vb_api *api, const char *user_id, const struct vb_secret_token *token,
                       struct vb_session *ret_session);
/* Answers {user, accessToken, refreshToken, tokenType, expiresIn}. Called after the commit. */
void vb_session_answer(struct vb_http_request *request, int status, const struct vb_user *user,
                       const struct vb_session *session);

/* Whether the password of now, read with a lock, is still that of before, read without one. */
bool vb_session_same_password(const struct vb_user *before, const struct vb_user *now);

/* Revokes the access tokens of the sessions that vb_accounts_end_sessions() ended. */
void vb_session_revoke(struct vb_api *api, const char *user_id, int64_t revoked_ms);

#endif
