/*
 * Accounts and sessions: register, login, refresh, logout, logout-all.
 *
 * A session is a family of refresh tokens: each can be exchanged once, for a new access token and the next of
 * the family. One that comes a second time has been copied: the family is revoked, and thief and owner are
 * both out.
 */
#include "api/auth/account.h"
#include "api/auth/context.h"
#include "api/auth/password_check.h"
#include "api/auth/problems.h"
#include "api/auth/routes.h"
#include "api/auth/session.h"
#include "api/auth/throttle.h"

#include "db/tokens.h"
#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

#define REFRESH_REPEAT_S 30 /* for how long a phone may ask again that has not seen an answer */

/* What register was asked for, once it keeps the rules. */
struct registration {
    char email[VB_EMAIL_SIZE];
    const char *name, *password; /* in the request's JSON */
};

static bool read_registration(struct vb_http_request *request, const json_t *json, struct registration *ret)
{
    const char *email = NULL, *problem;

    if (!vb_api_string_field(request, json, "email", VB_API_REQUIRED, &email) ||
        !vb_api_string_field(request, json, "password", VB_API_REQUIRED, &ret->password) ||
        !vb_api_string_field(request, json, "name", VB_API_REQUIRED, &ret->name))
        return false;
    if ((problem = vb_account_check_email(email, ret->email)))
        vb_api_invalid_field(request, "email", "%s", problem);
    else if ((problem = vb_account_check_password(ret->password)))
        vb_api_invalid_field(request, "password", "%s", problem);
    else if ((problem = vb_account_check_name(ret->name)))
        vb_api_invalid_field(request, "name", "%s", problem);
    return !problem;
}

/* An account that is being made, with its first session. */
struct new_account {
    struct vb_api *api;
    const struct registration *wanted;
    const char *hash; /* of the password */
    struct vb_user user;
    struct vb_session session;
};

static int insert_account(struct vb_db *db, void *context, struct vb_error *err)
{
    struct new_account *account = context;
    int r;

    vb_user_release(&account->user); /* of a run that another transaction came in the way of */
    r = vb_users_insert(db, account->wanted->email, account->hash, account->wanted->name, &account->user,
                        err);
    return r < 0 ? r
                 : vb_session_begin(account->api, db, account->user.id, NULL, NULL, &account->session, err);
}

/* Whether this client may try to make one more account; without rate limits anybody may. */
static bool may_sign_up(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    unsigned retry_after_s = 0;

    if (!api->user_rate_limit ||
        vb_throttle_sign_up(api->auth->throttle, request->client_address, &retry_after_s) == 0)
        return true;
    vb_auth_throttled_problem(request, "sign_up_throttled", "Too many accounts were made from this address",
                              retry_after_s);
    return false;
}

void vb_api_register(struct vb_http_request *request)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct registration wanted = {0};
    char hash[VB_PASSWORD_HASH_SIZE];
    struct new_account account = {.api = vb_api_of(request), .wanted = &wanted, .hash = hash};
    struct vb_error err = {0};
    int r;

    if (!json || !read_registration(request, json, &wanted) || !may_sign_up(request) ||
        !vb_password_prepare(request, wanted.password, hash))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_db_transact(db, insert_account, &account, &err);
    if (r == -EEXIST)
        vb_problem_field(request, 409, "email_taken", "email",
                         "There is an account with this e-mail address already: log in instead");
    else if (r < 0)
        vb_api_database_problem(request, r, &err);
    else
        vb_session_answer(request, 201, &account.user, &account.session);
    vb_user_release(&account.user);
}

/* Finds who wants to log in; ret_user stays zeroed when there is nobody of that address. */
static bool find_login(struct vb_http_request *request, const char *email, struct vb_user *ret_user)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = vb_api_acquire_db(request);
    char normalised[VB_EMAIL_SIZE];
    struct vb_error err = {0};
    int r = -ENOENT;

    if (!db)
        return false;
    if (!vb_account_check_email(email, normalised))
        r = vb_users_find_by_email(db, normalised, ret_user, &err);
    if (r == 0 || r == -ENOENT)
        return true;
    vb_api_database_problem(request, r, &err);
    return false;
}

struct login {
    struct vb_api *api;
    const struct vb_user *checked; /* whose password was right a moment ago */
    struct vb_session session;
};

/* Begins the session, if the password is the user's still. Returns -EKEYREJECTED if not, -EACCES for a
 * disabled user. */
static int log_in(struct vb_db *db, void *context, struct vb_error *err)
{
    struct login *login = context;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_lock_shared(db, login->checked->id, &user, err);

    if (r == -ENOENT || (r == 0 && !vb_session_same_password(login->checked, &user)))
        return -EKEYREJECTED;
    if (r == 0 && user.disabled)
        return -EACCES;
    return r < 0 ? r : vb_session_begin(login->api, db, user.id, NULL, NULL, &login->session, err);
}

void vb_api_login(struct vb_http_request *request)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct login login = {.api = vb_api_of(request), .checked = &user};
    const char *email = NULL, *password = NULL;
    struct vb_error err = {0};
    int r;

    if (!json || !vb_api_string_field(request, json, "email", VB_API_REQUIRED, &email) ||
        !vb_api_string_field(request, json, "password", VB_API_REQUIRED, &password) ||
        !find_login(request, email, &user))
        return;
    if (!vb_password_check(request, &(struct vb_password_check){.account = user.email ? user.email : email,
                                                                .password = password,
                                                                .hash = user.password_hash,
                                                                .answer_wrong = vb_auth_credentials_problem}))
        return;
    request->user = vb_arena_strdup(&request->arena, user.id);
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_db_transact(db, log_in, &login, &err);
    if (r == -EKEYREJECTED)
        vb_auth_credentials_problem(request);
    else if (r == -EACCES)
        vb_auth_disabled_problem(request, 403);
    else if (r < 0)
        vb_api_database_problem(request, r, &err);
    else
        vb_session_answer(request, 200, &user, &login.session);
}

/* Reads {refreshToken} and hashes it. ret_successors may be NULL. */
static bool read_refresh_token(struct vb_http_request *request, unsigned char ret_hash[VB_SHA256_SIZE],
                               struct vb_token_successors *ret_successors)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    const char *token = NULL;

    if (!json || !vb_api_string_field(request, json, "refreshToken", VB_API_REQUIRED, &token))
        return false;
    vb_sha256(token, strlen(token), ret_hash);
    if (ret_successors)
        vb_session_successors(vb_api_of(request)->keys, token, ret_successors);
    return true;
}

struct rotation {
    struct vb_api *api;
    unsigned char hash[VB_SHA256_SIZE]; /* of the token that came */
    struct vb_token_successors next;    /* what can follow it */
    bool reused;                        /* it had been used before: its family has been revoked */
    struct vb_user user;                /* with the session, unless reused */
    struct vb_session session;
};

/* A token that comes a second time: from a phone that did not see the answer to the first, or else from a thief (or from
 * the owner, after a thief): that ends the family, which is no error here, as it is to be committed. */
static int rotate_again(struct vb_db *db, struct rotation *rotation, const struct vb_token_owner *owner,
                        struct vb_error *err)
{
    for (size_t i = 0; i < rotation->next.count; i++) {
        const struct vb_secret_token *next = &rotation->next.list[i];
        bool repeated = false;
        int r = vb_tokens_is_repeated(db, rotation->hash, next->hash, REFRESH_REPEAT_S, &repeated, err);

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

/* Uses up the token and inserts the next of its family. -EACCES: its owner is disabled. */
static int rotate(struct vb_db *db, void *context, struct vb_error *err)
{
    struct rotation *rotation = context;
    struct vb_token_owner owner;
    bool disabled = false;
    int r = vb_tokens_lock_owner(db, rotation->hash, &disabled, err);

    rotation->reused = false; /* of a run that another transaction came in the way of */
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

/* result: 0, or why there is no new token. */
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
            "This refresh token has been used before; for safety its session was ended: log in again");
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
        vb_http_answer(request, 204, NULL, "", 0);
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

    return r < 0 ? r : vb_session_end_all(db, ending->user_id, &ending->revoked_ms, err);
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
    if (r == -ENOENT) {
        vb_api_account_gone(request);
    } else if (r < 0) {
        vb_api_database_problem(request, r, &err);
    } else {
        vb_session_revoke(vb_api_of(request), id, ending.revoked_ms);
        vb_http_answer(request, 204, NULL, "", 0);
    }
}
