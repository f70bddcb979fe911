/*
 * How a session goes on and ends: refresh, logout, logout-all.
 *
 * A session is a family of refresh tokens. Each is exchanged once, for a new access token and the next
 * refresh token of the family. A refresh token that comes a second time has been copied: that ends the
 * family, for thief and owner alike.
 */
#include "api/auth/authenticate.h"
#include "api/auth/problems.h"
#include "api/auth/routes.h"
#include "api/auth/session.h"

#include "db/accounts.h"
#include "db/tokens.h"
#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

#define REPEAT_S 30 /* how long a phone that did not see an answer may ask again with the same token */

/* Reads {refreshToken} and hashes it. ret_successors may be NULL. */
static bool read_refresh_token(struct vb_http_request *request, unsigned char ret_hash[VB_SHA256_SIZE],
                               struct vb_token_successors *ret_successors)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    const char *token = NULL;

    if (!json || !vb_api_string_field(request, json, "refreshToken", VB_API_REQUIRED, &token))
        return false;
    vb_secret_token_hash(token, ret_hash);
    if (ret_successors)
        vb_session_successors(vb_api_of(request)->keys, token, ret_successors);
    return true;
}

struct rotation {
    struct vb_api *api;
    unsigned char hash[VB_SHA256_SIZE]; /* of the token that was sent */
    struct vb_token_successors next;    /* the tokens that can follow it */
    bool reused;                        /* it came a second time: its family is revoked */
    struct vb_user user;                /* as is session: unless reused */
    struct vb_session session;
};

/* A token came a second time. Either the phone did not see the answer to the first, and gets the same
 * successor again; or a thief sent one of the two, and the family ends. That is no error here, as it must be
 * committed. */
static int rotate_again(struct vb_db *db, struct rotation *rotation, const struct vb_token_owner *owner,
                        struct vb_error *err)
{
    for (size_t i = 0; i < rotation->next.count; i++) {
        const struct vb_secret_token *next = &rotation->next.list[i];
        bool repeated = false;
        int r = vb_tokens_is_repeated(db, rotation->hash, next->hash, REPEAT_S, &repeated, err);

        if (r < 0)
            return r;
        if (repeated) {
            vb_session_repeat(rotation->api, owner->user_id, next, &rotation->session);
            return 0;
        }
    }
    rotation->reused = true;
    return vb_tokens_revoke_family(db, owner->family_id, err);
}

/* Uses the token up and adds its successor to the family. -EACCES: the owner is disabled. */
static int rotate(struct vb_db *db, void *context, struct vb_error *err)
{
    struct rotation *rotation = context;
    struct vb_token_owner owner;
    bool disabled = false;
    int r = vb_tokens_lock_owner(db, rotation->hash, &disabled, err);

    rotation->reused = false; /* of a run before this retry */
    vb_user_release(&rotation->user);
    if (r == 0 && disabled)
        return -EACCES;
    if (r == 0)
        r = vb_tokens_use(db, rotation->hash, &owner, err);
    if (r == 0)
        r = vb_session_begin(rotation->api, db, owner.user_id, owner.family_id, &rotation->next.list[0],
                             &rotation->session, err);
    else if (r == -EKEYREVOKED)
        r = rotate_again(db, rotation, &owner, err);
    return r < 0 || rotation->reused ? r : vb_users_find(db, owner.user_id, &rotation->user, err);
}

/* result: 0, or the reason why there is no new token. */
static void answer_rotation(struct vb_http_request *request, const struct rotation *rotation, int result,
                            const struct vb_error *err)
{
    switch (result) {
    case 0:
        vb_session_answer(request, 200, &rotation->user, &rotation->session);
        break;
    case -EKEYREVOKED:
        vb_api_unauthorized(
            request, "token_reused",
            "This refresh token was used before, so its session was ended for safety: log in again");
        break;
    case -EACCES:
        vb_auth_disabled_problem(request, 401);
        break;
    case -EKEYEXPIRED:
        vb_api_unauthorized(request, "token_expired", "The refresh token has expired: log in again");
        break;
    case -ENOENT:
        vb_api_unauthorized(request, "token_invalid",
                            "The refresh token is unknown or was revoked: log in again");
        break;
    default:
        vb_api_database_problem(request, result, err);
    }
}

void vb_api_refresh(struct vb_http_request *request)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct rotation rotation = {.api = vb_api_of(request)};
    struct vb_error err = {0};
    int r;

    if (!read_refresh_token(request, rotation.hash, &rotation.next))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_db_transact(db, rotate, &rotation, &err);
    answer_rotation(request, &rotation, r == 0 && rotation.reused ? -EKEYREVOKED : r, &err);
    vb_user_release(&rotation.user);
}

void vb_api_logout(struct vb_http_request *request)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_error err = {0};
    unsigned char hash[VB_SHA256_SIZE];
    int r;

    if (!read_refresh_token(request, hash, NULL))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_tokens_revoke_by_token(db, hash, &err);
    if (r < 0)
        vb_api_database_problem(request, r, &err);
    else
        vb_api_answer_done(request);
}

struct ending {
    const char *user_id;
    int64_t revoked_ms;
};

static int end_sessions(struct vb_db *db, void *context, struct vb_error *err)
{
    struct ending *ending = context;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_lock(db, ending->user_id, &user, err);

    return r < 0 ? r : vb_accounts_end_sessions(db, ending->user_id, &ending->revoked_ms, err);
}

void vb_api_logout_all(struct vb_http_request *request)
{
    const char *id = vb_api_authenticate(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = id ? vb_api_acquire_db(request) : NULL;
    struct ending ending = {.user_id = id};
    struct vb_error err = {0};
    int r;

    if (!db)
        return;
    r = vb_db_transact(db, end_sessions, &ending, &err);
    if (vb_api_failed(request, r, &err, -ENOENT, vb_api_account_gone))
        return;
    vb_session_revoke(vb_api_of(request), id, ending.revoked_ms);
    vb_api_answer_done(request);
}
