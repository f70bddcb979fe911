/* Problems that several handlers of auth answer with: see problems.h. */
#include "api/auth/problems.h"

#include "api/request.h"
#include "http/problem.h"

void vb_auth_disabled_problem(struct vb_http_request *request, int status)
{
    static const char code[] = "account_disabled",
                      detail[] = "This account is disabled: ask the operator of this server to enable it";

    if (status == 401)
        vb_api_unauthorized(request, code, detail);
    else
        vb_problem(request, status, code, "%s", detail);
}

void vb_auth_credentials_problem(struct vb_http_request *request)
{
    vb_api_unauthorized(request, "invalid_credentials", "The e-mail address or the password is wrong");
}

void vb_auth_throttled_problem(struct vb_http_request *request, const char *code, const char *what,
                               unsigned retry_after_s)
{
    vb_http_add_headerf(request, "Retry-After", "%u", retry_after_s);
    vb_problem(request, 429, code, "%s: try again in %u seconds", what, retry_after_s);
}
