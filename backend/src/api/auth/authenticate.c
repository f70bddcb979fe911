/* Who sends a request: see authenticate.h. */
#include "api/auth/authenticate.h"

#include "api/auth/context.h"
#include "api/auth/jwt.h"
#include "api/auth/revocations.h"
#include "api/request.h"

#include "base/clock.h"
#include "http/problem.h"

#include <string.h>
#include <strings.h>

/* The token of "Authorization: Bearer TOKEN", or NULL. */
static const char *bearer_token(const struct vb_http_request *request)
{
    static const char scheme[] = "Bearer ";
    const char *header = vb_http_header(request, "Authorization");

    if (!header || strncasecmp(header, scheme, strlen(scheme)) != 0)
        return NULL;
    header += strlen(scheme);
    return header + strspn(header, " ");
}

/* Whether the token is one of ours and is not revoked; false after a 401. */
static bool verify(struct vb_http_request *request, const char *token, struct vb_jwt_claims *ret_claims)
{
    const struct vb_api *api = vb_api_of(request);
    enum vb_jwt_result result = vb_jwt_verify(api->keys, token, strnlen(token, VB_JWT_TOKEN_MAX + 1),
                                              vb_clock_realtime_s(), ret_claims);

    if (result == VB_JWT_EXPIRED)
        vb_api_unauthorized(request, "token_expired",
                            "The access token has expired: get a new one from POST /api/auth/refresh");
    else if (result != VB_JWT_OK)
        vb_api_unauthorized(request, "token_invalid",
                            "This server did not sign the access token: log in again");
    else if (vb_revocations_cover(api->auth->revocations, ret_claims->subject, ret_claims->issued_ms))
        vb_api_unauthorized(request, "token_revoked",
                            "The access token was revoked: get a new one from POST /api/auth/refresh, "
                            "or log in again");
    else
        return true;
    return false;
}

const char *vb_api_authenticate(struct vb_http_request *request)
{
    const char *token = bearer_token(request);
    struct vb_jwt_claims claims;

    if (!token) {
        vb_api_unauthorized(request, "token_missing",
                            "This needs an access token: send it as \"Authorization: Bearer …\"");
        return NULL;
    }
    if (!verify(request, token, &claims) ||
        !vb_http_take_token(request, vb_api_of(request)->user_rate_limit, "user", claims.subject))
        return NULL;
    request->user = vb_arena_strdup(&request->arena, claims.subject);
    if (!request->user)
        vb_api_out_of_memory(request);
    return request->user;
}

void vb_api_account_gone(struct vb_http_request *request)
{
    vb_api_unauthorized(request, "token_invalid", "The account of this access token no longer exists");
}
