/* Users: one's own account (read, rename) and the public profile of others. */
#include "api/auth/account.h"
#include "api/auth/authenticate.h"
#include "api/request.h"
#include "api/users/person.h"
#include "api/users/routes.h"
#include "http/problem.h"

#include <errno.h>

/* Answers {user: …}. */
static void answer_user(struct vb_http_request *request, const struct vb_user *user,
                        void (*write)(struct vb_http_request *request, struct vb_json *json,
                                      const struct vb_user *user))
{
    struct vb_strbuf body;
    struct vb_json json;

    vb_strbuf_init(&body, (size_t)32 * 1024);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key(&json, "user");
    write(request, &json, user);
    vb_json_object_end(&json);
    vb_api_answer_json(request, 200, &body);
}

void vb_api_get_me(struct vb_http_request *request)
{
    const char *id = vb_api_authenticate(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = id ? vb_api_acquire_db(request) : NULL;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_error err = {0};

    if (db && !vb_api_failed(request, vb_users_find(db, id, &user, &err), &err, -ENOENT, vb_api_account_gone))
        answer_user(request, &user, vb_api_write_user);
}

void vb_api_update_me(struct vb_http_request *request)
{
    const char *id = vb_api_authenticate(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = id ? vb_api_read_json(request) : NULL;
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    const char *name = NULL, *problem;
    struct vb_error err = {0};

    if (!json || !vb_api_string_field(request, json, "name", VB_API_REQUIRED, &name))
        return;
    problem = vb_account_check_name(name);
    if (problem) {
        vb_api_invalid_field(request, "name", "%s", problem);
        return;
    }
    db = vb_api_acquire_db(request);
    if (db && !vb_api_failed(request, vb_users_rename(db, id, name, &user, &err), &err, -ENOENT,
                             vb_api_account_gone))
        answer_user(request, &user, vb_api_write_user);
}

static void not_found(struct vb_http_request *request)
{
    vb_problem(request, 404, "user_not_found", "There is no user with this id");
}

void vb_api_get_user(struct vb_http_request *request)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) =
        vb_api_authenticate(request) ? vb_api_acquire_db(request) : NULL;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_error err = {0};

    if (db &&
        !vb_api_failed(request, vb_users_find(db, vb_api_id(request), &user, &err), &err, -ENOENT, not_found))
        answer_user(request, &user, vb_api_write_profile);
}
