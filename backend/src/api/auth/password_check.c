/* Passwords that come with a request: see password_check.h. */
#include "api/auth/password_check.h"

#include "api/auth/context.h"
#include "api/auth/problems.h"
#include "api/auth/throttle.h"
#include "api/context.h"
#include "http/problem.h"

#include <errno.h>

static void busy_problem(struct vb_http_request *request)
{
    vb_problem(request, 503, "overloaded", "Too many people are logging in at once; try again in a second");
}

bool vb_password_check(struct vb_http_request *request, const struct vb_password_check *check)
{
    const struct vb_auth *auth = vb_api_of(request)->auth;
    const char *client = request->client_address;
    unsigned retry_after_s = 0;
    int r;

    if (vb_throttle_begin(auth->throttle, check->account, client, &retry_after_s) < 0) {
        vb_auth_throttled_problem(request, "login_throttled", "There were too many wrong passwords",
                                  retry_after_s);
        return false;
    }
    r = vb_password_verify(auth->passwords, check->password, check->hash);
    if (r == 0) {
        vb_throttle_succeeded(auth->throttle, check->account, client);
    } else if (r == -EAGAIN) {
        vb_throttle_abandon(auth->throttle, check->account, client);
        busy_problem(request);
    } else {
        check->answer_wrong(request);
    }
    return r == 0;
}

bool vb_password_prepare(struct vb_http_request *request, const char *password,
                         char ret_hash[VB_PASSWORD_HASH_SIZE])
{
    if (vb_password_hash(vb_api_of(request)->auth->passwords, password, ret_hash) == 0)
        return true;
    busy_problem(request);
    return false;
}
