/* A new password: set by a user who knows the current one, or with a mailed token by one who forgot it. */
#include "api/auth/account.h"
#include "api/auth/authenticate.h"
#include "api/auth/context.h"
#include "api/auth/password_check.h"
#include "api/auth/problems.h"
#include "api/auth/reset_mail.h"
#include "api/auth/routes.h"
#include "api/auth/session.h"
#include "api/auth/throttle.h"

#include "base/clock.h"
#include "db/accounts.h"
#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

/* Reads the field newPassword; false after a 422. */
static bool read_new_password(struct vb_http_request *request, const json_t *json, const char **ret_password)
{
    const char *problem;

    if (!vb_api_string_field(request, json, "newPassword", VB_API_REQUIRED, ret_password))
        return false;
    problem = vb_account_check_password(*ret_password);
    if (problem)
        vb_api_invalid_field(request, "newPassword", "%s", problem);
    return !problem;
}

/* Finds the user who changes the password. Keeps no connection. */
static bool find_me(struct vb_http_request *request, const char *id, struct vb_user *ret_user)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = vb_api_acquire_db(request);
    struct vb_error err = {0};
    int r = db ? vb_users_find(db, id, ret_user, &err) : 0;

    if (!db)
        return false;
    if (!vb_api_failed(request, r, &err, -ENOENT, vb_api_account_gone) && !ret_user->password_hash)
        vb_problem(request, 409, "password_not_set",
                   "This account has no password to change: it signs in with Apple");
    return r == 0 && ret_user->password_hash;
}

static void current_is_wrong(struct vb_http_request *request)
{
    vb_problem_field(request, 403, "wrong_password", "currentPassword",
                     "\"currentPassword\" is not the password of this account");
}

/* Whether the current password is right. Wrong ones are not counted with those of log-ins: an attacker who
 * guesses there does not lock the owner out of this. */
static bool check_current(struct vb_http_request *request, const struct vb_user *user, const char *password)
{
    const char *account = vb_arena_printf(&request->arena, "change:%s", user->id);

    return vb_password_check(request, &(struct vb_password_check){.account = account ? account : user->id,
                                                                  .password = password,
                                                                  .hash = user->password_hash,
                                                                  .answer_wrong = current_is_wrong});
}

struct password_change {
    struct vb_api *api;
    const struct vb_user *checked; /* the user whose current password was right a moment ago */
    const char *hash;              /* of the new one */
    struct vb_session session;
    int64_t revoked_ms;
};

/* If the password is still the one that was checked: sets the new one, ends all sessions and begins one.
 * Returns -EKEYREJECTED if it is another, -EACCES for a user who was disabled meanwhile. */
static int change_password(struct vb_db *db, void *context, struct vb_error *err)
{
    struct password_change *change = context;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_lock(db, change->checked->id, &user, err);

    if (r == -ENOENT || (r == 0 && !vb_session_same_password(change->checked, &user)))
        return -EKEYREJECTED;
    if (r == 0 && user.disabled)
        return -EACCES;
    if (r == 0)
        r = vb_accounts_set_password(db, user.id, change->hash, false, err);
    if (r == 0)
        r = vb_accounts_end_resets(db, user.id, err);
    if (r == 0)
        r = vb_accounts_end_sessions(db, user.id, &change->revoked_ms, err);
    if (r == 0)
        r = vb_session_begin(change->api, db, user.id, NULL, NULL, &change->session, err);
    if (r == 0 && change->session.issued_ms < change->revoked_ms)
        change->session.issued_ms = change->revoked_ms;
    return r;
}

void vb_api_change_password(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    const char *id = vb_api_authenticate(request), *current = NULL, *wanted = NULL;
    json_t *json VB_CLEANUP(vb_json_decrefp) = id ? vb_api_read_json(request) : NULL;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    char hash[VB_PASSWORD_HASH_SIZE];
    struct password_change change = {.api = api, .checked = &user, .hash = hash};
    struct vb_error err = {0};
    int r;

    if (!json || !vb_api_string_field(request, json, "currentPassword", VB_API_REQUIRED, &current) ||
        !read_new_password(request, json, &wanted) || !find_me(request, id, &user) ||
        !check_current(request, &user, current) || !vb_password_prepare(request, wanted, hash))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_db_transact(db, change_password, &change, &err);
    if (r == -EKEYREJECTED) {
        vb_problem(request, 409, "password_changed",
                   "The password was changed by another request: try again with the new one");
    } else if (r == -EACCES) {
        vb_auth_disabled_problem(request, 401);
    } else if (r < 0) {
        vb_api_database_problem(request, r, &err);
    } else {
        vb_session_revoke(api, user.id, change.revoked_ms);
        vb_session_answer(request, 200, &user, &change.session);
    }
}

void vb_api_forgot_password(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    const char *email = NULL, *problem;
    char address[VB_EMAIL_SIZE];
    unsigned retry_after_s = 0;

    if (!json || !vb_api_string_field(request, json, "email", VB_API_REQUIRED, &email))
        return;
    if ((problem = vb_account_check_email(email, address))) {
        vb_api_invalid_field(request, "email", "%s", problem);
    } else if (!vb_reset_mail_configured(api->auth->reset_mail)) {
        vb_problem(request, 503, "mail_not_configured",
                   "This server cannot send mail: its operator must set SMTP_URL");
    } else if (vb_throttle_mail(api->auth->throttle, request->client_address, &retry_after_s) < 0) {
        vb_auth_throttled_problem(request, "mail_throttled",
                                  "This network address has asked for too many mails", retry_after_s);
    } else if (vb_reset_mail_request(api->auth->reset_mail, address) < 0) {
        vb_problem(request, 503, "overloaded",
                   "Too many mails are waiting to be sent; try again in a second");
    } else {
        vb_http_answer(request, 202, NULL, "", 0);
    }
}

static void reset_token_problem(struct vb_http_request *request)
{
    vb_problem_field(request, 400, "reset_token_invalid", "token",
                     "\"token\" is unknown, used, replaced by a newer one or older than an hour: get "
                     "another from POST /api/auth/password/forgot");
}

/* Whether the token is good, so that hashing the new password is worth its time. */
static bool is_reset_token(struct vb_http_request *request, const unsigned char hash[VB_SHA256_SIZE])
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = vb_api_acquire_db(request);
    struct vb_reset reset = {0};
    struct vb_error err = {0};
    int r;

    if (!db)
        return false;
    r = vb_accounts_find_reset(db, hash, &reset, &err);
    vb_user_release(&reset.user);
    return !vb_api_failed(request, r, &err, -ENOENT, reset_token_problem);
}

struct password_reset {
    unsigned char token[VB_SHA256_SIZE];
    const char *hash; /* of the new password */
    struct vb_reset reset;
    int64_t revoked_ms;
};

/* Uses the token up, sets the password and ends all sessions. */
static int reset_password(struct vb_db *db, void *context, struct vb_error *err)
{
    struct password_reset *wanted = context;
    const struct vb_user *user = &wanted->reset.user;
    int r;

    vb_user_release(&wanted->reset.user); /* of a run before this retry */
    r = vb_accounts_find_reset(db, wanted->token, &wanted->reset, err);
    if (r == 0)
        r = vb_accounts_end_resets(db, user->id, err);
    if (r == 0)
        r = vb_accounts_set_password(db, user->id, wanted->hash, wanted->reset.mailed, err);
    if (r == 0)
        r = vb_accounts_end_sessions(db, user->id, &wanted->revoked_ms, err);
    return r;
}

/* The token proved who the user is: wrong passwords before it do not throttle the next log-in. */
static void answer_reset(struct vb_http_request *request, const struct password_reset *done)
{
    struct vb_api *api = vb_api_of(request);
    const struct vb_user *user = &done->reset.user;

    request->user = vb_arena_strdup(&request->arena, user->id);
    vb_session_revoke(api, user->id, done->revoked_ms);
    if (user->email)
        vb_throttle_forgive(api->auth->throttle, user->email);
    vb_api_answer_done(request);
}

void vb_api_reset_password(struct vb_http_request *request)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    const char *token = NULL, *password = NULL;
    char hash[VB_PASSWORD_HASH_SIZE];
    struct password_reset wanted = {.hash = hash};
    struct vb_error err = {0};
    int r;

    if (!json || !vb_api_string_field(request, json, "token", VB_API_REQUIRED, &token) ||
        !read_new_password(request, json, &password))
        return;
    vb_secret_token_hash(token, wanted.token);
    if (!is_reset_token(request, wanted.token) || !vb_password_prepare(request, password, hash))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_db_transact(db, reset_password, &wanted, &err);
    if (!vb_api_failed(request, r, &err, -ENOENT, reset_token_problem))
        answer_reset(request, &wanted);
    vb_user_release(&wanted.reset.user);
}
