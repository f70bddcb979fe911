/*
 * POST /api/auth/login: a session for an address and its password. The answers to a wrong password and to an
 * unknown address are alike, and take as long.
 */
#include "api/auth/account.h"
#include "api/auth/password_check.h"
#include "api/auth/problems.h"
#include "api/auth/routes.h"
#include "api/auth/session.h"

#include "db/transaction.h"

#include <errno.h>

/* Finds the user of an e-mail address; ret_user stays zeroed when no user has it. */
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
    const struct vb_user *checked; /* the user whose password was right a moment ago */
    struct vb_session session;
};

/* Begins the session if the password is still the one that was checked. Returns -EKEYREJECTED if it is not,
 * -EACCES for a disabled user. */
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
