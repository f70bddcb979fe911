/*
 * The routes of /api/activities and their handlers.
 */
#ifndef VB_API_ACTIVITIES_ROUTES_H
#define VB_API_ACTIVITIES_ROUTES_H

#include "http/server.h"

extern const struct vb_route vb_activities_routes[]; /* ended by one without a pattern */

/* activity_list.c */
void vb_api_list_activities(struct vb_http_request *request);
/* activities.c */
void vb_api_create_activity(struct vb_http_request *request);
void vb_api_get_activity(struct vb_http_request *request);
void vb_api_update_activity(struct vb_http_request *request);
void vb_api_delete_activity(struct vb_http_request *request);
/* participants.c */
void vb_api_join_activity(struct vb_http_request *request);
void vb_api_leave_activity(struct vb_http_request *request);
void vb_api_list_participants(struct vb_http_request *request);

#endif
