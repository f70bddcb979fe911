/*
 * The routes of /api/upload and their handlers.
 */
#ifndef VB_API_UPLOAD_ROUTES_H
#define VB_API_UPLOAD_ROUTES_H

#include "http/server.h"

extern const struct vb_route vb_upload_routes[]; /* ended by one without a pattern */

/* tickets.c */
void vb_api_upload_profile_picture(struct vb_http_request *request);
void vb_api_upload_activity_image(struct vb_http_request *request);
void vb_api_upload_story_media(struct vb_http_request *request);
/* status.c */
void vb_api_upload_status(struct vb_http_request *request);
/* complete.c */
void vb_api_complete_upload(struct vb_http_request *request);
/* cancel.c */
void vb_api_cancel_upload(struct vb_http_request *request);

#endif
