/*
 * Accounts and sessions: register, login, refresh, logout.
 *
 * A session is a family of refresh tokens: each can be exchanged once, for a new access token and the next of
 * the family. One that comes a second time has been copied: the family is revoked, and thief and owner are
 * both out.
 */
#include "api/account.h"
#include "api/request.h"
#include "api/users.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "db/tokens.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

#define REFRESH_BYTES 32

struct refresh_token {
    char text[VB_BASE64_SIZE(REFRESH_BYTES)];
    unsigned char hash[VB_SHA256_SIZE];
};

static void make_refresh_token(struct refresh_token *token)
{
    unsigned char bytes[REFRESH_BYTES];
    size_t length;

    vb_random_bytes(bytes, sizeof(bytes));
    length = vb_base64url_encode(bytes, sizeof(bytes), token->text);
    vb_sha256(token->text, length, token->hash);
    explicit_bzero(bytes, sizeof(bytes));
}

static void answer_session(struct vb_http_request *request, int status, const struct vb_user *user,
                           const struct refresh_token *refresh)
{
    struct vb_strbuf access, body;
    struct vb_json json;

    vb_strbuf_init(&access, VB_JWT_TOKEN_MAX);
    vb_strbuf_init(&body, (size_t)32 * 1024);
    if (vb_jwt_sign(&vb_api_of(request)->jwt_key, user->id, vb_clock_realtime_s(), VB_ACCESS_TOKEN_LIFETIME_S,
                    &access) < 0) {
        vb_problem(request, 500, "internal",
                   "The id of this user cannot be put into an access token: it has "
                   "control characters or more than %d bytes",
                   VB_JWT_SUBJECT_MAX);
        vb_strbuf_release(&access);
        return;
    }
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key(&json, "user");
    vb_api_write_user(request, &json, user);
    vb_json_key_string(&json, "accessToken", access.data);
    vb_json_key_string(&json, "refreshToken", refresh->text);
    vb_json_key_string(&json, "tokenType", "Bearer");
    vb_json_key_int(&json, "expiresIn", VB_ACCESS_TOKEN_LIFETIME_S);
    vb_json_object_end(&json);
    vb_strbuf_release(&access);
    vb_api_answer_json(request, status, &body);
}

static void password_problem(struct vb_http_request *request)
{
    vb_problem(request, 503, "overloaded", "Too many people are logging in at once; try again in a second");
}

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

/* Begins a session: the first token of a new family. */
static int begin_session(struct vb_db *db, const char *user_id, struct refresh_token *ret_refresh,
                         struct vb_error *err)
{
    char family_id[VB_UUID_SIZE];

    make_refresh_token(ret_refresh);
    vb_random_uuid(family_id);
    return vb_tokens_insert(db, user_id, family_id, ret_refresh->hash, VB_REFRESH_TOKEN_LIFETIME_S, err);
}

void vb_api_register(struct vb_http_request *request)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct registration wanted = {0};
    struct refresh_token refresh;
    struct vb_error err = {0};
    char hash[VB_PASSWORD_HASH_SIZE];
    int r;

    if (!json || !read_registration(request, json, &wanted))
        return;
    if (vb_password_hash(vb_api_of(request)->passwords, wanted.password, hash) < 0) {
        password_problem(request);
        return;
    }
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_db_begin(db, &err);
    if (r == 0)
        r = vb_users_insert(db, wanted.email, hash, wanted.name, &user, &err);
    if (r == -EEXIST) {
        vb_problem_field(request, 409, "email_taken", "email",
                         "There is an account with this e-mail address already: log in instead");
        return;
    }
    if (r == 0)
        r = begin_session(db, user.id, &refresh, &err);
    if (r == 0)
        r = vb_db_commit(db, &err);
    if (r < 0) {
        vb_api_database_problem(request, r, &err);
        return;
    }
    request->user = vb_arena_strdup(&request->arena, user.id);
    answer_session(request, 201, &user, &refresh);
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

void vb_api_login(struct vb_http_request *request)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    const char *email = NULL, *password = NULL;
    struct refresh_token refresh;
    struct vb_error err = {0};
    int r;

    if (!json || !vb_api_string_field(request, json, "email", VB_API_REQUIRED, &email) ||
        !vb_api_string_field(request, json, "password", VB_API_REQUIRED, &password) ||
        !find_login(request, email, &user))
        return;
    /* No connection is held meanwhile: this takes tens of milliseconds, whether there is such a user or not.
     */
    r = vb_password_verify(vb_api_of(request)->passwords, password, user.password_hash);
    if (r == -EAGAIN) {
        password_problem(request);
        return;
    }
    if (r < 0) {
        vb_api_unauthorized(request, "invalid_credentials", "The e-mail address or the password is wrong");
        return;
    }
    request->user = vb_arena_strdup(&request->arena, user.id);
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = begin_session(db, user.id, &refresh, &err);
    if (r == -ESRCH) /* deleted this instant */
        vb_api_unauthorized(request, "invalid_credentials", "The e-mail address or the password is wrong");
    else if (r < 0)
        vb_api_database_problem(request, r, &err);
    else
        answer_session(request, 200, &user, &refresh);
}

/* Reads {refreshToken} and hashes it. */
static bool read_refresh_token(struct vb_http_request *request, unsigned char ret_hash[VB_SHA256_SIZE])
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    const char *token = NULL;

    if (!json || !vb_api_string_field(request, json, "refreshToken", VB_API_REQUIRED, &token))
        return false;
    vb_sha256(token, strlen(token), ret_hash);
    return true;
}

/* Uses up the token and inserts the next of its family, in a transaction that the caller ends. */
static int rotate(struct vb_db *db, const unsigned char hash[VB_SHA256_SIZE], struct vb_token_owner *owner,
                  struct refresh_token *ret_next, struct vb_user *ret_user, struct vb_error *err)
{
    int r = vb_tokens_use(db, hash, owner, err);

    if (r == 0) {
        make_refresh_token(ret_next);
        r = vb_tokens_insert(db, owner->user_id, owner->family_id, ret_next->hash,
                             VB_REFRESH_TOKEN_LIFETIME_S, err);
    }
    if (r == 0)
        r = vb_users_find(db, owner->user_id, ret_user, err);
    /* What was found to be stolen is revoked, in the same transaction. */
    if (r == -EKEYREVOKED) {
        int revoked = vb_tokens_revoke_family(db, owner->family_id, err);

        if (revoked < 0)
            return revoked;
    }
    return r;
}

void vb_api_refresh(struct vb_http_request *request)
{
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_token_owner owner;
    struct refresh_token next;
    struct vb_error err = {0};
    unsigned char hash[VB_SHA256_SIZE];
    int r, committed = 0;

    if (!read_refresh_token(request, hash))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = vb_db_begin(db, &err);
    if (r == 0)
        r = rotate(db, hash, &owner, &next, &user, &err);
    if (r == 0 || r == -EKEYREVOKED)
        committed = vb_db_commit(db, &err);
    if (committed < 0)
        r = committed;
    switch (r) {
    case 0:
        request->user = vb_arena_strdup(&request->arena, user.id);
        answer_session(request, 200, &user, &next);
        break;
    case -EKEYREVOKED:
        vb_api_unauthorized(
            request, "token_reused",
            "This refresh token has been used before; for safety its session was ended: log in again");
        break;
    case -EKEYEXPIRED:
        vb_api_unauthorized(request, "token_expired", "The refresh token has expired: log in again");
        break;
    case -ENOENT:
        vb_api_unauthorized(request, "token_invalid",
                            "The refresh token is unknown or was revoked: log in again");
        break;
    default:
        vb_api_database_problem(request, r, &err);
    }
}

void vb_api_logout(struct vb_http_request *request)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_error err = {0};
    unsigned char hash[VB_SHA256_SIZE];
    int r;

    if (!read_refresh_token(request, hash))
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
