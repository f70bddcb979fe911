/*
 * POST /api/upload/{uploadId}/cancel: the owner wants no more of an upload. The staged object goes, and the
 * upload's row says so for as long as its URL could still be used: whatever arrives after this is not
 * published, neither by complete nor by the sweeper.
 */
#include "ingest/parts.h"
#include "api/auth/authenticate.h"
#include "api/request.h"
#include "api/upload/context.h"
#include "api/upload/routes.h"
#include "ingest/staged.h"

#include "base/clock.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

#define SLACK_S (60 * 60) /* a PUT that has begun in time may take as long */

/* For how long a PUT of this ticket may still arrive. */
static unsigned keep_s(const struct vb_ticket *ticket)
{
    int64_t left_ms = ticket->time_ms + (int64_t)VB_TICKET_LIFETIME_S * 1000 - vb_clock_realtime_ms();

    return (unsigned)(left_ms > 0 ? left_ms / 1000 + 1 : 0) + SLACK_S;
}

/* -EALREADY: the upload has been completed. */
static int mark_cancelled(struct vb_db *db, const struct vb_promotion *promotion, struct vb_media *ret_media,
                          struct vb_error *err)
{
    const struct vb_ticket *ticket = &promotion->ticket;
    const struct vb_media_new media = {.upload_id = ticket->uuid,
                                       .user_id = promotion->user_id,
                                       .purpose = vb_upload_purpose_name(ticket->purpose),
                                       .key = promotion->staging_key,
                                       .content_type = vb_media_mime(ticket->type)};
    int r = vb_media_cancel(db, &media, keep_s(ticket), err);

    if (r == -EALREADY) {
        r = vb_media_abandon(db, ticket->uuid, keep_s(ticket), err);
        if (r == 0 || r == -ENOENT)
            r = vb_media_find_by_upload(db, ticket->uuid, ret_media, err);
        if (r == -ENOENT) /* forgotten just now, so it was over long ago */
            r = 0;
        else if (r == 0 && ret_media->published)
            r = vb_error_set(err, EALREADY, "the upload has been completed");
    }
    return r;
}

void vb_api_cancel_upload(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    struct vb_promotion promotion = {0};
    struct vb_media media VB_CLEANUP(vb_media_release) = {0};
    const char *user_id = vb_api_authenticate(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) =
        user_id && vb_staged_read(request, user_id, &promotion) ? vb_api_acquire_db(request) : NULL;
    struct vb_error err = {0};
    int r;

    if (!db)
        return;
    r = mark_cancelled(db, &promotion, &media, &err);
    if (r == -EALREADY) {
        vb_problem(request, 409, "upload_completed",
                   "This upload has been completed and cannot be cancelled");
        return;
    }
    if (r == -ESRCH || r == -EDOM) {
        vb_api_unauthorized(request, "token_invalid", "The account of this access token no longer exists");
        return;
    }
    if (r < 0) {
        vb_api_database_problem(request, r, &err);
        return;
    }
    if (vb_parts_wanted(promotion.ticket.length)) /* first, so that nobody makes an object of the parts */
        r = vb_parts_abort(api->s3, promotion.staging_key, &err);
    if (r == 0)
        r = vb_s3_delete(api->s3, promotion.staging_key, &err);
    if (r == 0 && media.row && strcmp(media.key, promotion.staging_key) != 0) { /* half-way promoted */
        if (media.poster_key)
            r = vb_api_delete_object(api, api->s3, media.poster_key, &err);
        if (r == 0)
            r = vb_api_delete_object(api, api->s3, media.key, &err);
    }
    if (r < 0) {
        vb_api_storage_problem(request, r, &err);
        return;
    }
    vb_counter_add(api->uploads->cancelled, 1);
    vb_http_answer(request, 204, NULL, "", 0);
}
