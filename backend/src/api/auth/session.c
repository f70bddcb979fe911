/* Sessions: see session.h. */
#include "api/auth/session.h"

#include "api/auth/context.h"
#include "api/auth/jwt.h"
#include "api/auth/revocations.h"
#include "api/users/person.h"
#include "base/clock.h"
#include "base/random.h"
#include "db/accounts.h"
#include "db/tokens.h"
#include "http/problem.h"

#include <string.h>

#define NEXT_LABEL "vibe next refresh token " /* no JWT, which the same key signs, begins with this */

void vb_session_successors(const struct vb_keys *keys, const char *token,
                           struct vb_token_successors *ret_successors)
{
    unsigned char message[sizeof(NEXT_LABEL) - 1 + VB_SHA256_SIZE], macs[VB_KEYS_MAX][VB_SHA256_SIZE];

    memcpy(message, NEXT_LABEL, sizeof(NEXT_LABEL) - 1);
    /* The database has the token's plain digest: this is another one, so that a reader of the database cannot
     * sign it. */
    vb_hmac_sha256(NEXT_LABEL, sizeof(NEXT_LABEL) - 1, token, strlen(token),
                   message + sizeof(NEXT_LABEL) - 1);
    ret_successors->count = vb_keys_sign_each(keys, VB_KEY_TOKEN, message, sizeof(message), macs);
    for (size_t i = 0; i < ret_successors->count; i++)
        vb_secret_token_of(macs[i], &ret_successors->list[i]);
    explicit_bzero(macs, sizeof(macs));
    explicit_bzero(message, sizeof(message));
}

void vb_session_repeat(struct vb_api *api, const char *user_id, const struct vb_secret_token *token,
                       struct vb_session *ret_session)
{
    ret_session->refresh = *token;
    ret_session->issued_ms = vb_revocations_issue_ms(api->auth->revocations, user_id, vb_clock_realtime_ms());
}

int vb_session_begin(struct vb_api *api, struct vb_db *db, const char *user_id, const char *family_id,
                     const struct vb_secret_token *next, struct vb_session *ret_session, struct vb_error *err)
{
    struct vb_secret_token random;
    char new_family[VB_UUID_SIZE];

    if (!family_id) {
        vb_random_uuid(new_family);
        family_id = new_family;
    }
    if (!next) {
        vb_secret_token_make(&random);
        next = &random;
    }
    vb_session_repeat(api, user_id, next, ret_session);
    return vb_tokens_insert(db, user_id, family_id, ret_session->refresh.hash, VB_REFRESH_TOKEN_LIFETIME_S,
                            err);
}

void vb_session_answer(struct vb_http_request *request, int status, const struct vb_user *user,
                       const struct vb_session *session)
{
    struct vb_strbuf access, body;
    struct vb_json json;

    vb_strbuf_init(&access, VB_JWT_TOKEN_MAX);
    vb_strbuf_init(&body, (size_t)32 * 1024);
    if (vb_jwt_sign_ms(vb_api_of(request)->keys, user->id, session->issued_ms, VB_ACCESS_TOKEN_LIFETIME_S,
                       &access) < 0) {
        vb_problem(
            request, 500, "internal",
            "This user's id does not fit in an access token: it has control characters or more than %d "
            "bytes",
            VB_JWT_SUBJECT_MAX);
        vb_strbuf_release(&access);
        return;
    }
    request->user = vb_arena_strdup(&request->arena, user->id);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key(&json, "user");
    vb_api_write_user(request, &json, user);
    vb_json_key_string(&json, "accessToken", access.data);
    vb_json_key_string(&json, "refreshToken", session->refresh.text);
    vb_json_key_string(&json, "tokenType", "Bearer");
    vb_json_key_int(&json, "expiresIn", VB_ACCESS_TOKEN_LIFETIME_S);
    vb_json_object_end(&json);
    vb_strbuf_release(&access);
    vb_api_answer_json(request, status, &body);
}

bool vb_session_same_password(const struct vb_user *before, const struct vb_user *now)
{
    return before->password_hash && now->password_hash &&
           strcmp(before->password_hash, now->password_hash) == 0;
}

void vb_session_revoke(struct vb_api *api, const char *user_id, int64_t revoked_ms)
{
    vb_revocations_add(api->auth->revocations, user_id, revoked_ms);
}
