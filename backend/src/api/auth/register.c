/* POST /api/auth/register: a new account and its first session. */
#include "api/auth/account.h"
#include "api/auth/context.h"
#include "api/auth/password_check.h"
#include "api/auth/problems.h"
#include "api/auth/routes.h"
#include "api/auth/session.h"
#include "api/auth/throttle.h"

#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>

/* The body of the request. */
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

/* The new account and its first session. */
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

    vb_user_release(&account->user); /* of a run before this retry */
    r = vb_users_insert(db, account->wanted->email, account->hash, account->wanted->name, &account->user,
                        err);
    return r < 0 ? r
                 : vb_session_begin(account->api, db, account->user.id, NULL, NULL, &account->session, err);
}

/* Whether the throttle lets this client make another account. Without rate limits nobody is throttled. */
static bool may_sign_up(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    unsigned retry_after_s = 0;

    if (!api->user_rate_limit ||
        vb_throttle_sign_up(api->auth->throttle, request->client_address, &retry_after_s) == 0)
        return true;
    vb_auth_throttled_problem(request, "sign_up_throttled", "This network address has made too many accounts",
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
                         "This e-mail address has an account already: log in instead");
    else if (r < 0)
        vb_api_database_problem(request, r, &err);
    else
        vb_session_answer(request, 201, &account.user, &account.session);
    vb_user_release(&account.user);
}
