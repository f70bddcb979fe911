/*
 * The routes of /api/stories and their handlers.
 */
#ifndef VB_API_STORIES_ROUTES_H
#define VB_API_STORIES_ROUTES_H

#include "http/server.h"

extern const struct vb_route vb_stories_routes[]; /* ended by one without a pattern */

/* stories.c */
void vb_api_list_stories(struct vb_http_request *request);
void vb_api_create_story(struct vb_http_request *request);
void vb_api_get_story(struct vb_http_request *request);
void vb_api_delete_story(struct vb_http_request *request);
void vb_api_see_story(struct vb_http_request *request);
void vb_api_list_story_views(struct vb_http_request *request);

#endif
