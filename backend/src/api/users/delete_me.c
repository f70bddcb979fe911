/*
 * DELETE /api/users/me: the account, all that belongs to it, and its media.
 *
 * The rows go in one transaction. The objects follow; the rows of media remember those that cannot be deleted
 * now.
 */
#include "api/auth/authenticate.h"
#include "api/auth/session.h"
#include "api/request.h"
#include "api/users/routes.h"
#include "base/log.h"
#include "db/accounts.h"
#include "db/media.h"
#include "db/transaction.h"
#include "ingest/ingest.h"
#include "ingest/staged.h"

#include <errno.h>

struct deletion {
    const char *id;
    struct vb_media_objects objects; /* to delete after the commit */
    int64_t revoked_ms;
};

static int list_objects(struct vb_db *db, struct deletion *deletion, struct vb_error *err)
{
    vb_media_objects_release(&deletion->objects); /* of a run before this retry */
    return vb_media_objects_of_user(db, deletion->id, &deletion->objects, err);
}

/* Deletes the rows. The rows of media stay, as "deleting", until their objects are gone. */
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
        r = vb_accounts_end_sessions(db, deletion->id, &deletion->revoked_ms, err);
    if (r == 0)
        r = vb_users_delete(db, deletion->id, err);
    return r == -EDOM ? -ENOENT : r;
}

static int delete_listed(void *context, const struct vb_s3_listed *object)
{
    struct vb_s3_client *s3 = context;

    return vb_s3_delete(s3, object->key, NULL);
}

/* Deletes the user's objects. A failure loses nothing: the rest stays in the table media, and the bucket's
 * lifecycle rule ends uploads that were never completed. The account is gone all the same. */
static void delete_objects(struct vb_http_request *request, const char *id,
                           const struct vb_media_objects *objects)
{
    struct vb_api *api = vb_api_of(request);
    char *prefix = vb_arena_printf(&request->arena, VB_STAGED_PREFIX "%s/", id);
    struct vb_error err = {0};
    int r = 0;

    for (size_t i = 0; i < objects->count && r == 0; i++)
        r = vb_ingest_delete_media(api->ingest, objects->objects[i].key, objects->objects[i].poster_key,
                                   &err);
    if (r == 0 && prefix)
        r = vb_s3_list(api->s3, prefix, delete_listed, api->s3, &err);
    if (r < 0)
        vb_log(VB_LOG_WARN, "cannot delete all media of a deleted account yet",
               VB_LOG_STR("requestId", request->id), VB_LOG_STR("user", id),
               VB_LOG_STR("error", err.message));
}

void vb_api_delete_me(struct vb_http_request *request)
{
    const char *id = vb_api_authenticate(request);
    struct vb_db *db = id ? vb_api_acquire_db(request) : NULL;
    struct deletion deletion = {.id = id};
    struct vb_error err = {0};
    int r;

    if (!db)
        return;
    r = vb_db_transact(db, delete_rows, &deletion, &err);
    vb_db_release(db); /* others need it while S3 answers */
    if (!vb_api_failed(request, r, &err, -ENOENT, vb_api_account_gone)) {
        vb_session_revoke(vb_api_of(request), id, deletion.revoked_ms);
        delete_objects(request, id, &deletion.objects);
        vb_api_answer_done(request);
    }
    vb_media_objects_release(&deletion.objects);
}
