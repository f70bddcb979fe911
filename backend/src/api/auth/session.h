/*
 * Sessions: a family of refresh tokens, each of which is exchanged once, and the access tokens that go with
 * them. What register, login, refresh, a changed password and Apple have in common.
 */
#ifndef VB_API_AUTH_SESSION_H
#define VB_API_AUTH_SESSION_H

#include "api/users/users.h"
#include "base/encode.h"

#define VB_ACCESS_TOKEN_LIFETIME_S  (15 * 60)
#define VB_REFRESH_TOKEN_LIFETIME_S (60 * 24 * 3600)
#define VB_SECRET_TOKEN_BYTES       32

/* A random token that is given away and of which only the hash is kept: of refresh, of a password reset. */
struct vb_secret_token {
    char text[VB_BASE64_SIZE(VB_SECRET_TOKEN_BYTES)];
    unsigned char hash[VB_SHA256_SIZE];
};
void vb_secret_token_make(struct vb_secret_token *token);
/* The refresh tokens that can follow one: computed from it, one with each secret of the key set, newest first. The first
 * is the one to give away; any of them may have been given away already, before a rotation of JWT_SECRET. Nobody who
 * has none of the secrets can tell them. */
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

/* Adds a token to the family (NULL: a new one, that is a new session), next or (NULL) a random one. To be called in a transaction that
 * holds the user's row, shared or not: what ends the user's sessions comes wholly before this or after it.
 * -ESRCH: the user is gone. */
int vb_session_begin(struct vb_api *api, struct vb_db *db, const char *user_id, const char *family_id,
                     const struct vb_secret_token *next, struct vb_session *ret_session,
                     struct vb_error *err);
/* A session whose token is in the family already: with a new access token alone. */
void vb_session_repeat(struct vb_api *api, const char *user_id, const struct vb_secret_token *token,
                       struct vb_session *ret_session);
/* Answers {user, accessToken, refreshToken, tokenType, expiresIn}, once the transaction is committed. */
void vb_session_answer(struct vb_http_request *request, int status, const struct vb_user *user,
                       const struct vb_session *session);

/* Whether a user, found again, has the password that the one before was checked against. */
bool vb_session_same_password(const struct vb_user *before, const struct vb_user *now);

/* Ends all sessions of a user whose row is held by vb_users_lock(). After the commit, *ret_revoked_ms is for
 * vb_session_revoke(). */
int vb_session_end_all(struct vb_db *db, const char *user_id, int64_t *ret_revoked_ms, struct vb_error *err);
/* Voids the access tokens of sessions that vb_session_end_all() has ended. */
void vb_session_revoke(struct vb_api *api, const char *user_id, int64_t revoked_ms);

#endif
