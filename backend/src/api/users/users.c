/* Users: one's own account (read, rename, delete) and the public profile of others. */
#include "api/users/users.h"

#include "api/auth/account.h"
#include "api/auth/authenticate.h"
#include "api/auth/session.h"
#include "api/users/routes.h"
#include "base/log.h"
#include "db/media.h"
#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>

static void write_picture(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user)
{
    vb_json_key_string(json, "profilePicture", user->profile_picture);
    vb_json_key_string(json, "profilePictureCdnUrl",
                       vb_api_cdn_url(request, user->profile_picture_s3_key, user->profile_picture_cdn_url));
}

void vb_api_write_user(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user)
{
    vb_json_object_begin(json);
    vb_json_key_string(json, "id", user->id);
    vb_json_key_string(json, "email", user->email);
    vb_json_key_string(json, "name", user->name);
    write_picture(request, json, user);
    vb_json_key_string(json, "profilePictureS3Key", user->profile_picture_s3_key);
    vb_json_key_string(json, "createdAt", user->created_at);
    vb_json_object_end(json);
}

void vb_api_write_person_fields(struct vb_http_request *request, struct vb_json *json,
                                const struct vb_person *person)
{
    vb_json_key_string(json, "id", person->id);
    vb_json_key_string(json, "name", person->name);
    vb_json_key_string(json, "profilePictureCdnUrl",
                       vb_api_cdn_url(request, person->picture_s3_key, person->picture_cdn_url));
}

void vb_api_write_person(struct vb_http_request *request, struct vb_json *json,
                         const struct vb_person *person)
{
    if (!person->id) {
        vb_json_null(json);
        return;
    }
    vb_json_object_begin(json);
    vb_api_write_person_fields(request, json, person);
    vb_json_object_end(json);
}

void vb_api_write_image_fields(struct vb_http_request *request, struct vb_json *json,
                               const struct vb_media_names *image)
{
    vb_json_key_string(json, "url", image->url);
    vb_json_key_string(json, "s3Key", image->s3_key);
    vb_json_key_string(json, "cdnUrl",
                       vb_api_cdn_url(request, image->s3_key, image->cdn_url ? image->cdn_url : image->url));
}

void vb_api_write_image(struct vb_http_request *request, struct vb_json *json,
                        const struct vb_media_names *image)
{
    if (!image->url && !image->s3_key) {
        vb_json_null(json);
        return;
    }
    vb_json_object_begin(json);
    vb_api_write_image_fields(request, json, image);
    vb_json_object_end(json);
}

/* {id, name, profilePicture…}: the profile that everybody may see. */
static void write_profile(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user)
{
    vb_json_object_begin(json);
    vb_json_key_string(json, "id", user->id);
    vb_json_key_string(json, "name", user->name);
    write_picture(request, json, user);
    vb_json_object_end(json);
}

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
        answer_user(request, &user, write_profile);
}

struct deletion {
    const char *id;
    struct vb_media_objects objects; /* that are to follow */
    int64_t revoked_ms;
};

static int list_objects(struct vb_db *db, struct deletion *deletion, struct vb_error *err)
{
    vb_media_objects_release(&deletion->objects); /* of an attempt that the transaction retries */
    return vb_media_objects_of_user(db, deletion->id, &deletion->objects, err);
}

/* Deletes the rows. Their media rows remember the objects until they are gone. */
static int delete_rows(struct vb_db *db, void *context, struct vb_error *err)
{
    struct deletion *deletion = context;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_lock(db, deletion->id, &user, err);

    if (r == 0)
        r = vb_media_mark_user_deleting(db, deletion->id, err);
    if (r == 0)
        r = list_objects(db, deletion, err);
    if (r == 0)
        r = vb_session_end_all(db, deletion->id, &deletion->revoked_ms, err);
    if (r == 0)
        r = vb_users_delete(db, deletion->id, err);
    return r == -EDOM ? -ENOENT : r;
}

static int delete_listed(void *context, const struct vb_s3_listed *object)
{
    struct vb_s3_client *s3 = context;

    return vb_s3_delete(s3, object->key, NULL);
}

/* What cannot be deleted now stays in the table media as "deleting", and uploads that were never completed
 * end with the bucket's own rule for user-uploads/: so a failure here loses nothing, and the account is gone
 * all the same. */
static void delete_objects(struct vb_http_request *request, struct vb_db *db, const char *id,
                           const struct vb_media_objects *objects)
{
    struct vb_api *api = vb_api_of(request);
    char *prefix = vb_arena_printf(&request->arena, "user-uploads/%s/", id);
    struct vb_error err = {0};
    int r = 0;

    for (size_t i = 0; i < objects->count && r == 0; i++) {
        const char *key = objects->objects[i].key, *poster_key = objects->objects[i].poster_key;

        if (poster_key)
            r = vb_ingest_delete(api->ingest, poster_key, &err);
        if (r == 0)
            r = vb_ingest_delete(api->ingest, key, &err);
        if (r == 0)
            r = vb_media_forget(db, key, &err);
    }
    if (r == 0 && prefix)
        r = vb_s3_list(api->s3, prefix, delete_listed, api->s3, &err);
    if (r < 0)
        vb_log(VB_LOG_WARN, "some media of a deleted account are still to be deleted",
               VB_LOG_STR("requestId", request->id), VB_LOG_STR("user", id),
               VB_LOG_STR("error", err.message));
}

void vb_api_delete_me(struct vb_http_request *request)
{
    const char *id = vb_api_authenticate(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = id ? vb_api_acquire_db(request) : NULL;
    struct deletion deletion = {.id = id};
    struct vb_error err = {0};

    if (db && !vb_api_failed(request, vb_db_transact(db, delete_rows, &deletion, &err), &err, -ENOENT,
                             vb_api_account_gone)) {
        vb_session_revoke(vb_api_of(request), id, deletion.revoked_ms);
        delete_objects(request, db, id, &deletion.objects);
        vb_api_answer_done(request);
    }
    vb_media_objects_release(&deletion.objects);
}
