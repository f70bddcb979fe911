/* The routes of /api/upload: see routes.h. */
#include "api/upload/routes.h"

#include "api/routes.h"

const struct vb_route vb_upload_routes[] = {
    VB_ROUTE(POST, "/api/upload/profile-picture", vb_api_upload_profile_picture, REMOTE, JSON, INLINE),
    VB_ROUTE(POST, "/api/upload/activity-image", vb_api_upload_activity_image, REMOTE, JSON, INLINE),
    VB_ROUTE(POST, "/api/upload/story-media", vb_api_upload_story_media, REMOTE, JSON, INLINE),
    VB_ROUTE(GET, "/api/upload/{uploadId}", vb_api_upload_status, REMOTE, NONE, WORKER),
    VB_ROUTE(POST, "/api/upload/{uploadId}/complete", vb_api_complete_upload, REMOTE, JSON, WORKER),
    VB_ROUTE(POST, "/api/upload/{uploadId}/cancel", vb_api_cancel_upload, REMOTE, JSON, WORKER),
    VB_ROUTES_END,
};
