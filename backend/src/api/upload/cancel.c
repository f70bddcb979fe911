/*
 * POST /api/upload/{uploadId}/cancel: the owner cancels an upload. A file that arrives later is
 * not published, neither by complete nor by the sweeper.
 */
#include "api/auth/authenticate.h"
#include "api/upload/context.h"
#include "api/upload/routes.h"
#include "api/upload/staged.h"
#include "ingest/cancel.h"

#include "http/problem.h"

void vb_api_cancel_upload(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    const char *user_id = vb_api_authenticate(request);
    struct vb_staged staged;
    struct vb_error err = {0};

    if (!user_id || !vb_upload_read(request, user_id, &staged))
        return;
    switch (vb_cancel(api->ingest, &staged, &err)) {
    case VB_OUTCOME_DONE:
        vb_counter_add(api->uploads->cancelled, 1);
        vb_http_answer(request, 204, NULL, "", 0);
        break;
    case VB_OUTCOME_DONE_BEFORE:
        vb_problem(request, 409, "upload_completed",
                   "This upload has been completed and cannot be cancelled");
        break;
    case VB_OUTCOME_NO_OWNER:
        vb_api_unauthorized(request, "token_invalid", "The account of this access token no longer exists");
        break;
    case VB_OUTCOME_UNKNOWN_PURPOSE:
        vb_upload_purpose_unknown(request, &err);
        break;
    case VB_OUTCOME_DATABASE:
        vb_api_database_problem(request, -err.code, &err);
        break;
    default:
        vb_api_storage_problem(request, -err.code, &err);
    }
}
