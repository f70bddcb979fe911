/*
 * Sign in with Apple. An account is linked to Apple's id of its user (sub). An e-mail address makes that link
 * only where it is safe: docs/decisions/0005.
 */
#include "api/auth/apple.h"

#include "api/auth/account.h"
#include "api/auth/apple_keys.h"
#include "api/auth/context.h"
#include "api/auth/problems.h"
#include "api/auth/routes.h"
#include "api/auth/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/accounts.h"
#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ISSUER    "https://appleid.apple.com"
#define JWKS_URL  "https://appleid.apple.com/auth/keys"
#define NONCE_MAX 256

struct vb_apple {
    char *client_ids, *issuer;
    struct vb_apple_cache *keys;
};

struct vb_apple *vb_apple_create(const struct vb_apple_config *config)
{
    struct vb_apple *apple = vb_xcalloc(1, sizeof(*apple));

    apple->client_ids = vb_xstrdup(config->client_ids);
    apple->issuer = vb_xstrdup(config->issuer ? config->issuer : ISSUER);
    apple->keys = vb_apple_cache_create(&(struct vb_apple_cache_config){
        .http = config->http, .url = config->jwks_url ? config->jwks_url : JWKS_URL});
    return apple;
}

void vb_apple_destroy(struct vb_apple *apple)
{
    if (!apple)
        return;
    vb_apple_cache_destroy(apple->keys);
    free(apple->client_ids);
    free(apple->issuer);
    free(apple);
}

/* The body of the request; strings are in its JSON. */
struct sign_in {
    const char *token, *nonce, *name;
};

static bool read_sign_in(struct vb_http_request *request, const json_t *json, struct sign_in *ret)
{
    const char *problem = NULL;

    if (!vb_api_string_field(request, json, "identityToken", VB_API_REQUIRED, &ret->token) ||
        !vb_api_string_field(request, json, "nonce", VB_API_OPTIONAL, &ret->nonce) ||
        !vb_api_string_field(request, json, "name", VB_API_OPTIONAL, &ret->name))
        return false;
    if (ret->nonce && (!*ret->nonce || strlen(ret->nonce) > NONCE_MAX)) {
        vb_api_invalid_field(request, "nonce", "\"nonce\" must have 1 to %d bytes", NONCE_MAX);
        return false;
    }
    if (ret->name && (problem = vb_account_check_name(ret->name)))
        vb_api_invalid_field(request, "name", "%s", problem);
    return !problem;
}

/* Verifies the token. If it names an unknown key, fetches Apple's keys anew and tries once more. Returns an
 * error if there are no keys. */
static int verify(struct vb_apple *apple, const struct sign_in *wanted, enum vb_apple_result *ret_result,
                  struct vb_apple_identity *ret_identity, struct vb_error *err)
{
    const struct vb_apple_expected expected = {.issuer = apple->issuer,
                                               .audiences = apple->client_ids,
                                               .nonce = wanted->nonce,
                                               .now_s = vb_clock_realtime_s()};
    size_t length = strnlen(wanted->token, VB_APPLE_TOKEN_MAX + 1);

    for (int unknown_key = 0; unknown_key <= 1; unknown_key++) {
        struct vb_apple_keys *keys = NULL;
        int r = vb_apple_cache_get(apple->keys, unknown_key, &keys, err);

        if (r < 0)
            return r;
        *ret_result = vb_apple_token_verify(keys, wanted->token, length, &expected, ret_identity);
        vb_apple_keys_unref(keys);
        if (*ret_result != VB_APPLE_UNKNOWN_KEY)
            break;
    }
    return 0;
}

static void token_problem(struct vb_http_request *request, enum vb_apple_result result)
{
    static const struct {
        const char *code, *detail;
    } problems[] = {
        [VB_APPLE_MALFORMED] = {"apple_token_invalid",
                                "\"identityToken\" is not an identity token from Apple"},
        [VB_APPLE_WRONG_ALGORITHM] = {"apple_token_invalid", "\"identityToken\" must be signed with RS256"},
        [VB_APPLE_UNKNOWN_KEY] = {"apple_token_invalid", "\"identityToken\" is signed with a key that is "
                                                         "not one of Apple's"},
        [VB_APPLE_BAD_SIGNATURE] = {"apple_token_invalid", "The signature of \"identityToken\" is wrong"},
        [VB_APPLE_WRONG_ISSUER] = {"apple_token_invalid", "\"identityToken\" was not issued by Apple"},
        [VB_APPLE_WRONG_AUDIENCE] = {"apple_token_invalid", "\"identityToken\" was issued for another app"},
        [VB_APPLE_EXPIRED] = {"apple_token_expired",
                              "\"identityToken\" has expired: sign in with Apple again"},
        [VB_APPLE_NOT_YET_VALID] = {"apple_token_invalid", "\"identityToken\" was issued in the future"},
        [VB_APPLE_WRONG_NONCE] = {"apple_nonce_mismatch",
                                  "\"nonce\" is not the one that \"identityToken\" was asked for with"},
    };

    vb_api_unauthorized(request, problems[result].code, problems[result].detail);
}

/* The user whom Apple vouches for, and the session. */
struct arrival {
    struct vb_api *api;
    struct vb_apple_identity identity;
    const char *name; /* for a new account; may be NULL */
    struct vb_user user;
    bool created;
    struct vb_session session;
};

/* Finds, links or makes the account. -EEXIST: another account has the address, or another request made this
 * one at the same time. The caller retries once to find out. */
static int find_account(struct vb_db *db, struct arrival *arrival, struct vb_error *err)
{
    const struct vb_apple_identity *identity = &arrival->identity;
    const char *email = identity->email[0] ? identity->email : NULL;
    int r;

    vb_user_release(&arrival->user); /* of a run before this retry */
    r = vb_accounts_find_by_apple(db, identity->sub, &arrival->user, err);
    if (r == -ENOENT && email)
        r = vb_accounts_link_apple(db, identity->sub, email, &arrival->user, err);
    arrival->created = r == -ENOENT;
    if (!arrival->created)
        return r;
    return vb_accounts_insert_apple(db, identity->sub, email, arrival->name, &arrival->user, err);
}

static int let_in(struct vb_db *db, void *context, struct vb_error *err)
{
    struct arrival *arrival = context;
    int r = find_account(db, arrival, err);

    if (r == 0 && arrival->user.disabled)
        return -EACCES;
    return r < 0 ? r
                 : vb_session_begin(arrival->api, db, arrival->user.id, NULL, NULL, &arrival->session, err);
}

/* -EACCES: the account is disabled. -EEXIST: another account has the address. */
static int sign_in(struct vb_db *db, struct arrival *arrival, struct vb_error *err)
{
    int r = vb_db_transact(db, let_in, arrival, err);

    return r == -EEXIST ? vb_db_transact(db, let_in, arrival, err) : r;
}

/* Finds out whom the token names; false after a 401 or 503. */
static bool identify(struct vb_http_request *request, const struct sign_in *wanted,
                     struct vb_apple_identity *ret_identity)
{
    enum vb_apple_result result = VB_APPLE_MALFORMED;
    struct vb_error err = {0};

    if (verify(vb_api_of(request)->auth->apple, wanted, &result, ret_identity, &err) < 0) {
        vb_log(VB_LOG_ERROR, "Apple's keys cannot be fetched", VB_LOG_STR("requestId", request->id),
               VB_LOG_STR("error", err.message));
        vb_problem(request, 503, "apple_unavailable", "Apple does not answer; try again in a second");
        return false;
    }
    if (result != VB_APPLE_OK)
        token_problem(request, result);
    return result == VB_APPLE_OK;
}

void vb_api_apple(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = NULL;
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct arrival arrival = {.api = api};
    struct sign_in wanted = {0};
    struct vb_error err = {0};
    int r;

    if (!api->auth->apple) {
        vb_problem(request, 503, "apple_not_configured",
                   "This server does not offer Sign in with Apple: its operator must set APPLE_CLIENT_ID");
        return;
    }
    json = vb_api_read_json(request);
    if (!json || !read_sign_in(request, json, &wanted) || !identify(request, &wanted, &arrival.identity))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    arrival.name = wanted.name;
    r = sign_in(db, &arrival, &err);
    if (r == -EEXIST)
        vb_problem(
            request, 409, "email_taken",
            "This e-mail address has an account with a password: log in with it; or set a new password "
            "by mail (POST /api/auth/password/forgot), then sign in with Apple again");
    else if (r == -EACCES)
        vb_auth_disabled_problem(request, 403);
    else if (r < 0)
        vb_api_database_problem(request, r, &err);
    else
        vb_session_answer(request, arrival.created ? 201 : 200, &arrival.user, &arrival.session);
    vb_user_release(&arrival.user);
}
